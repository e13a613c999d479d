// FanIn by one thread: order within a lane, turns among lanes, lanes that fall quiet and are found
// again by their bit or without it, and lanes of dead and of hostile writers.
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/fan_in.hpp>

#include <tests/support/fan_in_memory.hpp>
#include <tests/support/message.hpp>

namespace ringbell::core {
namespace {

using test::FanInStorage;

// The number that a record of one lane carries: the lane and its count.
constexpr std::uint64_t number_of(std::uint32_t lane, std::uint64_t count) {
  return std::uint64_t{lane} << 32U | count;
}

template <class Writer>
bool send(Writer& writer, std::uint64_t number, std::uint32_t size_bytes = 24) {
  const std::span<std::byte> room = writer.claim(size_bytes);
  if (room.empty()) return false;
  test::write_message(room, number);
  writer.commit();
  return true;
}

// Checks and releases the next record: the count'th of the lane that it says it is of.
void expect_from(FanIn<>::Reader& reader, std::uint32_t lane, std::uint64_t count) {
  const std::span<const std::byte> record = reader.peek();
  ASSERT_FALSE(record.empty()) << "lane " << lane << ", count " << count;
  ASSERT_EQ(reader.lane(), lane);
  ASSERT_TRUE(test::is_message(record, number_of(lane, count)));
  reader.release();
}

// What no writer writes, where its next record is due.
void spoil(const SpscMemory& lane, const FanIn<>::Writer& writer) {
  const RecordHeader nonsense = SpscPlaces::header_of(writer.tail(), UINT32_MAX);
  std::memcpy(lane.data + writer.tail(), &nonsense, sizeof nonsense);
}

// So many polls that find nothing: every lane falls quiet.
void poll_in_vain(FanIn<>::Reader& reader, int times) {
  for (int i = 0; i < times; ++i) ASSERT_TRUE(reader.peek().empty());
}

constexpr FanInPace kHasty{.burst = 4, .lanes = {.patience = 2, .kept_lanes = 0}};

TEST(FanInTest, OrderHoldsWithinALane) {
  FanInStorage storage(3, 4096);
  FanIn<>::Reader reader = storage.reader();
  FanIn<>::Writer writer(storage.memory(), 1);
  for (std::uint64_t count = 0; count < 1000; ++count) {
    ASSERT_TRUE(send(writer, number_of(1, count)));
    ASSERT_NO_FATAL_FAILURE(expect_from(reader, 1, count));
  }
  EXPECT_TRUE(reader.peek().empty());
}

TEST(FanInTest, PeekGivesTheSameRecordUntilRelease) {
  FanInStorage storage(2, 4096);
  FanIn<>::Reader reader = storage.reader();
  FanIn<>::Writer first(storage.memory(), 0);
  FanIn<>::Writer second(storage.memory(), 1);
  ASSERT_TRUE(send(first, number_of(0, 0)));
  ASSERT_TRUE(send(second, number_of(1, 0)));
  const std::byte* const place = reader.peek().data();
  EXPECT_EQ(reader.peek().data(), place);
  const std::uint32_t lane = reader.lane();
  reader.release();
  EXPECT_NE(reader.peek().data(), place);
  EXPECT_NE(reader.lane(), lane);
}

TEST(FanInTest, NoLaneWaitsLongerThanABurstOfEachOther) {
  constexpr std::uint32_t kLanes = 5;
  FanInStorage storage(kLanes, 65536);
  FanIn<>::Reader reader = storage.reader(kHasty);
  std::vector<FanIn<>::Writer> writers;
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) writers.emplace_back(storage.memory(), lane);
  std::vector<std::uint64_t> sent(kLanes);
  std::vector<std::uint64_t> read(kLanes);
  std::vector<std::uint64_t> others(kLanes);  // records of others since a lane's last one
  const auto fill = [&] {
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      // Greedy ones keep their lanes full, the last one has a record now and then.
      const std::uint64_t most = lane + 1 < kLanes ? read[lane] + 100 : read[lane] + 1;
      while (sent[lane] < most && send(writers[lane], number_of(lane, sent[lane]))) ++sent[lane];
    }
  };
  fill();
  ASSERT_TRUE(reader.anything());
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_FALSE(reader.peek().empty());
    const std::uint32_t from = reader.lane();
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      others[lane] = lane == from ? 0 : others[lane] + 1;
      ASSERT_LE(others[lane], (kLanes - 1) * kHasty.burst) << "lane " << lane << " starves";
    }
    ASSERT_NO_FATAL_FAILURE(expect_from(reader, from, read[from]));
    ++read[from];
    fill();
  }
}

TEST(FanInTest, EmptyLanesFallQuietAndAreNotPolled) {
  FanInStorage storage(64, 4096);
  FanIn<>::Reader reader = storage.reader(kHasty);
  FanIn<>::Writer writer(storage.memory(), 3);
  ASSERT_TRUE(send(writer, number_of(3, 0)));
  ASSERT_NO_FATAL_FAILURE(expect_from(reader, 3, 0));
  EXPECT_GT(reader.active_lanes(), 0U);
  poll_in_vain(reader, 16);
  EXPECT_EQ(reader.active_lanes(), 0U);
}

TEST(FanInTest, QuietLaneIsFoundByItsBitAtOnce) {
  FanInStorage storage(1024, 4096);
  FanIn<>::Reader reader = storage.reader(kHasty);
  for (const std::uint32_t lane : {0U, 63U, 64U, 700U, 1023U}) {
    poll_in_vain(reader, 16);
    FanIn<>::Writer writer(storage.memory(), lane);
    ASSERT_TRUE(send(writer, number_of(lane, 0)));
    ASSERT_NO_FATAL_FAILURE(expect_from(reader, lane, 0));
  }
}

TEST(FanInTest, MissedSignalIsFoundByTheSweep) {
  constexpr std::uint32_t kLanes = 100;
  FanInStorage storage(kLanes, 4096);
  FanIn<>::Reader reader = storage.reader(kHasty);
  for (const std::uint32_t lane : {99U, 0U, 50U}) {
    poll_in_vain(reader, 16);
    SpscRing<>::Writer silent(storage.memory().ring(lane));  // dies between commit and signal
    ASSERT_TRUE(send(silent, number_of(lane, 0)));
    std::uint32_t polls = 1;
    while (reader.peek().empty()) ++polls;
    EXPECT_LE(polls, kLanes) << "a poll in vain is at least one round";
    ASSERT_NO_FATAL_FAILURE(expect_from(reader, lane, 0));
  }
}

TEST(FanInTest, MissedSignalIsFoundAlsoBesideABusyLane) {
  constexpr std::uint32_t kLanes = 32;
  FanInStorage storage(kLanes, 65536);
  FanIn<>::Reader reader = storage.reader(kHasty);
  poll_in_vain(reader, 16);
  FanIn<>::Writer busy(storage.memory(), 0);
  SpscRing<>::Writer silent(storage.memory().ring(20));
  ASSERT_TRUE(send(silent, number_of(20, 0)));
  std::uint64_t sent = 0;
  std::uint64_t read = 0;
  for (; read <= std::uint64_t{kLanes} * kHasty.burst; ++read) {
    while (sent < read + 100) ASSERT_TRUE(send(busy, number_of(0, sent++)));
    ASSERT_FALSE(reader.peek().empty());
    if (reader.lane() == 20) break;
    ASSERT_NO_FATAL_FAILURE(expect_from(reader, 0, read));
  }
  EXPECT_EQ(reader.lane(), 20U);
}

TEST(FanInTest, AnythingLooksAtAllLanes) {
  FanInStorage storage(200, 4096);
  FanIn<>::Reader reader = storage.reader(kHasty);
  poll_in_vain(reader, 16);
  EXPECT_FALSE(reader.anything());
  SpscRing<>::Writer silent(storage.memory().ring(150));
  ASSERT_TRUE(send(silent, number_of(150, 0)));
  EXPECT_TRUE(reader.anything());
  expect_from(reader, 150, 0);
}

TEST(FanInTest, CorruptLaneIsSetAsideAndHarmsNobody) {
  FanInStorage storage(3, 4096);
  FanIn<>::Reader reader = storage.reader();
  FanIn<>::Writer spoilt(storage.memory(), 0);
  FanIn<>::Writer honest(storage.memory(), 2);
  ASSERT_TRUE(send(spoilt, number_of(0, 0)));
  ASSERT_NO_FATAL_FAILURE(expect_from(reader, 0, 0));
  spoil(storage.memory().ring(0), spoilt);
  for (std::uint64_t count = 0; count < 100; ++count) {
    ASSERT_TRUE(send(honest, number_of(2, count)));
    ASSERT_NO_FATAL_FAILURE(expect_from(reader, 2, count));
  }
  EXPECT_TRUE(reader.peek().empty());
  EXPECT_EQ(reader.corrupt_lanes(), 1U);
  EXPECT_TRUE(reader.corrupt(0));
  EXPECT_NE(reader.finding(0).field, nullptr);
  EXPECT_EQ(reader.finding(2).field, nullptr);
  EXPECT_FALSE(reader.corrupt(2));
  EXPECT_EQ(reader.unread().records, 0U) << "what stands in a spoilt lane is no record";
}

// It was set aside while it waited for its turn, and is mended before that comes.
TEST(FanInTest, MendedLaneIsVisitedOnceInEachRound) {
  FanInStorage storage(2, 512);
  FanIn<>::Reader reader = storage.reader();
  FanIn<>::Writer first(storage.memory(), 0);
  {
    FanIn<>::Writer second(storage.memory(), 1);
    ASSERT_TRUE(send(first, number_of(0, 0)) && send(second, number_of(1, 0)));
    expect_from(reader, 0, 0);
    expect_from(reader, 1, 0);
    ASSERT_TRUE(reader.peek().empty());
    spoil(storage.memory().ring(1), second);
    EXPECT_FALSE(reader.anything());
    ASSERT_TRUE(reader.corrupt(1));
    reader.mend(1);
  }
  EXPECT_EQ(reader.corrupt_lanes(), 0U);
  EXPECT_EQ(reader.active_lanes(), 2U);
  FanIn<>::Writer second(storage.memory(), 1);
  for (std::uint64_t count = 0; count < 3; ++count) {
    ASSERT_TRUE(send(second, number_of(1, count)));
    expect_from(reader, 1, count);
    EXPECT_TRUE(reader.peek().empty());
    EXPECT_EQ(reader.active_lanes(), 2U);
  }
  ASSERT_TRUE(send(first, number_of(0, 1)));
  expect_from(reader, 0, 1);
}

TEST(FanInTest, BitsOfLanesThatAreNotThereAreIgnored) {
  FanInStorage storage(3, 4096);
  FanIn<>::Reader reader = storage.reader(kHasty);
  for (ReadyLine& line : storage.memory().control->ready) line.bits = UINT64_MAX;
  poll_in_vain(reader, 50);
  EXPECT_LE(reader.active_lanes(), 3U);
  FanIn<>::Writer writer(storage.memory(), 2);
  ASSERT_TRUE(send(writer, number_of(2, 0)));
  expect_from(reader, 2, 0);
}

TEST(FanInTest, ReaderThatStopsCanGiveBackAtOnce) {
  FanInStorage storage(2, 4096);
  FanIn<>::Writer writer(storage.memory(), 1);
  for (std::uint64_t count = 0; count < 3; ++count) ASSERT_TRUE(send(writer, number_of(1, count)));
  {
    FanIn<>::Reader reader = storage.reader();
    reader.publish_head();
    ASSERT_NO_FATAL_FAILURE(expect_from(reader, 1, 0));
    ASSERT_NO_FATAL_FAILURE(expect_from(reader, 1, 1));
    EXPECT_EQ(reader.published_head(1), 0U);
    reader.publish_head();
    EXPECT_GT(reader.published_head(1), 0U);
  }
  FanIn<>::Reader successor = storage.reader();
  ASSERT_NO_FATAL_FAILURE(expect_from(successor, 1, 2)) << "without a repetition";
  EXPECT_TRUE(successor.peek().empty());
  successor.publish_head();
}

TEST(FanInTest, NextReaderRepeatsAtMostABurstOfOneLane) {
  constexpr std::uint64_t kRecord = kRecordHeaderBytes + 24;
  for (std::uint64_t dies_after = 0; dies_after < 40; ++dies_after) {
    FanInStorage storage(3, 4096);
    for (std::uint32_t lane = 0; lane < 3; ++lane) {
      FanIn<>::Writer writer(storage.memory(), lane);
      for (std::uint64_t count = 0; count < 20; ++count) send(writer, number_of(lane, count));
    }
    std::vector<std::uint64_t> read(3);
    std::uint32_t last = 0;
    {
      FanIn<>::Reader dead = storage.reader(kHasty);
      for (std::uint64_t i = 0; i <= dies_after; ++i) {
        ASSERT_FALSE(dead.peek().empty());
        last = dead.lane();
        if (i < dies_after) expect_from(dead, last, read[last]++);
      }
    }
    FanIn<>::Reader successor = storage.reader(kHasty);
    std::uint64_t repeated = 0;
    for (std::uint32_t lane = 0; lane < 3; ++lane) {
      const std::uint64_t again = read[lane] - successor.published_head(lane) / kRecord;
      repeated += again;
      EXPECT_TRUE(again == 0 || lane == last) << lane;
    }
    EXPECT_LE(repeated, kHasty.burst);
  }
}

TEST(FanInTest, SuccessorsGoOnWhereTheOldOnesWere) {
  FanInStorage storage(2, 4096);
  {
    FanIn<>::Writer dead(storage.memory(), 1);
    ASSERT_TRUE(send(dead, number_of(1, 0)));
    ASSERT_FALSE(dead.claim(100).empty());
  }
  FanIn<>::Writer successor(storage.memory(), 1);
  ASSERT_TRUE(send(successor, number_of(1, 1)));
  FanIn<>::Reader reader = storage.reader();
  ASSERT_NO_FATAL_FAILURE(expect_from(reader, 1, 0));
  ASSERT_NO_FATAL_FAILURE(expect_from(reader, 1, 1));
  EXPECT_TRUE(reader.peek().empty());
  ASSERT_TRUE(send(successor, number_of(1, 2)));
  FanIn<>::Reader second = storage.reader(kHasty);
  ASSERT_NO_FATAL_FAILURE(expect_from(second, 1, 2));
}

}  // namespace
}  // namespace ringbell::core
