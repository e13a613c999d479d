// Lossy topics of several publishers: what is missed, messages in place and their protection, and
// what is left where no publisher lives.
#include <cstdint>
#include <memory>
#include <span>

#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/many_publishers.hpp>
#include <tests/support/message.hpp>
#include <tests/support/numbered_topic.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::kAsleep;
using test::kBytes;
using test::kNameOfPolicy;
using test::options;
using test::Policy;
using test::publish;
using test::receive;

class ManyLossyPublishersTest : public test::ManyPublishersTest {};
INSTANTIATE_TEST_SUITE_P(OnePolicy, ManyLossyPublishersTest, ::testing::Values(Policy::lossy),
                         kNameOfPolicy);

TEST_P(ManyLossyPublishersTest, SubscriberThatIsLappedLearnsWhatItMissed) {
  Publisher first = open_publisher();
  Publisher second = open_publisher();
  Subscriber subscriber = open_subscriber();
  for (std::uint64_t number = 0; number < 50; ++number) {
    ASSERT_TRUE(publish(number % 2 == 0 ? first : second, number, 0ns).value()) << "it waits";
  }
  EXPECT_EQ(subscriber.lag(), 50U);
  std::uint64_t due = receive(subscriber).value().value();
  EXPECT_EQ(subscriber.missed(), due);
  EXPECT_GT(due, 50U - 16U);
  while (++due < 50) EXPECT_EQ(receive(subscriber).value(), due);
  EXPECT_FALSE(receive(subscriber, 0ns).value());
  EXPECT_EQ(first.fill() + second.fill(), 0U);
}

TEST_P(ManyLossyPublishersTest, MessagesAreWrittenAndReadWhereTheyStand) {
  Publisher publisher = open_publisher();
  Subscriber subscriber = open_subscriber();
  EXPECT_FALSE(subscriber.reads_in_place());
  EXPECT_EQ(code_of(subscriber.peek_for(0ns)), ErrorCode::unsupported);
  for (std::uint64_t number = 0; number < 40; ++number) {
    const std::size_t size = number % (kBytes + 1);
    test::write_message(publisher.claim().value().first(size), number);
    EXPECT_EQ(subscriber.read([](auto) {}, 0ns).value(), Subscriber::Seen::nothing);
    ASSERT_TRUE(publisher.commit(size));
    const auto seen = subscriber.read([&](std::span<const std::byte> message) {
      EXPECT_TRUE(message.size() == size && test::is_message(message, number)) << number;
    });
    EXPECT_EQ(seen.value(), Subscriber::Seen::whole);
  }
  ASSERT_TRUE(publisher.claim());
  const auto torn = subscriber.read(
      [&](std::span<const std::byte>) { ADD_FAILURE() << "it is not committed"; }, 0ns);
  EXPECT_EQ(torn.value(), Subscriber::Seen::nothing);
}

// Other processes publish, so the memory is not sealed; a subscriber's own mapping is.
TEST_P(ManyLossyPublishersTest, SubscriberCannotWriteToTheMessages) {
  Subscriber subscriber = open_subscriber();
  ChildProcess writes = ChildProcess::fork([&] {
    const auto slots = subscriber.region().lossy_view();
    *const_cast<volatile std::byte*>(slots.slots) = std::byte{1};
    return 0;
  });
  EXPECT_NE(writes.wait(), 0);
  EXPECT_TRUE(publish(*std::make_unique<Publisher>(open_publisher()), 1).value());
  EXPECT_EQ(receive(subscriber).value(), 1U);
}

TEST_P(ManyLossyPublishersTest, ClaimOfADeadOneIsPassedWithoutAnyPublisher) {
  Subscriber subscriber = open_subscriber();
  {
    Publisher closes = open_publisher();
    let_die([&] {
      auto* const never_closed = new Publisher(open_publisher());
      if (!publish(*never_closed, 1).value() || !never_closed->claim()) ::_exit(1);
    });
    ASSERT_TRUE(publish(closes, 2).value());
  }
  EXPECT_EQ(receive(subscriber).value(), 1U);
  EXPECT_EQ(receive(subscriber).value(), 2U);
  EXPECT_EQ(subscriber.missed(), 0U);
  EXPECT_EQ(code_of(receive(subscriber)), ErrorCode::peer_dead);
}

TEST_P(ManyLossyPublishersTest, PublisherArmsAtAPlaceThatAnotherHolds) {
  const Topic small = Topic::create(options(GetParam(), 2)).value();
  Publisher slow = Publisher::open(Topic::attach(small.fds()).value(), kAsleep).value();
  Publisher quick = Publisher::open(Topic::attach(small.fds()).value(), kAsleep).value();
  EXPECT_TRUE(quick.waitable_fd());
  EXPECT_FALSE(quick.arm()) << "there is room";
  ASSERT_TRUE(slow.claim());
  ASSERT_TRUE(publish(quick, 1).value());
  EXPECT_TRUE(quick.arm());
  slow.abort();
  EXPECT_FALSE(quick.arm());
}

}  // namespace
}  // namespace ringbell
