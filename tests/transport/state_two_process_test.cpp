// States among several processes: what readers get, in copies and in place, waits and their ends,
// by descriptor and by name; deaths and forks.
#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::is_message;
using test::write_message;
using ::testing::HasSubstr;

constexpr std::uint32_t kBytes = 300;
constexpr auto kLong = 20s;

State new_state(std::uint32_t readers_in_place = 0, std::uint32_t keys = 1) {
  return State::create({.value_bytes = kBytes, .keys = keys, .readers_in_place = readers_in_place})
      .value();
}
void set(StateWriter& writer, std::uint64_t number, std::uint32_t key = 0) {
  std::vector<std::byte> bytes(8 + test::mix(number) % (kBytes - 7));
  write_message(bytes, number);
  ASSERT_TRUE(writer.set(bytes, key)) << number;
}
void expect_value(std::span<const std::byte> bytes, std::uint64_t number) {
  EXPECT_EQ(bytes.size(), 8 + test::mix(number) % (kBytes - 7));
  EXPECT_TRUE(is_message(bytes, number)) << number;
}
// 0: none yet.
std::uint64_t get(StateReader& reader, std::uint32_t key = 0) {
  std::array<std::byte, kBytes> bytes{};
  const auto size = reader.get(bytes, key);
  EXPECT_TRUE(size) << (size ? "" : message_of(size));
  if (!size || !*size) return 0;
  expect_value(std::span(bytes).first(**size), reader.number(key));
  return reader.number(key);
}

TEST(StateTest, ReadersGetTheNewestValue) {
  State state = new_state();
  StateReader first = StateReader::open(State::attach(state.fds()).value()).value();
  StateReader second = StateReader::open(State::attach(state.fds()).value()).value();
  StateWriter writer = StateWriter::open(std::move(state)).value();
  EXPECT_EQ(get(first), 0U);
  EXPECT_FALSE(first.changed());
  for (std::uint64_t number = 1; number < 100; ++number) {
    set(writer, number);
    EXPECT_TRUE(first.changed());
    EXPECT_EQ(get(first), number);
    EXPECT_FALSE(first.changed());
  }
  EXPECT_EQ(get(second), 99U);
  EXPECT_EQ(writer.number(), 99U);
}

TEST(StateTest, KeysStandAlone) {
  State state = new_state(1, 3);
  StateReader reader = StateReader::open(State::attach(state.fds()).value()).value();
  StateWriter writer = StateWriter::open(std::move(state)).value();
  set(writer, 1, 1);
  EXPECT_FALSE(reader.changed(0));
  EXPECT_TRUE(reader.changed(1));
  EXPECT_EQ(reader.wait_changed(0ns, 0).value(), false);
  EXPECT_EQ(reader.wait_any_changed(0ns).value(), true);
  EXPECT_EQ(get(reader, 1), 1U);
  EXPECT_EQ(get(reader, 0), 0U);
  EXPECT_EQ(reader.wait_any_changed(0ns).value(), false);
  expect_value(*reader.look(1).value(), 1);
  EXPECT_TRUE(reader.release());

  std::array<std::byte, kBytes> bytes{};
  const Result<void> set_none = writer.set(bytes, 3);
  ASSERT_FALSE(set_none);
  EXPECT_EQ(code_of(set_none), ErrorCode::invalid_argument);
  EXPECT_FALSE(writer.claim(3));
  EXPECT_EQ(writer.number(3), 0U);
  EXPECT_EQ(code_of(reader.get(bytes, 3)), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(reader.look(3)), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(reader.wait_changed(0ns, 3)), ErrorCode::invalid_argument);
  EXPECT_FALSE(reader.changed(3));
}

TEST(StateTest, CallOutOfTurnDoesNothing) {
  State state = new_state(1);
  StateReader reader = StateReader::open(State::attach(state.fds()).value()).value();
  StateWriter writer = StateWriter::open(std::move(state)).value();
  EXPECT_FALSE(writer.commit(8)) << "nothing is claimed";
  ASSERT_TRUE(writer.claim());
  EXPECT_FALSE(writer.commit(kBytes + 1));
  writer.abort();
  EXPECT_FALSE(writer.commit(8));
  ASSERT_TRUE(writer.claim());
  set(writer, 1);
  EXPECT_FALSE(writer.commit(8)) << "set() has taken its place";
  EXPECT_EQ(writer.number(), 1U);
  EXPECT_FALSE(reader.release());
  std::array<std::byte, kBytes + 1> bytes{};
  EXPECT_EQ(code_of(writer.set(bytes)), ErrorCode::too_large);
  EXPECT_EQ(code_of(reader.get(std::span(bytes).first(kBytes - 1))), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(writer.waitable_fd()), ErrorCode::unsupported);
}

TEST(StateTest, ValueIsFilledInPlaceAndLookedAtInPlace) {
  State state = new_state(2);
  const StateFds fds = state.fds();
  StateReader first = StateReader::open(State::attach(fds).value()).value();
  StateReader second = StateReader::open(State::attach(fds).value()).value();
  StateWriter writer = StateWriter::open(std::move(state)).value();
  EXPECT_EQ(first.look().value(), std::nullopt);
  for (std::uint64_t number = 1; number < 20; ++number) {
    const std::span<std::byte> room = writer.claim().value();
    ASSERT_EQ(room.size(), kBytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(room.data()) % 64, 0U);
    write_message(room, number);
    EXPECT_TRUE(writer.commit(kBytes));
    const auto seen = first.look().value();
    ASSERT_TRUE(seen);
    EXPECT_TRUE(is_message(*seen, number));
    EXPECT_EQ(first.number(), number);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(seen->data()) % 64, 0U);
  }
  ASSERT_TRUE(second.look().value());
  StateReader third = StateReader::open(State::attach(fds).value()).value();
  const auto refused = third.look();
  ASSERT_FALSE(refused);
  EXPECT_EQ(code_of(refused), ErrorCode::no_place);
  EXPECT_THAT(message_of(refused), HasSubstr("readers_in_place"));
  std::array<std::byte, kBytes> bytes{};
  EXPECT_EQ(third.get(bytes).value(), std::size_t{kBytes}) << "but it may copy";
  second = StateReader::open(State::attach(fds).value()).value();
  EXPECT_TRUE(third.look().value()) << "the second one's place is free";
}

TEST(StateTest, NoReaderLooksWhereNoneMay) {
  State state = new_state();
  StateReader reader = StateReader::open(State::attach(state.fds()).value()).value();
  const auto refused = reader.look();
  ASSERT_FALSE(refused);
  EXPECT_EQ(code_of(refused), ErrorCode::no_place);
}

TEST(StateTest, OnlyTheMakerWritesAndReadersCannot) {
  State state = new_state();
  const StateFds fds = state.fds();
  EXPECT_EQ(code_of(StateWriter::open(State::attach(fds).value())), ErrorCode::permission);
  EXPECT_FALSE(Region::attach(FileDescriptor(::dup(fds.memory)))) << "it is sealed";
  EXPECT_EQ(code_of(State::attach({.memory = fds.bells, .bells = fds.bells})),
            ErrorCode::not_a_region);
  const State other = new_state(3);
  EXPECT_EQ(code_of(State::attach({.memory = fds.memory, .bells = other.fds().bells})),
            ErrorCode::not_a_region);
}

TEST(StateTest, WaitEndsWithTheNextValue) {
  State state = new_state();
  StateReader reader = StateReader::open(State::attach(state.fds()).value()).value();
  StateWriter writer = StateWriter::open(std::move(state)).value();
  EXPECT_EQ(reader.wait_changed(0ns).value(), false);
  EXPECT_EQ(reader.wait_changed(5ms).value(), false);
  std::jthread setting([&] {
    for (std::uint64_t number = 1; number <= 3; ++number) {
      std::this_thread::sleep_for(5ms);
      set(writer, number);
    }
  });
  while (get(reader) < 3) ASSERT_EQ(reader.wait_changed(kLong).value(), true);
}

TEST(StateTest, WaitEndsWithTheWriterAndTheValueStays) {
  State state = new_state();
  StateReader reader = StateReader::open(State::attach(state.fds()).value()).value();
  std::optional writer = StateWriter::open(std::move(state)).value();
  set(*writer, 1);
  std::jthread closing([&] {
    std::this_thread::sleep_for(5ms);
    writer.reset();
  });
  EXPECT_EQ(reader.wait_changed(kLong).value(), true);
  EXPECT_EQ(get(reader), 1U);
  EXPECT_EQ(code_of(reader.wait_changed(kLong)), ErrorCode::closed);
  EXPECT_EQ(reader.peer(), PeerState::closed);
  EXPECT_EQ(get(reader), 1U);
}

TEST(StateTest, WaitIsInterrupted) {
  State state = new_state();
  StateReader reader = StateReader::open(State::attach(state.fds()).value()).value();
  const StateWriter writer = StateWriter::open(std::move(state)).value();
  std::jthread interrupting([&] { reader.interrupt(); });
  EXPECT_EQ(code_of(reader.wait_changed(kLong)), ErrorCode::cancelled);
  EXPECT_EQ(reader.wait_changed(0ns).value(), false) << "and it is as good as before";
}

// Nothing wakes these before the bell does.
constexpr WaitOptions kByBell{.longest_sleep = 1h};

TEST(StateTest, LoopIsWokenByTheNextValue) {
  State state = new_state();
  StateReader reader = StateReader::open(State::attach(state.fds()).value(), kByBell).value();
  StateWriter writer = StateWriter::open(std::move(state)).value();
  pollfd waiting{.fd = reader.waitable_fd().value(), .events = POLLIN, .revents = 0};
  ASSERT_TRUE(reader.arm());
  set(writer, 1);
  ASSERT_EQ(::poll(&waiting, 1, 20000), 1);
  EXPECT_EQ(get(reader), 1U);
  set(writer, 2);
  EXPECT_FALSE(reader.arm()) << "there is something newer";
  reader.disarm();
}

TEST(StateTest, LoopIsWokenByAValueInPlaceAndByTheWritersEnd) {
  State state = new_state();
  StateReader reader = StateReader::open(State::attach(state.fds()).value(), kByBell).value();
  std::optional writer = StateWriter::open(std::move(state)).value();
  pollfd waiting{.fd = reader.waitable_fd().value(), .events = POLLIN, .revents = 0};
  ASSERT_TRUE(reader.arm());
  ASSERT_TRUE(writer->claim());
  EXPECT_TRUE(writer->commit(0));
  ASSERT_EQ(::poll(&waiting, 1, 20000), 1);
  std::array<std::byte, kBytes> bytes{};
  EXPECT_EQ(reader.get(bytes).value(), std::size_t{0});
  ASSERT_TRUE(reader.arm());
  writer.reset();
  ASSERT_EQ(::poll(&waiting, 1, 20000), 1);
  EXPECT_FALSE(reader.arm());
}

// A writer process that sets as fast as it can, one reader that copies and one that looks. It may
// overtake a reader's call again and again, not what the reader has had.
TEST(StateTest, NothingIsTornWhileAnotherProcessWrites) {
  State state = new_state(1);
  const StateFds fds = state.fds();
  constexpr std::uint64_t kValues = 200000;
  ChildProcess writing = ChildProcess::fork([&] {
    StateWriter writer = StateWriter::open(std::move(state)).value();
    for (std::uint64_t number = 1; number <= kValues; ++number) set(writer, number);
    return testing::Test::HasFailure() ? 1 : 0;
  });
  StateReader copying = StateReader::open(State::attach(fds).value()).value();
  StateReader looking = StateReader::open(State::attach(fds).value()).value();
  const auto is_value = [](const auto& got) {
    EXPECT_TRUE(got || code_of(got) == ErrorCode::timed_out);
    return got && got->has_value();
  };
  std::array<std::byte, kBytes> bytes{};
  std::uint64_t had = 0;
  std::uint64_t looked = 0;
  while ((had < kValues || looked < kValues) && !HasFailure()) {
    if (const auto size = copying.get(bytes); is_value(size)) {
      ASSERT_GE(copying.number(), had);
      had = copying.number();
      expect_value(std::span(bytes).first(**size), had);
    }
    if (const auto seen = looking.look(); is_value(seen)) {
      ASSERT_GE(looking.number(), looked);
      looked = looking.number();
      expect_value(**seen, looked);
      ASSERT_TRUE(looking.release());
    }
  }
  EXPECT_EQ(writing.wait(), 0);
}

TEST(StateTest, WriterThatNeverPausesKeepsNoReaderFromALook) {
  State state = new_state(1);
  const StateFds fds = state.fds();
  ChildProcess writing = ChildProcess::fork([&]() -> int {
    StateWriter writer = StateWriter::open(std::move(state)).value();
    for (std::uint64_t number = 1;; ++number) {
      write_message(writer.claim()->first(8), number);
      writer.commit(8);
    }
  });
  StateReader looking = StateReader::open(State::attach(fds).value()).value();
  ASSERT_TRUE(looking.wait_changed(kLong).value());
  std::uint64_t had = 0;
  for (int looks = 0; looks < 100'000; ++looks) {
    const auto seen = looking.look();
    ASSERT_TRUE(seen) << message_of(seen);
    ASSERT_TRUE(is_message(**seen, looking.number()));
    ASSERT_GE(looking.number(), had);
    had = looking.number();
    ASSERT_TRUE(looking.release());
  }
}

TEST(StateTest, DeathOfTheWriterLeavesItsNewestValue) {
  test::TemporaryNameFolder folder;
  ChildProcess writing = ChildProcess::fork([&] {
    StateWriter writer = StateWriter::create("config", {.value_bytes = kBytes}).value();
    for (std::uint64_t number = 1;; ++number) set(writer, number);
    return 0;
  });
  StateReader reader = StateReader::open("config", kLong).value();
  while (get(reader) < 1000) ASSERT_TRUE(reader.wait_changed(kLong));
  writing.kill_now();
  Result<bool> changed = reader.wait_changed(kLong);
  while (changed) {
    (void)get(reader);
    changed = reader.wait_changed(kLong);
  }
  EXPECT_EQ(code_of(changed), ErrorCode::peer_dead);
  const std::uint64_t last = get(reader);
  StateWriter next = StateWriter::create("config", {.value_bytes = kBytes}).value();
  EXPECT_EQ(next.number(), last) << "the next one goes on";
  set(next, last + 1);
  EXPECT_EQ(get(reader), last + 1);
}

TEST(StateTest, DeadReadersPlaceIsGivenAgain) {
  State state = new_state(1);
  const StateFds fds = state.fds();
  StateWriter writer = StateWriter::open(std::move(state)).value();
  set(writer, 1);
  test::TemporaryNameFolder folder;
  for (int i = 0; i < 3; ++i) {
    ChildProcess looking = ChildProcess::fork([&] {
      StateReader reader = StateReader::open(State::attach(fds).value()).value();
      (void)reader.look();
      ::_exit(reader.number() > 0 ? 0 : 1);  // without an end
      return 0;
    });
    EXPECT_EQ(looking.wait(), 0);
    for (std::uint64_t number = writer.number() + 1, end = number + 10; number < end; ++number) {
      set(writer, number);
    }
  }
  StateReader reader = StateReader::open(State::attach(fds).value()).value();
  expect_value(*reader.look().value(), writer.number());
}

TEST(StateTest, ChildOfForkReleasesNothingOfItsParents) {
  State state = new_state(1);
  std::optional reader = StateReader::open(State::attach(state.fds()).value()).value();
  StateWriter writer = StateWriter::open(std::move(state)).value();
  set(writer, 1);
  const auto seen = reader->look().value();
  ChildProcess child = ChildProcess::fork([&] {
    reader.reset();
    return 0;
  });
  ASSERT_EQ(child.wait(), 0);
  for (std::uint64_t number = 2; number < 20; ++number) set(writer, number);
  expect_value(*seen, 1);
  EXPECT_TRUE(reader->release());
}

class StateNamesTest : public ::testing::Test {
 protected:
  test::TemporaryNameFolder folder_;
};

TEST_F(StateNamesTest, ReaderFindsTheStateByItsName) {
  EXPECT_EQ(code_of(StateReader::open("config", 0ns)), ErrorCode::not_found);
  const StateOptions options{.value_bytes = kBytes, .keys = 2, .readers_in_place = 1};
  std::optional writer = StateWriter::create("config", options).value();
  StateReader reader = StateReader::open("config", 0ns).value();
  set(*writer, 1, 1);
  EXPECT_EQ(get(reader, 1), 1U);
  expect_value(*reader.look(1).value(), 1);
  EXPECT_EQ(code_of(StateWriter::create("config", options)), ErrorCode::busy);
  EXPECT_THAT(message_of(StateWriter::create("config", {.value_bytes = kBytes})),
              HasSubstr("with keys 2, not 1"));
  EXPECT_EQ(code_of(Subscriber::open("config", TopicStart::usual, 0ns)), ErrorCode::other_ring);
  writer.reset();
  EXPECT_EQ(code_of(reader.wait_changed(kLong)), ErrorCode::closed);
  expect_value(*reader.look(1).value(), 1);
  EXPECT_THAT(folder_.files(), ::testing::Not(::testing::Contains(HasSubstr(".ring"))))
      << "a reader in place keeps no name alive";
  const QueueSender queue = QueueSender::create("config").value();
  EXPECT_THAT(message_of(StateReader::open("config", 0ns)), HasSubstr("a queue, not a state"));
}

// Of all that this process maps of the file, and may write.
std::uint64_t writable_bytes(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  std::uint64_t sum = 0;
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::array<char, 5> access{};
    if (!line.ends_with(path)) continue;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s", &from, &to, access.data()) != 3) {
      ADD_FAILURE() << line;
    }
    if (access[1] == 'w') sum += to - from;
  }
  return sum;
}

// It has the region twice.
TEST_F(StateNamesTest, ReaderCanWriteTheLinesOfReadersOnly) {
  ChildProcess reading = ChildProcess::fork([] {
    const StateReader reader = StateReader::open("config", kLong).value();
    const core::Geometry& geometry = reader.region().geometry();
    return writable_bytes("/config.ring") == geometry.data_offset - geometry.control_offset ? 0 : 1;
  });
  const StateWriter writer = StateWriter::create("config", {.value_bytes = kBytes}).value();
  EXPECT_EQ(reading.wait(), 0);
}

TEST_F(StateNamesTest, ReadersMappingCannotWriteTheValues) {
  StateWriter writer = StateWriter::create("config", {.value_bytes = kBytes}).value();
  set(writer, 1);
  StateReader reader = StateReader::open("config", 0ns).value();
  ChildProcess child = ChildProcess::fork([&] {
    *const_cast<volatile std::byte*>(reader.region().data()) = std::byte{1};
    return 0;
  });
  EXPECT_NE(child.wait(), 0);
  EXPECT_EQ(get(reader), 1U);
}

}  // namespace
}  // namespace ringbell
