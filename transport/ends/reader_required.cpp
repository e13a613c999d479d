#include <ringbell/transport/ends/reader_required.hpp>

#include <fmt/format.h>

namespace ringbell {

tl::unexpected<Error> fail_without_reader(PeerState peer, std::string_view reader) {
  constexpr std::string_view kAsked = "and require_reader() asked for one: nothing is sent";
  if (peer == PeerState::closed) {
    return fail(ErrorCode::closed, fmt::format("the {} closed, {}", reader, kAsked));
  }
  if (peer == PeerState::dead) {
    return fail(ErrorCode::peer_dead, fmt::format("the {} died, {}", reader, kAsked));
  }
  return fail(ErrorCode::no_reader, fmt::format("there is no {}, {}", reader, kAsked));
}

}  // namespace ringbell
