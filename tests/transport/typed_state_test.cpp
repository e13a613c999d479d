// The typed ends of a state: a value, values in place, and values by key.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Quote {
  std::uint64_t number;
  double price;
  friend bool operator==(const Quote&, const Quote&) = default;
};

class TypedStateTest : public ::testing::Test {
 protected:
  test::TemporaryNameFolder folder_;
};

struct Config {
  std::uint32_t level;
  Text<20> name;
};

TEST_F(TypedStateTest, StateHasTheNewestValueOfItsType) {
  auto writer = typed::StateWriter<Config>::create("config", {.readers_in_place = 1}).value();
  auto reader = typed::StateReader<Config>::open("config").value();
  EXPECT_EQ(reader.get().value(), std::nullopt);
  EXPECT_TRUE(writer.set({.level = 1, .name = "one"}));
  EXPECT_TRUE(reader.changed());
  EXPECT_EQ(reader.get().value()->name, "one");
  EXPECT_EQ(reader.wait_changed(0ns).value(), false);
  {
    auto loan = writer.loan();
    ASSERT_TRUE(loan);
    EXPECT_FALSE(writer.loan());
    *loan = {.level = 2, .name = "two"};
    EXPECT_TRUE(loan.send());
  }
  writer.loan()->level = 9;  // dropped
  {
    const auto seen = reader.look();
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->level, 2U);
    EXPECT_FALSE(reader.look());
  }
  EXPECT_TRUE(reader.look());
  EXPECT_NE(writer.loan(1).error(), nullptr) << "there is no such key";
  const auto other = typed::StateReader<Quote>::open("config", 0ns);
  ASSERT_FALSE(other);
  EXPECT_EQ(code_of(other), ErrorCode::other_ring);
  EXPECT_THAT(message_of(other),
              AllOf(HasSubstr("ringbell::Config"), HasSubstr("not ringbell::Quote")));
}

TEST_F(TypedStateTest, ValueOfAnotherSizeIsRefusedAndGivenBack) {
  const StateOptions options = typed::StateWriter<Quote>::fitted({.readers_in_place = 1});
  auto writer = ringbell::StateWriter::create("quote", options).value();
  auto reader = typed::StateReader<Quote>::open("quote").value();
  const std::array<std::byte, sizeof(Quote)> bytes{};
  EXPECT_TRUE(writer.set(std::span(bytes).first(12)));
  const auto copied = reader.get();
  ASSERT_FALSE(copied);
  EXPECT_EQ(code_of(copied), ErrorCode::corrupt);
  EXPECT_THAT(message_of(copied), HasSubstr("12 bytes"));
  EXPECT_EQ(reader.look().error()->code, ErrorCode::corrupt);
  EXPECT_FALSE(reader.bytes().release()) << "it was given back";
  EXPECT_TRUE(writer.set(bytes));
  EXPECT_EQ(reader.get().value(), Quote{});
  EXPECT_TRUE(reader.look());
}

TEST(TypedStatesTest, StateWithOtherRoomThanItsTypeIsCorrupt) {
  State state = State::create({.value_bytes = 32, .type = type_of<Quote>()}).value();
  auto reader = typed::StateReader<Quote>::open(State::attach(state.fds()).value()).value();
  EXPECT_EQ(code_of(reader.get()), ErrorCode::corrupt);
}

TEST(TypedStatesTest, ValuesOfAnyNumberAreASpan) {
  State state =
      State::create({.value_bytes = 16, .readers_in_place = 1, .type = type_of<float[]>()}).value();
  auto reader = typed::StateReader<float[]>::open(State::attach(state.fds()).value()).value();
  auto writer = typed::StateWriter<float[]>::open(std::move(state)).value();
  EXPECT_FALSE(reader.look());
  {
    auto room = writer.loan_many(4);
    ASSERT_TRUE(room);
    std::fill(room->begin(), room->end(), 7.0F);
    EXPECT_TRUE(room.send(3));
  }
  EXPECT_THAT(*reader.look(), ElementsAre(7.0F, 7.0F, 7.0F));
  EXPECT_EQ(writer.loan_many(5).error()->code, ErrorCode::too_large);
  const auto huge = writer.loan_many(SIZE_MAX / sizeof(float) + 2);
  ASSERT_NE(huge.error(), nullptr);
  EXPECT_EQ(huge.error()->code, ErrorCode::too_large);
}

// A place is a key's for good.
TEST(TypedStatesTest, PlaceThatChangesItsKeyIsCorrupt) {
  using Writer = typed::StatesWriter<int, int>;
  State state = State::create(Writer::fitted({.keys = 2})).value();
  auto reader = typed::StatesReader<int, int>::open(State::attach(state.fds()).value()).value();
  auto writer = ringbell::StateWriter::open(std::move(state)).value();
  const auto set = [&](const std::vector<int>& words, std::uint32_t place) {
    EXPECT_TRUE(writer.set(std::as_bytes(std::span(words)), place));
  };
  set({7, 70}, 0);
  EXPECT_EQ(reader.get(7).value(), 70);
  set({8, 80}, 0);
  EXPECT_EQ(code_of(reader.get(7)), ErrorCode::corrupt);
  set({9}, 1);
  EXPECT_EQ(code_of(reader.get(9)), ErrorCode::corrupt) << "half an entry";
  EXPECT_EQ(code_of(reader.changed(9)), ErrorCode::corrupt);
}

// The newest word of the first place, as a hostile writer stores it.
std::uint64_t& newest_in(const Region& region) {
  return core::StatePlaces<std::byte>(region.state_memory()).newest(0);
}

TEST(TypedStatesTest, KeyThatIsNotSetHasNoPlace) {
  using Writer = typed::StatesWriter<int, int>;
  auto writer = Writer::open(State::create(Writer::fitted({.keys = 1})).value()).value();
  std::uint64_t& newest = newest_in(writer.bytes().region());
  newest = core::StateVersion(1, 100).word();
  EXPECT_EQ(code_of(writer.set(7, 70)), ErrorCode::corrupt);
  EXPECT_EQ(code_of(writer.set(8, 80)), ErrorCode::corrupt) << "and not no_place";
}

TEST(TypedStatesTest, PlaceThatBecomesNonsenseIsCorruptAndOneThatIsEmptiedHasNone) {
  using Writer = typed::StatesWriter<int, int>;
  State state = State::create(Writer::fitted({.keys = 2})).value();
  auto reader = typed::StatesReader<int, int>::open(State::attach(state.fds()).value()).value();
  auto writer = Writer::open(std::move(state)).value();
  std::uint64_t& newest = newest_in(writer.bytes().region());
  const std::uint64_t none = newest;
  EXPECT_TRUE(writer.set(7, 70));
  EXPECT_EQ(reader.get(7).value(), 70);
  newest = none;
  EXPECT_EQ(reader.get(7).value(), std::nullopt);
  newest = core::StateVersion(1, 100).word();
  EXPECT_EQ(code_of(reader.get(7)), ErrorCode::corrupt);
}

TEST(TypedStatesTest, WriterOfAStateWithMoreRoomThanItsTypeFindsNoKeys) {
  using Writer = typed::StatesWriter<int, int>;
  StateOptions options = Writer::fitted({.keys = 2});
  options.value_bytes = 64;
  State state = State::create(options).value();
  auto reader = typed::StatesReader<int, int>::open(State::attach(state.fds()).value()).value();
  auto writer = Writer::open(std::move(state)).value();
  EXPECT_TRUE(writer.set(7, 70));
  EXPECT_EQ(code_of(reader.get(7)), ErrorCode::corrupt);
}

TEST_F(TypedStateTest, StatesAreFoundByTheirKeys) {
  using Key = Text<8>;
  auto writer = typed::StatesWriter<Key, Quote>::create("quotes", {.keys = 2}).value();
  auto reader = typed::StatesReader<Key, Quote>::open("quotes").value();
  EXPECT_EQ(reader.get("A").value(), std::nullopt);
  EXPECT_EQ(reader.changed("A").value(), false);
  EXPECT_TRUE(writer.set("A", {1, 1.5}));
  EXPECT_TRUE(writer.set("B", {2, 2.5}));
  EXPECT_EQ(reader.get("B").value(), (Quote{2, 2.5}));
  EXPECT_EQ(reader.changed("B").value(), false);
  EXPECT_EQ(reader.changed("A").value(), true) << "it was found, and not given";
  EXPECT_EQ(reader.get("A").value(), (Quote{1, 1.5}));
  EXPECT_TRUE(writer.set("A", {3, 3.5}));
  EXPECT_EQ(reader.changed("A").value(), true);
  EXPECT_EQ(reader.get("A").value(), (Quote{3, 3.5}));
  EXPECT_EQ(code_of(writer.set("C", {4, 0})), ErrorCode::no_place);
  EXPECT_EQ(reader.get("C").value(), std::nullopt);
}

TEST(TypedStatesTest, ReaderHasWhatAWriterThatClosedHadSet) {
  using Writer = typed::StatesWriter<int, int>;
  State state = State::create(Writer::fitted({.keys = 4})).value();
  auto reader = typed::StatesReader<int, int>::open(State::attach(state.fds()).value()).value();
  {
    auto writer = Writer::open(std::move(state)).value();
    EXPECT_TRUE(writer.set(7, 70));
    EXPECT_TRUE(writer.set(8, 80));
  }
  EXPECT_EQ(reader.get(8).value(), 80);
  EXPECT_EQ(reader.get(7).value(), 70);
}

TEST_F(TypedStateTest, NextWriterOfStatesOfANameKeepsTheirPlaces) {
  using Writer = typed::StatesWriter<int, int>;
  const test::ChildProcess child = [] {
    auto dying = test::ChildProcess::fork([] {
      auto writer = Writer::create("states", {.keys = 4}).value();
      (void)writer.set(7, 70);
      (void)writer.set(8, 80);
      ::_exit(0);  // without an end
      return 0;
    });
    EXPECT_EQ(dying.wait(), 0);
    return dying;
  }();
  auto writer = Writer::create("states", {.keys = 4}).value();
  auto reader = typed::StatesReader<int, int>::open("states").value();
  EXPECT_EQ(reader.get(8).value(), 80);
  EXPECT_TRUE(writer.set(8, 81));
  EXPECT_TRUE(writer.set(9, 90));
  EXPECT_EQ(reader.get(7).value(), 70);
  EXPECT_EQ(reader.get(8).value(), 81);
  EXPECT_EQ(reader.get(9).value(), 90);
}

}  // namespace
}  // namespace ringbell
