// Times that are too long to be counted, and descriptors that are too low to be held.
#include <array>
#include <cerrno>
#include <chrono>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/time_types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/base/deadline.hpp>
#include <tests/support/failure.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;

TEST(DeadlineTest, ATimeThatCannotBeCountedNeverComes) {
  const SteadyTime now = std::chrono::steady_clock::now();
  EXPECT_EQ(end_of(now, 5s), now + 5s);
  EXPECT_EQ(end_of(now, kForever), kNever);
  EXPECT_EQ(end_of(now, kForever - 1ns), kNever);
  EXPECT_EQ(left_until(kNever), kForever);
  EXPECT_EQ(left_until(now - 1s), Timeout::zero());
  EXPECT_LE(left_until(end_of(1h)), 1h);
  EXPECT_GT(left_until(end_of(1h)), 59min);
}

TEST(DeadlineTest, TheKernelIsToldSecondsAndTheRest) {
  EXPECT_EQ(to_timespec(3s + 7ns).tv_sec, 3);
  EXPECT_EQ(to_timespec(3s + 7ns).tv_nsec, 7);
  EXPECT_EQ(to_timespec(-1s).tv_sec, 0);
  EXPECT_EQ(to_timespec<__kernel_timespec>(kForever).tv_sec, kForever / 1s);
}

TEST(FileDescriptorTest, ACopyIsClosedOnExecAndAnErrorNamesIt) {
  const auto copy = duplicate(STDIN_FILENO);
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_GE(copy->get(), kFirstOwnDescriptor);
  EXPECT_EQ(::fcntl(copy->get(), F_GETFD), FD_CLOEXEC);
  const auto none = duplicate(-1);
  ASSERT_FALSE(none);
  EXPECT_EQ(errno_of(none), EBADF);
  EXPECT_NE(message_of(none).find("duplicating descriptor -1 failed"), std::string::npos)
      << none.error().message;
}

// In a child, whose first three descriptors nothing else needs.
TEST(FileDescriptorTest, WhatTheKernelPutsAmongTheFirstThreeIsMovedUp) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::array<int, 2> ends{};
    ::close(STDIN_FILENO);
    ::close(STDOUT_FILENO);
    if (::pipe(ends.data()) != 0 || ends[0] != STDIN_FILENO || ends[1] != STDOUT_FILENO) ::_exit(1);
    const FileDescriptor out(ends[0]);
    const FileDescriptor in(ends[1]);
    if (out.get() < kFirstOwnDescriptor || in.get() < kFirstOwnDescriptor) ::_exit(2);
    if (::fcntl(out.get(), F_GETFD) != FD_CLOEXEC) ::_exit(6);
    if (::fcntl(STDIN_FILENO, F_GETFD) != -1 || ::fcntl(STDOUT_FILENO, F_GETFD) != -1) ::_exit(3);
    char letter = 0;
    if (::write(in.get(), "x", 1) != 1 || ::read(out.get(), &letter, 1) != 1) ::_exit(4);
    ::_exit(letter == 'x' ? 0 : 5);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(FileDescriptorTest, ARegionIsNotWhereStandardOutputWas) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(STDOUT_FILENO);
    const auto channel = Channel::create();
    ::_exit(channel && channel->fds().memory >= kFirstOwnDescriptor &&
                    ::fcntl(STDOUT_FILENO, F_GETFD) == -1
                ? 0
                : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ringbell
