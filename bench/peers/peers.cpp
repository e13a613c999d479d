#include "bench/peers/peers.hpp"

#include <array>

#include "bench/transports/registry.hpp"
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
std::span<const TransportEntry> peers() noexcept {
  // In the order of kKnownPeers. The empty one ends them: there may be no other.
  static const std::array entries{
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
  return std::span(entries).first<entries.size() - 1>();
}

#ifdef RINGBELL_HAS_ZEROMQ
std::vector<ManyWay> zeromq_ways();  // zeromq_many.cpp
std::vector<ManyWay> peers_of_many() { return zeromq_ways(); }
#else
std::vector<ManyWay> peers_of_many() { return {}; }
#endif

}  // namespace ringbell::bench
