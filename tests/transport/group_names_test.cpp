// Queues, topics, collectors and services by name: which ends find each other, what a successor
// finds, and that nothing is left at the end.
#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/names/names.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using Policy = TopicOptions::Policy;

constexpr auto kLong = 20s;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class GroupNamesTest : public ::testing::Test {
 protected:
  [[nodiscard]] static std::size_t names_left() { return names::list().value().size(); }

  template <class End>
  std::string receive(End& end) {
    const auto size = end.receive(buffer_, kLong).value();
    return {reinterpret_cast<const char*>(buffer_.data()), size_of(size)};
  }

 private:
  static std::size_t size_of(std::size_t size) { return size; }
  static std::size_t size_of(std::optional<std::size_t> size) { return size.value_or(0); }

  test::TemporaryNameFolder folder_;
  std::array<std::byte, 1024> buffer_{};
};

TEST_F(GroupNamesTest, QueueIsFoundByAllAndGoesWithTheLast) {
  {
    QueueSender first = QueueSender::create("work").value();
    QueueSender second = QueueSender::create("work").value();
    QueueReceiver receiver = QueueReceiver::open("work", kLong).value();
    EXPECT_EQ(names_left(), 1U);
    EXPECT_EQ(first.send(bytes_of("one")), true);
    EXPECT_EQ(second.send(bytes_of("two")), true);
    EXPECT_EQ(receive(receiver), "one");
    EXPECT_EQ(receive(receiver), "two");
  }
  EXPECT_EQ(names_left(), 0U);
}

TEST_F(GroupNamesTest, MessagesOutliveTheLastSender) {
  {
    QueueSender sender = QueueSender::create("work").value();
    EXPECT_EQ(sender.send(bytes_of("kept")), true);
  }
  EXPECT_EQ(names_left(), 1U);
  {
    QueueReceiver receiver = QueueReceiver::create("work").value();
    EXPECT_EQ(receive(receiver), "kept");
  }
  EXPECT_EQ(names_left(), 0U);
}

TEST_F(GroupNamesTest, OtherOptionsAreRefusedWhileSomebodyIsThere) {
  QueueSender sender = QueueSender::create("work", {.messages = 100}).value();
  EXPECT_TRUE(QueueSender::create("work", {.messages = 128}));  // what 100 comes to
  EXPECT_EQ(QueueSender::create("work", {.messages = 256}).error().code, ErrorCode::busy);
  EXPECT_EQ(Publisher::create("work").error().code, ErrorCode::busy);
  EXPECT_EQ(Collector::open("work", 0ns).error().code, ErrorCode::busy);
}

TEST_F(GroupNamesTest, OpenWaitsAndGivesUp) {
  EXPECT_EQ(QueueReceiver::open("work", 0ns).error().code, ErrorCode::not_found);
  EXPECT_EQ(Subscriber::open("prices", Subscriber::Start::oldest, 5ms).error().code,
            ErrorCode::not_found);
  EXPECT_EQ(Client::open("../x", 0ns).error().code, ErrorCode::invalid_argument);
  std::thread later([] {
    std::this_thread::sleep_for(20ms);
    QueueSender sender = QueueSender::create("work").value();
    EXPECT_EQ(sender.send(bytes_of("late")), true);
  });
  QueueReceiver receiver = QueueReceiver::open("work", kLong).value();
  EXPECT_EQ(receive(receiver), "late");
  later.join();
}

TEST_F(GroupNamesTest, TopicsOfBothKindsAreFoundByTheirSubscribers) {
  for (const Policy policy : {Policy::lossless, Policy::lossy}) {
    {
      Publisher publisher = Publisher::create("prices", {.policy = policy}).value();
      EXPECT_EQ(Publisher::create("prices", {.policy = policy}).error().code, ErrorCode::busy);
      Subscriber first = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
      EXPECT_EQ(publisher.publish(bytes_of("101.5")), true);
      Subscriber second = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
      EXPECT_EQ(receive(first), "101.5");
      EXPECT_EQ(receive(second), "101.5");
    }
    EXPECT_EQ(names_left(), 0U);
  }
}

TEST_F(GroupNamesTest, SleepingSubscriberOfALossyTopicIsWoken) {
  Publisher publisher = Publisher::create("prices").value();
  ChildProcess sleeps = ChildProcess::fork([&] {
    Subscriber subscriber = Subscriber::open("prices", Subscriber::Start::oldest, kLong,
                                             {.spin_budget = 0ns, .longest_sleep = 60s})
                                .value();
    return receive(subscriber) == "now" && subscriber.missed_rings() == 0 ? 0 : 1;
  });
  ::usleep(50'000);
  EXPECT_EQ(publisher.publish(bytes_of("now")), true);
  EXPECT_EQ(sleeps.wait(), 0);
}

TEST_F(GroupNamesTest, SubscriberOfALossyTopicKeepsNoName) {
  std::optional<Publisher> first = Publisher::create("prices").value();
  Subscriber subscriber = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
  EXPECT_EQ(first->publish(bytes_of("last")), true);
  first.reset();
  EXPECT_EQ(names_left(), 0U);
  Publisher second = Publisher::create("prices").value();
  EXPECT_EQ(second.publish(bytes_of("for others")), true);
  EXPECT_EQ(receive(subscriber), "last");
  std::array<std::byte, 1024> buffer{};
  EXPECT_EQ(subscriber.receive(buffer, kLong).error().code, ErrorCode::closed);
  subscriber = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
  EXPECT_EQ(receive(subscriber), "for others");
}

TEST_F(GroupNamesTest, SubscriberOfALossyTopicHearsTheSuccessorOfADeadPublisher) {
  const test::Signal subscribed;
  ChildProcess dies = ChildProcess::fork([&] {
    const Publisher publisher = Publisher::create("prices").value();
    (void)subscribed.wait();
    ::raise(SIGKILL);
    return 2;
  });
  Subscriber subscriber = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
  subscribed.tell();
  ASSERT_EQ(dies.wait(), -SIGKILL);
  std::array<std::byte, 1024> buffer{};
  EXPECT_EQ(subscriber.receive(buffer, kLong).error().code, ErrorCode::peer_dead);
  Publisher successor = Publisher::create("prices").value();
  EXPECT_EQ(successor.publish(bytes_of("hello")), true);
  EXPECT_EQ(receive(subscriber), "hello");
}

TEST_F(GroupNamesTest, MessagesOfALossyTopicAreMappedReadOnly) {
  const Publisher publisher = Publisher::create("prices").value();
  const Subscriber subscriber =
      Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
  ChildProcess writes = ChildProcess::fork([&] {
    *subscriber.region().data() = std::byte{1};
    return 0;
  });
  EXPECT_NE(writes.wait(), 0);  // SIGSEGV, which a sanitizer turns into a status
}

TEST_F(GroupNamesTest, SuccessorOfADeadPublisherGoesOn) {
  ChildProcess dies = ChildProcess::fork([] {
    Publisher publisher = Publisher::create("prices", {.policy = Policy::lossless}).value();
    if (publisher.publish(bytes_of("last words")) != true) return 1;
    ::raise(SIGKILL);
    return 2;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
  EXPECT_EQ(names_left(), 1U);
  Publisher publisher = Publisher::create("prices", {.policy = Policy::lossless}).value();
  EXPECT_EQ(publisher.position(), 1U);
  Subscriber subscriber = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
  EXPECT_EQ(receive(subscriber), "last words");
}

TEST_F(GroupNamesTest, CollectorAndContributorsFindEachOther) {
  {
    Contributor contributor = Contributor::create("logs").value();
    EXPECT_EQ(contributor.send(bytes_of("before any reader")), true);
    Collector collector = Collector::create("logs").value();
    EXPECT_EQ(receive(collector), "before any reader");
    EXPECT_EQ(Collector::create("logs").error().code, ErrorCode::busy);
  }
  EXPECT_EQ(names_left(), 0U);
}

TEST_F(GroupNamesTest, ServerAndClientsFindEachOther) {
  {
    Server server = Server::create("upper").value();
    ChildProcess calls = ChildProcess::fork([] {
      Client client = Client::open("upper", kLong).value();
      std::array<std::byte, 48> response{};
      return client.call(bytes_of("hello"), response, kLong).value() == 5U ? 0 : 1;
    });
    EXPECT_EQ(server.serve([](auto request, auto&& claim) { claim(std::uint32_t(request.size())); },
                           1, kLong),
              1U);
    EXPECT_EQ(calls.wait(), 0);
  }
  EXPECT_EQ(names_left(), 0U);
}

}  // namespace
}  // namespace ringbell
