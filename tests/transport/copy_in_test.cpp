#include <ringbell/transport/ends/copy_in.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace ringbell {
namespace {

using Way = CopyChoice::Way;

constexpr std::uint64_t kCopy = 4096;
constexpr std::uint64_t kCopiesALap = 16;

// How long a writer takes, in ns.
struct Times {
  std::uint64_t plain;
  std::uint64_t streaming;
  std::uint64_t otherwise;  // between two copies
};

constexpr Times kFarApart{2000, 250, 100};
constexpr Times kNearPingPong{340, 110, 400};
constexpr Times kNearThroughput{430, 280, 100};
constexpr Times kOneCpu{100, 250, 50};

// A writer whose times are made up.
class Writer {
 public:
  explicit Writer(std::uint64_t copy_bytes = kCopy)
      : copy_bytes_(copy_bytes), choice_(kCopiesALap * copy_bytes) {}

  // Returns how many of the copies were streamed.
  std::uint64_t copy(std::uint64_t copies, Times times) {
    std::uint64_t streamed = 0;
    for (; copies > 0; --copies) {
      const bool streams = choice_.way() == Way::streaming;
      streamed += streams ? 1 : 0;
      measured_ += choice_.is_timed() ? 1 : 0;
      const std::uint64_t began_ns = now_ns_;
      now_ns_ += streams ? times.streaming : times.plain;
      choice_.copied(copy_bytes_, began_ns, now_ns_);
      now_ns_ += times.otherwise;
    }
    return streamed;
  }
  // Until one measurement has come to its end.
  void measure_once(Times times) {
    while (!choice_.is_timed()) copy(1, times);
    copy(3 * kCopiesALap, times);
  }
  [[nodiscard]] std::uint64_t measured() const noexcept { return measured_; }
  [[nodiscard]] Way way() const noexcept { return choice_.way(); }

 private:
  std::uint64_t copy_bytes_;
  CopyChoice choice_;
  std::uint64_t now_ns_ = 1;
  std::uint64_t measured_ = 0;
};

TEST(CopyChoiceTest, BeginsPlain) { EXPECT_EQ(Writer().way(), Way::plain); }

TEST(CopyChoiceTest, StreamsBetweenCpusThatAreFarApart) {
  Writer writer;
  writer.measure_once(kFarApart);
  EXPECT_EQ(writer.way(), Way::streaming);
}

TEST(CopyChoiceTest, StaysPlainOnOneCpu) {
  Writer writer;
  writer.measure_once(kOneCpu);
  EXPECT_EQ(writer.way(), Way::plain);
}

// The reader would wait longer than the writer saves.
TEST(CopyChoiceTest, StaysPlainWhereTheReaderWaitsForEachMessage) {
  Writer writer;
  writer.measure_once(kNearPingPong);
  EXPECT_EQ(writer.way(), Way::plain);
}

// Messages of 64 KiB: the reader takes longer over those.
TEST(CopyChoiceTest, CountsTheReadersTimeForEachKibibyte) {
  Writer writer(16 * kCopy);
  writer.measure_once({.plain = 5000, .streaming = 2600, .otherwise = 4000});
  EXPECT_EQ(writer.way(), Way::plain);
  writer.measure_once({.plain = 7500, .streaming = 1250, .otherwise = 4000});
  EXPECT_EQ(writer.way(), Way::streaming);
}

TEST(CopyChoiceTest, StreamsForAWriterThatDoesNothingElse) {
  Writer writer;
  writer.measure_once(kNearThroughput);
  EXPECT_EQ(writer.way(), Way::streaming);
}

TEST(CopyChoiceTest, FollowsCpusThatMove) {
  Writer writer;
  writer.measure_once(kFarApart);
  ASSERT_EQ(writer.way(), Way::streaming);
  writer.measure_once(kOneCpu);
  EXPECT_EQ(writer.way(), Way::plain);
  writer.measure_once(kFarApart);
  EXPECT_EQ(writer.way(), Way::streaming);
}

// Measuring takes one copy in a hundred once the answer has stayed for a while, and goes on.
TEST(CopyChoiceTest, MeasuresEverMoreSeldom) {
  Writer writer;
  writer.copy(4096 * kCopiesALap, kFarApart);
  const std::uint64_t before = writer.measured();
  constexpr std::uint64_t kMany = 4UL * TwoWays::kMostLaps * kCopiesALap;
  const std::uint64_t streamed = writer.copy(kMany, kFarApart);
  const std::uint64_t measured = writer.measured() - before;
  EXPECT_GE(measured, 2 * 3 * kCopiesALap);
  EXPECT_LE(measured, kMany / 100);
  EXPECT_GE(streamed, kMany / 100 * 99);
}

TEST(CopyInTest, CopiesShortAndLongMessagesWhicheverWayIsInUse) {
  std::vector<std::byte> room(64 * 1024 + 64);
  core::Geometry ring{};
  ring.capacity_bytes = room.size();
  CopyIn copy_in(ring);
  std::uint8_t next = 0;
  for (int lap = 0; lap < 64; ++lap) {
    for (const std::size_t size : {1UL, 63UL, CopyIn::kLong - 1, CopyIn::kLong, 64UL * 1024}) {
      std::vector<std::byte> message(size);
      for (std::byte& byte : message) byte = static_cast<std::byte>(next++);
      const std::span<std::byte> into = std::span(room).subspan(8);
      copy_in(into, std::span(message));
      ASSERT_TRUE(std::equal(message.begin(), message.end(), into.begin())) << size;
    }
  }
}

}  // namespace
}  // namespace ringbell
