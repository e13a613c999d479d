#include "bench/harness/round_trip.hpp"
#include "bench/transports/ringbell.hpp"

namespace ringbell::bench {

template class RoundTrip<Ringbell>;

}  // namespace ringbell::bench
