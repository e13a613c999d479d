// Two processes that found each other over a UNIX socket: a channel each way.
//
//   auto listener = Listener::open("orders");            auto connection = connect("orders");
//   auto connection = listener->accept();
//
//   listener's side    sender  ===== to_connector ====>  receiver    connector's side
//                      receiver <==== to_listener ======  sender
//                      socket  - - - - - - - - - - - -   socket      silent: a sign of life
//
// The regions are sealed memfds that the listener makes; they and the doorbells go over as
// descriptors, so a process can open only what was handed to it. Both sides check the user at the
// other end (SO_PEERCRED) before they say or read a byte, and every byte that they then read.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include <sys/types.h>

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/base/unix_socket.hpp>
#include <ringbell/transport/connect/listening_socket.hpp>
#include <ringbell/transport/ends/receiver.hpp>
#include <ringbell/transport/ends/sender.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

struct RINGBELL_API Connection {
  Sender sender;
  Receiver receiver;
  Peer peer;
  // Hung up (POLLHUP) once nothing of the peer is left. Nothing is sent on it any more.
  FileDescriptor socket;

  [[nodiscard]] bool peer_is_gone() const noexcept;
};

struct ConnectOptions {
  Place place = Place::folder;
  // For all of it: until a listener is there, until it accepts, until the handshake is done.
  Timeout timeout = std::chrono::seconds(5);
  // The user that the listener runs as, if it is not this one. Not for Place::folder.
  std::optional<uid_t> listener_uid = {};
  // How to be woken, if this side minds; else as the listener likes, but not by none unless `wait`
  // says spin. With a listener of another user, eventfd stands for sockets.
  std::optional<core::DoorbellKind> doorbell = {};
  WaitOptions wait = {};
  // Asked while connect() waits, at least every 50 ms: true gives up (Error: cancelled). For
  // programs whose signals must end that too.
  std::function<bool()> give_up = {};
};

// Errors: not_found, if no listener came in time; timed_out, if there is one but it did not answer;
// permission, if the listener is another user's, or does not talk to this one; unsupported, if it
// rings otherwise than was asked for; version_mismatch;
// no_space; corrupt; invalid_argument, also if no group shares the folder for Place::group;
// peer_dead; cancelled, if it was given up; as NameFolder::open and Channel::attach.
RINGBELL_API [[nodiscard]] Result<Connection> connect(std::string_view name,
                                                      const ConnectOptions& options = {});

}  // namespace ringbell
