// ManyLossy between threads: every message that arrives is whole, a writer's come in order, each
// position holds the same one for all readers, and writers that drop out with a claim in their
// hands change nothing of that.
#include <atomic>
#include <cstring>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/many_lossy.hpp>

#include <tests/support/many_memory.hpp>
#include <tests/support/message.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/stress_run.hpp>

namespace ringbell::core {
namespace {

using Ring = ManyLossy<>;

struct Crew {
  std::uint64_t slots;
  std::size_t writers;
  std::size_t readers;
  std::uint32_t message_bytes = 52;
  std::uint32_t batch = 1;
  std::uint64_t pause_every = 64;     // of a writer's messages: then it lets others run
  std::uint64_t drop_out_every = 0;   // of a writer's messages; 0: never
  std::uint64_t join_anew_every = 0;  // of a reader's
};

// Writers that drop out go on under another id, after telling all that the old one is dead.
class Crowd {
 public:
  explicit Crowd(const Crew& crew)
      : crew_(crew),
        messages_each_(test::kSanitized ? 5'000 : 40'000),
        storage_(crew.slots, crew.message_bytes),
        at_(2 * crew.writers * messages_each_) {}

  // Returns how many messages were missed, by all readers together.
  std::uint64_t go() {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < crew_.readers; ++i) {
      threads.emplace_back([this, i] { read(i); });
    }
    while (here_ < crew_.readers) std::this_thread::yield();
    for (std::size_t i = 0; i < crew_.writers; ++i) {
      threads.emplace_back([this, i] { write(i); });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_FALSE(run_.failed()) << "damaged, out of order, miscounted, corrupt or not done in time";
    EXPECT_GT(received_, 0U);
    return missed_;
  }

 private:
  static constexpr unsigned kWriterShift = 32;

  [[nodiscard]] MpmcMemory memory() const { return storage_.memory().claims(); }
  [[nodiscard]] ParticipantId new_id() { return static_cast<ParticipantId>(next_id_.fetch_add(1)); }
  [[nodiscard]] auto dead() {
    return [this](ParticipantId id) { return dead_[id].load(std::memory_order_acquire); };
  }

  void write(std::size_t self) {
    Ring::Writer writer(memory(), new_id());
    std::vector<std::byte> message(crew_.message_bytes);
    std::uint64_t until_out = crew_.drop_out_every;
    std::uint64_t until_pause = crew_.pause_every;
    for (std::uint64_t count = 1; count <= messages_each_;) {
      const std::uint32_t claimed = writer.claim(crew_.batch);
      if (claimed == 0) {
        if (writer.corrupt()) run_.fail();
        if (!run_.wait_a_little()) return;
        (void)writer.recover(dead());
        continue;
      }
      for (std::uint32_t i = 0; i < claimed; ++i) {
        test::write_message(message, std::uint64_t{self} << kWriterShift | (count + i));
        writer.write(i, message);
      }
      if (crew_.drop_out_every > 0 && until_out-- == 0) {
        dead_[writer.id()].store(true, std::memory_order_release);
        writer = Ring::Writer(memory(), new_id());
        until_out = crew_.drop_out_every;
        continue;  // nothing of that was committed
      }
      if (!writer.commit()) run_.fail();
      count += claimed;
      if (until_pause-- == 0) {
        std::this_thread::yield();
        until_pause = crew_.pause_every;
      }
    }
    ++ended_;
  }

  void read(std::size_t self) {
    std::optional<Ring::Reader> reader(std::in_place, view_of(memory()));
    ++here_;
    std::map<std::uint64_t, std::uint64_t> last;  // of each writer
    std::vector<std::byte> message(crew_.message_bytes);
    std::uint64_t until_anew = crew_.join_anew_every;
    while (true) {
      const bool over = ended_ == crew_.writers;
      if (!reader->receive(message)) {
        if (reader->corrupt()) run_.fail();
        // Odd ones store nothing, as those that map the memory read-only.
        if (reader->waits_for() != 0 && self % 2 != 0) (void)reader->pass_over_dead(dead());
        if (reader->waits_for() != 0 && self % 2 == 0) recover();
        if (over && !reader->anything() && reader->lag() == 0) break;
        if (!run_.wait_a_little()) return;
        continue;
      }
      ++received_;
      check(message, last, reader->position() - 1);
      if (crew_.join_anew_every > 0 && until_anew-- == 0) {
        missed_ += reader->missed();
        reader.emplace(view_of(memory()),
                       received_ % 2 == 0 ? BroadcastStart::oldest : BroadcastStart::newest);
        last.clear();
        until_anew = crew_.join_anew_every;
      }
    }
    missed_ += reader->missed();
  }
  void recover() {
    Ring::Writer buries(memory(), new_id());
    (void)buries.recover(dead());
  }

  void check(std::span<const std::byte> message, std::map<std::uint64_t, std::uint64_t>& last,
             std::uint64_t position) {
    std::uint64_t number = 0;
    std::memcpy(&number, message.data(), sizeof number);
    if (!test::is_message(message, number)) run_.fail();
    std::uint64_t& before = last[number >> kWriterShift];
    const std::uint64_t count = number & ((std::uint64_t{1} << kWriterShift) - 1);
    if (count <= before) run_.fail();
    before = count;
    std::uint64_t none = 0;
    if (!at_[position % at_.size()].compare_exchange_strong(none, number) && none != number) {
      run_.fail();
    }
  }

  Crew crew_;
  std::uint64_t messages_each_;
  test::PlainManyMemory storage_;
  test::StressRun run_;
  std::vector<std::atomic<std::uint64_t>> at_;  // what each position held, as the first reader saw
  std::atomic<std::size_t> here_ = 0;
  std::atomic<std::size_t> ended_ = 0;
  std::atomic<std::uint64_t> received_ = 0;
  std::atomic<std::uint64_t> missed_ = 0;
  std::atomic<std::uint32_t> next_id_ = 1;
  std::vector<std::atomic<bool>> dead_ = std::vector<std::atomic<bool>>(UINT16_MAX + 1);
};

TEST(ManyLossyStressTest, OneWriterOneReader) {
  Crowd({.slots = 1024, .writers = 1, .readers = 1}).go();
}
TEST(ManyLossyStressTest, ReadersThatAreLappedAllTheTime) {
  EXPECT_GT(Crowd({.slots = 8, .writers = 2, .readers = 1, .pause_every = 1000}).go(), 0U);
}
TEST(ManyLossyStressTest, TwoSlots) { Crowd({.slots = 2, .writers = 2, .readers = 2}).go(); }
TEST(ManyLossyStressTest, ThreeWritersThreeReaders) {
  Crowd({.slots = 256, .writers = 3, .readers = 3}).go();
}
TEST(ManyLossyStressTest, LongMessagesAreNotTorn) {
  Crowd({.slots = 4, .writers = 2, .readers = 2, .message_bytes = 4096, .pause_every = 7}).go();
}
TEST(ManyLossyStressTest, Batches) {
  Crowd({.slots = 64, .writers = 3, .readers = 2, .batch = 7}).go();
}
TEST(ManyLossyStressTest, WritersThatDropOut) {
  Crowd({.slots = 64, .writers = 3, .readers = 2, .drop_out_every = 50}).go();
}
TEST(ManyLossyStressTest, BatchesOfWritersThatDropOut) {
  Crowd({.slots = 32, .writers = 2, .readers = 2, .batch = 5, .drop_out_every = 30}).go();
}
TEST(ManyLossyStressTest, ReadersThatJoinAllTheTime) {
  Crowd({.slots = 64, .writers = 2, .readers = 3, .drop_out_every = 90, .join_anew_every = 20})
      .go();
}

}  // namespace
}  // namespace ringbell::core
