#include "bench/transports/fan_in.hpp"

#include "bench/transports/entry.hpp"

namespace ringbell::bench {

template TransportEntry entry<ManyLanes>(std::string_view name, Family family);

}  // namespace ringbell::bench
