// What the ends of a state say of what is no state, of nonsense that a hostile writer stores, and
// of a writer that is always ahead.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kBytes = 300;

State new_state(std::uint32_t readers_in_place = 0) {
  return State::create({.value_bytes = kBytes, .readers_in_place = readers_in_place}).value();
}

// The newest word of the state's only key, as a hostile writer stores it.
std::uint64_t& newest_in(const State& state) {
  return core::StatePlaces<std::byte>(state.region().state_memory()).newest(0);
}

TEST(StateRefusalsTest, WhatIsNoStateIsRefused) {
  EXPECT_EQ(code_of(State::create({.value_bytes = 0})), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(State::create({.readers_in_place = UINT32_MAX})), ErrorCode::invalid_argument);
  const State state = new_state();
  EXPECT_FALSE(State::attach({.memory = -1, .bells = state.fds().bells}));
  EXPECT_FALSE(State::attach({.memory = state.fds().memory, .bells = -1}));
  const Region queue = Region::create(QueueOptions{}.region()).value();
  EXPECT_FALSE(State::attach({.memory = queue.fd(), .bells = state.fds().bells}));
  EXPECT_EQ(code_of(State::attach({.memory = state.fds().memory, .bells = queue.fd()})),
            ErrorCode::not_a_region);
}

TEST(StateRefusalsTest, NonsenseIsCorruptForEveryCall) {
  State state = new_state(1);
  StateReader copying = StateReader::open(State::attach(state.fds()).value()).value();
  StateReader looking = StateReader::open(State::attach(state.fds()).value()).value();
  newest_in(state) = core::StateVersion(1, 100).word();
  std::array<std::byte, kBytes> bytes{};
  EXPECT_EQ(code_of(copying.get(bytes)), ErrorCode::corrupt);
  EXPECT_EQ(code_of(looking.look()), ErrorCode::corrupt);
  EXPECT_EQ(code_of(StateWriter::open(std::move(state))), ErrorCode::corrupt);
}

TEST(StateRefusalsTest, WriterWhoseStateBecomesNonsenseSetsNothing) {
  State state = new_state();
  std::uint64_t& newest = newest_in(state);
  StateWriter writer = StateWriter::open(std::move(state)).value();
  newest = core::StateVersion(1, 100).word();
  EXPECT_FALSE(writer.claim());
  EXPECT_EQ(code_of(writer.set({})), ErrorCode::corrupt);
  EXPECT_EQ(newest, core::StateVersion(1, 100).word());
}

// To the reader it looks as if the writer were always ahead of it.
TEST(StateRefusalsTest, ReaderThatIsAlwaysOvertakenIsTold) {
  State state = new_state(1);
  StateReader reader = StateReader::open(State::attach(state.fds()).value()).value();
  newest_in(state) = core::StateVersion(1, 0).word();  // and the buffer has no value
  std::array<std::byte, kBytes> bytes{};
  EXPECT_EQ(code_of(reader.get(bytes)), ErrorCode::timed_out);
  EXPECT_EQ(code_of(reader.look()), ErrorCode::timed_out);
}

// Another process has it open, and its writer is not there: not yet, or not any more.
TEST(StateRefusalsTest, AStateIsNotOpenedBeforeItsWriterLives) {
  const test::TemporaryNameFolder folder;
  const StateWriter writer = StateWriter::create("state", {.value_bytes = kBytes}).value();
  const Region ring = test::copy_of(writer.region());
  ring.participant(0).state = std::uint32_t(core::SideState::absent);
  EXPECT_EQ(code_of(StateReader::open("state", 0ns)), ErrorCode::not_found);
  ring.participant(0).state = std::uint32_t(core::SideState::open);
  EXPECT_TRUE(StateReader::open("state", 20s));
}

}  // namespace
}  // namespace ringbell
