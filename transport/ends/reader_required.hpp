// Why a sending end that requires a reader (require_reader()) does not send.
#pragma once

#include <string_view>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/sleep/event_loop.hpp>

namespace ringbell {

// `reader` is for people: "receiver". Errors: closed; peer_dead; no_reader, if none has come.
// REQUIRES: it is not alive.
[[nodiscard]] tl::unexpected<Error> fail_without_reader(PeerState peer, std::string_view reader);

}  // namespace ringbell
