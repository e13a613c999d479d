// What every transport of the comparison offers the measuring loops: a duplex link, opened before
// the fork, and an End of it for each of the two processes.
//
// The loops are templates over Transport, so nothing virtual stands between them and a ring. An End
// does not return Result from its hot calls: it answers "done or not" and keeps the Error.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sched.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/memory/options.hpp>
#include "bench/harness/row.hpp"

namespace ringbell::bench {

// How a side waits for the other: spin, park, eventfd are ringbell's, the others the kernel's.
enum class Wait { spin, park, eventfd, polled, blocking };

[[nodiscard]] constexpr const char* name_of(Wait wait) noexcept {
  switch (wait) {
    case Wait::spin:
      return "spin";
    case Wait::park:
      return "park";
    case Wait::eventfd:
      return "eventfd";
    case Wait::polled:
      return "polled";
    case Wait::blocking:
      return "blocking";
  }
  return "?";
}

[[nodiscard]] constexpr bool sleeps(Wait wait) noexcept {
  return wait != Wait::spin && wait != Wait::polled;
}

// The two processes of a link: the client or sender, and the server or receiver.
enum class Party { first, second };

struct LinkOptions {
  std::size_t message_bytes = 8;  // of every message
  Wait wait = Wait::blocking;
  bool yield = false;      // between two looks give the CPU away: both processes share one
  bool spin_first = true;  // ringbell's park and eventfd: spin for a budget before going to sleep
  const MemoryOptions* memory = nullptr;  // ringbell's: of the channels; null: the usual
  bool within_quota = true;               // ringbell's: WaitOptions
};

template <class E>
concept LinkEnd = requires(E& end, std::span<std::byte> message) {
  // The whole message is on its way. False: failed, see error(). May use, and leaves as they were,
  // MessageBuffer::kHeadroom bytes in front of the message.
  { end.send(message) } -> std::same_as<bool>;
  // The next message, of the link's message size, waited for. Its size; 0: failed, see error().
  { end.receive(message) } -> std::same_as<std::size_t>;
  { end.error() } -> std::same_as<const Error&>;
};

template <class T>
concept Transport = LinkEnd<typename T::End> &&
    requires(const T& link, const LinkOptions& options, Party party, Row& row) {
  // In the parent. Whatever has a name in the system has lost it again when open() returns, or
  // is removed by another process should this one be killed.
  { T::open(options) } -> std::same_as<Result<T>>;
  // In the process that is to use it; once for each party.
  { link.end(party) } -> std::same_as<Result<typename T::End>>;
  // Adds what a reader of the row must know: ring_bytes, split and parts, limits.
  {link.describe(row)};
};

// A message with the room around it that some transports want.
class MessageBuffer {
 public:
  // In front: System V queues take the message's type there.
  static constexpr std::size_t kHeadroom = 64;

  explicit MessageBuffer(std::size_t size_bytes) : bytes_(kHeadroom + size_bytes) {}

  [[nodiscard]] std::span<std::byte> message() noexcept {
    return std::span(bytes_).subspan(kHeadroom);
  }

 private:
  std::vector<std::byte> bytes_;
};

// What a polling End does when there is nothing yet.
struct Polling {
  bool yield = false;

  void not_now() const noexcept {
    if (yield) ::sched_yield();
  }
};

// How a message travels over a transport that takes at most `limit` bytes at once.
struct Parts {
  std::size_t part_bytes;
  std::size_t count;

  // Equal parts: the largest power of two that the transport takes, unless the message fits whole.
  // Errors: too_large, if the message is no multiple of it.
  [[nodiscard]] static Result<Parts> of(std::size_t message_bytes, std::size_t limit) {
    if (message_bytes <= limit) return Parts{message_bytes, 1};
    const std::size_t part_bytes = std::bit_floor(limit);
    if (part_bytes == 0 || message_bytes % part_bytes != 0) {
      return fail(ErrorCode::too_large, "the message is over the limit of " +
                                            std::to_string(limit) + " bytes and no multiple of " +
                                            std::to_string(part_bytes));
    }
    return Parts{part_bytes, message_bytes / part_bytes};
  }

  void describe(Row& row) const {
    if (count == 1) return;
    set(row, "split", true);
    set(row, "parts", count);
  }
};

// Keeps the Error of an End; the base of those that talk to the kernel.
class Failing {
 public:
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 protected:
  // From errno.
  bool failed(std::string_view what) {
    error_ = fail_errno(std::string(what)).value();
    return false;
  }
  bool failed(ErrorCode code, std::string_view what) {
    return failed(Error{code, 0, std::string(what)});
  }
  bool failed(Error error) {
    error_ = std::move(error);
    return false;
  }

 private:
  Error error_;
};

}  // namespace ringbell::bench
