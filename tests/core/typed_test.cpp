// Types through rings. What may not travel does not compile: tests/compile_failure.
#include <array>
#include <string>

#include <gtest/gtest.h>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/fan_in.hpp>
#include <ringbell/core/many_lossless.hpp>
#include <ringbell/core/many_lossy.hpp>
#include <ringbell/core/mpmc_ring.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/core/typed.hpp>

#include <tests/support/broadcast_memory.hpp>
#include <tests/support/fan_in_memory.hpp>
#include <tests/support/many_memory.hpp>
#include <tests/support/mpmc_memory.hpp>
#include <tests/support/ring_memory.hpp>
#include <tests/support/watched_atomics.hpp>

namespace ringbell::core {
namespace {

struct Quote {
  std::uint64_t number;
  double price;
  std::array<char, 8> symbol;
  friend bool operator==(const Quote&, const Quote&) = default;
};
struct Longer {
  Quote quote;
  std::uint64_t more;
};

static_assert(Message<Quote> && Message<int> && Message<std::array<char, 3>>);
static_assert(!Message<std::string> && !Message<int*> && !Message<int&> && !Message<void()>);
static_assert(!Message<int Quote::*>);
struct alignas(64) Wide {
  int number;
};
static_assert(!Message<Wide>, "a record is aligned to 8 bytes");

constexpr Quote kQuote{7, 1.25, {'a', 'b', 'c'}};

using Lossy = BroadcastLossy<>;
static_assert(MessageWriter<SpscRing<>::Writer> && MessageWriter<MpmcRing<>::Writer>);
static_assert(MessageWriter<Lossy::Writer> && MessageWriter<FanIn<>::Writer>);
static_assert(MessageReader<SpscRing<>::Reader> && MessageReader<MpmcRing<>::Reader>);
static_assert(MessageReader<Lossy::Reader> && MessageReader<FanIn<>::Reader>);
static_assert(!MessageWriter<SpscRing<>::Reader> && !MessageReader<SpscRing<>::Writer>);
static_assert(!MessageWriter<Lossy::Reader> && !MessageReader<Lossy::Writer>);

TEST(TypedTest, TypeGoesThroughAnSpscRing) {
  const test::PlainMemory<8> storage;
  SpscRing<>::Writer writer(storage.memory());
  SpscRing<>::Reader reader(storage.memory());
  auto quotes = typed_writer<Quote>(writer);
  auto received = typed_reader<Quote>(reader);
  Quote quote{};
  EXPECT_FALSE(received.try_read(quote));
  EXPECT_FALSE(received.wrong_size());
  ASSERT_TRUE(quotes.try_write(kQuote));
  ASSERT_TRUE(received.try_read(quote));
  EXPECT_EQ(quote, kQuote);
  int sent = 0;
  while (quotes.try_write(kQuote)) ++sent;
  EXPECT_GT(sent, 0);
  while (received.try_read(quote)) --sent;
  EXPECT_EQ(sent, 0);
}

TEST(TypedTest, TypeGoesThroughAnMpmcRing) {
  const test::PlainMpmcMemory storage(4, sizeof(Quote));
  MpmcRing<>::Writer writer(storage.memory(), 1);
  MpmcRing<>::Reader reader(storage.memory(), 2);
  auto quotes = typed_writer<Quote>(writer);
  auto received = typed_reader<Quote>(reader);
  for (int lap = 0; lap < 20; ++lap) {
    ASSERT_TRUE(quotes.try_write(kQuote));
    Quote quote{};
    ASSERT_TRUE(received.try_read(quote));
    EXPECT_EQ(quote, kQuote);
    EXPECT_FALSE(received.try_read(quote));
  }
}

// By two writers, laps of the ring long.
template <class Writer, class Reader>
void expect_in_turn(Writer& first, Writer& second, Reader& reader) {
  auto received = typed_reader<Quote>(reader);
  for (int lap = 0; lap < 20; ++lap) {
    ASSERT_TRUE(typed_writer<Quote>(lap % 3 == 0 ? first : second).try_write(kQuote));
    Quote quote{};
    ASSERT_TRUE(received.try_read(quote));
    EXPECT_EQ(quote, kQuote);
    EXPECT_FALSE(received.try_read(quote));
  }
}

TEST(TypedTest, TypeGoesThroughARingOfManyWriters) {
  const test::PlainManyMemory storage(4, sizeof(Quote));
  ManyLossless<>::Writer first(storage.memory(), 1);
  ManyLossless<>::Writer second(storage.memory(), 2);
  auto reader = *ManyLossless<>::Reader::join(storage.memory(), 3);
  ASSERT_NO_FATAL_FAILURE(expect_in_turn(first, second, reader));
}

TEST(TypedTest, TypeGoesThroughALossyRingOfManyWriters) {
  const test::PlainManyMemory storage(4, sizeof(Quote));
  const MpmcMemory memory = storage.memory().claims();
  ManyLossy<>::Writer first(memory, 1);
  ManyLossy<>::Writer second(memory, 2);
  ManyLossy<>::Reader reader(view_of(memory));
  ASSERT_NO_FATAL_FAILURE(expect_in_turn(first, second, reader));
  ASSERT_EQ(first.claim(1), 1U);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(typed_writer<Quote>(second).try_write(kQuote));
  EXPECT_FALSE(typed_writer<Quote>(second).try_write(kQuote)) << "the other has held it for a lap";
}

// It is taken for dead between any two steps of its call.
TEST(TypedTest, MessageThatWentToAnotherReaderIsNotSeen) {
  using Watched = test::WatchedAtomics;
  const test::PlainMpmcMemory storage(4, sizeof(Quote));
  MpmcRing<>::Writer writer(storage.memory(), 1);
  MpmcRing<Watched>::Reader reader(storage.memory(), 2);
  MpmcRing<>::Reader other(storage.memory(), 3);
  ASSERT_TRUE(typed_writer<Quote>(writer).try_write(kQuote));
  Watched::watch().before = [&] { (void)writer.recover([](auto id) { return id == 2; }); };
  Quote quote{};
  EXPECT_FALSE(typed_reader<Quote>(reader).try_read(quote));
  Watched::watch() = {};
  EXPECT_EQ(quote, Quote{});
  EXPECT_TRUE(typed_reader<Quote>(other).try_read(quote));
  EXPECT_EQ(quote, kQuote);
}

TEST(TypedTest, TypeGoesThroughALossyRing) {
  const test::PlainBroadcastMemory storage(8, sizeof(Quote));
  Lossy::Writer writer(storage.slots<std::byte>());
  Lossy::Reader reader(storage.slots<const std::byte>());
  auto quotes = typed_writer<Quote>(writer);
  auto received = typed_reader<Quote>(reader);
  Quote quote = kQuote;
  EXPECT_FALSE(received.try_read(quote));
  for (std::uint64_t number = 0; number < 100; ++number) {
    ASSERT_TRUE(quotes.try_write({number, 1.25, {}})) << "there is always room";
  }
  ASSERT_TRUE(received.try_read(quote));
  EXPECT_EQ(quote.number, reader.missed());
  EXPECT_EQ(quote.number, 100U - 8U + 1U);
  EXPECT_FALSE(received.wrong_size());
}

TEST(TypedTest, NothingIsWrittenToALossyRingThatIsCorrupt) {
  const test::PlainBroadcastMemory storage(8, sizeof(Quote));
  storage.sequence(0) = holding_sequence(3);
  Lossy::Writer writer(storage.slots<std::byte>());
  EXPECT_FALSE(typed_writer<Quote>(writer).try_write(kQuote));
}

// The writer laps its reader whenever that has copied a message, before the second look.
struct LapsTheReader : HardwareAtomics {
  static inline const test::PlainBroadcastMemory* storage = nullptr;
  static void fence(std::memory_order order, Edge edge) noexcept {
    if (order == std::memory_order_acquire) {
      for (std::uint64_t slot = 0; slot < 8; ++slot) storage->sequence(slot) += 2 * 8;
    }
    HardwareAtomics::fence(order, edge);
  }
};

TEST(TypedTest, MessageThatWasTornIsNotSeen) {
  const test::PlainBroadcastMemory storage(8, sizeof(Quote));
  Lossy::Writer writer(storage.slots<std::byte>());
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(typed_writer<Quote>(writer).try_write(kQuote));
  LapsTheReader::storage = &storage;
  BroadcastLossy<LapsTheReader>::Reader reader(storage.slots<const std::byte>());
  Quote quote{};
  EXPECT_FALSE(typed_reader<Quote>(reader).try_read(quote));
  EXPECT_EQ(quote, Quote{});
  EXPECT_GT(reader.missed(), 0U);
}

TEST(TypedTest, TypeGoesThroughALosslessRing) {
  const test::PlainBroadcastMemory storage(8, sizeof(Longer), 2);
  BroadcastLossless<>::Writer writer(storage.memory());
  auto first = *BroadcastLossless<>::Reader::join(storage.memory(), 1);
  auto second = *BroadcastLossless<>::Reader::join(storage.memory(), 2);
  auto quotes = typed_writer<Quote>(writer);  // the slots are longer than a Quote
  int sent = 0;
  while (quotes.try_write(kQuote)) ++sent;
  EXPECT_EQ(sent, 8);
  for (auto* const reader : {&first, &second}) {
    auto received = typed_reader<Quote>(*reader);
    Quote quote{};
    for (int i = 0; i < sent; ++i) {
      ASSERT_TRUE(received.try_read(quote));
      EXPECT_EQ(quote, kQuote);
    }
    EXPECT_FALSE(received.try_read(quote));
    EXPECT_FALSE(received.wrong_size());
  }
}

TEST(TypedTest, TypeGoesThroughAFanIn) {
  test::FanInStorage storage(2, 4096);
  FanIn<>::Reader reader = storage.reader();
  FanIn<>::Writer first(storage.memory(), 0);
  FanIn<>::Writer second(storage.memory(), 1);
  auto received = typed_reader<Quote>(reader);
  Quote quote{};
  EXPECT_FALSE(received.try_read(quote));
  ASSERT_TRUE(typed_writer<Quote>(first).try_write({0, 1.25, {}}));
  ASSERT_TRUE(typed_writer<Quote>(second).try_write({1, 1.25, {}}));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(received.try_read(quote));
    EXPECT_EQ(quote.number, reader.lane());
  }
  EXPECT_FALSE(received.try_read(quote));
}

TEST(TypedTest, RecordThatIsNoTWaitsInAFanInUntilItIsReleased) {
  test::FanInStorage storage(2, 4096);
  FanIn<>::Reader reader = storage.reader();
  FanIn<>::Writer stranger(storage.memory(), 0);
  FanIn<>::Writer writer(storage.memory(), 1);
  ASSERT_TRUE(typed_writer<Longer>(stranger).try_write({kQuote, 1}));
  ASSERT_TRUE(typed_writer<Quote>(writer).try_write(kQuote));
  auto received = typed_reader<Quote>(reader);
  Quote quote{};
  ASSERT_FALSE(received.try_read(quote));
  ASSERT_FALSE(received.try_read(quote)) << "still there";
  ASSERT_TRUE(received.wrong_size());
  EXPECT_EQ(reader.lane(), 0U);
  reader.release();
  ASSERT_TRUE(received.try_read(quote));
  EXPECT_EQ(quote, kQuote);
  EXPECT_FALSE(received.wrong_size());
}

TEST(TypedTest, RecordOfAnotherSizeIsNotTakenForTheType) {
  const test::PlainMemory<8> storage;
  SpscRing<>::Writer writer(storage.memory());
  SpscRing<>::Reader reader(storage.memory());
  ASSERT_TRUE(typed_writer<Longer>(writer).try_write({kQuote, 1}));
  auto received = typed_reader<Quote>(reader);
  Quote quote{};
  EXPECT_FALSE(received.try_read(quote));
  EXPECT_TRUE(received.wrong_size());
  Longer longer{};
  EXPECT_TRUE(typed_reader<Longer>(reader).try_read(longer)) << "and it stays in the ring";
}

}  // namespace
}  // namespace ringbell::core
