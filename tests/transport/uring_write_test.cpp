// UringLoop's streams out of a ring, into files, pipes and sockets; and all that can happen on the
// way.
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <span>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/uring_stream.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using test::Bytes;
using test::content_of;
using test::make_file;
using test::make_pipe;
using test::make_sockets;
using test::Pair;
using test::some_bytes;

using UringWriteTest = test::UringStreamTest;

TEST_F(UringWriteTest, RecordsGoIntoAFileOneBehindTheOther) {
  for (const unsigned depth : {1U, 8U}) {
    end.reset();
    sender.reset();
    sender.emplace(Sender::attach(channel.fds()).value());
    const FileDescriptor file = make_file(some_bytes(10));
    ASSERT_TRUE(
        loop->write_from(*receiver, file.get(), {.offset = 10, .depth = depth}, note_end()));
    Bytes all = some_bytes(10);
    for (std::uint64_t number = 0; number < 200; ++number) {
      const Bytes bytes = some_bytes(test::size_of_message(number, 3000), number);
      ASSERT_TRUE(turn_until([&] { return sender->try_send(bytes); }));
      all.insert(all.end(), bytes.begin(), bytes.end());
    }
    sender.reset();
    ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
    EXPECT_TRUE(end->result) << end->result.error().message;
    EXPECT_EQ(end->bytes, all.size() - 10);
    EXPECT_TRUE(content_of(file.get()) == all);
  }
}

TEST_F(UringWriteTest, WriteStopsWithTheRecordThatReachesTheLength) {
  const FileDescriptor file = make_file();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(sender->try_send(some_bytes(100)));
  ASSERT_TRUE(loop->write_from(*receiver, file.get(),
                               {.offset = 0, .length_bytes = 250, .depth = 4}, note_end()));
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  EXPECT_TRUE(end->result);
  EXPECT_EQ(end->bytes, 300U);
  take();
  EXPECT_EQ(taken.size(), 200U) << "the others are still there";
}

// Far more than a pipe or a socket takes at once: short writes, and waiting for the other end.
TEST_F(UringWriteTest, ShortWritesAreCompleted) {
  for (const Pair& ends :
       {make_pipe(), make_sockets(), make_pipe(O_NONBLOCK), make_sockets(SOCK_NONBLOCK)}) {
    end.reset();
    sender.reset();
    sender.emplace(Sender::attach(channel.fds()).value());
    ::fcntl(ends.second.get(), F_SETPIPE_SZ, 4096);
    ASSERT_TRUE(loop->write_from(*receiver, ends.second.get(), {}, note_end()));
    Bytes all;
    Bytes got;
    const auto read_some = [&] {
      Bytes into(3000);
      const ssize_t count = ::read(ends.first.get(), into.data(), into.size());
      if (count > 0) got.insert(got.end(), into.begin(), into.begin() + count);
    };
    const int flags = ::fcntl(ends.first.get(), F_GETFL);
    ::fcntl(ends.first.get(), F_SETFL, flags | O_NONBLOCK);
    for (std::uint64_t number = 0; number < 40; ++number) {
      const Bytes bytes = some_bytes(12'000 + number, number);
      ASSERT_TRUE(turn_until([&] {
        read_some();
        return sender->try_send(bytes);
      }));
      all.insert(all.end(), bytes.begin(), bytes.end());
    }
    sender.reset();
    ASSERT_TRUE(turn_until([&] {
      read_some();
      return end.has_value();
    }));
    for (std::size_t before = 0; before != got.size();) {
      before = got.size();
      read_some();
    }
    EXPECT_TRUE(end->result);
    EXPECT_EQ(end->bytes, all.size());
    EXPECT_TRUE(got == all);
  }
}

TEST_F(UringWriteTest, WriteErrorLeavesTheRecordsInTheRing) {
  Pair pipe = make_pipe();
  pipe.first = FileDescriptor();
  ASSERT_TRUE(sender->try_send(some_bytes(100, 1)));
  ASSERT_TRUE(sender->try_send(some_bytes(200, 2)));
  ASSERT_TRUE(loop->write_from(*receiver, pipe.second.get(), {}, note_end()));
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  EXPECT_EQ(errno_of(end->result), EPIPE);
  EXPECT_EQ(end->bytes, 0U);
  const Pair other = make_pipe();
  end.reset();
  sender.reset();
  ASSERT_TRUE(loop->write_from(*receiver, other.second.get(), {}, note_end()));
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  EXPECT_TRUE(end->result);
  EXPECT_EQ(end->bytes, 300U);
}

// The third of four writes under way fails: two are given back, two stay.
TEST_F(UringWriteTest, FullDiskEndsAWriteInTheMiddle) {
  const FileDescriptor file = make_file();
  ASSERT_EQ(::ftruncate(file.get(), 2000), 0);
  ASSERT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW), 0);
  for (std::uint64_t i = 0; i < 4; ++i) ASSERT_TRUE(sender->try_send(some_bytes(1000, i)));
  ASSERT_TRUE(loop->write_from(*receiver, file.get(), {.offset = 0, .depth = 4}, note_end()));
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  ASSERT_FALSE(end->result);
  EXPECT_EQ(end->bytes, 2000U);
  take();
  EXPECT_EQ(taken.size(), 2000U);
  EXPECT_TRUE(test::is_message(std::span(taken).first(1000), 2));
}

TEST_F(UringWriteTest, LyingSenderEndsAWrite) {
  const FileDescriptor file = make_file();
  const core::SpscPlaces places(channel.region().spsc_memory());
  places.header_at(receiver->position()) =
      core::SpscPlaces::header_of(receiver->position(), UINT32_MAX);
  ASSERT_TRUE(loop->write_from(*receiver, file.get(), {}, note_end()));
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  EXPECT_EQ(code_of(end->result), ErrorCode::corrupt);
}

TEST_F(UringWriteTest, DeathOfTheSenderEndsAWriteAfterWhatItSent) {
  const FileDescriptor file = make_file();
  sender.reset();
  const Channel fresh =
      Channel::create({.capacity_bytes = kCapacity, .doorbell = core::DoorbellKind::eventfd})
          .value();
  receiver = Receiver::attach(fresh.fds()).value();
  const test::ChildProcess child = test::ChildProcess::fork([&] {
    Result<Sender> dies = Sender::attach(fresh.fds());
    if (dies && dies->try_send(some_bytes(100))) ::raise(SIGKILL);
    return 1;
  });
  ASSERT_TRUE(loop->write_from(*receiver, file.get(), {}, note_end()));
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  ASSERT_FALSE(end->result);
  EXPECT_EQ(code_of(end->result), ErrorCode::peer_dead);
  EXPECT_EQ(content_of(file.get()), some_bytes(100));
}

TEST_F(UringWriteTest, CancelledWriteKeepsTheRecord) {
  const Pair pipe = make_pipe();
  ::fcntl(pipe.second.get(), F_SETPIPE_SZ, 4096);
  put(pipe.second.get(), some_bytes(4096));  // full: the write waits
  ASSERT_TRUE(sender->try_send(some_bytes(100)));
  const UringLoop::Ticket ticket =
      loop->write_from(*receiver, pipe.second.get(), {}, note_end()).value();
  let_pass(5ms);
  loop->cancel(ticket);
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  EXPECT_EQ(code_of(end->result), ErrorCode::cancelled);
  take();
  EXPECT_EQ(taken.size(), 100U);
}

TEST_F(UringWriteTest, LoopLetsGoOfTheMemoryBeforeItIsGone) {
  const Pair idle = make_pipe();
  const Pair full = make_pipe();
  ::fcntl(full.second.get(), F_SETPIPE_SZ, 4096);
  put(full.second.get(), some_bytes(4096));
  const Channel other =
      Channel::create({.capacity_bytes = kCapacity, .doorbell = DoorbellKind::eventfd}).value();
  std::optional<Receiver> from = Receiver::attach(other.fds()).value();
  Sender into_other = Sender::attach(other.fds()).value();
  ASSERT_TRUE(into_other.try_send(some_bytes(100)));
  const auto never = [](const StreamEnd&) { FAIL() << "the loop is gone"; };
  ASSERT_TRUE(loop->read_into(*sender, idle.first.get(), {}, never));
  ASSERT_TRUE(loop->write_from(*from, full.second.get(), {}, never));
  let_pass(5ms);
  loop.reset();
  put(idle.second.get(), some_bytes(50));  // it is no longer read into the ring
  std::array<char, 100> rest{};
  EXPECT_EQ(::read(idle.first.get(), rest.data(), rest.size()), 50);
  EXPECT_FALSE(receiver->peek());
  EXPECT_EQ(from->peek().value().size(), 100U);
}
}  // namespace
}  // namespace ringbell
