// Channels that ring by a pair of sockets, as two users get them: as pollable as with eventfds, and
// no peer holds a ringer up.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_system_call.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using test::ChildProcess;
using test::copy_of;

constexpr auto kLong = 20s;
constexpr std::array<std::byte, 100> kMessage{};
// No slice ends while these tests run: what wakes an end is a ring.
constexpr WaitOptions kByBell{.spin_budget = 0ns, .longest_sleep = 1h};

bool is_readable(int fd, std::chrono::milliseconds limit = 0ms) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, static_cast<int>(limit.count())) == 1;
}

void make_blocking(int fd) {
  ASSERT_EQ(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
}

// Sends until no more fits.
void fill(int socket) {
  const std::array<char, 4096> rings{};
  while (::send(socket, rings.data(), rings.size(), MSG_DONTWAIT) > 0) {
  }
  while (::send(socket, rings.data(), 1, MSG_DONTWAIT) > 0) {
  }
}

class SocketBellTest : public ::testing::Test {
 protected:
  SocketBellTest() {
    auto ends = unix_socket::pair().value();
    writers_socket_ = ends.first.get();
    readers_socket_ = ends.second.get();
    sender_ = Sender::open(Channel::attach_by_socket(copy_of(ring_), std::move(ends.first)).value(),
                           kByBell)
                  .value();
    receiver_ =
        Receiver::open(Channel::attach_by_socket(copy_of(ring_), std::move(ends.second)).value(),
                       kByBell)
            .value();
  }
  void fill_ring() {
    while (sender_->try_send(kMessage)) {
    }
  }
  // `wake` ends the wait of `wait`, which does not end by itself.
  template <class Wait, class Wake>
  static void wakes(Wait&& wait, Wake&& wake) {
    auto waiting = std::async(std::launch::async, wait);
    EXPECT_EQ(waiting.wait_for(20ms), std::future_status::timeout);
    wake();
    EXPECT_TRUE(waiting.get());
  }

  Region ring_ =
      Region::create(
          ChannelOptions{.capacity_bytes = 4096, .doorbell = DoorbellKind::eventfd}.region())
          .value();
  int writers_socket_ = -1;
  int readers_socket_ = -1;
  std::optional<Sender> sender_;
  std::optional<Receiver> receiver_;
};

TEST_F(SocketBellTest, SleepersAreWokenByMessagesAndByRoom) {
  for (int i = 0; i < 3; ++i) {
    wakes([&] { return receiver_->peek_for(kLong).value().has_value(); },
          [&] { EXPECT_TRUE(sender_->try_send(kMessage)); });
    receiver_->release();
    fill_ring();
    wakes([&] { return sender_->send(kMessage, kLong).value(); },
          [&] { receiver_->drain([](auto) {}); });
    receiver_->drain([](auto) {});
  }
  EXPECT_EQ(receiver_->missed_rings() + sender_->missed_rings(), 0U);
}

TEST_F(SocketBellTest, InterruptWakesTheEndsOwnWait) {
  wakes([&] { return code_of(receiver_->peek_for(kLong)) == ErrorCode::cancelled; },
        [&] { receiver_->interrupt(); });
  fill_ring();
  wakes([&] { return code_of(sender_->send(kMessage, kLong)) == ErrorCode::cancelled; },
        [&] { sender_->interrupt(); });
}

TEST_F(SocketBellTest, ALoopForWhichThereIsNoDescriptorIsAnError) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Result<int> refused = receiver_->waitable_fd();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(errno_of(refused), EMFILE);
  EXPECT_TRUE(receiver_->waitable_fd());
}

TEST_F(SocketBellTest, LoopsSleepOnOneDescriptor) {
  const int data = receiver_->waitable_fd().value();
  const int space = sender_->waitable_fd().value();
  EXPECT_EQ(receiver_->waitable_fd().value(), data);
  EXPECT_EQ(receiver_->sleeping_place().fd, data);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(receiver_->arm());
    EXPECT_FALSE(is_readable(data));
    fill_ring();
    EXPECT_TRUE(is_readable(data, kLong));
    EXPECT_FALSE(receiver_->arm());
    ASSERT_TRUE(sender_->arm(kMessage.size()));
    EXPECT_FALSE(is_readable(space));
    receiver_->drain([](auto) {});
    EXPECT_TRUE(is_readable(space, kLong));
    sender_->disarm();
    EXPECT_FALSE(is_readable(space));
  }
}

// A waiting call takes the announcement back, and a ring for this very side says so.
TEST_F(SocketBellTest, ArmedLoopIsToldThatAWaitTookItsAnnouncementBack) {
  const int data = receiver_->waitable_fd().value();
  ASSERT_TRUE(receiver_->arm());
  EXPECT_FALSE(receiver_->peek_for(5ms).value());
  EXPECT_TRUE(is_readable(data, kLong));
  ASSERT_TRUE(receiver_->arm());
  EXPECT_FALSE(is_readable(data));
}

TEST_F(SocketBellTest, FullBellDoesNotHoldTheRingerUp) {
  fill(writers_socket_);
  make_blocking(writers_socket_);
  make_blocking(readers_socket_);
  ring_.spsc_control().data_bell.word = core::Parking<>::kParked;
  // In this process: a child does not keep the sockets.
  auto victim = std::async(std::launch::async, [&] { return sender_->try_send(kMessage); });
  EXPECT_EQ(victim.wait_for(kLong), std::future_status::ready);
  EXPECT_TRUE(is_readable(readers_socket_)) << "as good as rung";
  std::array<char, 4096> rings{};
  while (::recv(readers_socket_, rings.data(), rings.size(), MSG_DONTWAIT) > 0) {
  }
  EXPECT_TRUE(victim.get());
}

TEST_F(SocketBellTest, PeerThatRingsWithoutEndCostsNoMessage) {
  std::atomic<bool> stop{false};
  std::thread rings([&] {
    while (!stop) fill(writers_socket_);
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(receiver_->peek_for(1ms).value());
    EXPECT_TRUE(sender_->try_send(kMessage));
    EXPECT_TRUE(receiver_->peek_for(kLong).value());
    receiver_->release();
  }
  stop = true;
  rings.join();
}

TEST_F(SocketBellTest, PeerThatHangsUpOrStopsReadingCostsNoMessageEither) {
  ASSERT_EQ(::shutdown(readers_socket_, SHUT_RDWR), 0);
  fill_ring();  // no SIGPIPE
  EXPECT_FALSE(sender_->send(kMessage, 5ms).value());
  EXPECT_GT(receiver_->drain([](auto) {}), 0U);
  EXPECT_EQ(sender_->send(kMessage, kLong), true);
}

// Else the peer would not learn that this process is gone.
TEST(SocketBellForkTest, ChildKeepsNeitherOfAPairNorWhatWasReceived) {
  auto bells = std::optional(unix_socket::pair().value());
  auto way = unix_socket::pair().value();
  const std::array<int, 1> gift{bells->second.get()};
  ASSERT_TRUE(unix_socket::send(way.first.get(), std::span(kMessage), gift));
  std::array<std::byte, kMessage.size()> into{};
  auto received = std::optional(unix_socket::receive(way.second.get(), into, 1).value().value());
  ASSERT_EQ(received->descriptors.size(), 1U);
  const test::Signal begun;
  ChildProcess child = ChildProcess::fork([&] {
    begun.tell();
    return ::pause();
  });
  ASSERT_TRUE(begun.wait());
  bells->second = FileDescriptor();
  EXPECT_FALSE(unix_socket::is_hung_up(bells->first.get()));
  received.reset();
  EXPECT_TRUE(unix_socket::is_hung_up(bells->first.get()));
  child.kill_now();
}

TEST(SocketBellRefusalTest, OtherDescriptorsAndRingsAreRefused) {
  const Region rings_by_futex = Region::create(ChannelOptions{}.region()).value();
  const Region rings_by_eventfd =
      Region::create(ChannelOptions{.doorbell = DoorbellKind::eventfd}.region()).value();
  const Region queue = Region::create(QueueOptions{}.region()).value();
  const auto attaching = [](const Region& ring, FileDescriptor socket) {
    return code_of(Channel::attach_by_socket(copy_of(ring), std::move(socket)));
  };
  const auto good = [] { return std::move(unix_socket::pair().value().first); };
  EXPECT_EQ(attaching(queue, good()), ErrorCode::not_a_region);
  EXPECT_EQ(attaching(rings_by_futex, good()), ErrorCode::invalid_argument);
  EXPECT_EQ(attaching(rings_by_eventfd, FileDescriptor{}), ErrorCode::invalid_argument);
  EXPECT_EQ(attaching(rings_by_eventfd, FileDescriptor(::eventfd(0, EFD_CLOEXEC))),
            ErrorCode::invalid_argument);
  EXPECT_EQ(attaching(rings_by_eventfd, unix_socket::create().value()),
            ErrorCode::invalid_argument);
  EXPECT_EQ(
      attaching(rings_by_eventfd, FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))),
      ErrorCode::invalid_argument);
}

// However few descriptors are left, what lacks one is an Error or no descriptor, and the next try,
// with more of them, works.
TEST(SocketBellRefusalTest, WithoutDescriptorsItIsAnError) {
  const Region region =
      Region::create(ChannelOptions{.doorbell = DoorbellKind::eventfd}.region()).value();
  ChildProcess child = ChildProcess::fork([&] {
    bool attached = false;
    for (rlim_t left = 0; left < 16; ++left) {
      Region ring = copy_of(region);
      FileDescriptor socket = std::move(unix_socket::pair().value().first);
      const FileDescriptor next(::eventfd(0, EFD_CLOEXEC));
      const rlimit few{.rlim_cur = static_cast<rlim_t>(next.get()) + left, .rlim_max = 4096};
      const rlimit many{.rlim_cur = 1024, .rlim_max = 4096};
      if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 77;
      Result<Channel> channel = Channel::attach_by_socket(std::move(ring), std::move(socket));
      const bool is_first = channel && !std::exchange(attached, true);
      if (!channel && errno_of(channel) != EMFILE) return 2;
      if (::setrlimit(RLIMIT_NOFILE, &many) != 0) return 77;
      if (is_first && left == 0) return 3;
    }
    return attached ? 0 : 4;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(SocketBellRefusalTest, OneDescriptorForBothThatCannotBeHadIsAnError) {
  ChildProcess child = ChildProcess::fork([&] {
    const Region region =
        Region::create(ChannelOptions{.doorbell = DoorbellKind::eventfd}.region()).value();
    Receiver receiver =
        Receiver::open(
            Channel::attach_by_socket(copy_of(region), std::move(unix_socket::pair().value().first))
                .value())
            .value();
    const FileDescriptor last(::eventfd(0, EFD_CLOEXEC));
    const FileDescriptor other(::eventfd(0, EFD_CLOEXEC));
    const auto least = static_cast<rlim_t>(std::min(last.get(), other.get()));
    const rlimit few{.rlim_cur = least, .rlim_max = 4096};
    const rlimit many{.rlim_cur = 1024, .rlim_max = 4096};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 77;
    const std::optional<int> why = errno_of(receiver.waitable_fd());
    if (::setrlimit(RLIMIT_NOFILE, &many) != 0) return 77;
    if (why != EMFILE) return 2;
    if (!test::deny_system_call(SYS_epoll_ctl, ENOSPC)) return 77;
    if (receiver.sleeping_place().fd != -1) return 3;
    return errno_of(receiver.waitable_fd()) == ENOSPC ? 0 : 4;
  });
  const std::optional<int> status = child.wait();
  if (status == 77) GTEST_SKIP() << "no system call filter can be installed here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ringbell
