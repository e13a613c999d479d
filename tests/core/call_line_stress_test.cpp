// CallLine by two threads: calls of every size, some of them given up.
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/call_line.hpp>

#include <tests/support/message.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/stress_run.hpp>

namespace ringbell::core {
namespace {

TEST(CallLineStressTest, CallsOfEverySize) {
  constexpr std::uint32_t kBufferBytes = 1000;
  CallCell cell{};
  std::vector<std::byte> requests(kBufferBytes);
  std::vector<std::byte> responses(kBufferBytes);
  const CallMemory memory{&cell, requests.data(), responses.data(), kBufferBytes};
  CallLine<>::Caller caller(memory);
  CallLine<>::Server server(memory);
  const test::PrintedSeed printed;
  const std::uint64_t calls = test::kSanitized ? 20'000 : 200'000;
  test::StressRun run;
  const auto size_of = [](std::uint64_t number) {
    return test::size_of_message(number ^ test::seed(), kBufferBytes);
  };
  std::thread serving([&] {
    for (std::uint64_t number = 0; number < calls; ++number) {
      while (server.request().empty()) {
        if (!run.wait_a_little()) return;
      }
      if (server.request().size() != size_of(number) ||
          !test::is_message(server.request(), number)) {
        run.fail();
      }
      test::write_message(server.claim(size_of(~number)), ~number);
      server.respond();
    }
  });
  const auto ask = [&](std::uint64_t number) {
    std::span<std::byte> room;
    while ((room = caller.claim(size_of(number))).empty() && run.wait_a_little()) {
    }
    if (room.empty()) return false;
    test::write_message(room, number);
    caller.call();
    return true;
  };
  for (std::uint64_t number = 0; number < calls && !run.failed(); ++number) {
    if (!ask(number)) break;
    if (number % 16 == 0) {
      if (caller.abandon() != CallFate::withdrawn) continue;
      if (!ask(number)) break;  // what was taken back comes once, all the same
    }
    while (!caller.answered() && run.wait_a_little()) {
    }
    if (caller.response().size() != size_of(~number) ||
        !test::is_message(caller.response(), ~number)) {
      run.fail();
    }
  }
  serving.join();
  EXPECT_FALSE(run.failed());
}

}  // namespace
}  // namespace ringbell::core
