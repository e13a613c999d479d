// Streams over a channel: what goes in at one file comes out at another, and the end is exact. Both
// ends run in this process, in a thread each.
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <ringbell/ringbell.hpp>

#include "tests/support/seed.hpp"
#include "tests/tools/stream_fixture.hpp"

namespace ringbell::tools {
namespace {

using namespace std::chrono_literals;

TEST_F(Stream, BytesComeOutAsTheyWentIn) {
  const test::PrintedSeed printed;
  for (const std::size_t size : {0U, 1U, 4095U, 65536U, 1'000'003U}) {
    open(65536);
    const std::string content = random_bytes(size);
    EXPECT_EQ(through(content, {.fd = -1}, {-1, std::nullopt}), content);
    expect_done();
  }
}

TEST_F(Stream, LinesComeOutAsLines) {
  open(65536);
  std::string content = "one\n\n three \n" + std::string(100'000, 'x') + "\n";
  for (int i = 0; i < 20'000; ++i) content += std::to_string(i) + "\n";
  EXPECT_EQ(through(content, {-1, Shape::lines}, {-1, std::nullopt}), content);
  expect_done();
}

TEST_F(Stream, TheLastLineGetsItsEnd) {
  open(65536);
  EXPECT_EQ(through("a\nb", {-1, Shape::lines}, {-1, std::nullopt}), "a\nb\n");
  expect_done();
  open(4096);
  const std::string longer(2000, 'y');  // sent in parts
  EXPECT_EQ(through(longer, {-1, Shape::lines}, {-1, std::nullopt}), longer + "\n");
  expect_done();
  open(4096);
  const std::string chunk(512, 'z');  // exactly a part, and then the end
  EXPECT_EQ(through(chunk, {-1, Shape::lines}, {-1, std::nullopt}), chunk + "\n");
  expect_done();
}

TEST_F(Stream, MessagesKeepTheirLengths) {
  open(65536);
  std::string content = message_text(0, 'a') + message_text(5, 'b') + message_text(200'000, 'c');
  for (std::uint32_t i = 0; i < 3000; ++i) content += message_text(i % 97, 'd');
  EXPECT_EQ(through(content, {-1, Shape::messages}, {-1, std::nullopt}), content);
  expect_done();
}

TEST_F(Stream, LinesCanComeOutAsMessagesAndBytes) {
  open(65536);
  EXPECT_EQ(through("ab\nc\n", {-1, Shape::lines}, {-1, Shape::messages}),
            message_text(2, 'a').substr(0, 4) + "ab" + message_text(1, 'c'));
  expect_done();
  open(65536);
  EXPECT_EQ(through("ab\nc\n", {-1, Shape::lines}, {-1, Shape::bytes}), "abc");
  expect_done();
}

TEST_F(Stream, AMessageThatIsCutOffEndsTheSenderAndTruncatesTheStream) {
  for (const std::size_t left : {1U, 3U, 4U, 7U}) {  // of its length, and of the message
    open(65536);
    const std::string cut = message_text(3, 'a') + message_text(9, 'b').substr(0, left);
    EXPECT_EQ(through(cut, {-1, Shape::messages}, {-1, std::nullopt}), message_text(3, 'a'));
    EXPECT_EQ(in_status, kFailed);
    EXPECT_NE(in_message.find("inside a message"), std::string::npos);
    EXPECT_EQ(out_status, kTruncated);
  }
}

TEST_F(Stream, TheSenderMayStopAfterSoManyMessages) {
  open(65536);
  EXPECT_EQ(through("a\nb\nc\n", {-1, Shape::lines, 2}, {-1, std::nullopt}), "a\nb\n");
  expect_done();
  open(65536);
  EXPECT_EQ(through("abcdef", {-1, Shape::bytes, 4}, {-1, std::nullopt}), "abcd");
  expect_done();
}

TEST_F(Stream, AReceiverThatStopsEarlyTruncatesTheSendersStream) {
  open(4096);
  const std::string content(100'000, 'a');
  EXPECT_EQ(through(content, {.fd = -1}, {-1, std::nullopt, 5000}), content.substr(0, 5000));
  EXPECT_EQ(out_status, kDone) << out_message;
  EXPECT_EQ(in_status, kTruncated);
  EXPECT_NE(in_message.find("receiver stopped"), std::string::npos) << in_message;
}

TEST_F(Stream, ASenderThatClosesWithoutAnEndTruncatesTheStream) {
  open(65536);
  {
    Meter meter(false);
    const Patience patience(10s);
    StreamWriter writer(*sender_, patience, meter, true);
    ASSERT_TRUE(writer.begin(Shape::bytes, 100));
    ASSERT_TRUE(writer.add(std::as_bytes(std::span("abc", 3)), Tag::whole));
    writer.flush();
  }
  sender_.reset();
  const File destination;
  receive({destination.fd(), std::nullopt});
  EXPECT_EQ(out_status, kTruncated);
  EXPECT_EQ(destination.content(), "abc");  // what came is not lost
}

TEST_F(Stream, AnEndThatCountsOtherwiseTruncatesTheStream) {
  for (const StreamEnd end : {StreamEnd{.bytes = 1, .messages = 0}, {.bytes = 0, .messages = 1}}) {
    open(65536);
    {
      Meter meter(false);
      const Patience patience(10s);
      StreamWriter writer(*sender_, patience, meter, true);
      ASSERT_TRUE(writer.begin(Shape::bytes, 100));
    }
    ASSERT_TRUE(send_record(end, Tag::end));
    const File destination;
    receive({destination.fd(), std::nullopt});
    EXPECT_EQ(out_status, kTruncated);
    EXPECT_NE(out_message.find("not as it should"), std::string::npos) << out_message;
  }
}

TEST_F(Stream, AHeaderInAStreamCutsItAndBeginsTheNext) {
  open(65536);
  {
    Meter meter(false);
    const Patience patience(10s);
    for (int i = 0; i < 2; ++i) {
      StreamWriter writer(*sender_, patience, meter, true);
      ASSERT_TRUE(writer.begin(Shape::bytes, 100));
      ASSERT_TRUE(writer.add(std::as_bytes(std::span(i == 0 ? "ab" : "cd", 2)), Tag::whole));
      writer.flush();
    }
    ASSERT_TRUE(send_record(StreamEnd{.bytes = 2, .messages = 1}, Tag::end));
  }
  Meter meter(false);
  const Patience patience(10s);
  StreamReader reader(*receiver_, patience, meter, true);
  const File first;
  const Tried<bool> cut = pump_out(reader, {first.fd(), std::nullopt}, meter);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().status, kCutBefore);
  EXPECT_TRUE(reader.sender_is_done());
  EXPECT_EQ(first.content(), "ab");
  const File second;
  EXPECT_EQ(pump_out(reader, {second.fd(), std::nullopt}, meter).value_or(false), true);
  EXPECT_EQ(second.content(), "cd");
}

TEST_F(Stream, WhatADeadSenderLeftWithoutItsBeginningIsPassedOver) {
  open(65536);
  ASSERT_TRUE(send_record(std::array<char, 3>{'o', 'l', 'd'}, Tag::whole));
  ASSERT_TRUE(send_record(StreamEnd{.bytes = 9, .messages = 3}, Tag::end));
  EXPECT_EQ(through("new", {.fd = -1}, {-1, std::nullopt}), "new");
  expect_done();
}

TEST_F(Stream, ALivingSendersStreamWithoutItsBeginningIsRefused) {
  open(65536);
  std::array<std::byte, 3 + sizeof(Trailer)> record{};
  const Trailer trailer{static_cast<std::uint32_t>(::getpid()), kTrailerMagic, Tag::whole};
  std::memcpy(record.data() + 3, &trailer, sizeof trailer);
  ASSERT_TRUE(sender_->try_send(record));
  const File destination;
  receive({destination.fd(), std::nullopt});
  EXPECT_EQ(out_status, kFailed);
  EXPECT_NE(out_message.find("its beginning went to"), std::string::npos) << out_message;
  EXPECT_EQ(destination.content(), "");
}

TEST_F(Stream, ASenderThatLeavesBeforeItsStreamBeginsIsNoStream) {
  open(65536);
  sender_.reset();
  Meter meter(false);
  const Patience patience(10s);
  StreamReader reader(*receiver_, patience, meter, true);
  EXPECT_EQ(pump_out(reader, {-1, std::nullopt}, meter).value_or(true), false);
  EXPECT_TRUE(reader.sender_is_done());
}

TEST_F(Stream, RecordsOfNoStreamAreRefused) {
  open(65536);
  ASSERT_TRUE(sender_->try_send(std::as_bytes(std::span("hello", 5))));
  const File destination;
  receive({destination.fd(), std::nullopt});
  EXPECT_EQ(out_status, kFailed);
  EXPECT_NE(out_message.find("--raw"), std::string::npos) << out_message;
}

TEST_F(Stream, RawMessagesEndWhenTheSenderCloses) {
  open(65536);
  EXPECT_EQ(through("one\ntwo\n", {-1, Shape::lines}, {-1, Shape::lines}, false), "one\ntwo\n");
  expect_done();
}

TEST_F(Stream, ARawMessageCannotBeEmptyOrInParts) {
  open(65536);
  EXPECT_EQ(through("one\n\n", {-1, Shape::lines}, {-1, Shape::lines}, false), "one\n");
  EXPECT_EQ(in_status, kFailed);
  EXPECT_NE(in_message.find("--raw"), std::string::npos) << in_message;
  open(4096);
  EXPECT_EQ(through(std::string(5000, 'x'), {-1, Shape::lines}, {-1, Shape::lines}, false), "");
  EXPECT_EQ(in_status, kFailed);
}

TEST_F(Stream, NobodyComesWithinThePatience) {
  Result<Channel> channel = Channel::create();
  ASSERT_TRUE(channel);
  Result<Receiver> receiver = Receiver::attach(channel->fds());
  ASSERT_TRUE(receiver);
  receiver_.emplace(std::move(*receiver));
  Meter meter(false);
  const Patience patience(50ms);
  StreamReader reader(*receiver_, patience, meter, true);
  const Tried<std::optional<StreamHeader>> header = reader.begin();
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().status, kTimedOut);
}

TEST(Progress, ShowsTotalTimeRateAndWhatIsLeft) {
  EXPECT_EQ(progress_text(1536 * 1024, 3.2, 512 * 1024, kUnknownSize), "1.50 MiB  0:03  512 KiB/s");
  EXPECT_EQ(progress_text(1 << 20, 2, 1 << 19, 4 << 20),
            "1.00 MiB  0:02  512 KiB/s  25 %  0:06 left");
  EXPECT_EQ(progress_text(4 << 20, 2, 2 << 20, 4 << 20), "4.00 MiB  0:02  2.00 MiB/s  100 %");
  EXPECT_EQ(progress_text(0, 0, 0, 0), "0 B  0:00  0 B/s  100 %");
}

}  // namespace
}  // namespace ringbell::tools
