// Streams over a channel: what goes in at one file comes out at another, and the end is exact. Both
// ends run in this process, in a thread each.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <unistd.h>
#include <ringbell/ringbell.hpp>

#include "tests/support/seed.hpp"
#include "tools/command/command.hpp"
#include "tools/command/stream/pump_in.hpp"
#include "tools/command/stream/pump_out.hpp"

namespace ringbell::tools {
namespace {

using namespace std::chrono_literals;

class File {
 public:
  explicit File(const std::string& content = {}) : file_(std::tmpfile()) {
    std::fwrite(content.data(), 1, content.size(), file_);
    std::rewind(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  File(File&&) = delete;
  File& operator=(File&&) = delete;
  ~File() { std::fclose(file_); }

  [[nodiscard]] int fd() const { return ::fileno(file_); }
  [[nodiscard]] std::string content() const {
    std::rewind(file_);
    std::string all;
    std::array<char, 65536> part{};
    for (std::size_t got = 1; got > 0;) {
      got = std::fread(part.data(), 1, part.size(), file_);
      all.append(part.data(), got);
    }
    return all;
  }

 private:
  std::FILE* file_;
};

std::string message_text(std::uint32_t length, char fill) {
  std::string text(sizeof length, '\0');
  std::memcpy(text.data(), &length, sizeof length);
  return text + std::string(length, fill);
}

class Stream : public testing::Test {
 protected:
  void open(std::uint64_t capacity_bytes) {
    ChannelOptions options;
    options.capacity_bytes = capacity_bytes;
    Result<Channel> channel = Channel::create(options);
    ASSERT_TRUE(channel) << channel.error().message;
    Result<Receiver> receiver = Receiver::attach(channel->fds());
    ASSERT_TRUE(receiver) << receiver.error().message;
    receiver_.emplace(std::move(*receiver));
    Result<Sender> sender = Sender::open(std::move(*channel));
    ASSERT_TRUE(sender) << sender.error().message;
    sender_.emplace(std::move(*sender));
  }

  // What comes out. `in_status` and `out_status` say how either end ended; the sender's closes.
  std::string through(const std::string& content, PumpIn from, PumpOut into, bool framed = true) {
    const File source(content);
    const File destination;
    from.fd = source.fd();
    into.fd = destination.fd();
    std::thread sending([&] {
      Meter meter(false);
      const Patience patience(10s);
      StreamWriter writer(*sender_, patience, meter, framed);
      status_of(pump_in(from, writer, meter), in_status, in_message);
      sender_.reset();
    });
    receive(into, framed);
    receiver_.reset();
    sending.join();
    return destination.content();
  }

  void receive(const PumpOut& into, bool framed = true) {
    Meter meter(false);
    const Patience patience(10s);
    StreamReader reader(*receiver_, patience, meter, framed);
    status_of(pump_out(reader, into, meter).map([](bool) {}), out_status, out_message);
  }

  // A record of a stream that process 1 sends.
  template <class T>
  bool send_record(const T& payload, Tag tag) {
    std::array<std::byte, sizeof payload + sizeof(Trailer)> record{};
    const Trailer trailer{1, kTrailerMagic, tag};
    std::memcpy(record.data(), &payload, sizeof payload);
    std::memcpy(record.data() + sizeof payload, &trailer, sizeof trailer);
    return sender_->try_send(record);
  }

  static void status_of(const Tried<void>& result, int& status, std::string& message) {
    status = result ? int{kDone} : result.error().status;
    message = result ? "" : result.error().message;
  }

  void expect_done() const {
    EXPECT_EQ(in_status, kDone) << in_message;
    EXPECT_EQ(out_status, kDone) << out_message;
  }

  std::optional<Sender> sender_;
  std::optional<Receiver> receiver_;
  int in_status = -1;
  int out_status = -1;
  std::string in_message;
  std::string out_message;
};

std::string random_bytes(std::size_t size) {
  std::mt19937_64 random(test::seed());
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

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
  open(65536);
  const std::string cut = message_text(3, 'a') + message_text(9, 'b').substr(0, 7);
  EXPECT_EQ(through(cut, {-1, Shape::messages}, {-1, std::nullopt}), message_text(3, 'a'));
  EXPECT_EQ(in_status, kFailed);
  EXPECT_NE(in_message.find("inside a message"), std::string::npos);
  EXPECT_EQ(out_status, kTruncated);
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
  open(65536);
  {
    Meter meter(false);
    const Patience patience(10s);
    StreamWriter writer(*sender_, patience, meter, true);
    ASSERT_TRUE(writer.begin(Shape::bytes, 100));
  }
  ASSERT_TRUE(send_record(StreamEnd{.bytes = 1, .messages = 0}, Tag::end));
  const File destination;
  receive({destination.fd(), std::nullopt});
  EXPECT_EQ(out_status, kTruncated);
  EXPECT_NE(out_message.find("not as it should"), std::string::npos) << out_message;
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
