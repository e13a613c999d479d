// waitable_fd(), arm() and disarm() of the ends of rings of many, step by step.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/waiting_ends.hpp>

namespace ringbell {
namespace {

using namespace test;  // the ends that wait

constexpr auto kLong = 20s;
// No spinning, and no slice that could stand in for a ring.
constexpr WaitOptions kByBell{.spin_budget = 0ns, .longest_sleep = 1h};
constexpr WaitOptions kBySlices{.spin_budget = 0ns, .longest_sleep = 5ms};
constexpr WaitOptions kSpins{.kind = WaitOptions::Kind::spin};

bool is_readable_within(int fd, std::chrono::milliseconds limit) {
  pollfd state{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&state, 1, static_cast<int>(limit.count())) == 1;
}
// A thread stands between a ring and the descriptor.
bool becomes_readable(int fd) { return is_readable_within(fd, kLong); }
bool stays_quiet(int fd) { return !is_readable_within(fd, 20ms); }

std::size_t loop_threads() {
  std::size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    count += name == "ringbell-loop";
  }
  return count;
}
// Within a while: one that has come gets its name a little later, one that has ended and was joined
// may be listed a little longer.
bool loop_threads_become(std::size_t count) {
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  while (loop_threads() != count) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

template <class Case>
class GroupEventLoopTest : public ::testing::Test {
 protected:
  using End = typename Case::End;

  Case at;
};

using Cases = ::testing::Types<SenderOfQueue, ReceiverOfQueue, PublisherOfLossless,
                               SubscriberOfLossless, SubscriberOfLossy, WriterOfCollector,
                               ReaderOfCollector, ClientOfService, ServerOfService>;
struct CaseNames {
  template <class Case>
  static std::string GetName(int) {
    const std::string whole = ::testing::internal::GetTypeName<Case>();
    return whole.substr(whole.rfind("::") + 2);
  }
};
TYPED_TEST_SUITE(GroupEventLoopTest, Cases, CaseNames);

TYPED_TEST(GroupEventLoopTest, ArmedEndIsRungEachTime) {
  auto end = this->at.open(kByBell);
  const int fd = end.waitable_fd().value();
  for (int round = 0; round < 50; ++round) {
    ASSERT_TRUE(this->at.arm(end)) << round;
    ASSERT_TRUE(this->at.provide());
    ASSERT_TRUE(becomes_readable(fd)) << round;
    ASSERT_FALSE(this->at.arm(end));
    ASSERT_TRUE(this->at.consume(end));
  }
  ASSERT_TRUE(this->at.arm(end));
  EXPECT_TRUE(stays_quiet(fd));
}

TYPED_TEST(GroupEventLoopTest, ArmLooksAfterTheAnnouncement) {
  auto end = this->at.open(kByBell);
  const int fd = end.waitable_fd().value();
  ASSERT_TRUE(this->at.provide());
  EXPECT_FALSE(this->at.arm(end));
  EXPECT_TRUE(stays_quiet(fd)) << "what was there before rang no bell";
  ASSERT_TRUE(this->at.consume(end));
  EXPECT_TRUE(this->at.arm(end));
  EXPECT_TRUE(this->at.arm(end)) << "twice is fine";
}

TYPED_TEST(GroupEventLoopTest, DisarmedEndIsQuiet) {
  auto end = this->at.open(kByBell);
  const int fd = end.waitable_fd().value();
  ASSERT_TRUE(this->at.provide());
  EXPECT_TRUE(stays_quiet(fd)) << "not armed yet";
  ASSERT_TRUE(this->at.consume(end));
  ASSERT_TRUE(this->at.arm(end));
  end.disarm();
  ASSERT_TRUE(this->at.provide());
  EXPECT_TRUE(stays_quiet(fd));
  ASSERT_TRUE(this->at.consume(end));
  ASSERT_TRUE(this->at.arm(end));
  ASSERT_TRUE(this->at.provide());
  ASSERT_TRUE(becomes_readable(fd));
  end.disarm();
  EXPECT_TRUE(stays_quiet(fd));
}

TYPED_TEST(GroupEventLoopTest, SleepIsOverAfterASlice) {
  auto end = this->at.open(kBySlices);
  const int fd = end.waitable_fd().value();
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(this->at.arm(end));
    EXPECT_TRUE(becomes_readable(fd)) << "although nothing came";
  }
}

TYPED_TEST(GroupEventLoopTest, MovedEndIsRung) {
  auto end = this->at.open(kByBell);
  const int fd = end.waitable_fd().value();
  ASSERT_TRUE(this->at.arm(end));
  auto moved = std::move(end);
  ASSERT_TRUE(this->at.provide());
  EXPECT_TRUE(becomes_readable(fd));
  EXPECT_EQ(moved.waitable_fd(), fd);
  EXPECT_TRUE(this->at.consume(moved));
}

TYPED_TEST(GroupEventLoopTest, ThreadComesWithTheDescriptorAndEndsWithTheEnd) {
  {
    auto end = this->at.open(kByBell);
    EXPECT_FALSE(this->at.arm(end)) << "there is no bell to sleep on";
    end.disarm();
    EXPECT_EQ(loop_threads(), 0U);
    const int fd = end.waitable_fd().value();
    EXPECT_EQ(end.waitable_fd(), fd);
    EXPECT_TRUE(loop_threads_become(1));
    ASSERT_TRUE(this->at.arm(end));
  }
  EXPECT_TRUE(loop_threads_become(0));
}

TYPED_TEST(GroupEventLoopTest, ChildOfForkDisturbsNothing) {
  std::optional<typename TestFixture::End> end(this->at.open(kByBell));
  const int fd = end->waitable_fd().value();
  ASSERT_TRUE(this->at.arm(*end));
  ChildProcess child = ChildProcess::fork([&] {
    if (this->at.arm(*end)) return 1;
    end->disarm();
    end.reset();
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  ASSERT_TRUE(this->at.provide());
  EXPECT_TRUE(becomes_readable(fd));
}

// Its thread is told of the end by the word itself.
TYPED_TEST(GroupEventLoopTest, EndsAlthoughAPeerHoldsTheWord) {
  std::optional<typename TestFixture::End> end(this->at.open(kByBell));
  ASSERT_GE(end->waitable_fd().value(), 0);
  ASSERT_TRUE(this->at.arm(*end));
  std::atomic_ref<std::uint32_t> word(this->at.word());
  std::atomic<bool> stop{false};
  const std::uint32_t parked = word.load();
  std::thread liar([&] {
    while (!stop) word.store(parked);
  });
  end.reset();
  stop = true;
  liar.join();
}

TYPED_TEST(GroupEventLoopTest, EndThatSpinsHasNone) {
  auto end = this->at.open(kSpins);
  EXPECT_EQ(code_of(end.waitable_fd()), ErrorCode::unsupported);
  EXPECT_FALSE(this->at.arm(end)) << "never an invitation to sleep without a bell";
  end.disarm();
}

// Ends that wait for one in particular.
template <class Case>
class GroupPeerTest : public GroupEventLoopTest<Case> {};

using CasesWithPeer =
    ::testing::Types<SubscriberOfLossless, SubscriberOfLossy, WriterOfCollector, ClientOfService>;
TYPED_TEST_SUITE(GroupPeerTest, CasesWithPeer, CaseNames);

TYPED_TEST(GroupPeerTest, ClosingPeerRingsAndIsSeenByArm) {
  auto end = this->at.open(kByBell);
  const int fd = end.waitable_fd().value();
  ASSERT_TRUE(this->at.arm(end));
  EXPECT_EQ(end.peer(), PeerState::alive);
  this->at.leave();
  EXPECT_TRUE(becomes_readable(fd));
  EXPECT_EQ(end.peer(), PeerState::closed);
  EXPECT_FALSE(this->at.arm(end));
}

// --- what only some can do -----------------------------------------------------------------------

TEST(GroupEventLoopTest, PublisherOfALossyTopicNeverWaits) {
  Publisher publisher = Publisher::open(Topic::create({}).value()).value();
  EXPECT_EQ(code_of(publisher.waitable_fd()), ErrorCode::unsupported);
  EXPECT_FALSE(publisher.arm());
}

TEST(GroupEventLoopTest, RingWakesEverySleeperOfAWord) {
  ReceiverOfQueue at;
  std::vector<QueueReceiver> receivers;
  std::vector<int> fds;
  for (int i = 0; i < 5; ++i) {
    receivers.push_back(at.open(kByBell));
    fds.push_back(receivers.back().waitable_fd().value());
  }
  for (int round = 0; round < 20; ++round) {
    for (QueueReceiver& receiver : receivers) ASSERT_TRUE(receiver.arm());
    ASSERT_TRUE(at.provide());
    for (const int fd : fds) ASSERT_TRUE(becomes_readable(fd));
    int taken = 0;
    for (QueueReceiver& receiver : receivers) taken += at.consume(receiver) ? 1 : 0;
    ASSERT_EQ(taken, 1);
  }
}

// A waiting call in between does not take the announcement away.
TEST(GroupEventLoopTest, WaitOfAnArmedEndLeavesItArmed) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open({.spin_budget = 0ns, .longest_sleep = 1h});
  const int fd = receiver.waitable_fd().value();
  ASSERT_TRUE(receiver.arm());
  EXPECT_EQ(receiver.receive(at.buffer, 5ms).value(), std::nullopt);
  ASSERT_TRUE(at.provide());
  EXPECT_TRUE(becomes_readable(fd));
}

TEST(GroupEventLoopTest, CorruptRingIsNothingToSleepOn) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  ASSERT_GE(receiver.waitable_fd().value(), 0);
  std::memset(at.ring.data(), 0xff, 64);
  EXPECT_FALSE(receiver.arm());
  EXPECT_EQ(code_of(receiver.peek_for(0ns)), ErrorCode::corrupt);
}

TEST(GroupEventLoopTest, ClientArmsForRoomAfterAnAbandonedCall) {
  ClientOfService at;
  Client client = at.open(kByBell);
  const int fd = client.waitable_fd().value();
  EXPECT_FALSE(client.answer_for(0ns).value());  // abandoned
  ASSERT_TRUE(client.arm());
  EXPECT_FALSE(ClientOfService::call(client));
  ASSERT_TRUE(at.provide());
  EXPECT_TRUE(becomes_readable(fd));
  EXPECT_FALSE(client.arm());
  EXPECT_TRUE(ClientOfService::call(client));
}

// A subscriber that takes one message at a time tells the publisher of it before it sleeps.
TEST(GroupEventLoopTest, ArmingSubscriberGivesBackWhatItRead) {
  const Topic topic =
      Topic::create(
          {.policy = Policy::lossless, .messages = 4, .message_bytes = kBytes, .subscribers = 4})
          .value();
  Subscriber subscriber =
      Subscriber::open(Topic::attach(topic.fds()).value(), Subscriber::Start::oldest, kByBell)
          .value();
  Publisher publisher = Publisher::open(Topic::attach(topic.fds()).value(), kByBell).value();
  ASSERT_GE(subscriber.waitable_fd().value(), 0);
  const int room = publisher.waitable_fd().value();
  Buffer buffer{};
  for (int i = 0; i < 4; ++i) ASSERT_EQ(publisher.publish(buffer, 0ns), true);
  ASSERT_TRUE(publisher.arm());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(subscriber.receive(buffer, 0ns).value());
  ASSERT_TRUE(subscriber.arm());
  EXPECT_TRUE(becomes_readable(room));
  EXPECT_EQ(publisher.publish(buffer, 0ns), true);
}

TEST(GroupEventLoopTest, LoopOfAsioIsWoken) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  boost::asio::io_context context{1};
  boost::asio::posix::stream_descriptor bell(context, receiver.waitable_fd().value());
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(receiver.arm());
    bool woken = false;
    bell.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [&](const boost::system::error_code& error) { woken = !error; });
    ASSERT_TRUE(at.provide());
    context.restart();
    context.run_for(kLong);
    EXPECT_TRUE(woken);
    EXPECT_TRUE(at.consume(receiver));
  }
  bell.release();  // the receiver's
}

TEST(GroupEventLoopTest, LoopOfIoUringIsWoken) {
  Result<UringLoop> loop = UringLoop::create();
  if (!loop) GTEST_SKIP() << loop.error().message;
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  int consumed = 0;
  loop->poll(receiver.waitable_fd().value(), POLLIN, [&](const Result<unsigned>&) {
    while (!receiver.arm()) consumed += at.consume(receiver) ? 1 : 0;
  });
  ASSERT_TRUE(receiver.arm());
  for (int round = 1; round <= 3; ++round) {
    ASSERT_TRUE(at.provide());
    const auto start = std::chrono::steady_clock::now();
    while (consumed < round) {
      ASSERT_TRUE(loop->turn(1s));
      ASSERT_LT(std::chrono::steady_clock::now() - start, kLong);
    }
  }
}

// --- deaths --------------------------------------------------------------------------------------

// `body` kills its process, with what it holds.
template <class Body>
void die_in(Body&& body) {
  ChildProcess dies = ChildProcess::fork([&] {
    body();
    return 0;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
}

TEST(GroupEventLoopTest, DeadPublisherIsFoundAtTheEndOfASlice) {
  for (const Policy policy : {Policy::lossless, Policy::lossy}) {
    Topic topic =
        Topic::create({.policy = policy, .message_bytes = kBytes, .subscribers = 4}).value();
    Subscriber subscriber =
        Subscriber::open(Topic::attach(topic.fds()).value(), Subscriber::Start::oldest, kBySlices)
            .value();
    const int fd = subscriber.waitable_fd().value();
    EXPECT_EQ(subscriber.peer(), PeerState::absent);
    die_in([&] {
      const Publisher lives = Publisher::open(std::move(topic)).value();
      ::raise(SIGKILL);
    });
    ASSERT_TRUE(subscriber.arm());
    ASSERT_TRUE(becomes_readable(fd));
    EXPECT_EQ(subscriber.peer(), PeerState::dead);
  }
}

TEST(GroupEventLoopTest, DeadReceiversMessageComesToALoop) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kBySlices);
  const int fd = receiver.waitable_fd().value();
  ASSERT_TRUE(at.provide());
  die_in([&] {
    QueueReceiver other = at.open(kByBell);
    (void)other.peek();
    ::raise(SIGKILL);
  });
  const auto start = std::chrono::steady_clock::now();
  while (receiver.arm()) {
    ASSERT_TRUE(becomes_readable(fd));
    ASSERT_LT(std::chrono::steady_clock::now() - start, kLong);
  }
  ASSERT_TRUE(receiver.peek());
  EXPECT_TRUE(receiver.redelivered());
  EXPECT_TRUE(receiver.release());
}

TEST(GroupEventLoopTest, DeadSubscriberIsEvictedByALoop) {
  Topic topic =
      Topic::create(
          {.policy = Policy::lossless, .messages = 4, .message_bytes = kBytes, .subscribers = 4})
          .value();
  die_in([&] {
    const Subscriber lives = Subscriber::open(Topic::attach(topic.fds()).value()).value();
    ::raise(SIGKILL);
  });
  Publisher publisher = Publisher::open(std::move(topic), kBySlices).value();
  const int fd = publisher.waitable_fd().value();
  Buffer buffer{};
  while (publisher.publish(buffer, 0ns).value()) {
  }
  const auto start = std::chrono::steady_clock::now();
  while (publisher.arm()) {
    ASSERT_TRUE(becomes_readable(fd));
    ASSERT_LT(std::chrono::steady_clock::now() - start, kLong);
  }
  EXPECT_EQ(publisher.publish(buffer, 0ns), true);
  EXPECT_EQ(publisher.evictions(), 1U);
}

}  // namespace
}  // namespace ringbell
