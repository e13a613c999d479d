// What loops ask of an endpoint, in C.
#pragma once

#include <ringbell/capi/handles.hpp>
#include <ringbell/capi/status.hpp>

namespace ringbell::capi {

[[nodiscard]] inline int number_of(PeerState peer) noexcept {
  switch (peer) {
    case PeerState::absent:
      return RINGBELL_PEER_ABSENT;
    case PeerState::alive:
      return RINGBELL_PEER_ALIVE;
    case PeerState::closed:
      return RINGBELL_PEER_HAS_CLOSED;
    case PeerState::dead:
      return RINGBELL_PEER_HAS_DIED;
  }
  return RINGBELL_PEER_ABSENT;
}

template <class Side>
[[nodiscard]] int waitable_fd(Side& side, int* fd, ringbell_error* error) noexcept {
  return guarded_whole(error, [&]() -> int {
    const Result<int> found = side.waitable_fd();
    if (!found) return report(found.error(), error);
    *fd = *found;
    return RINGBELL_OK;
  });
}

}  // namespace ringbell::capi
