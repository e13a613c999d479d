// UringLoop's streams into a ring, from files, pipes and sockets; and all that can happen on the
// way.
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/uring_stream.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::Bytes;
using test::make_file;
using test::make_pipe;
using test::make_sockets;
using test::Pair;
using test::some_bytes;
using ::testing::HasSubstr;

using UringReadTest = test::UringStreamTest;

TEST_F(UringReadTest, FileGoesIntoTheRingRoundAndRound) {
  const Bytes content = some_bytes(20 * kCapacity + 77);
  const FileDescriptor file = make_file(content);
  for (const unsigned depth : {1U, 4U}) {
    taken.clear();
    end.reset();
    ASSERT_TRUE(loop->read_into(*sender, file.get(),
                                {.offset = 0, .record_bytes = 1000, .depth = depth}, note_end()));
    ASSERT_TRUE(take_until_the_end());
    EXPECT_TRUE(end->result) << end->result.error().message;
    EXPECT_EQ(end->bytes, content.size());
    EXPECT_TRUE(taken == content);
    EXPECT_EQ(largest_record, 1000U);
  }
}

TEST_F(UringReadTest, PartOfAFile) {
  const Bytes content = some_bytes(10'000);
  const FileDescriptor file = make_file(content);
  ASSERT_TRUE(loop->read_into(*sender, file.get(),
                              {.offset = 1234, .length_bytes = 5000, .depth = 8}, note_end()));
  ASSERT_TRUE(take_until_the_end());
  EXPECT_EQ(end->bytes, 5000U);
  EXPECT_TRUE(taken == Bytes(content.begin() + 1234, content.begin() + 6234));
}

TEST_F(UringReadTest, FileAtItsOwnPositionAndUnpinned) {
  const Bytes content = some_bytes(3 * kCapacity);
  const FileDescriptor file = make_file(content);
  ASSERT_EQ(::lseek(file.get(), 100, SEEK_SET), 100);
  ASSERT_TRUE(loop->read_into(*sender, file.get(), {.pinned = false}, note_end()));
  ASSERT_TRUE(take_until_the_end());
  EXPECT_TRUE(end->result);
  EXPECT_TRUE(taken == Bytes(content.begin() + 100, content.end()));
}

TEST_F(UringReadTest, EmptyFileEndsAtOnce) {
  const FileDescriptor file = make_file();
  ASSERT_TRUE(loop->read_into(*sender, file.get(), {.offset = 0}, note_end()));
  ASSERT_TRUE(take_until_the_end());
  EXPECT_TRUE(end->result);
  EXPECT_EQ(end->bytes, 0U);
}

TEST_F(UringReadTest, FileThatBecomesShorterIsAnErrorAfterWhatWasThere) {
  const FileDescriptor file = make_file(some_bytes(8000));
  ASSERT_TRUE(loop->read_into(*sender, file.get(), {.offset = 0, .record_bytes = 1000, .depth = 2},
                              note_end()));
  ASSERT_EQ(::ftruncate(file.get(), 2500), 0);  // it has not turned yet
  ASSERT_TRUE(take_until_the_end());
  ASSERT_FALSE(end->result);
  EXPECT_THAT(message_of(end->result), HasSubstr("shorter"));
  EXPECT_EQ(end->bytes, 2000U);
  EXPECT_EQ(taken.size(), 2000U);
  EXPECT_TRUE(sender->try_send(some_bytes(50))) << "and the sender goes on";
  take();
  EXPECT_EQ(taken.size(), 2050U);
}

TEST_F(UringReadTest, ReadsAreRecordsAsTheyCome) {
  for (const Pair& ends :
       {make_pipe(), make_sockets(), make_pipe(O_NONBLOCK), make_sockets(SOCK_NONBLOCK)}) {
    end.reset();
    taken.clear();
    ASSERT_TRUE(loop->read_into(*sender, ends.first.get(), {}, note_end()));
    let_pass(5ms);
    Bytes all;
    for (std::uint64_t number = 0; number < 50; ++number) {
      const Bytes bytes = some_bytes(1 + number * 17 % 1500, number);
      put(ends.second.get(), bytes);
      all.insert(all.end(), bytes.begin(), bytes.end());
      ASSERT_TRUE(turn_until([&] {
        take();
        return taken.size() == all.size();
      }));
    }
    EXPECT_FALSE(end);
    ::shutdown(ends.second.get(), SHUT_WR);
    const_cast<FileDescriptor&>(ends.second) = FileDescriptor();
    ASSERT_TRUE(take_until_the_end());
    EXPECT_TRUE(end->result);
    EXPECT_EQ(end->bytes, all.size());
    EXPECT_TRUE(taken == all);
  }
}

TEST_F(UringReadTest, LengthStopsAPipe) {
  const Pair pipe = make_pipe();
  put(pipe.second.get(), some_bytes(1000));
  ASSERT_TRUE(loop->read_into(*sender, pipe.first.get(), {.length_bytes = 600}, note_end()));
  ASSERT_TRUE(take_until_the_end());
  EXPECT_EQ(end->bytes, 600U);
  std::array<char, 1000> rest{};
  EXPECT_EQ(::read(pipe.first.get(), rest.data(), rest.size()), 400);
}

TEST_F(UringReadTest, PipeThatDoesNotBlockIsWaitedFor) {
  Pair pipe = make_pipe(O_NONBLOCK);
  ASSERT_TRUE(loop->read_into(*sender, pipe.first.get(), {}, note_end()));
  let_pass(20ms);
  EXPECT_FALSE(end);
  put(pipe.second.get(), some_bytes(1000));
  ASSERT_TRUE(turn_until([&] {
    take();
    return taken.size() == 1000;
  }));
  pipe.second = {};
  ASSERT_TRUE(take_until_the_end());
  EXPECT_TRUE(end->result);
  EXPECT_EQ(taken, some_bytes(1000));
}

TEST_F(UringReadTest, FullRingHoldsThePipeUp) {
  const Pair pipe = make_pipe();
  const Bytes content = some_bytes(3 * kCapacity);
  put(pipe.second.get(), content);
  ASSERT_TRUE(loop->read_into(*sender, pipe.first.get(), {}, note_end()));
  let_pass(20ms);
  EXPECT_FALSE(end);
  std::size_t rounds = 0;
  for (; taken.size() < content.size() && rounds < 1000; ++rounds) {
    take();
    ASSERT_TRUE(loop->turn(100ms));
  }
  EXPECT_GT(rounds, 2U);
  EXPECT_TRUE(taken == content);
  EXPECT_EQ(loop->missed_rings(), 0U);
}

TEST_F(UringReadTest, ClosedReceiverEndsTheStreamOnceTheRingIsFull) {
  const Pair pipe = make_pipe();
  put(pipe.second.get(), some_bytes(3 * kCapacity));
  ASSERT_TRUE(loop->read_into(*sender, pipe.first.get(), {}, note_end()));
  let_pass(5ms);
  receiver.reset();
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  EXPECT_EQ(code_of(end->result), ErrorCode::closed);
}

TEST_F(UringReadTest, ReadErrorsComeToTheCaller) {
  const Pair pipe = make_pipe();
  ASSERT_TRUE(loop->read_into(*sender, pipe.second.get(), {}, note_end()));
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  EXPECT_EQ(errno_of(end->result), EBADF);
  EXPECT_THAT(message_of(end->result), HasSubstr("reading into the ring failed"));
}

TEST_F(UringReadTest, CancelledReadLosesNothingThatItTook) {
  const Pair pipe = make_pipe();
  const UringLoop::Ticket ticket =
      loop->read_into(*sender, pipe.first.get(), {}, note_end()).value();
  put(pipe.second.get(), some_bytes(100));
  ASSERT_TRUE(turn_until([&] {
    take();
    return taken.size() == 100;
  }));
  loop->cancel(ticket);
  EXPECT_FALSE(end) << "not within cancel()";
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  EXPECT_EQ(code_of(end->result), ErrorCode::cancelled);
  EXPECT_EQ(end->bytes, 100U);
  put(pipe.second.get(), some_bytes(60));
  let_pass(5ms);
  std::array<char, 100> rest{};
  EXPECT_EQ(::read(pipe.first.get(), rest.data(), rest.size()), 60) << "nothing else took it";
  EXPECT_TRUE(sender->try_send(some_bytes(10)));
}

TEST_F(UringReadTest, ManyStreamsAfterEachOtherGiveTheirPlacesBack) {
  const Bytes content = some_bytes(100);
  const FileDescriptor file = make_file(content);
  for (int i = 0; i < 1500; ++i) {  // more than there are places for registered memory
    end.reset();
    ASSERT_TRUE(loop->read_into(*sender, file.get(), {.offset = 0}, note_end())) << i;
    ASSERT_TRUE(take_until_the_end());
  }
  EXPECT_EQ(taken.size(), 150'000U);
}

TEST_F(UringReadTest, ImpossibleOptionsAreErrors) {
  const FileDescriptor file = make_file();
  const auto read = [&](const StreamOptions& wanted) {
    return code_of(loop->read_into(*sender, file.get(), wanted, note_end()));
  };
  EXPECT_EQ(read({.offset = 0, .depth = 0}), ErrorCode::invalid_argument);
  EXPECT_EQ(read({.offset = 0, .depth = 33}), ErrorCode::invalid_argument);
  EXPECT_EQ(read({.depth = 2}), ErrorCode::invalid_argument);
  EXPECT_EQ(read({.record_bytes = kCapacity}), ErrorCode::too_large);
  const auto by_one = loop->read_into(*sender, file.get(),
                                      {.record_bytes = sender->max_record_bytes() + 1}, note_end());
  ASSERT_FALSE(by_one);
  EXPECT_EQ(code_of(by_one), ErrorCode::too_large);
  EXPECT_EQ(code_of(loop->write_from(*receiver, file.get(), {.depth = 2}, note_end())),
            ErrorCode::invalid_argument);
}
}  // namespace
}  // namespace ringbell
