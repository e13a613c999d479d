// Two threads in one end, in a build with assertions: it is noticed, and what one thread may do
// beside another is not mistaken for it.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;

static_assert(OneThread::kNotices, "this test is for a build with assertions");

constexpr auto kLong = 20s;
constexpr std::array<std::byte, 40> kMessage{};

// How a process ends in which one thread is in `waits` while another calls `calls` again and again.
std::optional<int> end_of_two(const std::function<void()>& waits,
                              const std::function<void()>& calls) {
  ChildProcess child = ChildProcess::fork([&] {
    ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);  // the assertion's words
    std::atomic<bool> over = false;
    const std::jthread waiting([&] {
      waits();
      over = true;
    });
    while (!over) calls();
    return 0;
  });
  return child.wait();
}

// Both threads wait, or one waits and the other only looks.
void expect_noticed(const char* end, const std::function<void()>& waits,
                    const std::function<void()>& looks) {
  EXPECT_EQ(end_of_two(waits, waits), -SIGABRT) << end << ", two that wait";
  EXPECT_EQ(end_of_two(waits, looks), -SIGABRT) << end << ", one that looks";
}

TEST(TwoThreadsTest, AreNoticedInTheEndsOfAChannel) {
  Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::open(std::move(channel)).value();
  std::array<std::byte, 64> into{};
  expect_noticed(
      "receiver", [&] { (void)receiver.receive(into, kLong); }, [&] { (void)receiver.peek(); });
  while (sender.try_send(kMessage)) {
  }
  expect_noticed(
      "sender", [&] { (void)sender.send(kMessage, kLong); },
      [&] { (void)sender.try_send(kMessage); });
  expect_noticed(
      "sender that claims", [&] { (void)sender.claim_for(40, kLong); },
      [&] { (void)sender.claim(40); });
}

TEST(TwoThreadsTest, AreNoticedInTheEndsOfAQueue) {
  const Region ring = Region::create(QueueOptions{.messages = 2}.region()).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(ring)).value();
  QueueSender sender = QueueSender::open(copy_of(ring)).value();
  std::array<std::byte, 256> into{};
  expect_noticed(
      "receiver", [&] { (void)receiver.receive(into, kLong); }, [&] { (void)receiver.peek(); });
  while (sender.send(kMessage, 0ns).value()) {
  }
  expect_noticed(
      "sender", [&] { (void)sender.send(kMessage, kLong); }, [&] { (void)sender.claim(); });
}

TEST(TwoThreadsTest, AreNoticedInTheEndsOfACollector) {
  const Region ring =
      Region::create(CollectorOptions{.contributors = 1, .capacity_bytes = 4096}.region()).value();
  Collector collector = Collector::open(copy_of(ring)).value();
  Contributor contributor = Contributor::open(copy_of(ring)).value();
  std::array<std::byte, 64> into{};
  expect_noticed(
      "collector", [&] { (void)collector.receive(into, kLong); }, [&] { (void)collector.peek(); });
  while (contributor.try_send(kMessage)) {
  }
  expect_noticed(
      "contributor", [&] { (void)contributor.send(kMessage, kLong); },
      [&] { (void)contributor.try_send(kMessage); });
}

TEST(TwoThreadsTest, AreNoticedInTheEndsOfAService) {
  const Region ring = Region::create(ServiceOptions{.clients = 1}.region()).value();
  Server server = Server::open(copy_of(ring)).value();
  Client client = Client::open(copy_of(ring)).value();
  std::array<std::byte, 64> into{};
  const auto serves = [&] { (void)server.request_for(kLong); };
  expect_noticed("server", serves, [&] { (void)server.request(); });
  const auto asks = [&] { (void)client.call(kMessage, into, kLong); };
  EXPECT_EQ(end_of_two(asks, asks), -SIGABRT) << "client";
}

TEST(TwoThreadsTest, AreNoticedInTheEndsOfATopicAndOfAState) {
  Topic topic = Topic::create({.policy = TopicOptions::Policy::lossless, .messages = 2}).value();
  const TopicFds fds = topic.fds();
  Subscriber subscriber = Subscriber::open(Topic::attach(fds).value()).value();
  Publisher publisher = Publisher::open(std::move(topic)).value();
  std::array<std::byte, 256> into{};
  const auto receives = [&] { (void)subscriber.receive(into, kLong); };
  EXPECT_EQ(end_of_two(receives, receives), -SIGABRT) << "subscriber";
  while (publisher.publish(kMessage, 0ns).value()) {
  }
  const auto publishes = [&] { (void)publisher.publish(kMessage, kLong); };
  EXPECT_EQ(end_of_two(publishes, publishes), -SIGABRT) << "publisher";
  State state = State::create({.value_bytes = 64}).value();
  StateReader reader = StateReader::open(State::attach(state.fds()).value()).value();
  const StateWriter writer = StateWriter::open(std::move(state)).value();
  const auto waits = [&] { (void)reader.wait_changed(kLong); };
  EXPECT_EQ(end_of_two(waits, waits), -SIGABRT) << "reader of a state";
}

TEST(TwoThreadsTest, OfWhichOneInterruptsTheOtherAreAllowed) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  const Sender sender = Sender::attach(channel.fds()).value();
  std::atomic<bool> over = false;
  const std::jthread waiting([&] {
    EXPECT_EQ(code_of(receiver.peek_for(kLong)), ErrorCode::cancelled);
    over = true;
  });
  while (!over) receiver.interrupt();
}

TEST(TwoThreadsTest, OneAfterTheOtherAreAllowed) {
  Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::open(std::move(channel)).value();
  for (int i = 0; i < 10; ++i) {
    std::jthread([&] { EXPECT_TRUE(sender.try_send(kMessage)); }).join();
    std::jthread([&] { EXPECT_TRUE(receiver.peek_for(kLong).value()); }).join();
    std::jthread([&] { receiver.release(); }).join();
  }
}

// A call from within another, by the same thread.
TEST(TwoThreadsTest, ACallWithinACallIsOfOneThread) {
  Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::open(std::move(channel)).value();
  ASSERT_TRUE(sender.try_send(kMessage));
  EXPECT_EQ(receiver.drain([&](auto) { (void)receiver.peek(); }), 1U);
  EXPECT_FALSE(receiver.peek());
}

}  // namespace
}  // namespace ringbell
