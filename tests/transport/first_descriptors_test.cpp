// A program that has closed some of its first three descriptors, as daemons do: what it later
// writes to standard output must reach no region, lock or socket of the library's.
#include <future>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/uring/uring_loop.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;

constexpr Timeout kPatience = 20s;

// One of the eight combinations: bit N says that descriptor N is closed.
struct Closed {
  unsigned bits;

  void close_them() const {
    for (int fd = 0; fd < kFirstOwnDescriptor; ++fd) {
      if ((bits >> fd & 1U) != 0) ::close(fd);
    }
  }
  [[nodiscard]] bool still() const {
    for (int fd = 0; fd < kFirstOwnDescriptor; ++fd) {
      if ((bits >> fd & 1U) != 0 && ::fcntl(fd, F_GETFD) != -1) return false;
    }
    return true;
  }
};

// 0, or which ends took a number that they must not.
int open_each_kind(const Closed& closed) {
  for (const auto backing : {Backing::memfd, Backing::file, Backing::system_v}) {
    Channel channel = Channel::create({.doorbell = core::DoorbellKind::eventfd,
                                       .memory = {.backing = backing, .name = "/dev/shm/"}})
                          .value();
    const Receiver receiver = Receiver::attach(channel.fds()).value();
    const Sender sender = Sender::open(std::move(channel), {.quick_wake = true}).value();
    if (!closed.still()) return 1;
  }
  {
    const Sender sender = Sender::create("orders").value();
    const Receiver receiver = Receiver::open("orders").value();
    if (!closed.still()) return 2;
  }
  for (const auto policy : {TopicOptions::Policy::lossless, TopicOptions::Policy::lossy}) {
    Topic topic = Topic::create({.policy = policy}).value();
    Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
    const Publisher publisher = Publisher::open(std::move(topic)).value();
    if (!subscriber.waitable_fd() || !closed.still()) return 3;
  }
  {
    Listener listener = Listener::open("orders").value();
    auto connecting =
        std::async(std::launch::async, [] { return connect("orders", {.timeout = kPatience}); });
    const std::optional<Connection> accepted = listener.accept(kPatience).value();
    const Result<Connection> connected = connecting.get();
    if (!accepted || !connected || !closed.still()) return 4;
  }
  const Result<UringLoop> loop = UringLoop::create();
  return closed.still() ? 0 : 5;
}

class FirstDescriptorsTest : public ::testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(EachCombination, FirstDescriptorsTest, ::testing::Range(0U, 8U));

TEST_P(FirstDescriptorsTest, NoEndTakesTheirNumbers) {
  const test::TemporaryNameFolder folder;
  const Closed closed{GetParam()};
  ChildProcess child = ChildProcess::fork([&] {
    closed.close_them();
    return open_each_kind(closed);
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(AboveStandardTest, NoDescriptorStaysNone) { EXPECT_EQ(above_standard(-1), -1); }

}  // namespace
}  // namespace ringbell
