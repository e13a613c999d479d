// A UringLoop under test: created or skipped, and turned until something has happened.
#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/transport/uring/uring_loop.hpp>

namespace ringbell::test {

class UringLoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<UringLoop> made = UringLoop::create(options());
    if (!made) GTEST_SKIP() << made.error().message;
    loop.emplace(std::move(*made));
  }
  [[nodiscard]] virtual UringOptions options() const { return {}; }

  // Turns until `done()`. False: it takes far too long.
  template <class Done>
  [[nodiscard]] bool turn_until(Done&& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      if (!loop->turn(std::chrono::milliseconds(5))) return false;
    }
    return true;
  }
  // Turns for a while in which nothing should happen.
  void let_pass(std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
      ASSERT_TRUE(loop->turn(std::chrono::milliseconds(5)));
    }
  }

  std::optional<UringLoop> loop;
};

}  // namespace ringbell::test
