// What notices two threads in one end, by itself: what one thread may do, and several in turn. That
// a second one ends the process is shown where assertions are on (tests/hostile).
#include <optional>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/transport/base/one_thread.hpp>

namespace ringbell {
namespace {

using Inside = OneThread::Inside<true>;  // whatever this build has

TEST(OneThreadTest, CallsWithinCallsAndThreadsInTurnAreAllowed) {
  const OneThread end;
  for (int round = 0; round < 2; ++round) {
    std::optional<Inside> outer(std::in_place, end);
    { const Inside within(end); }
    { const Inside again(end); }
    outer.reset();
    std::jthread([&] { const Inside other(end); }).join();
  }
}

// The thread that is in one is not in the other.
TEST(OneThreadTest, WhatIsMovedBeginsAnew) {
  OneThread from;
  OneThread assigned;
  const Inside own(from);
  const OneThread made(std::move(from));
  assigned = OneThread();
  std::jthread([&] {
    const Inside one(made);
    const Inside other(assigned);
  }).join();
}

}  // namespace
}  // namespace ringbell
