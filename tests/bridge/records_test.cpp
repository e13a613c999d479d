// When a record that a bridge has passed on leaves its ring.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/transport/ends/sender.hpp>

#include "bridge/nats/records.hpp"

#include <tests/support/name_folder.hpp>

namespace ringbell::bridge {
namespace {

// How many of three records are in the ring, as its sender sees it, when one was given back.
std::uint64_t left_of_three(bool durable) {
  const test::TemporaryNameFolder folder;
  Sender sender = Sender::create("orders", {.capacity_bytes = 65'536}).value();
  const std::array<std::byte, 100> record{};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sender.send(record, Timeout::zero()), true);
  const std::uint64_t each = sender.fill() / 3;
  Pair pair;
  pair.durable = durable;
  Records records(pair, RingReader::open("orders", kForever).value(), std::nullopt);
  EXPECT_NE(records.look(Timeout::zero()).value_or(nullptr), nullptr);
  records.release(records.take());
  return sender.fill() / each;
}

TEST(RecordsTest, OfACoreSubjectItLeavesAtOnce) { EXPECT_EQ(left_of_three(false), 2U); }

// Its position stands in what was published: a next bridge finds there where it was.
TEST(RecordsTest, OfAStreamItLeavesWithOthers) { EXPECT_EQ(left_of_three(true), 3U); }

}  // namespace
}  // namespace ringbell::bridge
