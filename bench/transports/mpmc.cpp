#include "bench/transports/mpmc.hpp"

#include "bench/transports/entry.hpp"

namespace ringbell::bench {

template TransportEntry entry<Mpmc>(std::string_view name, Family family);

}  // namespace ringbell::bench
