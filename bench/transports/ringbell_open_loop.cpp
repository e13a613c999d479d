#include "bench/harness/open_loop.hpp"
#include "bench/transports/ringbell.hpp"

namespace ringbell::bench {

template class OpenLoop<Ringbell>;

}  // namespace ringbell::bench
