#include "bench/harness/lanes.hpp"
#include "bench/transports/ringbell.hpp"

namespace ringbell::bench {

template class Throughput<Ringbell>;

}  // namespace ringbell::bench
