// waitable_fd(), arm() and disarm(): what a loop of one's own sees, step by step.
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>

#include <poll.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/sleep/membarrier.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using ::testing::HasSubstr;

bool is_readable(int fd) {
  pollfd state{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&state, 1, 0) == 1;
}

class EventLoopTest : public ::testing::Test {
 protected:
  std::array<std::byte, 100> message{};
  Channel channel =
      Channel::create({.capacity_bytes = 4096, .doorbell = DoorbellKind::eventfd}).value();
  // No spinning: a wait sleeps at once, and several times.
  WaitOptions at_once{.spin_budget = 0ns, .longest_sleep = 1ms};
  std::optional<Receiver> receiver = Receiver::attach(channel.fds(), at_once).value();
  std::optional<Sender> sender = Sender::attach(channel.fds(), at_once).value();
  int data_fd = receiver->waitable_fd().value();
  int space_fd = sender->waitable_fd().value();

  void fill() {
    while (sender->try_send(message)) {
    }
  }
  void drain() {
    receiver->drain([](auto) {});
    EXPECT_FALSE(receiver->peek());
  }
};

TEST_F(EventLoopTest, ArmedReceiverIsRung) {
  ASSERT_TRUE(receiver->arm());
  EXPECT_FALSE(is_readable(data_fd));
  ASSERT_TRUE(sender->try_send(message));
  EXPECT_TRUE(is_readable(data_fd));
}

TEST_F(EventLoopTest, ArmedReceiverIsRungForARecordMadeInPlace) {
  ASSERT_TRUE(receiver->arm());
  ASSERT_TRUE(sender->claim(8));
  EXPECT_FALSE(is_readable(data_fd));
  sender->commit();
  EXPECT_TRUE(is_readable(data_fd));
}

TEST_F(EventLoopTest, ArmLooksAfterTheAnnouncement) {
  ASSERT_TRUE(sender->try_send(message));
  EXPECT_FALSE(receiver->arm());
  EXPECT_FALSE(is_readable(data_fd)) << "what was there before rang no bell";
  drain();
  EXPECT_TRUE(receiver->arm());
}

TEST_F(EventLoopTest, UnarmedReceiverIsNotRung) {
  ASSERT_TRUE(sender->try_send(message));
  EXPECT_FALSE(is_readable(data_fd));
}

TEST_F(EventLoopTest, ArmForgetsAnOldRing) {
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(receiver->arm());
    ASSERT_TRUE(sender->try_send(message));
    ASSERT_TRUE(is_readable(data_fd));
    drain();
    ASSERT_TRUE(is_readable(data_fd)) << "until arm() or disarm()";
    ASSERT_TRUE(receiver->arm());
    ASSERT_FALSE(is_readable(data_fd));
  }
}

TEST_F(EventLoopTest, ArmedStaysArmedOverLooksThatFindNothing) {
  ASSERT_TRUE(receiver->arm());
  EXPECT_FALSE(receiver->peek());
  EXPECT_EQ(receiver->drain([](auto) {}), 0U);
  ASSERT_TRUE(receiver->arm()) << "twice is fine";
  ASSERT_TRUE(sender->try_send(message));
  EXPECT_TRUE(is_readable(data_fd));
}

TEST_F(EventLoopTest, DisarmedReceiverIsQuiet) {
  ASSERT_TRUE(receiver->arm());
  ASSERT_TRUE(sender->try_send(message));
  ASSERT_TRUE(is_readable(data_fd));
  receiver->disarm();
  EXPECT_FALSE(is_readable(data_fd));
  ASSERT_TRUE(sender->try_send(message));
  EXPECT_FALSE(is_readable(data_fd));
  drain();
  ASSERT_TRUE(receiver->arm());
  receiver->disarm();  // before any ring
  ASSERT_TRUE(sender->try_send(message));
  EXPECT_FALSE(is_readable(data_fd));
}

// A wait of one's own takes the announcement back: a loop that relies on it must wake up.
TEST_F(EventLoopTest, WaitOfAnArmedReceiverWakesTheLoop) {
  ASSERT_TRUE(receiver->arm());
  EXPECT_EQ(receiver->receive(message, 5ms), std::nullopt);
  EXPECT_TRUE(is_readable(data_fd));
  ASSERT_TRUE(receiver->arm());
  EXPECT_FALSE(is_readable(data_fd));
  receiver->disarm();
  EXPECT_EQ(receiver->receive(message, 5ms), std::nullopt);
  EXPECT_FALSE(is_readable(data_fd)) << "no loop relies on it";
}

// So does a change from fences back to barriers: a sender that has stored a record but not yet
// looked at the bell no longer finds the announcement there.
TEST(WaitableFdTest, ArmedReceiverThatGoesBackToBarriersWakesTheLoop) {
  if (!membarrier::can_issue()) GTEST_SKIP() << "no membarrier on this machine";
  const Channel wide =
      Channel::create({.capacity_bytes = 64UL * 1024, .doorbell = DoorbellKind::eventfd}).value();
  Receiver receiver = Receiver::attach(wide.fds(), {.fence_below_bytes = 8192}).value();
  Sender sender = Sender::attach(wide.fds()).value();
  core::SpscRing<>::Writer before_the_bell(wide.region().spsc_memory());
  const auto commit_silently = [&](std::uint32_t size) {
    ASSERT_FALSE(before_the_bell.claim(size).empty());
    before_the_bell.commit();
    ASSERT_EQ(receiver.peek().value().size(), size);
    receiver.release();
  };
  ASSERT_TRUE(receiver.arm());
  receiver.disarm();
  ASSERT_TRUE(receiver.arm()) << "so close to the last that the peer fences from now on";
  commit_silently(100);
  EXPECT_FALSE(is_readable(receiver.waitable_fd().value()));
  commit_silently(10'000);
  EXPECT_TRUE(is_readable(receiver.waitable_fd().value()));
}

TEST_F(EventLoopTest, ArmedSenderIsRungOnceThereIsRoom) {
  EXPECT_FALSE(sender->arm(100)) << "there is room";
  fill();
  ASSERT_TRUE(sender->arm(100));
  EXPECT_FALSE(is_readable(space_fd));
  drain();
  EXPECT_TRUE(is_readable(space_fd));
  EXPECT_FALSE(sender->arm(100));
}

TEST_F(EventLoopTest, ArmingASenderShowsWhatIsStaged) {
  while (sender->claim(100)) sender->stage();
  EXPECT_FALSE(receiver->peek());
  ASSERT_TRUE(sender->arm(100));
  EXPECT_TRUE(receiver->peek());
}

TEST_F(EventLoopTest, ClosingRingsAndIsSeenByArm) {
  ASSERT_TRUE(receiver->arm());
  EXPECT_EQ(receiver->peer(), PeerState::alive);
  sender.reset();
  EXPECT_TRUE(is_readable(data_fd));
  EXPECT_EQ(receiver->peer(), PeerState::closed);
  EXPECT_FALSE(receiver->arm());
  EXPECT_EQ(code_of(receiver->peek_for(0ns)), ErrorCode::closed);
}

TEST_F(EventLoopTest, FlushingRingsAnArmedReceiver) {
  for (const bool to_a_position : {false, true}) {
    ASSERT_TRUE(receiver->arm());
    ASSERT_TRUE(sender->claim(100));
    sender->stage();
    EXPECT_FALSE(is_readable(data_fd));
    if (to_a_position) {
      sender->flush_to(sender->staged_position());
    } else {
      sender->flush();
    }
    EXPECT_TRUE(is_readable(data_fd));
    drain();
  }
}

// What a receiver gave back last is known at the latest when it leaves, and it has not come yet.
TEST_F(EventLoopTest, LeavingRingsAndIsNoEnd) {
  fill();
  ASSERT_TRUE(sender->arm(100));
  ASSERT_TRUE(receiver->peek());
  receiver->release();
  EXPECT_FALSE(is_readable(space_fd)) << "the next release may come at once";
  receiver->leave();
  EXPECT_TRUE(is_readable(space_fd));
  EXPECT_TRUE(sender->claim(100));
  EXPECT_EQ(sender->peer(), PeerState::absent);
  receiver->leave();
  receiver.reset();
  EXPECT_EQ(sender->peer(), PeerState::absent) << "it left, so it cannot close any more";
}

TEST_F(EventLoopTest, CorruptRingIsNothingToSleepOn) {
  const core::SpscPlaces places(channel.region().spsc_memory());
  places.header_at(receiver->position()) =
      core::SpscPlaces::header_of(receiver->position(), UINT32_MAX);
  EXPECT_FALSE(receiver->arm());
  EXPECT_EQ(code_of(receiver->peek_for(0ns)), ErrorCode::corrupt);
}

TEST_F(EventLoopTest, PeerTellsWhoHasNotComeAndWhoDied) {
  sender.reset();
  receiver.reset();
  const Channel fresh =
      Channel::create({.capacity_bytes = 4096, .doorbell = DoorbellKind::eventfd}).value();
  receiver.emplace(Receiver::attach(fresh.fds()).value());
  EXPECT_EQ(receiver->peer(), PeerState::absent);
  const test::Signal there;
  test::ChildProcess child = test::ChildProcess::fork([&] {
    const Result<Sender> in_child = Sender::attach(fresh.fds());
    if (in_child) there.tell();
    ::pause();
    return 0;
  });
  ASSERT_TRUE(there.wait());
  EXPECT_EQ(receiver->peer(), PeerState::alive);
  ASSERT_TRUE(receiver->arm());
  child.kill_now();
  EXPECT_EQ(receiver->peer(), PeerState::dead);
  EXPECT_FALSE(is_readable(receiver->waitable_fd().value())) << "a death rings no bell";
}

TEST(WaitableFdTest, WhatComesWhileASleepIsAnnouncedIsFound) {
  Channel channel =
      Channel::create({.capacity_bytes = 4096, .doorbell = DoorbellKind::eventfd}).value();
  Endpoint reader = Endpoint::open(std::move(channel), Role::reader, {}).value();
  int looks = 0;
  EXPECT_FALSE(reader.arm([&] { return ++looks > 1; }));
  EXPECT_EQ(looks, 2);
}

TEST(WaitableFdTest, FutexChannelsHaveNone) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  const Receiver receiver = Receiver::attach(channel.fds()).value();
  const Sender sender = Sender::attach(channel.fds()).value();
  for (const Result<int>& fd : {receiver.waitable_fd(), sender.waitable_fd()}) {
    ASSERT_FALSE(fd);
    EXPECT_EQ(code_of(fd), ErrorCode::unsupported);
    EXPECT_THAT(message_of(fd), HasSubstr("DoorbellKind::eventfd"));
  }
}

TEST(WaitableFdTest, EndpointsThatNeverSleepHaveNone) {
  const WaitOptions spins{.kind = WaitOptions::Kind::spin};
  for (const DoorbellKind doorbell : {DoorbellKind::none, DoorbellKind::eventfd}) {
    const Channel channel = Channel::create({.capacity_bytes = 4096, .doorbell = doorbell}).value();
    Receiver receiver = Receiver::attach(channel.fds(), spins).value();
    EXPECT_EQ(code_of(receiver.waitable_fd()), ErrorCode::unsupported);
    EXPECT_FALSE(receiver.arm()) << "never an invitation to sleep without a bell";
    receiver.disarm();
  }
}

}  // namespace
}  // namespace ringbell
