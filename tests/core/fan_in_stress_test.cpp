// FanIn between threads: every record of every writer comes once, whole and in its writer's order,
// also from lanes that are mostly quiet.
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/fan_in.hpp>

#include <tests/support/fan_in_memory.hpp>
#include <tests/support/message.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/stress_run.hpp>

namespace ringbell::core {
namespace {

constexpr std::uint32_t kWriters = 4;
constexpr std::uint64_t kMessagesEach = test::kSanitized ? 10'000 : 100'000;

void stream(std::uint32_t lanes, FanInPace pace) {
  const test::PrintedSeed printed;
  test::FanInStorage storage(lanes, 4096);
  test::StressRun run;
  const auto lane_of = [&](std::uint32_t writer) { return writer * lanes / kWriters; };
  const auto size_of = [](std::uint64_t number) {
    return test::size_of_message(number ^ test::seed(), 1000);
  };
  const auto number_of = [](std::uint32_t lane, std::uint64_t count) {
    return std::uint64_t{lane} << 32U | count;
  };
  std::vector<std::thread> threads;
  for (std::uint32_t writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, lane = lane_of(writer)] {
      test::Dice dice(test::seed() + lane);
      FanIn<>::Writer own(storage.memory(), lane);
      for (std::uint64_t count = 0; count < kMessagesEach; ++count) {
        const std::uint64_t number = number_of(lane, count);
        std::span<std::byte> room;
        while ((room = own.claim(size_of(number))).empty()) {
          if (!run.wait_a_little()) return;
        }
        test::write_message(room, number);
        own.commit();
        if (dice.roll(64) == 0) std::this_thread::yield();  // long enough to fall quiet
      }
    });
  }
  std::vector<std::uint64_t> next(lanes, 0);
  FanIn<>::Reader reader = storage.reader(pace);
  for (std::uint64_t left = kWriters * kMessagesEach; left > 0 && !run.failed();) {
    const std::span<const std::byte> record = reader.peek();
    if (record.empty()) {
      if (!run.wait_a_little()) break;
      continue;
    }
    const std::uint64_t number = number_of(reader.lane(), next[reader.lane()]++);
    if (record.size() != size_of(number) || !test::is_message(record, number)) run.fail();
    reader.release();
    --left;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(run.failed()) << "damaged, out of order, or not done in time";
  EXPECT_TRUE(reader.peek().empty());
}

TEST(FanInStressTest, LanesThatArePolled) { stream(kWriters, {}); }
TEST(FanInStressTest, LanesThatFallQuietAtOnce) {
  stream(kWriters, {.burst = 2, .lanes = {.patience = 1, .kept_lanes = 0}});
}
TEST(FanInStressTest, FewOfManyLanes) { stream(1000, {.lanes = {.patience = 2, .kept_lanes = 1}}); }

}  // namespace
}  // namespace ringbell::core
