// What stands in messages of NATS and in the tags of an inbound bridge, and what is refused there.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bridge/nats/config.hpp"
#include "bridge/nats/frame.hpp"
#include "bridge/nats/inbound_tag.hpp"

namespace ringbell::bridge {
namespace {

using std::chrono_literals::operator""us;
using std::chrono_literals::operator""s;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST(FrameTest, OriginReadsBack) {
  for (const Origin& origin :
       {Origin{"a", 0, 0, 0, 0}, Origin{"18c-77", 8, UINT64_MAX, kMostRecords, UINT64_MAX}}) {
    const std::string text = text_of(origin);
    EXPECT_EQ(origin_of(text), origin);
    EXPECT_EQ(origin_of_id("Ringbell " + text), origin);
    EXPECT_EQ(origin_of_id("Ringbell" + text), std::nullopt);
    EXPECT_EQ(origin_of_id(text), std::nullopt);
  }
}

TEST(FrameTest, WhatIsNoOriginIsRefused) {
  for (const char* const text :
       {"", " ", "a", "a 1", "a 1 2 3", " 1 2 3 4", "a 1 2 3 4 ", "a 1 2 3 4 5", "a 1 2 3 x",
        "a -1 2 3 4", "a 1 2 4001 4", "a 1 2 3 99999999999999999999", "a  1 2 3 4"}) {
    EXPECT_EQ(origin_of(text), std::nullopt) << text;
  }
}

TEST(FrameTest, OriginInAReplySubjectReadsBack) {
  for (const std::string& source : {std::string("a"), std::string(32, 'f')}) {
    OriginReply reply(source);
    EXPECT_EQ(reply.source(), source);
    for (const std::uint64_t begin : {std::uint64_t{0}, std::uint64_t{77}, UINT64_MAX - 1}) {
      for (const std::uint64_t missed : {UINT64_MAX, std::uint64_t{0}}) {
        const std::string text = reply.of(begin, missed);
        EXPECT_EQ(OriginReply::read(text), (Origin{source, begin, begin + 1, 0, missed})) << text;
      }
    }
  }
  for (const char* const text :
       {"", "_INBOX.a.1.2", "_rb.", "_rb..1.2", "_rb.a", "_rb.a.", "_rb.a.1.", "_rb.a.1.2.3",
        "_rb.a.-1.2", "_rb.a.1 2", "_rb.a.1.2!", "_rb.a.zzzzzzzzzzzzzz"}) {
    EXPECT_EQ(OriginReply::read(text), std::nullopt) << text;
  }
}

TEST(FrameTest, BatchReadsBack) {
  Batch batch(true);
  const std::vector<std::string> texts{"one", "", "three"};
  for (const std::string& text : texts) {
    const std::size_t size = batch.size_with(text.size());
    batch.add(bytes_of(text));
    EXPECT_EQ(batch.size_bytes(), size);
  }
  const Origin origin{"a", 0, 3, batch.framed_count(), 0};
  const std::vector<std::byte> payload = batch.take();
  std::vector<std::span<const std::byte>> records;
  ASSERT_TRUE(records_of(payload, origin, records));
  ASSERT_EQ(records.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(records[i], bytes_of(texts[i])));
  }
  // Cut, or longer than it says.
  for (std::size_t size = 0; size < payload.size(); ++size) {
    EXPECT_FALSE(records_of(std::span(payload).first(size), origin, records)) << size;
  }
  EXPECT_FALSE(records_of(payload, Origin{"a", 0, 2, 2, 0}, records));
  EXPECT_FALSE(records_of(payload, Origin{"a", 0, 4, 4, 0}, records));
  EXPECT_FALSE(records_of(std::vector<std::byte>(8, std::byte{0xff}), origin, records));
}

TEST(FrameTest, MessageOfAnotherPublisherIsOneRecord) {
  const std::string text = "anything";
  for (const auto& origin : {std::optional<Origin>(), std::optional(Origin{"a", 0, 1, 0, 0})}) {
    std::vector<std::span<const std::byte>> records;
    ASSERT_TRUE(records_of(bytes_of(text), origin, records));
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records.front().size(), text.size());
  }
}

TEST(InboundTagTest, ReadsBack) {
  for (const InboundTag& tag : {InboundTag{0, 0, 0, 0}, InboundTag{0xffff, 0x1fffff, 0xfff, 0xfff},
                                InboundTag{1, 2, 3, 4}}) {
    const InboundTag back = InboundTag::of(tag.word());
    EXPECT_EQ(back.check, tag.check);
    EXPECT_EQ(back.number, tag.number);
    EXPECT_EQ(back.from, tag.from);
    EXPECT_EQ(back.to, tag.to);
    EXPECT_LT(tag.word(), std::uint64_t{1} << 61U);
  }
}

TEST(InboundTagTest, NumberIsOneOfTheNext) {
  constexpr std::uint64_t kMask = (std::uint64_t{1} << InboundTag::kNumberBits) - 1;
  for (const std::uint64_t floor : {std::uint64_t{0}, kMask - 1, kMask, std::uint64_t{1} << 40U}) {
    for (const std::uint64_t ahead : {std::uint64_t{1}, std::uint64_t{20'000}, kMask / 2 + 1}) {
      const InboundTag tag{0, (floor + ahead) & kMask, 0, 0};
      EXPECT_EQ(tag.number_after(floor), floor + ahead);
    }
    for (const std::uint64_t behind : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{5000}}) {
      const InboundTag tag{0, (floor - behind) & kMask, 0, 0};
      EXPECT_EQ(tag.number_after(floor), std::nullopt) << floor << ' ' << behind;
    }
  }
}

TEST(FrameTest, MarkerOfLossesNamesItselfAndTheCount) {
  const auto marker = loss_marker(0x0102030405060708U);
  const std::string_view text(reinterpret_cast<const char*>(marker.data()), marker.size());
  EXPECT_EQ(text, "ringbell\x08\x07\x06\x05\x04\x03\x02\x01");
}

TEST(ConfigTest, SizesAndTimes) {
  EXPECT_EQ(size_of("4096"), 4096U);
  EXPECT_EQ(size_of("64K"), 65536U);
  EXPECT_EQ(size_of("16777215T"), std::uint64_t{16777215} << 40U);
  for (const char* const text : {"", "K", "-1", "1k", "1KB", "16777216T", "1.5M"}) {
    EXPECT_EQ(size_of(text), std::nullopt) << text;
  }
  EXPECT_EQ(duration_of("200us"), 200us);
  EXPECT_EQ(duration_of("0ns"), 0s);
  EXPECT_EQ(duration_of("3600s"), 3600s);
  for (const char* const text : {"", "1", "us", "1h", "-1us", "3601s", "99999999999999999999ns"}) {
    EXPECT_EQ(duration_of(text), std::nullopt) << text;
  }
}

TEST(ConfigTest, WhatIsWrongWithAPairIsSaid) {
  Pair good;
  good.ring = "a";
  good.subject = "b.c";
  good.shape = shape_of({});
  EXPECT_TRUE(check(good));
  for (const char* const subject :
       {"", " ", "a b", ".a", "a.", "a..b", "a.*", ">", "$JS.API", "a\n"}) {
    Pair pair = good;
    pair.subject = subject;
    EXPECT_FALSE(check(pair)) << subject;
  }
  Pair in = good;
  in.direction = Direction::in;
  in.durable = true;
  EXPECT_TRUE(check(in));
  EXPECT_EQ(stream_of(in), "B_C");
  in.consumer = "a.b";
  EXPECT_FALSE(check(in));
}

}  // namespace
}  // namespace ringbell::bridge
