// State by one thread: the newest value, numbers, keys, sizes, looks in place, a reader that is
// overtaken at each step, a writer that dies in the middle of a value, and nonsense in shared
// words.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/state.hpp>

#include <tests/support/message.hpp>
#include <tests/support/state_memory.hpp>
#include <tests/support/watched_atomics.hpp>

namespace ringbell::core {
namespace {

constexpr std::uint32_t kBytes = 21;  // its last word is half a word

std::vector<std::byte> value_of(std::uint64_t number, std::size_t bytes = kBytes) {
  std::vector<std::byte> value(bytes);
  test::write_message(value, number);
  return value;
}

class StateTest : public testing::Test {
 protected:
  void set(std::uint64_t number, std::uint32_t key = 0) {
    ASSERT_TRUE(writer_.set(key, value_of(number)));
  }
  template <class Reader>
  static void expect(Reader& reader, std::uint64_t number, std::uint32_t key = 0) {
    std::vector<std::byte> into(kBytes);
    const auto copied = reader.get(key, into);
    ASSERT_TRUE(copied) << number;
    EXPECT_EQ(copied->size_bytes, kBytes);
    EXPECT_TRUE(test::is_message(into, number)) << number;
  }

  test::PlainStateMemory storage_{kBytes, 3, 2};
  State<>::Writer writer_{storage_.memory<std::byte>()};
  State<>::Reader reader_{storage_.memory<const std::byte>()};
};

TEST_F(StateTest, ReaderGetsTheNewestAndNothingOlder) {
  std::vector<std::byte> into(kBytes);
  EXPECT_FALSE(reader_.get(0, into)) << "none yet";
  EXPECT_EQ(reader_.number(0), 0U);
  for (std::uint64_t number = 1; number < 50; ++number) {
    set(number);
    EXPECT_EQ(reader_.number(0), number);
    if (number % 3 != 0) continue;
    expect(reader_, number);
    expect(reader_, number);  // again, while nothing changes
  }
  EXPECT_FALSE(reader_.corrupt() || writer_.corrupt());
}

TEST_F(StateTest, KeysHaveNothingToDoWithEachOther) {
  set(1, 0);
  set(7, 2);
  set(8, 2);
  std::vector<std::byte> into(kBytes);
  EXPECT_FALSE(reader_.get(1, into));
  expect(reader_, 1, 0);
  expect(reader_, 8, 2);
  EXPECT_EQ(writer_.number(0), 1U);
  EXPECT_EQ(writer_.number(2), 2U);
}

TEST_F(StateTest, ValuesOfEverySizeComeWithTheirSize) {
  std::vector<std::byte> into(kBytes);
  for (std::size_t bytes = 0; bytes <= kBytes; ++bytes) {
    ASSERT_TRUE(writer_.set(0, value_of(bytes, bytes)));
    const auto copied = reader_.get(0, into);
    ASSERT_TRUE(copied);
    ASSERT_EQ(copied->size_bytes, bytes);
    EXPECT_TRUE(test::is_message(std::span(into).first(bytes), bytes));
  }
}

TEST_F(StateTest, NothingIsSeenBeforeCommitNorAfterAnAbort) {
  set(1);
  std::span<std::byte> room = writer_.claim(0);
  ASSERT_EQ(room.size(), kBytes);
  test::write_message(room, 2);
  expect(reader_, 1);
  writer_.abort();
  expect(reader_, 1);
  room = writer_.claim(0);
  test::write_message(room, 3);
  writer_.commit(kBytes);
  expect(reader_, 3);
  EXPECT_EQ(writer_.number(0), 2U);
}

TEST_F(StateTest, WhatIsLookedAtStaysHoweverOftenTheValueIsSet) {
  std::vector<State<>::Reader> lookers;
  lookers.emplace_back(storage_.memory<const std::byte>(), 1);
  lookers.emplace_back(storage_.memory<const std::byte>(), 2);
  EXPECT_FALSE(lookers[0].look(0)) << "none yet";
  EXPECT_FALSE(lookers[0].release());
  set(1);
  const auto first = lookers[0].look(0);
  ASSERT_TRUE(first);
  set(2);
  const auto second = lookers[1].look(0);
  ASSERT_TRUE(second);
  for (std::uint64_t number = 3; number < 60; ++number) set(number);
  EXPECT_TRUE(test::is_message(*first, 1));
  EXPECT_TRUE(test::is_message(*second, 2));
  EXPECT_EQ(lookers[0].looks_at(), 1U);
  expect(reader_, 59);
  EXPECT_TRUE(lookers[0].release());
  EXPECT_FALSE(lookers[0].release()) << "nothing is looked at";
  EXPECT_EQ(storage_.pin(1), 0U);
  EXPECT_TRUE(test::is_message(*lookers[1].look(0), 59)) << "the next look releases";
  EXPECT_TRUE(lookers[1].release());
}

TEST_F(StateTest, LookIsOfOneKeyAndPinsNoOther) {
  State<>::Reader looker(storage_.memory<const std::byte>(), 1);
  set(1, 0);
  set(1, 1);
  ASSERT_TRUE(looker.look(1));
  // Of key 0 every buffer is used in turn.
  std::vector<bool> used(storage_.buffers());
  for (std::uint32_t number = 2; number < 20; ++number) {
    set(number, 0);
    used[StateVersion(storage_.newest(0)).buffer()] = true;
  }
  EXPECT_EQ(std::count(used.begin(), used.end(), true), storage_.buffers());
  EXPECT_TRUE(looker.release());
}

TEST_F(StateTest, PinOfADeadReaderIsGoneWithTheNextOfItsNumber) {
  set(1);
  storage_.pin(1) = pin_of(0, StateVersion(storage_.newest()).buffer());
  State<>::Reader next(storage_.memory<const std::byte>(), 1);
  EXPECT_EQ(storage_.pin(1), 0U);
  storage_.pin(2) = ~std::uint64_t{0};
  for (std::uint64_t number = 2; number < 20; ++number) set(number);  // nonsense pins nothing
  EXPECT_FALSE(writer_.corrupt());
}

TEST_F(StateTest, ReaderThatForgetsLeavesItsPin) {
  set(1);
  const std::uint64_t newest = storage_.newest();
  {
    State<>::Reader looker(storage_.memory<const std::byte>(), 1);
    ASSERT_TRUE(looker.look(0));
    looker.forget();
  }
  EXPECT_EQ(storage_.pin(1), pin_of(0, StateVersion(newest).buffer()));
}

TEST_F(StateTest, NextWriterGoesOnWithTheNumbers) {
  set(1);
  set(2);
  (void)writer_.claim(0);  // and dies
  State<>::Writer next(storage_.memory<std::byte>());
  EXPECT_EQ(next.number(0), 2U);
  expect(reader_, 2);
  ASSERT_TRUE(next.set(0, value_of(3)));
  expect(reader_, 3);
  EXPECT_EQ(reader_.number(0), 3U);
}

// The writer sets more values than there are buffers, before each operation of the reader in turn.
TEST_F(StateTest, ReaderThatIsOvertakenAtAnyStepGetsAWholeValueOrNone) {
  using Watched = test::WatchedAtomics;
  set(1);
  std::uint64_t number = 1;
  for (std::uint64_t step = 1; step < 40; ++step) {
    State<Watched>::Reader reader(storage_.memory<const std::byte>());
    std::uint64_t operations = 0;
    Watched::watch().before = [&] {
      if (++operations != step) return;
      for (std::uint32_t i = 0; i < 2 * storage_.buffers(); ++i) set(++number);
    };
    std::vector<std::byte> into(kBytes);
    const auto copied = reader.get(0, into);
    Watched::watch() = {};
    ASSERT_TRUE(copied) << "it has more than one try";
    EXPECT_TRUE(test::is_message(into, copied->number)) << step;
  }
}

TEST_F(StateTest, ReaderThatIsAlwaysOvertakenGivesUp) {
  using Watched = test::WatchedAtomics;
  set(1);
  std::uint64_t number = 1;
  Watched::watch().before = [&] {
    for (std::uint32_t i = 0; i < storage_.buffers(); ++i) set(++number);
  };
  State<Watched>::Reader reader(storage_.memory<const std::byte>(), 1);
  std::vector<std::byte> into(kBytes);
  const auto copied = reader.get(0, into);
  const auto seen = reader.look(0);
  Watched::watch() = {};
  EXPECT_FALSE(copied);
  EXPECT_FALSE(seen);
  EXPECT_EQ(storage_.pin(1), 0U) << "nothing stays pinned";
  EXPECT_FALSE(reader.corrupt());
  expect(reader, number);
}

// To a look the writer never pauses: it sets a value before each of the look's operations.
TEST_F(StateTest, LookNeedsNoPauseOfTheWriter) {
  using Watched = test::WatchedAtomics;
  set(1);
  std::uint64_t number = 1;
  State<Watched>::Reader looker(storage_.memory<const std::byte>(), 1);
  for (int looks = 0; looks < 100; ++looks) {
    Watched::watch().before = [&] { set(++number); };
    std::optional<std::span<const std::byte>> seen;
    const std::uint64_t before = number;
    const std::uint64_t operations = test::operations_of([&] { seen = looker.look(0); });
    Watched::watch() = {};
    ASSERT_TRUE(seen);
    EXPECT_LE(operations, 10U) << "the first try finds it";
    EXPECT_GT(looker.looks_at(), before);
    for (std::uint32_t i = 0; i < 2 * storage_.buffers(); ++i) set(++number);
    EXPECT_TRUE(test::is_message(*seen, looker.looks_at()));
    if (looks % 2 == 0) {
      EXPECT_TRUE(looker.release());
    }
  }
}

// A reader that was slow stores its pin before each operation of the writer in turn, of a buffer in
// which the writer would write next. It shows the value if it finds no mark.
TEST(StatePinsTest, PinThatComesBeforeTheMarkIsKeptAndOneAfterItShowsNothing) {
  using Watched = test::WatchedAtomics;
  constexpr std::uint32_t kNext = 1;
  int shown = 0;
  int refused = 0;
  for (std::uint64_t step = 1; step < 40; ++step) {
    const test::PlainStateMemory storage(kBytes, 1, 2);
    State<Watched>::Writer writer(storage.memory<std::byte>());
    std::uint64_t number = 0;
    while (number < storage.buffers()) ASSERT_TRUE(writer.set(0, value_of(++number)));
    const std::uint64_t version = storage.buffer(0, kNext).version;
    ASSERT_EQ(version, StateVersion(1, kNext).word());
    std::uint64_t operations = 0;
    bool is_shown = false;
    Watched::watch().before = [&] {
      if (++operations != step) return;
      storage.pin(1) = pin_of(0, kNext);
      is_shown = storage.buffer(0, kNext).version == version;
      ++(is_shown ? shown : refused);
    };
    ASSERT_TRUE(writer.set(0, value_of(++number)));
    Watched::watch() = {};
    EXPECT_EQ(writer.number(0), number);
    if (!is_shown) continue;
    EXPECT_NE(StateVersion(storage.newest()).buffer(), kNext) << step;
    EXPECT_EQ(StateVersion(storage.buffer(0, kNext).version).unmarked().word(), version) << step;
  }
  EXPECT_GT(shown, 0);
  EXPECT_GT(refused, 0);
}

// A mark is pinned as soon as it is there, by two readers in turn: as many as there are.
TEST(StatePinsTest, WriterFindsABufferHoweverItsReadersMoveTheirPins) {
  using Watched = test::WatchedAtomics;
  const test::PlainStateMemory storage(kBytes, 1, 2);
  State<Watched>::Writer writer(storage.memory<std::byte>());
  ASSERT_TRUE(writer.set(0, value_of(1)));
  std::vector<std::uint32_t> marked;
  Watched::watch().before = [&] {
    for (std::uint32_t buffer = 0; buffer < storage.buffers(); ++buffer) {
      const StateVersion version(storage.buffer(0, buffer).version);
      if (version.word() == version.unmarked().word()) continue;
      if (std::find(marked.begin(), marked.end(), buffer) != marked.end()) continue;
      marked.push_back(buffer);
      storage.pin(marked.size() % 2 == 0 ? 1 : 2) = pin_of(0, buffer);
    }
  };
  const std::uint64_t operations = test::operations_of([&] { (void)writer.set(0, value_of(2)); });
  Watched::watch() = {};
  EXPECT_LE(operations, 60U);
  EXPECT_EQ(marked.size(), storage.buffers() - 1) << "all but the newest";
  EXPECT_EQ(writer.number(0), 2U);
  const std::uint64_t pin = pin_of(0, StateVersion(storage.newest()).buffer());
  EXPECT_TRUE(storage.pin(1) != pin && storage.pin(2) != pin);
  State<>::Reader reader(storage.memory<const std::byte>());
  std::vector<std::byte> into(kBytes);
  ASSERT_TRUE(reader.get(0, into));
  EXPECT_TRUE(test::is_message(into, 2));
}

TEST_F(StateTest, BufferThatIsMarkedIsPinnedNoMoreAndCopiedStill) {
  State<>::Reader looker(storage_.memory<const std::byte>(), 1);
  set(1);
  std::uint64_t& version = storage_.buffer(0, StateVersion(storage_.newest()).buffer()).version;
  version = StateVersion(version).marked().word();  // as if it had been the newest until now
  EXPECT_FALSE(looker.look(0));
  EXPECT_EQ(storage_.pin(1), 0U);
  EXPECT_FALSE(looker.corrupt());
  expect(reader_, 1);
}

TEST_F(StateTest, ValueThatIsMarkedUnderALookIsWhole) {
  State<>::Reader looker(storage_.memory<const std::byte>(), 1);
  set(1);
  ASSERT_TRUE(looker.look(0));
  const std::uint64_t& version =
      storage_.buffer(0, StateVersion(storage_.newest()).buffer()).version;
  for (std::uint64_t number = 2; version == StateVersion(version).unmarked().word(); ++number) {
    ASSERT_LT(number, 20U) << "the writer never came to it";
    set(number);
  }
  EXPECT_TRUE(looker.release());
}

TEST_F(StateTest, ValueThatIsOverwrittenUnderALookIsToldOf) {
  State<>::Reader looker(storage_.memory<const std::byte>(), 1);
  set(1);
  ASSERT_TRUE(looker.look(0));
  storage_.pin(1) = 0;  // a hostile peer
  for (std::uint64_t number = 2; number < 20; ++number) set(number);
  EXPECT_FALSE(looker.release());
}

TEST_F(StateTest, NonsenseIsFoundAndSelectsNothing) {
  set(1);
  std::vector<std::byte> into(kBytes);
  const std::uint64_t good = storage_.newest();
  for (const std::uint64_t bad :
       {std::uint64_t{3}, good + storage_.buffers(), std::uint64_t{0xffff} | good,
        ~std::uint64_t{0}, kMaxStateNumber << 16U}) {
    storage_.newest() = bad;
    State<>::Reader reader(storage_.memory<const std::byte>(), 1);
    EXPECT_FALSE(reader.get(0, into)) << bad;
    EXPECT_TRUE(reader.corrupt()) << bad;
    EXPECT_EQ(reader.finding().value, bad);
    EXPECT_FALSE(reader.look(0));
    State<>::Writer next(storage_.memory<std::byte>());
    EXPECT_TRUE(next.corrupt());
    EXPECT_FALSE(next.set(0, value_of(2)));
  }
  storage_.newest() = good;
  storage_.buffer(0, StateVersion(good).buffer()).size_bytes = kBytes + 1;
  EXPECT_FALSE(reader_.get(0, into));
  EXPECT_TRUE(reader_.corrupt());
  State<>::Reader looker(storage_.memory<const std::byte>(), 1);
  EXPECT_FALSE(looker.look(0));
  EXPECT_TRUE(looker.corrupt());
  EXPECT_EQ(storage_.pin(1), 0U);
}

TEST_F(StateTest, WriterTakesAsManyStepsHoweverOftenItsReadersLook) {
  using Watched = test::WatchedAtomics;
  State<Watched>::Writer writer(storage_.memory<std::byte>());
  const std::uint64_t usual = test::operations_of([&] { (void)writer.set(0, value_of(1)); });
  State<>::Reader looker(storage_.memory<const std::byte>(), 1);
  Watched::watch().before = [&] { (void)looker.look(0); };
  const std::uint64_t busy = test::operations_of([&] { (void)writer.set(0, value_of(2)); });
  Watched::watch() = {};
  EXPECT_EQ(busy, usual);
}

}  // namespace
}  // namespace ringbell::core
