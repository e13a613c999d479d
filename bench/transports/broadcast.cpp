#include "bench/transports/broadcast.hpp"

#include "bench/transports/entry.hpp"

namespace ringbell::bench {

template TransportEntry entry<Lossless>(std::string_view name, Family family);
template TransportEntry round_trip_entry<Lossy>(std::string_view name, Family family);

}  // namespace ringbell::bench
