// Short messages of text through a Sender and a Receiver.
#pragma once

#include <array>
#include <chrono>
#include <span>
#include <string>

#include <ringbell/ringbell.hpp>
#include <tests/support/failure.hpp>

namespace ringbell::test {

// False: no room.
inline bool send_text(Sender& sender, const std::string& text) {
  return sender.try_send(std::as_bytes(std::span(text)));
}

// The next message; empty if none came in time; "error: ..." if none will come.
inline std::string receive_text(Receiver& receiver, Timeout timeout = std::chrono::seconds(20)) {
  std::array<std::byte, 256> buffer{};
  const auto size = receiver.receive(buffer, timeout);
  if (!size) return std::string("error: ") + name_of(code_of(size));
  return {reinterpret_cast<const char*>(buffer.data()), size->value_or(0)};
}

}  // namespace ringbell::test
