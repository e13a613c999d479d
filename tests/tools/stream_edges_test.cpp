// Streams at their edges: headers that cannot be, a corrupt ring, records in parts, outputs that do
// not block, senders that are slow.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/seed.hpp"
#include "tests/tools/stream_fixture.hpp"

namespace ringbell::tools {
namespace {

using namespace std::chrono_literals;

TEST_F(Stream, HeadersThatCannotBeAreRefused) {
  struct Longer {
    StreamHeader header;
    std::uint64_t more;
  };
  const StreamHeader right{kStreamMagic, kStreamVersion, Shape::bytes, 100};
  const auto refused = [&](auto&& send) {
    open(65536);
    ASSERT_TRUE(send());
    const File destination;
    receive({destination.fd(), std::nullopt});
    EXPECT_EQ(out_status, kFailed);
    EXPECT_NE(out_message.find("--raw"), std::string::npos) << out_message;
  };
  refused([&] { return send_record(Longer{right, 0}, Tag::header); });
  StreamHeader wrong = right;
  wrong.version = kStreamVersion + 1;
  refused([&] { return send_record(wrong, Tag::header); });
  wrong = right;
  wrong.shape = Shape{9};
  refused([&] { return send_record(wrong, Tag::header); });
  refused([&] {  // all is right but the magic of the trailer
    std::array<std::byte, sizeof right + sizeof(Trailer)> record{};
    const Trailer trailer{1, {'r', 'b', 'x'}, Tag::header};
    std::memcpy(record.data(), &right, sizeof right);
    std::memcpy(record.data() + sizeof right, &trailer, sizeof trailer);
    return sender_->try_send(record);
  });
}

TEST_F(Stream, ARingThatIsCorruptTruncatesTheStream) {
  open(65536);
  const core::SpscPlaces places(receiver_->channel().region().spsc_memory());
  places.header_at(receiver_->position()) =
      core::SpscPlaces::header_of(receiver_->position(), UINT32_MAX);
  const File destination;
  receive({destination.fd(), std::nullopt});
  EXPECT_EQ(out_status, kTruncated);
}

TEST_F(Stream, AMessageOfManyRecordsIsOne) {
  open(4096);
  const std::string content(2000, 'm');
  std::thread sending([&] {
    Meter meter(false);
    const Patience patience(10s);
    StreamWriter writer(*sender_, patience, meter, true);
    EXPECT_TRUE(writer.begin(Shape::lines, kUnknownSize));
    EXPECT_TRUE(writer.add(std::as_bytes(std::span(content)), Tag::whole));
    EXPECT_TRUE(writer.end());
  });
  const File destination;
  receive({destination.fd(), std::nullopt});
  sending.join();
  EXPECT_EQ(destination.content(), content + "\n");
}

// Once the other side is there, only its end or death ends a wait.
TEST_F(Stream, PatienceIsForTheOtherSideToComeAndNotForWhatItSends) {
  open(65536);
  std::thread sending([&] {
    Meter meter(false);
    const Patience patience(10s);
    StreamWriter writer(*sender_, patience, meter, true);
    EXPECT_TRUE(writer.begin(Shape::lines, kUnknownSize));
    std::this_thread::sleep_for(300ms);
    EXPECT_TRUE(writer.add(std::as_bytes(std::span("late", 4)), Tag::whole));
    EXPECT_TRUE(writer.end());
  });
  const File destination;
  Meter meter(false);
  const Patience patience(50ms);
  StreamReader reader(*receiver_, patience, meter, true);
  const Tried<bool> received = pump_out(reader, {destination.fd(), std::nullopt}, meter);
  sending.join();
  EXPECT_TRUE(received) << received.error().message;
  EXPECT_EQ(destination.content(), "late\n");
}

// What is written in parts goes on where it stopped.
TEST_F(Stream, AnOutputThatDoesNotBlockGetsEveryByte) {
  const test::PrintedSeed printed;
  open(65536);
  const std::string content = random_bytes(1'000'003);
  const File source(content);
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ASSERT_EQ(::fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
  std::string got;
  std::thread reading([&] {
    std::array<char, 1000> part{};
    for (ssize_t size = 1; size > 0;) {
      size = ::read(ends[0], part.data(), part.size());
      got.append(part.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
  });
  std::thread sending([&] {
    Meter meter(false);
    const Patience patience(10s);
    StreamWriter writer(*sender_, patience, meter, true);
    status_of(pump_in({.fd = source.fd()}, writer, meter), in_status, in_message);
  });
  receive({ends[1], std::nullopt});
  ::close(ends[1]);
  sending.join();
  reading.join();
  ::close(ends[0]);
  expect_done();
  EXPECT_EQ(got, content);
}

}  // namespace
}  // namespace ringbell::tools
