// The broadcast rings between threads: every message that arrives is whole and the one that is due,
// what was received and what was missed are together what was sent, and readers that come, go and
// die while the writer writes, or a writer that is replaced, change nothing of that.
#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>

#include <tests/support/broadcast_memory.hpp>
#include <tests/support/message.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/stress_run.hpp>

namespace ringbell::core {
namespace {

using Lossy = BroadcastLossy<>;
using Lossless = BroadcastLossless<>;

// On a busy machine the CPU is milliseconds away each time that it is given up.
constexpr std::chrono::seconds kPausesEndAfter{10};

struct Crew {
  std::uint64_t slots;
  std::size_t readers;
  std::uint32_t message_bytes = 52;
  std::uint64_t pause_every = 0;     // messages, after which the writer lets others run
  std::uint64_t replace_every = 0;   // the writer is replaced, after an unfinished message
  std::uint64_t drop_out_every = 0;  // a reader dies, or leaves, and another one joins
};

// What both have in common: a writer in a thread, readers in the others.
class Run {
 public:
  explicit Run(const Crew& crew, std::uint64_t messages)
      : crew_(crew),
        messages_(test::kSanitized ? messages / 10 : messages),
        storage_(crew.slots, crew.message_bytes, static_cast<std::uint32_t>(crew.readers)) {}

 protected:
  template <class Write, class Read>
  void go(Write&& write, Read&& read) {
    std::vector<std::thread> threads;
    std::atomic<std::size_t> here = 0;
    for (std::size_t i = 0; i < crew_.readers; ++i) {
      threads.emplace_back([&, i] { read(i, here); });
    }
    while (here.load() < crew_.readers) std::this_thread::yield();
    write();
    for (std::thread& thread : threads) thread.join();
    ASSERT_FALSE(run_.failed()) << "damaged, out of order, miscounted, corrupt or not done in time";
  }

  [[nodiscard]] const Crew& crew() const { return crew_; }
  [[nodiscard]] std::uint64_t messages() const { return messages_; }
  [[nodiscard]] const test::PlainBroadcastMemory& storage() const { return storage_; }

  void fail() { run_.fail(); }
  void pause() const {
    if (run_.age() < kPausesEndAfter) std::this_thread::yield();
  }
  [[nodiscard]] bool wait_a_little() { return run_.wait_a_little(); }
  [[nodiscard]] static bool is_time(std::uint64_t every, std::uint64_t position) {
    return every > 0 && position % every == every - 1;
  }

 private:
  Crew crew_;
  std::uint64_t messages_;
  test::PlainBroadcastMemory storage_;
  test::StressRun run_;
};

// --- lossy ---------------------------------------------------------------------------------------

class LossyRun : public Run {
 public:
  explicit LossyRun(const Crew& crew) : Run(crew, 100'000) {}

  // Returns how many messages were missed, by all readers together.
  std::uint64_t go() {
    Run::go([this] { write(); },
            [this](std::size_t, std::atomic<std::size_t>& here) { read(here); });
    EXPECT_GT(received_, 0U);
    return missed_;
  }

 private:
  void write() {
    Lossy::Writer writer(storage().slots<std::byte>());
    std::vector<std::byte> message(crew().message_bytes);
    while (writer.position() < messages()) {
      if (is_time(crew().pause_every, writer.position())) pause();
      if (is_time(crew().replace_every, writer.position())) replace(writer);
      test::write_message(message, writer.position());
      writer.publish(message);
    }
  }

  // As if the writer had died with a message half written.
  void replace(Lossy::Writer& writer) {
    const std::uint64_t position = writer.position();
    constexpr Edge kTest{"test"};
    HardwareAtomics::store(storage().sequence(position % crew().slots), writing_sequence(position),
                           std::memory_order_relaxed, kTest);
    HardwareAtomics::fence(std::memory_order_release, kTest);
    auto& word = *reinterpret_cast<std::uint64_t*>(storage().payload(position % crew().slots));
    HardwareAtomics::store(word, ~std::uint64_t{0}, std::memory_order_relaxed, kTest);
    pause();
    writer = Lossy::Writer(storage().slots<std::byte>());
    if (writer.position() != position) fail();
  }

  void read(std::atomic<std::size_t>& here) {
    std::optional<Lossy::Reader> reader;
    const auto join = [&](BroadcastStart start) {
      reader.emplace(storage().slots<const std::byte>(), start);
    };
    join(BroadcastStart::oldest);
    std::uint64_t start = reader->position();
    std::uint64_t received = 0;
    ++here;
    std::vector<std::byte> message(crew().message_bytes);
    while (reader->position() < messages()) {
      if (!reader->receive(message)) {
        if (reader->corrupt()) fail();
        if (!wait_a_little()) return;
        continue;
      }
      ++received;
      ++received_;
      if (!test::is_message(message, reader->position() - 1)) fail();
      if (start + received + reader->missed() != reader->position()) fail();
      if (is_time(crew().drop_out_every, received)) {
        missed_ += reader->missed();
        const std::uint64_t before = reader->position();
        join(before % 2 == 0 ? BroadcastStart::oldest : BroadcastStart::newest);
        start = reader->position();
        received = 0;
      }
    }
    if (reader->position() != messages()) fail();
    missed_ += reader->missed();
  }

  std::atomic<std::uint64_t> received_ = 0;
  std::atomic<std::uint64_t> missed_ = 0;
};

TEST(BroadcastLossyStressTest, OneReaderThatMostlyKeepsUp) {
  LossyRun({.slots = 1024, .readers = 1, .pause_every = 256}).go();
}
TEST(BroadcastLossyStressTest, OneReaderIsLappedAllTheTime) {
  EXPECT_GT(LossyRun({.slots = 8, .readers = 1}).go(), 0U);
}
TEST(BroadcastLossyStressTest, TwoSlots) {
  LossyRun({.slots = 2, .readers = 1, .pause_every = 3}).go();
}
TEST(BroadcastLossyStressTest, LongMessagesAreNotTorn) {
  EXPECT_GT(LossyRun({.slots = 2, .readers = 1, .message_bytes = 4096, .pause_every = 7}).go(), 0U);
}
TEST(BroadcastLossyStressTest, FourReaders) {
  LossyRun({.slots = 64, .readers = 4, .pause_every = 32}).go();
}
TEST(BroadcastLossyStressTest, WritersThatDieInTheMiddleOfAMessage) {
  LossyRun({.slots = 64, .readers = 2, .pause_every = 32, .replace_every = 50}).go();
}
TEST(BroadcastLossyStressTest, ReadersThatJoinAllTheTime) {
  LossyRun({.slots = 64, .readers = 3, .pause_every = 32, .drop_out_every = 20}).go();
}

// --- lossless ------------------------------------------------------------------------------------

// Readers that drop out leave, or die: then the writer that waits for them evicts them.
class LosslessRun : public Run {
 public:
  explicit LosslessRun(const Crew& crew) : Run(crew, 200'000) {}

  void go() {
    Run::go([this] { write(); },
            [this](std::size_t i, std::atomic<std::size_t>& here) { read(i, here); });
    EXPECT_EQ(received_ > 0, messages() > 0);
    if (crew().drop_out_every == 0) {
      EXPECT_EQ(received_, crew().readers * messages());
    }
  }

 private:
  [[nodiscard]] auto dead() {
    return [this](ParticipantId id) { return dead_[id].load(std::memory_order_acquire); };
  }

  void write() {
    Lossless::Writer writer(storage().memory());
    while (writer.position() < messages()) {
      if (is_time(crew().pause_every, writer.position())) pause();
      const std::span<std::byte> room = writer.claim();
      if (room.empty()) {
        if (writer.corrupt()) fail();
        if (!wait_a_little()) return;
        (void)writer.evict(dead());
        continue;
      }
      if (is_time(crew().replace_every, writer.position() + replaced_)) {
        test::write_message(room, ~writer.position());
        writer = Lossless::Writer(storage().memory());
        ++replaced_;
        continue;
      }
      test::write_message(room, writer.position());
      writer.commit();
    }
  }

  // Nothing: there was no time left.
  [[nodiscard]] std::optional<Lossless::Reader> join(BroadcastStart start) {
    const auto id = static_cast<ParticipantId>(next_id_.fetch_add(1));
    while (true) {
      std::optional<Lossless::Reader> reader =
          Lossless::Reader::join(storage().memory(), id, start);
      if (reader || !wait_a_little()) return reader;
      (void)Lossless::evict(storage().memory(), dead());
    }
  }

  void read(std::size_t /*self*/, std::atomic<std::size_t>& here) {
    std::optional<Lossless::Reader> reader = join(BroadcastStart::oldest);
    ++here;
    std::uint64_t received = 0;
    while (reader && reader->position() < messages()) {
      const std::span<const std::byte> message = reader->peek();
      if (message.empty()) {
        if (reader->corrupt() || reader->evicted()) fail();
        if (!wait_a_little()) return;
        continue;
      }
      if (!test::is_message(message, reader->position())) fail();
      ++received_;
      if (is_time(crew().drop_out_every, ++received)) {
        const bool dies = received % 2 == 0 || crew().drop_out_every % 2 == 0;
        drop_out(reader, dies);
        reader = join(received % 3 == 0 ? BroadcastStart::oldest : BroadcastStart::newest);
      } else {
        reader->release();
      }
    }
  }

  // A dead one's cell stays as it is: its handle is kept, and never used again.
  void drop_out(std::optional<Lossless::Reader>& reader, bool dies) {
    if (!dies) return reader.reset();
    const ParticipantId id = reader->id();
    new (&graves_[id]) Lossless::Reader(std::move(*reader));
    dead_[id].store(true, std::memory_order_release);
  }

  struct Grave {  // never destroyed as a reader
    alignas(Lossless::Reader) std::array<std::byte, sizeof(Lossless::Reader)> bytes;
  };

  std::atomic<std::uint64_t> received_ = 0;
  std::atomic<std::uint32_t> next_id_ = 1;
  std::uint64_t replaced_ = 0;
  std::vector<std::atomic<bool>> dead_ = std::vector<std::atomic<bool>>(UINT16_MAX + 1);
  std::vector<Grave> graves_ = std::vector<Grave>(UINT16_MAX + 1);
};

TEST(BroadcastLosslessStressTest, OneReader) { LosslessRun({.slots = 64, .readers = 1}).go(); }
TEST(BroadcastLosslessStressTest, TwoSlots) { LosslessRun({.slots = 2, .readers = 1}).go(); }
TEST(BroadcastLosslessStressTest, FourReaders) { LosslessRun({.slots = 64, .readers = 4}).go(); }
TEST(BroadcastLosslessStressTest, WritersThatAreReplaced) {
  LosslessRun({.slots = 16, .readers = 2, .replace_every = 50}).go();
}
TEST(BroadcastLosslessStressTest, ReadersThatLeaveDieAndJoin) {
  LosslessRun({.slots = 16, .readers = 3, .drop_out_every = 101}).go();
}
TEST(BroadcastLosslessStressTest, ReadersThatDieAndJoinAPausingWriter) {
  LosslessRun({.slots = 64, .readers = 3, .pause_every = 20, .drop_out_every = 100}).go();
}

}  // namespace
}  // namespace ringbell::core
