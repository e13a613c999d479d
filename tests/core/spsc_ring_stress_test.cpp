// Two threads, as fast as they can, with every way to write and to read mixed at random. Every byte
// of every message is checked against what its number says it must be.
#include <array>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/backoff.hpp>
#include <ringbell/core/spsc_ring.hpp>

#include <tests/support/message.hpp>
#include <tests/support/ring_memory.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/stress_run.hpp>

namespace ringbell::core {
namespace {

using Ring = SpscRing<>;

constexpr std::uint64_t kMessages = test::kSanitized ? 20'000 : 100'000;

// What both threads share beside the ring.
struct Run {
  const SpscMemory memory;
  const std::uint64_t seed;
  test::StressRun shared = {};

  [[nodiscard]] std::uint32_t size_of(std::uint64_t number) const noexcept {
    return test::size_of_message(number ^ seed, memory.max_record_bytes());
  }
};

// Claims until there is room. Empty: gave up.
std::span<std::byte> claim(Run& run, Ring::Writer& writer, std::uint32_t size_bytes) {
  while (true) {
    const std::span<std::byte> room = writer.claim(size_bytes);
    if (!room.empty()) return room;
    writer.flush();
    if (!run.shared.wait_a_little()) return {};
  }
}

void write_all(Run& run) {
  test::Dice dice(run.seed);
  Ring::Writer writer(run.memory);
  std::vector<std::uint64_t> staged;  // the ends of what is staged
  for (std::uint64_t number = 0; number < kMessages; ++number) {
    const std::uint32_t size = run.size_of(number);
    const std::uint64_t how = dice.roll(16);
    // Now and then a longer claim, given up or committed short; its bytes look like headers.
    const auto slack =
        how < 2 ? static_cast<std::uint32_t>(dice.roll(writer.max_record_bytes() - size + 1)) : 0U;
    if (how == 0 && writer.staged_position() == writer.tail()) {
      const std::span<std::byte> room = claim(run, writer, size + slack);
      if (room.empty()) return;
      std::memset(room.data(), 0xff, room.size());
      writer.abort();
    }
    const std::span<std::byte> room = claim(run, writer, size + slack);
    if (room.empty()) return;
    if (writer.staged_position() == writer.tail()) staged.clear();  // flushed while it waited
    test::write_message(room.first(size), number);
    if (how < 6) {
      writer.commit(size);
    } else {
      writer.stage(size);
      staged.push_back(writer.staged_position());
      if (how == 15) writer.flush();
      if (how == 14) writer.flush_to(staged[dice.roll(staged.size())]);
    }
    const std::uint64_t tail = writer.tail();
    std::erase_if(staged,
                  [&](std::uint64_t end) { return static_cast<std::int64_t>(end - tail) <= 0; });
    if (how == 7)
      writer = [&] {  // a successor takes over; what is staged is given up by a death
        writer.flush();
        return Ring::Writer(run.memory);
      }();
    if (writer.corrupt()) run.shared.fail();
  }
  writer.flush();
}

void read_all(Run& run) {
  test::Dice dice(run.seed + 1);
  Ring::Reader reader(run.memory);
  std::vector<std::uint64_t> held;  // the ends of what is held
  std::uint64_t number = 0;
  while (number < kMessages) {
    const std::span<const std::byte> record = reader.peek();
    if (record.empty()) {
      // The writer may be waiting for what is held.
      if (!held.empty()) reader.release_to(held.back());
      held.clear();
      reader.publish_head();
      if (reader.corrupt()) run.shared.fail();
      if (!run.shared.wait_a_little()) break;
      continue;
    }
    if (record.size() != run.size_of(number) || !test::is_message(record, number)) {
      run.shared.fail();
      break;
    }
    ++number;
    const std::uint64_t how = dice.roll(8);
    if (how < 4) {
      reader.release();
      held.clear();
      continue;
    }
    reader.hold();
    held.push_back(reader.position());
    if (how == 4) {
      const std::size_t give = dice.roll(held.size());
      reader.release_to(held[give]);
      held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(give) + 1);
    }
  }
  EXPECT_EQ(number, kMessages) << "this message was lost, damaged, or never came";
}

template <class Memory>
class SpscRingStressTest : public ::testing::Test {};

TYPED_TEST_SUITE(SpscRingStressTest, test::EveryMemory);

TYPED_TEST(SpscRingStressTest, EveryMessageArrivesOnceAndWhole) {
  const test::PrintedSeed printed;
  TypeParam storage(1024 * 8);
  Run run{.memory = storage.memory(), .seed = test::seed()};
  std::thread writer([&] { write_all(run); });
  read_all(run);
  writer.join();
  EXPECT_FALSE(run.shared.failed());
}

}  // namespace
}  // namespace ringbell::core
