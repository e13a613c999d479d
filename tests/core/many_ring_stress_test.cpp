// ManyLossless between threads: each reader gets every message of every writer whole, a writer's in
// order, and all readers get them in the same order; threads that drop out with a claim or a cell
// in their hands change nothing of that.
#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/many_lossless.hpp>

#include <tests/support/many_memory.hpp>
#include <tests/support/message.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/stress_run.hpp>

namespace ringbell::core {
namespace {

using Ring = ManyLossless<>;

struct Crew {
  std::uint64_t slots;
  std::size_t writers;
  std::size_t readers;
  std::uint32_t batch = 1;
  std::uint64_t writers_drop_out_every = 0;  // of their messages; 0: never
  std::uint64_t readers_drop_out_every = 0;
};

// Threads that drop out go on under another id, after telling all that the old one is dead. A
// reader leaves half of the times, and joins at the oldest or at the newest.
class Crowd {
 public:
  explicit Crowd(const Crew& crew)
      : crew_(crew),
        messages_each_(test::kSanitized || crew.writers_drop_out_every > 0 ? 5'000 : 40'000),
        storage_(crew.slots, 48, static_cast<std::uint32_t>(crew.readers)),
        orders_(crew.readers) {}

  void go() {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < crew_.readers; ++i) {
      threads.emplace_back([this, i] { read(i); });
    }
    while (here_ < crew_.readers) std::this_thread::yield();
    for (std::size_t i = 0; i < crew_.writers; ++i) {
      threads.emplace_back([this, i] { write(i); });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_FALSE(run_.failed()) << "damaged, lost, repeated, out of order, or not done in time";
    if (crew_.readers_drop_out_every > 0) return;
    for (const Order& order : orders_) {
      EXPECT_EQ(order.messages, crew_.writers * messages_each_);
      EXPECT_EQ(order.hash, orders_[0].hash) << "not the same order for all";
    }
  }

 private:
  static constexpr unsigned kWriterShift = 32;

  struct Order {
    std::uint64_t messages = 0;
    std::uint64_t hash = 0;  // of the numbers and of their order
  };

  [[nodiscard]] ParticipantId new_id() { return static_cast<ParticipantId>(next_id_.fetch_add(1)); }
  // Says so, as the kernel does when a process is gone.
  void drop_out(ParticipantId id) { dead_[id].store(true, std::memory_order_release); }
  void recover() {
    Ring::recover(storage_.memory(),
                  [this](ParticipantId id) { return dead_[id].load(std::memory_order_acquire); });
  }

  void write(std::size_t self) {
    Ring::Writer writer(storage_.memory(), new_id());
    std::uint64_t until_out = crew_.writers_drop_out_every;
    for (std::uint64_t count = 0; count < messages_each_;) {
      const auto wanted =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(crew_.batch, messages_each_ - count));
      const std::uint32_t claimed = writer.claim(wanted);
      if (claimed == 0) {
        if (writer.corrupt()) run_.fail();
        if (!run_.wait_a_little()) return;
        recover();
        continue;
      }
      for (std::uint32_t i = 0; i < claimed; ++i) {
        test::write_message(writer.payload(i), std::uint64_t{self} << kWriterShift | (count + i));
      }
      if (crew_.writers_drop_out_every > 0 && until_out-- == 0) {
        drop_out(writer.id());
        writer = Ring::Writer(storage_.memory(), new_id());
        until_out = crew_.writers_drop_out_every;
        continue;  // nothing of that was committed
      }
      if (!writer.commit()) run_.fail();
      count += claimed;
    }
    ++ended_;
  }

  // Nothing: there was no time left.
  [[nodiscard]] std::optional<Ring::Reader> join(BroadcastStart start) {
    const ParticipantId id = new_id();
    while (true) {
      std::optional<Ring::Reader> reader = Ring::Reader::join(storage_.memory(), id, start);
      if (reader || !run_.wait_a_little()) return reader;
      recover();
    }
  }

  void read(std::size_t self) {
    std::optional<Ring::Reader> reader = join(BroadcastStart::oldest);
    ++here_;
    std::map<std::uint64_t, std::uint64_t> next;  // of each writer
    std::uint64_t until_out = crew_.readers_drop_out_every;
    while (reader) {
      const bool over = ended_ == crew_.writers;
      const std::span<const std::byte> message = reader->peek();
      if (message.empty()) {
        if (reader->corrupt() || reader->evicted()) run_.fail();
        if (over && reader->waits_for() == 0 && reader->lag() == 0) return;
        if (!run_.wait_a_little()) return;
        recover();
        continue;
      }
      check(message, next, orders_[self]);
      if (crew_.readers_drop_out_every > 0 && until_out-- == 0) {
        leave_or_die(reader, orders_[self].messages % 2 == 0);
        reader =
            join(orders_[self].messages % 3 == 0 ? BroadcastStart::oldest : BroadcastStart::newest);
        next.clear();
        until_out = crew_.readers_drop_out_every;
      } else {
        reader->release();
      }
    }
  }

  // A dead one's cell stays as it is.
  void leave_or_die(std::optional<Ring::Reader>& reader, bool dies) {
    if (dies) {
      const ParticipantId id = reader->id();
      reader->forget();
      reader.reset();
      drop_out(id);
    } else {
      reader.reset();
    }
  }

  void check(std::span<const std::byte> message, std::map<std::uint64_t, std::uint64_t>& next,
             Order& order) {
    std::uint64_t number = 0;
    std::memcpy(&number, message.data(), sizeof number);
    if (!test::is_message(message, number)) run_.fail();
    const std::uint64_t count = number & ((std::uint64_t{1} << kWriterShift) - 1);
    const auto [due, first] = next.try_emplace(number >> kWriterShift, count);
    // One that was there from the beginning sees each from its first message on.
    if (due->second != count || (first && crew_.readers_drop_out_every == 0 && count != 0)) {
      run_.fail();
    }
    due->second = count + 1;
    ++order.messages;
    order.hash = test::mix(order.hash ^ number);
  }

  Crew crew_;
  std::uint64_t messages_each_;
  test::PlainManyMemory storage_;
  test::StressRun run_;
  std::vector<Order> orders_;
  std::atomic<std::size_t> here_ = 0;
  std::atomic<std::size_t> ended_ = 0;
  std::atomic<std::uint32_t> next_id_ = 1;
  std::vector<std::atomic<bool>> dead_ = std::vector<std::atomic<bool>>(UINT16_MAX + 1);
};

TEST(ManyLosslessStressTest, OneWriterOneReader) {
  Crowd({.slots = 64, .writers = 1, .readers = 1}).go();
}
TEST(ManyLosslessStressTest, TwoSlots) { Crowd({.slots = 2, .writers = 2, .readers = 2}).go(); }
TEST(ManyLosslessStressTest, ThreeWritersThreeReaders) {
  Crowd({.slots = 64, .writers = 3, .readers = 3}).go();
}
TEST(ManyLosslessStressTest, Batches) {
  Crowd({.slots = 64, .writers = 3, .readers = 2, .batch = 7}).go();
}
TEST(ManyLosslessStressTest, WritersThatDropOut) {
  Crowd({.slots = 64, .writers = 3, .readers = 2, .writers_drop_out_every = 500}).go();
}
TEST(ManyLosslessStressTest, BatchesOfWritersThatDropOut) {
  Crowd({.slots = 32, .writers = 2, .readers = 2, .batch = 5, .writers_drop_out_every = 300}).go();
}
TEST(ManyLosslessStressTest, ReadersThatLeaveDieAndJoin) {
  Crowd({.slots = 32, .writers = 2, .readers = 3, .readers_drop_out_every = 101}).go();
}
TEST(ManyLosslessStressTest, AllDropOut) {
  Crowd({.slots = 32,
         .writers = 3,
         .readers = 3,
         .writers_drop_out_every = 200,
         .readers_drop_out_every = 150})
      .go();
}

}  // namespace
}  // namespace ringbell::core
