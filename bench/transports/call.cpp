#include "bench/transports/call.hpp"

#include "bench/transports/entry.hpp"

namespace ringbell::bench {

template TransportEntry round_trip_entry<OneCallLine>(std::string_view name, Family family);

}  // namespace ringbell::bench
