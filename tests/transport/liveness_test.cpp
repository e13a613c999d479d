// A role belongs to the process that took it, and to no child that it leaves behind.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/seed.hpp>

namespace ringbell {
namespace {

using test::ChildProcess;
using test::Signal;
using ::testing::HasSubstr;

FileDescriptor reopen(const Channel& channel) {
  const std::string path = "/proc/self/fd/" + std::to_string(channel.fds().memory);
  return FileDescriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC));
}

FileDescriptor open_privately(const Channel& channel) {
  return FileDescriptor::make_private([&] { return reopen(channel); });
}

// The child lives on after its parent, with copies of all that the parent had open.
TEST(LivenessTest, RoleOfADeadParentIsFreeAlthoughItsChildLives) {
  const Channel channel = Channel::create().value();
  const Signal opened;
  const Signal over;
  ChildProcess parent = ChildProcess::fork([&] {
    const Result<Sender> sender = Sender::attach(channel.fds());
    if (!sender) return 1;
    if (::fork() == 0) {
      opened.tell();
      ::_exit(over.wait() ? 0 : 1);
    }
    ::pause();
    return 0;
  });
  ASSERT_TRUE(opened.wait());
  EXPECT_EQ(code_of(Sender::attach(channel.fds())), ErrorCode::busy);
  parent.kill_now();
  EXPECT_TRUE(Sender::attach(channel.fds())) << "the child keeps its parent's role";
  over.tell();
}

TEST(LivenessTest, ChildsCopyOfALockedFileIsOfNothing) {
  const Channel channel = Channel::create().value();
  FileDescriptor lower = reopen(channel);
  const FileDescriptor own = open_privately(channel);
  ASSERT_TRUE(own);
  ASSERT_LT(lower.get(), own.get());
  lower = {};  // free in the child, too
  ChildProcess child = ChildProcess::fork([&] {
    if (::fcntl(own.get(), F_GETFD) != FD_CLOEXEC) return 1;  // the number stays taken
    char byte = 0;
    return ::pread(own.get(), &byte, 1, 0) < 0 ? 0 : 2;
  });
  EXPECT_EQ(child.wait(), 0);
  char byte = 0;
  EXPECT_EQ(::pread(own.get(), &byte, 1, 0), 1);
}

// A child must find what its parent has under the number of a lock that is closed by now.
TEST(LivenessTest, NumberThatIsClosedIsForgotten) {
  const Channel channel = Channel::create().value();
  int number = -1;
  {
    const FileDescriptor own = open_privately(channel);
    number = own.get();
  }
  const FileDescriptor next = reopen(channel);
  ASSERT_EQ(next.get(), number);
  ChildProcess child = ChildProcess::fork([&] {
    char byte = 0;
    return ::pread(next.get(), &byte, 1, 0) == 1 ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(LivenessTest, NumbersAreTakenOnceAndComeFree) {
  const Channel channel = Channel::create().value();
  const int fd = channel.region().fd();
  EXPECT_FALSE(ParticipantLock::any_held(fd));
  std::optional<ParticipantLock> third(ParticipantLock::take(fd, 3, "third").value());
  EXPECT_TRUE(ParticipantLock::any_held(fd));
  EXPECT_TRUE(ParticipantLock::is_held(fd, 3));
  EXPECT_FALSE(ParticipantLock::is_held(fd, 2) || ParticipantLock::is_held(fd, 4));
  EXPECT_EQ(code_of(ParticipantLock::take(fd, 3, "third")), ErrorCode::busy);
  const ParticipantLock fourth = ParticipantLock::take_any(fd, 3, 5, "one of two").value();
  EXPECT_EQ(fourth.number(), 4U);
  EXPECT_FALSE(fourth.is_held(4)) << "by itself";
  EXPECT_TRUE(fourth.is_held(3));
  const Result<ParticipantLock> none = ParticipantLock::take_any(fd, 3, 5, "one of two");
  EXPECT_EQ(code_of(none), ErrorCode::no_place);
  EXPECT_THAT(message_of(none), HasSubstr("all 2 places for a one of two"));
  third.reset();
  EXPECT_EQ(ParticipantLock::take_any(fd, 3, 5, "one of two").value().number(), 3U);
}

TEST(LivenessTest, APlaceThatIsMendedIsWaitedForAndNoParticipants) {
  const Channel channel = Channel::create().value();
  const int fd = channel.region().fd();
  std::optional<ParticipantLock> mender(ParticipantLock::take_to_mend(fd, 3).value());
  const ParticipantLock second = ParticipantLock::take_to_mend(fd, 5).value();
  EXPECT_TRUE(ParticipantLock::take_to_mend(fd, 3)) << "two can mend it";
  EXPECT_FALSE(ParticipantLock::is_held(fd, 3));
  EXPECT_FALSE(ParticipantLock::any_held(fd));
  EXPECT_EQ(code_of(ParticipantLock::take(fd, 3, "third")), ErrorCode::busy);
  std::thread ends_soon([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    mender.reset();
  });
  const Result<ParticipantLock> third = ParticipantLock::take_any(fd, 3, 4, "third");
  ends_soon.join();
  EXPECT_TRUE(third);
  EXPECT_EQ(code_of(ParticipantLock::take_to_mend(fd, 3)), ErrorCode::busy);
  EXPECT_EQ(code_of(ParticipantLock::take_any(fd, 5, 6, "one")), ErrorCode::no_place);
}

// In whatever order the kernel names them, and whatever else is locked.
TEST(LivenessTest, SeatsAreCounted) {
  const test::PrintedSeed printed;
  const Channel channel = Channel::create().value();
  const int fd = channel.region().fd();
  const ParticipantLock participant = ParticipantLock::take(fd, 0, "writer").value();
  std::vector<ParticipantLock> seats;
  for (std::uint32_t i = 1; i <= 40; ++i) {
    seats.push_back(ParticipantLock::take_seat(fd).value());
    ASSERT_EQ(ParticipantLock::seats_held(fd), i);
  }
  std::shuffle(seats.begin(), seats.end(), std::mt19937(test::seed()));
  for (; !seats.empty(); seats.pop_back()) {
    ASSERT_EQ(ParticipantLock::seats_held(fd), seats.size());
  }
}

// A process that may write to the region locks what it likes.
TEST(LivenessTest, SeatsThatAHostileProcessLocksAreBounded) {
  const Channel channel = Channel::create().value();
  const FileDescriptor hostile = reopen(channel);
  struct flock all {};
  all.l_type = F_WRLCK;
  ASSERT_EQ(::fcntl(hostile.get(), F_OFD_SETLK, &all), 0);
  EXPECT_EQ(ParticipantLock::seats_held(channel.region().fd()), ParticipantLock::kSeats);
  all.l_type = F_UNLCK;
  all.l_len = 1;
  for (all.l_start = 1U << 20U; all.l_start < (1 << 20) + 2 * ParticipantLock::kSeats;
       all.l_start += 2) {
    ASSERT_EQ(::fcntl(hostile.get(), F_OFD_SETLK, &all), 0);
  }
  EXPECT_EQ(ParticipantLock::seats_held(channel.region().fd()), ParticipantLock::kSeats / 2);
}

TEST(LivenessTest, DoubtCountsAsAlive) { EXPECT_TRUE(ParticipantLock::is_held(-1, 0)); }

}  // namespace
}  // namespace ringbell
