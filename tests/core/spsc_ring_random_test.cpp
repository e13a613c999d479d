// Any order of calls on the writing side against a plain model of what the reader must see.
// Payloads are full of words that would pass for headers where they stand, in this lap or in the
// next ones: one that comes to light shows up as a record that was never sent.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/spsc_ring.hpp>

#include <tests/support/ring_memory.hpp>
#include <tests/support/seed.hpp>

namespace ringbell::core {
namespace {

using Ring = SpscRing<>;

struct Message {
  std::uint64_t position;  // of the first word of the payload, as if a header stood there
  std::uint64_t lap_bytes;
  std::uint64_t salt;
  std::uint32_t size_bytes;
  std::uint64_t end;  // staged_position() behind it
};

// Headers of this lap and of the two that follow, of records that fit and of some that do not.
void fill(std::span<std::byte> payload, const Message& message) {
  std::uint64_t random = message.salt;
  for (std::size_t at = 0; at < payload.size(); at += sizeof(RecordHeader)) {
    random = test::mix(random);
    const std::uint64_t position = message.position + at + random % 3 * message.lap_bytes;
    const auto size = static_cast<std::uint32_t>(random % 5 == 0 ? random >> 8 : random >> 8 & 63);
    const RecordHeader word = SpscPlaces::header_of(position, size);
    std::memcpy(payload.data() + at, &word, std::min(sizeof word, payload.size() - at));
  }
}

bool is_filled(std::span<const std::byte> payload, const Message& message) {
  std::vector<std::byte> due(payload.size());
  fill(due, message);
  return std::equal(due.begin(), due.end(), payload.begin());
}

template <class Memory>
class SpscRingRandomTest : public ::testing::Test {
 protected:
  void claim() {
    // Mostly a few sizes, so that records often end where others did.
    const auto size =
        static_cast<std::uint32_t>(dice.roll(4) == 0 ? dice.roll(700) : 8 * dice.roll(7));
    const std::span<std::byte> room = writer.claim(size);
    claimed.reset();
    if (room.data() == nullptr) return;
    const SpscMemory memory = storage.memory();
    claimed = Message{.position = writer.staged_position() + memory.header_bytes(),
                      .lap_bytes = memory.capacity_bytes,
                      .salt = 1 + dice.roll(1000),
                      .size_bytes = size,
                      .end = 0};
    fill(room, *claimed);
  }

  void stage() {
    if (!claimed) return;
    if (dice.roll(3) == 0) {
      claimed->size_bytes = static_cast<std::uint32_t>(dice.roll(claimed->size_bytes + 1));
    }
    writer.stage(claimed->size_bytes);
    claimed->end = writer.staged_position();
    staged.push_back(*claimed);
    claimed.reset();
  }

  void flush() {
    writer.flush();
    visible.insert(visible.end(), staged.begin(), staged.end());
    staged.clear();
  }

  void flush_some() {
    if (staged.empty()) return;
    const std::size_t count = dice.roll(staged.size() + 1);
    writer.flush_to(count == 0 ? writer.tail() : staged[count - 1].end);
    for (std::size_t i = 0; i < count; ++i) {
      visible.push_back(staged.front());
      staged.pop_front();
    }
  }

  void abort() {
    writer.abort();
    staged.clear();
    claimed.reset();
  }

  void read(std::uint64_t at_most) {
    for (; at_most > 0; --at_most) {
      const std::span<const std::byte> record = reader.peek();
      ASSERT_FALSE(reader.corrupt());
      if (visible.empty()) {
        ASSERT_EQ(record.data(), nullptr) << record.size() << " bytes that were never sent";
        return;
      }
      ASSERT_EQ(record.size(), visible.front().size_bytes);
      ASSERT_NE(record.data(), nullptr);
      ASSERT_TRUE(is_filled(record, visible.front()));
      visible.pop_front();
      reader.release();
    }
  }

  // A writer dies, whatever it was about, and the next one comes.
  void succeed() {
    writer = Ring::Writer(storage.memory());
    ASSERT_FALSE(writer.corrupt());
    ASSERT_EQ(writer.tail(), visible.empty() ? reader.position() : visible.back().end);
    staged.clear();
    claimed.reset();
  }

  void step() {
    switch (dice.roll(8)) {
      case 0:
      case 1:
        return claim();
      case 2:
      case 3:
        return stage();
      case 4:
        return flush();
      case 5:
        return flush_some();
      case 6:
        return dice.roll(3) == 0 ? abort() : dice.roll(8) == 0 ? succeed() : claim();
      default:
        return read(dice.roll(4) == 0 ? 100 : dice.roll(4));
    }
  }

  Memory storage;
  Ring::Writer writer{storage.memory()};
  Ring::Reader reader{storage.memory()};
  test::Dice dice{test::seed()};
  std::optional<Message> claimed;
  std::deque<Message> staged;
  std::deque<Message> visible;
};

TYPED_TEST_SUITE(SpscRingRandomTest, test::EveryMemory);

TYPED_TEST(SpscRingRandomTest, ReaderSeesWhatTheModelSaysWhateverTheWriterDoes) {
  const test::PrintedSeed seed;
  for (int i = 0; i < 100'000; ++i) {
    this->step();
    if (this->HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ringbell::core
