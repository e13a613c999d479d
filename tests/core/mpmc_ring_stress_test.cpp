// MpmcRing between threads: every message arrives once and whole, a writer's in order; recorded
// histories are linearizable; and threads that drop out with slots in their hands lose nothing that
// was committed.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/mpmc_ring.hpp>

#include <tests/support/message.hpp>
#include <tests/support/mpmc_memory.hpp>
#include <tests/support/queue_history.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/stress_run.hpp>

namespace ringbell::core {
namespace {

using Ring = MpmcRing<>;
using Clock = std::chrono::steady_clock;
using test::QueueHistory;
using test::QueueOperation;

std::uint64_t now() { return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()); }

// --- the checker itself --------------------------------------------------------------------------

constexpr auto kPush = QueueOperation::Kind::push;
constexpr auto kPop = QueueOperation::Kind::pop;

TEST(QueueHistoryTest, AcceptsFifoAndWhatOverlaps) {
  EXPECT_TRUE(QueueHistory({{kPush, 1, 0, 1}, {kPush, 2, 2, 3}, {kPop, 1, 4, 5}, {kPop, 2, 6, 7}})
                  .is_linearizable());
  EXPECT_TRUE(QueueHistory({{kPush, 1, 0, 3}, {kPush, 2, 1, 2}, {kPop, 2, 4, 5}, {kPop, 1, 6, 7}})
                  .is_linearizable());
  EXPECT_TRUE(QueueHistory({{kPop, 1, 0, 5}, {kPush, 1, 1, 2}}).is_linearizable());
}

TEST(QueueHistoryTest, RefusesOvertakingPrematureAndRepeatedPops) {
  EXPECT_FALSE(QueueHistory({{kPush, 1, 0, 1}, {kPush, 2, 2, 3}, {kPop, 2, 4, 5}, {kPop, 1, 6, 7}})
                   .is_linearizable());
  EXPECT_FALSE(QueueHistory({{kPop, 1, 0, 1}, {kPush, 1, 2, 3}}).is_linearizable());
  EXPECT_FALSE(
      QueueHistory({{kPush, 1, 0, 1}, {kPop, 1, 2, 3}, {kPop, 1, 4, 5}}).is_linearizable());
}

// --- recorded histories --------------------------------------------------------------------------

// Each thread does a few operations at random, all on a ring of two or four slots.
std::vector<QueueOperation> record(std::uint64_t seed) {
  constexpr std::size_t kThreads = 4;
  constexpr int kTries = 6;
  test::Dice dice(test::mix(seed));
  test::PlainMpmcMemory storage(dice.roll(2) == 0 ? 2 : 4, 8);
  std::array<std::vector<QueueOperation>, kThreads> histories;
  std::atomic<std::size_t> here = 0;
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      test::Dice own(test::mix(seed + thread + 1));
      Ring::Writer writer(storage.memory(), static_cast<ParticipantId>(1 + thread));
      Ring::Reader reader(storage.memory(), static_cast<ParticipantId>(1 + kThreads + thread));
      std::vector<QueueOperation>& history = histories[thread];
      here.fetch_add(1);
      while (here.load() < kThreads) std::this_thread::yield();
      for (int i = 0; i < kTries; ++i) {
        const std::uint64_t begin = now();
        if (own.roll(2) == 0) {
          const std::span<std::byte> room = writer.claim();
          if (room.empty()) continue;
          const std::uint64_t value = thread * 100 + static_cast<std::uint64_t>(i);
          std::memcpy(room.data(), &value, sizeof value);
          if (own.roll(3) == 0) std::this_thread::yield();
          writer.commit();
          history.push_back({kPush, value, begin, now()});
        } else {
          const std::span<const std::byte> message = reader.peek();
          if (message.empty()) continue;
          std::uint64_t value = 0;
          std::memcpy(&value, message.data(), sizeof value);
          history.push_back({kPop, value, begin, now()});
          reader.release();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<QueueOperation> all;
  for (const auto& history : histories) all.insert(all.end(), history.begin(), history.end());
  // What is left, so that nothing can be hidden in the ring.
  Ring::Reader rest(storage.memory(), 99);
  while (!rest.peek().empty()) {
    std::uint64_t value = 0;
    std::memcpy(&value, rest.peek().data(), sizeof value);
    const std::uint64_t begin = now();
    rest.release();
    all.push_back({kPop, value, begin, begin + 1});
  }
  return all;
}

TEST(MpmcRingStressTest, RecordedHistoriesAreLinearizable) {
  const test::PrintedSeed printed;
  const int histories = test::kSanitized ? 200 : 2000;
  for (int i = 0; i < histories; ++i) {
    const std::vector<QueueOperation> history =
        record(test::seed() + static_cast<std::uint64_t>(i));
    ASSERT_EQ(std::count_if(history.begin(), history.end(),
                            [](const auto& one) { return one.kind == kPush; }),
              std::count_if(history.begin(), history.end(),
                            [](const auto& one) { return one.kind == kPop; }));
    ASSERT_TRUE(QueueHistory(history).is_linearizable()) << "history " << i;
  }
}

// --- many messages -------------------------------------------------------------------------------

struct Crew {
  std::size_t writers;
  std::size_t readers;
  std::uint32_t batch;
  std::uint64_t drop_out_every;  // of a reader's or writer's messages; 0: never
};

// Threads that drop out leave what is in their hand and go on under another id, after telling all
// that the old one is dead.
class Crowd {
 public:
  explicit Crowd(const Crew& crew)
      : crew_(crew), messages_each_(test::kSanitized ? 5'000 : 40'000), storage_(64, 48) {}

  void go() {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < crew_.writers; ++i) {
      threads.emplace_back([this, i] { write(i); });
    }
    for (std::size_t i = 0; i < crew_.readers; ++i) {
      threads.emplace_back([this] { read(); });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_FALSE(run_.failed()) << "damaged, out of order, or not done in time";
    for (std::size_t writer = 0; writer < crew_.writers; ++writer) {
      for (std::uint64_t count = 0; count < messages_each_; ++count) {
        ASSERT_EQ(seen_.count(number(writer, count)), 1U) << writer << " " << count;
      }
    }
    EXPECT_EQ(seen_.size(), crew_.writers * messages_each_);
    if (crew_.drop_out_every > 0) {
      EXPECT_GT(dropped_out_, 0U);
    }
  }

 private:
  static constexpr unsigned kWriterShift = 32;
  [[nodiscard]] static std::uint64_t number(std::size_t writer, std::uint64_t count) {
    return std::uint64_t{writer} << kWriterShift | count;
  }

  [[nodiscard]] ParticipantId new_id() { return static_cast<ParticipantId>(next_id_.fetch_add(1)); }
  // Says so, as the kernel does when a process is gone.
  void drop_out(ParticipantId id) {
    dead_[id].store(true, std::memory_order_release);
    ++dropped_out_;
  }
  template <class Handle>
  void recover(Handle& handle) {
    handle.recover([&](ParticipantId id) { return dead_[id].load(std::memory_order_acquire); });
  }

  void write(std::size_t self) {
    Ring::Writer writer(storage_.memory(), new_id());
    std::uint64_t until_out = crew_.drop_out_every;
    for (std::uint64_t count = 0; count < messages_each_;) {
      const auto wanted =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(crew_.batch, messages_each_ - count));
      const std::uint32_t claimed = writer.claim(wanted);
      if (claimed == 0) {
        if (!run_.wait_a_little()) return;
        recover(writer);
        continue;
      }
      for (std::uint32_t i = 0; i < claimed; ++i) {
        test::write_message(writer.payload(i), number(self, count + i));
      }
      if (crew_.drop_out_every > 0 && until_out-- == 0) {
        drop_out(writer.id());
        writer = Ring::Writer(storage_.memory(), new_id());
        until_out = crew_.drop_out_every;
        continue;  // nothing of that was committed
      }
      if (!writer.commit()) run_.fail();
      count += claimed;
    }
    ++ended_;
  }

  void read() {
    Ring::Reader reader(storage_.memory(), new_id());
    std::map<std::uint64_t, std::uint64_t> next;  // of each writer
    std::vector<std::uint64_t> numbers;
    std::uint64_t until_out = crew_.drop_out_every;
    while (true) {
      const bool over = ended_ == crew_.writers;
      const std::uint32_t taken = reader.take(crew_.batch);
      if (taken == 0) {
        if (over && reader.waits_for() == 0 && nothing_returned(reader)) break;
        if (!run_.wait_a_little()) return;
        recover(reader);
        continue;
      }
      if (crew_.drop_out_every > 0 && until_out-- == 0) {
        drop_out(reader.id());
        reader = Ring::Reader(storage_.memory(), new_id());
        until_out = crew_.drop_out_every;
        continue;  // nothing of that was used
      }
      for (std::uint32_t i = 0; i < taken; ++i) check(reader, i, next, numbers);
      if (!reader.release()) run_.fail();
    }
    const std::lock_guard lock(mutex_);
    for (const std::uint64_t one : numbers) {
      if (!seen_.insert(one).second) run_.fail();
    }
  }

  // Once more, after recovery from deaths.
  [[nodiscard]] bool nothing_returned(Ring::Reader& reader) {
    recover(reader);
    for (std::uint64_t slot = 0; slot < storage_.memory().slot_count; ++slot) {
      const MpmcSlotState state(
          HardwareAtomics::load(storage_.state(slot), std::memory_order_relaxed, Edge{"test"}));
      if (state.phase() != MpmcSlotState::kFree) return false;
    }
    return true;
  }

  void check(const Ring::Reader& reader, std::uint32_t i,
             std::map<std::uint64_t, std::uint64_t>& next, std::vector<std::uint64_t>& numbers) {
    std::uint64_t one = 0;
    std::memcpy(&one, reader.payload(i).data(), sizeof one);
    if (!test::is_message(reader.payload(i), one)) run_.fail();
    std::uint64_t& due = next[one >> kWriterShift];
    if (!reader.redelivered()) {
      if (one < due) run_.fail();
      due = one + 1;
    }
    numbers.push_back(one);
  }

  Crew crew_;
  std::uint64_t messages_each_;
  test::PlainMpmcMemory storage_;
  test::StressRun run_;
  std::atomic<std::size_t> ended_ = 0;
  std::atomic<std::uint32_t> next_id_ = 1;
  std::atomic<std::uint64_t> dropped_out_ = 0;
  std::vector<std::atomic<bool>> dead_ = std::vector<std::atomic<bool>>(UINT16_MAX + 1);
  std::mutex mutex_;
  std::set<std::uint64_t> seen_;
};

TEST(MpmcRingStressTest, OneWriterOneReader) { Crowd({1, 1, 1, 0}).go(); }
TEST(MpmcRingStressTest, TwoWritersTwoReaders) { Crowd({2, 2, 1, 0}).go(); }
TEST(MpmcRingStressTest, FourWritersOneReader) { Crowd({4, 1, 1, 0}).go(); }
TEST(MpmcRingStressTest, OneWriterFourReaders) { Crowd({1, 4, 1, 0}).go(); }
TEST(MpmcRingStressTest, Batches) { Crowd({3, 3, 7, 0}).go(); }
TEST(MpmcRingStressTest, ThreadsThatDropOutLoseNothingCommitted) { Crowd({3, 3, 1, 500}).go(); }
TEST(MpmcRingStressTest, BatchesOfThreadsThatDropOut) { Crowd({2, 2, 5, 300}).go(); }

}  // namespace
}  // namespace ringbell::core
