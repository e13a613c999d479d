// In place of all that needs libnats, where it was not there when ringbell was built.
#include "bridge/nats/pairs.hpp"

namespace ringbell::bridge {

void finish() {}

Result<void> run(const Pair& pair, Counters&, const std::function<bool()>&,
                 std::chrono::nanoseconds) {
  if (auto good = check(pair); !good) return good;
  return fail(ErrorCode::unsupported,
              "this ringbell was built without libnats: install libnats-dev and build it again");
}

}  // namespace ringbell::bridge
