// Quick wake-ups: held as long as the endpoint lives, and a refusal that is told and harms nothing.
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/sleep/quick_wake.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>

namespace ringbell {
namespace {

constexpr const char* kDevice = "/dev/cpu_dma_latency";
constexpr uid_t kNobody = 65534;

// How many descriptors of this process are the device.
int open_requests() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // the iterator's own
    if (std::filesystem::read_symlink(entry.path(), gone) == kDevice) ++count;
  }
  return count;
}

bool may_hold() { return ::access(kDevice, W_OK) == 0; }

TEST(QuickWakeTest, KernelAllowsNoLatencyWhileHeld) {
  if (!may_hold()) GTEST_SKIP() << "this process may not write " << kDevice;
  const Result<QuickWake> held = QuickWake::hold();
  ASSERT_TRUE(held) << held.error().message;
  const FileDescriptor device{::open(kDevice, O_RDONLY | O_CLOEXEC)};
  std::int32_t latency_us = -1;
  ASSERT_EQ(::read(device.get(), &latency_us, sizeof latency_us), ssize_t{sizeof latency_us});
  EXPECT_EQ(latency_us, 0);
}

TEST(QuickWakeTest, EndpointHoldsItAsLongAsItLives) {
  if (!may_hold()) GTEST_SKIP() << "this process may not write " << kDevice;
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  {
    const Receiver without = Receiver::attach(channel.fds()).value();
    EXPECT_EQ(open_requests(), 0);
    const Sender with = Sender::attach(channel.fds(), {.quick_wake = true}).value();
    EXPECT_EQ(open_requests(), 1);
    EXPECT_FALSE(with.quick_wake_refusal());
  }
  EXPECT_EQ(open_requests(), 0);
}

// In a child that has no right to it: what the endpoints say, and that they work all the same.
int use_channel_without_it(ErrorCode expected, const char* remedy) {
  const Result<Channel> channel = Channel::create({.capacity_bytes = 4096});
  if (!channel) return 1;
  Result<Receiver> receiver = Receiver::attach(channel->fds(), {.quick_wake = true});
  Result<Sender> sender = Sender::attach(channel->fds(), {.quick_wake = true});
  if (!receiver || !sender) return 2;
  for (const auto& refusal : {receiver->quick_wake_refusal(), sender->quick_wake_refusal()}) {
    if (!refusal) return 3;
    std::printf("%s\n", refusal->message.c_str());
    if (refusal->code != expected) return 4;
    if (refusal->message.find(remedy) == std::string::npos) return 5;
  }
  std::array<std::byte, 10> message{};
  return sender->send(message).value_or(false) && receiver->receive(message) ? 0 : 6;
}

TEST(QuickWakeTest, RefusalIsToldAndTheEndpointsWork) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become a user without the right";
  test::ChildProcess child = test::ChildProcess::fork([] {
    if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) return 77;
    if (may_hold()) return 77;
    return use_channel_without_it(ErrorCode::permission, "root, or a udev rule");
  });
  const std::optional<int> status = child.wait();
  if (status == 77) GTEST_SKIP() << "every user may write " << kDevice;
  EXPECT_EQ(status, 0);
}

TEST(QuickWakeTest, MissingDeviceIsUnsupported) {
  test::ChildProcess child = test::ChildProcess::fork([] {
    if (::chroot("/proc/self/fdinfo") != 0) return 77;  // a folder without a dev in it
    const Result<QuickWake> missing = QuickWake::hold();
    return !missing && code_of(missing) == ErrorCode::unsupported ? 0 : 1;
  });
  const std::optional<int> status = child.wait();
  if (status == 77) GTEST_SKIP() << "needs root, to hide the device";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ringbell
