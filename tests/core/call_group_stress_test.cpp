// CallGroup by many threads: one server, more lines than callers, calls of every size, some of them
// given up.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/call_group.hpp>

#include <tests/support/call_group_memory.hpp>
#include <tests/support/message.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/stress_run.hpp>

namespace ringbell::core {
namespace {

TEST(CallGroupStressTest, ManyCallers) {
  constexpr std::uint32_t kCallers = 6;
  constexpr std::uint32_t kLines = 130;
  const test::PrintedSeed printed;
  const std::uint64_t calls_each = test::kSanitized ? 3'000 : 30'000;
  test::CallGroupStorage storage(kLines, 200);
  test::StressRun run;
  std::atomic<std::uint32_t> callers_left = kCallers;
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < kCallers; ++i) {
    threads.emplace_back([&, i] {
      CallGroup<>::Caller caller(storage.memory(), i * (kLines / kCallers));
      for (std::uint64_t count = 0; count < calls_each && !run.failed(); ++count) {
        const std::uint64_t number = test::mix(test::seed() + i) + count;
        std::span<std::byte> room;
        while ((room = caller.claim(test::size_of_message(number, 200))).empty() &&
               run.wait_a_little()) {
        }
        if (room.empty()) break;
        test::write_message(room, number);
        caller.call();
        if (number % 16 == 0) {
          caller.abandon();
          continue;
        }
        while (!caller.answered() && run.wait_a_little()) {
        }
        if (!test::is_message(caller.response(), ~number)) run.fail();
      }
      --callers_left;
    });
  }
  CallGroup<>::Server server = storage.server({.patience = 2, .kept_lanes = 0});
  while (callers_left > 0) {
    const std::span<const std::byte> request = server.request();
    if (request.empty()) {
      if (!run.wait_a_little()) break;
      continue;
    }
    std::uint64_t number = 0;
    std::memcpy(&number, request.data(), std::min(sizeof number, request.size()));
    const bool whole = request.size() < sizeof number || test::is_message(request, number);
    if (!whole) run.fail();
    std::vector<std::byte> answer(request.size());
    test::write_message(answer, ~number);
    std::memcpy(server.claim(static_cast<std::uint32_t>(answer.size())).data(), answer.data(),
                answer.size());
    server.respond();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(run.failed());
}

}  // namespace
}  // namespace ringbell::core
