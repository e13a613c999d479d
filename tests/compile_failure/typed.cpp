// Compiled with WHAT set to each of these in turn: the first must compile, none of the others may.
#include <string>
#include <vector>

#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/core/typed.hpp>

struct WithDestructor {
  int number;
  ~WithDestructor() { number = 0; }
};
struct WithVirtual {
  virtual void call() {}
};
struct Plain {
  int number;
};

void use(ringbell::core::SpscRing<>::Writer& writer, ringbell::core::SpscRing<>::Reader& reader) {
  (void)ringbell::core::typed_writer<WHAT>(writer);
  (void)ringbell::core::typed_reader<WHAT>(reader);
}
