// Types through rings. What may not travel does not compile: tests/compile_failure.
#include <array>
#include <string>

#include <gtest/gtest.h>

#include <ringbell/core/mpmc_ring.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/core/typed.hpp>

#include <tests/support/mpmc_memory.hpp>
#include <tests/support/ring_memory.hpp>

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
  EXPECT_TRUE(typed_reader<Longer>(reader).try_read(longer)) << "and it stays for who knows it";
}

}  // namespace
}  // namespace ringbell::core
