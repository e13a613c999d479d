// Compiled with WHAT set to each of these in turn: the first must compile, none of the others may.
// RING is the ring that it is to go through.
#include <string>
#include <vector>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/fan_in.hpp>
#include <ringbell/core/many_lossless.hpp>
#include <ringbell/core/mpmc_ring.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/core/typed.hpp>

using namespace ringbell::core;

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

void use(RING<>::Writer& writer, RING<>::Reader& reader) {
  (void)typed_writer<WHAT>(writer);
  (void)typed_reader<WHAT>(reader);
}
