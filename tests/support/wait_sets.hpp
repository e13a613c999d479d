// What tests of a WaitSet have in common: sets, what they tell, and a descriptor to wait for.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/waiting_ends.hpp>

namespace ringbell::test {

using What = WaitSet::What;

inline constexpr auto kLong = 20s;
// No spinning, and no slice that could stand in for a ring.
inline constexpr WaitOptions kByBell{.spin_budget = 0ns, .longest_sleep = 1h};
inline constexpr WaitOptions kBySlices{.spin_budget = 0ns, .longest_sleep = 5ms};
inline constexpr std::size_t kNoWords = 0;

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK), 0); }
  ~Pipe() {
    for (const int fd : fds) ::close(fd);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  [[nodiscard]] int end() const { return fds[0]; }
  void fill() const { EXPECT_EQ(::write(fds[1], "x", 1), 1); }
  void drain() const {
    char byte = 0;
    EXPECT_EQ(::read(fds[0], &byte, 1), 1);
  }
  std::array<int, 2> fds{};
};

inline Result<WaitSet::Id> add(WaitSet& set, Sender& end) { return set.add(end, kBytes); }
inline Result<WaitSet::Id> add(WaitSet& set, Contributor& end) { return set.add(end, kBytes); }
template <class End>
Result<WaitSet::Id> add(WaitSet& set, End& end) {
  return set.add(end);
}

inline WaitSet set_with(const WaitOptions& wait, std::size_t words = WaitSetOptions{}.words) {
  return WaitSet::create({.wait = wait, .words = words}).value();
}

// What a wait tells: the ids, and that all of them are ready.
using Ids = std::vector<WaitSet::Id>;
inline Ids ready_within(WaitSet& set, Timeout timeout) {
  Ids ids;
  const auto events = set.wait(timeout);
  if (!events) {
    ADD_FAILURE() << events.error().message;
    return ids;
  }
  for (const WaitSet::Event& event : *events) {
    EXPECT_EQ(event.what, What::ready);
    ids.push_back(event.id);
  }
  return ids;
}
// Whether a wait is interrupted, and not found to have been so when its time is up.
inline bool is_interrupted_in_time(WaitSet& set) {
  const auto start = std::chrono::steady_clock::now();
  const auto events = set.wait(kLong);
  return !events && code_of(events) == ErrorCode::cancelled &&
         std::chrono::steady_clock::now() - start < kLong;
}
// The one thing that a wait tells.
inline std::optional<What> told_within(WaitSet& set, Timeout timeout) {
  const auto events = set.wait(timeout);
  if (!events || events->size() != 1) return std::nullopt;
  return events->front().what;
}

}  // namespace ringbell::test
