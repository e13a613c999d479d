#include "bench/peers/peers.hpp"

#include <array>

#include "bench/transports/entry.hpp"
#ifdef RINGBELL_HAS_ZEROMQ
#include "bench/peers/zeromq.hpp"
#endif
#ifdef RINGBELL_HAS_NNG
#include "bench/peers/nng.hpp"
#endif
#ifdef RINGBELL_HAS_BOOST_QUEUE
#include "bench/peers/boost_queue.hpp"
#endif
#ifdef RINGBELL_HAS_ICEORYX
#include "bench/peers/iceoryx.hpp"
#endif

namespace ringbell::bench {
namespace {

// In the order of kKnownPeers. The empty one ends them: there may be no other.
constexpr std::array kPeers{
#ifdef RINGBELL_HAS_ZEROMQ
    entry<Zeromq>("zeromq", Family::peer),
#endif
#ifdef RINGBELL_HAS_NNG
    entry<Nng>("nng", Family::peer),
#endif
#ifdef RINGBELL_HAS_BOOST_QUEUE
    entry<BoostQueue>("boost_queue", Family::peer),
#endif
#ifdef RINGBELL_HAS_ICEORYX
    entry<Iceoryx>("iceoryx", Family::peer),
#endif
    TransportEntry{},
};

}  // namespace

std::span<const TransportEntry> peers() noexcept {
  return std::span(kPeers).first<kPeers.size() - 1>();
}

}  // namespace ringbell::bench
