// An end that never came is absent, and absent is not dead: unless a socket or a pidfd tells that
// the process which was to open it is gone. And waiting for the peer to come.
#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/base/sign_of_life.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/text_messages.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using test::ChildProcess;
using test::receive_text;
using test::send_text;

constexpr auto kLong = 20s;
// No slice ends while these tests run: what wakes an end up is a ring, or the sign of life.
constexpr WaitOptions kByBell{.longest_sleep = 1h};

TEST(SignOfLifeTest, NoneIsNeverOver) {
  const SignOfLife none;
  EXPECT_FALSE(none.is_over());
  EXPECT_EQ(none.polled().fd, -1);
}

TEST(SignOfLifeTest, ProcessIsOverWhenItHasEndedAndStaysSo) {
  ChildProcess child = ChildProcess::fork([] { return ::pause(); });
  const SignOfLife sign(open_process(child.pid()).value());
  EXPECT_FALSE(sign.is_over());
  ::kill(child.pid(), SIGKILL);
  pollfd waiting = sign.polled();
  EXPECT_EQ(::poll(&waiting, 1, 20000), 1);
  EXPECT_TRUE(sign.is_over());
  EXPECT_EQ(child.wait(), -SIGKILL);
  EXPECT_TRUE(sign.is_over());
}

TEST(SignOfLifeTest, SocketIsOverWhenTheOtherEndIsClosedAndNotWhenSomethingComes) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const SignOfLife sign{FileDescriptor(ends[0])};
  std::optional<FileDescriptor> other{FileDescriptor(ends[1])};
  ASSERT_EQ(::write(other->get(), "x", 1), 1);
  EXPECT_FALSE(sign.is_over());
  other.reset();
  EXPECT_TRUE(sign.is_over());
}

TEST(SignOfLifeTest, ProcessThatIsNotThereIsNotFound) {
  pid_t pid = -1;
  {
    ChildProcess child = ChildProcess::fork([] { return 0; });
    pid = child.pid();
    EXPECT_EQ(child.wait(), 0);
  }
  const auto gone = open_process(pid);
  ASSERT_FALSE(gone);
  EXPECT_EQ(code_of(gone), ErrorCode::not_found);
  EXPECT_FALSE(open_process(-1));
}

class PeerThatNeverCameTest : public ::testing::TestWithParam<std::tuple<DoorbellKind, bool>> {
 protected:
  Channel channel =
      Channel::create({.capacity_bytes = 4096, .doorbell = std::get<0>(GetParam())}).value();
  const bool by_socket = std::get<1>(GetParam());
  // An eventfd's sleeper is woken by the sign; a futex's learns of it after a slice.
  const WaitOptions wait = std::get<0>(GetParam()) == DoorbellKind::eventfd
                               ? kByBell
                               : WaitOptions{.longest_sleep = 5ms};
  FileDescriptor keeps_child;  // until this is closed
  std::optional<ChildProcess> child;

  // Of a child that ends some time after it was let go, without having opened its end.
  FileDescriptor sign_of_life() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    FileDescriptor own(ends[0]);
    FileDescriptor its(ends[1]);
    int kept[2] = {-1, -1};
    EXPECT_EQ(::pipe2(kept, O_CLOEXEC), 0);
    const FileDescriptor looks(kept[0]);
    keeps_child = FileDescriptor(kept[1]);
    child.emplace(ChildProcess::fork([&] {
      keeps_child = {};
      char none = 0;
      const ssize_t got = ::read(looks.get(), &none, 1);
      std::this_thread::sleep_for(50ms);
      return static_cast<int>(got);
    }));
    its = {};
    return by_socket ? std::move(own) : open_process(child->pid()).value();
  }
};

TEST_P(PeerThatNeverCameTest, IsDeadOnceItIsGone) {
  Receiver receiver = Receiver::open(std::move(channel), wait, sign_of_life()).value();
  EXPECT_EQ(receiver.peer(), PeerState::absent);
  keeps_child = {};
  const auto nothing = receiver.peek_for(kLong);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(code_of(nothing), ErrorCode::peer_dead);
  EXPECT_EQ(receiver.peer(), PeerState::dead);
  EXPECT_EQ(code_of(receiver.wait_for_peer(kLong)), ErrorCode::peer_dead);
}

TEST_P(PeerThatNeverCameTest, EndsTheWaitForIt) {
  Sender sender = Sender::open(std::move(channel), wait, sign_of_life()).value();
  keeps_child = {};
  const auto came = sender.wait_for_peer(kLong);
  ASSERT_FALSE(came);
  EXPECT_EQ(code_of(came), ErrorCode::peer_dead);
}

TEST_P(PeerThatNeverCameTest, EndsTheWaitForRoom) {
  Sender sender = Sender::open(std::move(channel), wait, sign_of_life()).value();
  while (sender.claim(100)) sender.commit();
  keeps_child = {};
  const auto room = sender.claim_for(100, kLong);
  ASSERT_FALSE(room);
  EXPECT_EQ(code_of(room), ErrorCode::peer_dead);
}

INSTANTIATE_TEST_SUITE_P(EverySign, PeerThatNeverCameTest,
                         ::testing::Combine(::testing::Values(DoorbellKind::futex,
                                                              DoorbellKind::eventfd),
                                            ::testing::Bool()));

TEST(WaitForPeerTest, EndsWhenThePeerComes) {
  for (const DoorbellKind doorbell : {DoorbellKind::futex, DoorbellKind::eventfd}) {
    Channel channel = Channel::create({.capacity_bytes = 4096, .doorbell = doorbell}).value();
    const ChannelFds fds = channel.fds();
    ChildProcess child = ChildProcess::fork([&] {
      std::this_thread::sleep_for(30ms);  // the other side sleeps by now
      const Result<Sender> sender = Sender::attach(fds);
      return sender ? ::pause() : 1;
    });
    Receiver receiver =
        Receiver::open(std::move(channel), kByBell, open_process(child.pid()).value()).value();
    EXPECT_EQ(receiver.wait_for_peer(kLong), true);
    EXPECT_EQ(receiver.wait_for_peer(0ns), true);
    child.kill_now();
    EXPECT_EQ(code_of(receiver.wait_for_peer(0ns)), ErrorCode::peer_dead);
  }
}

TEST(WaitForPeerTest, EndsWithTheTime) {
  Receiver receiver = Receiver::open(Channel::create().value()).value();
  EXPECT_EQ(receiver.wait_for_peer(0ns), false);
  EXPECT_EQ(receiver.wait_for_peer(5ms), false);
}

TEST(WaitForPeerTest, PeerThatClosedIsAnErrorAndWhatItSentIsThere) {
  Channel channel = Channel::create().value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  {
    Sender sender = Sender::open(std::move(channel)).value();
    ASSERT_TRUE(send_text(sender, "last"));
  }
  const auto came = receiver.wait_for_peer(kLong);
  ASSERT_FALSE(came);
  EXPECT_EQ(code_of(came), ErrorCode::closed);
  EXPECT_EQ(receive_text(receiver), "last");
}

}  // namespace
}  // namespace ringbell
