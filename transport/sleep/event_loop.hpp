// What an endpoint tells a loop that sleeps by itself, in epoll, poll or io_uring
// (ends/README.md, Event loops).
#pragma once

#include <cstdint>

#include <ringbell/core/layout.hpp>

namespace ringbell {

// What is known of the other side. It stays dead, or closed, until a successor has come.
enum class PeerState : std::uint8_t { absent, alive, closed, dead };

// What an armed endpoint sleeps on.
struct SleepingPlace {
  core::DoorbellKind kind;    // none: it never sleeps
  int fd;                     // readable once rung, if it is an eventfd
  const std::uint32_t* word;  // in shared memory, and woken once rung, if it is a futex
  std::uint32_t parked;       // what the word says until then, as of the last arm()
};

}  // namespace ringbell
