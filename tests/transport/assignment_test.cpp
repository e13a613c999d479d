// An end that is assigned to closes, so that its place is free, and goes on as the other one.
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using test::copy_of;

template <class End>
const std::byte* memory_of(const End& end) {
  if constexpr (requires { end.channel(); }) {
    return end.channel().region().base();
  } else {
    return end.region().base();
  }
}

// `open(ring)` is a Result; a ring of `make()` has one place for such an end.
template <class Make, class Open>
void expect_assignable(Make&& make, Open&& open) {
  const auto first = make();
  const auto second = make();
  auto end = open(first).value();
  EXPECT_FALSE(open(first)) << "there is more than one place";
  auto other = open(second).value();
  const std::byte* const memory = memory_of(other);
  end = std::move(other);
  EXPECT_EQ(memory_of(end), memory);
  EXPECT_TRUE(open(first)) << "the place is not free";
  EXPECT_FALSE(open(second)) << "the place was given up";
  auto& same = end;
  end = std::move(same);
  EXPECT_EQ(memory_of(end), memory);
  EXPECT_FALSE(open(second)) << "an end that was assigned to itself has closed";
  EXPECT_EQ(end.missed_rings(), 0U);
}

template <class Options>
auto maker_of(const Options& options) {
  return [=] { return Region::create(options.region()).value(); };
}

template <class End>
Result<End> open_of(const Region& region) {
  return End::open(copy_of(region));
}

TEST(AssignmentTest, OfAChannelsEnds) {
  const auto make = [] { return Channel::create({.capacity_bytes = 4096}).value(); };
  expect_assignable(make, [](const Channel& channel) { return Sender::attach(channel.fds()); });
  expect_assignable(make, [](const Channel& channel) { return Receiver::attach(channel.fds()); });
}

// With one place left.
struct QueueForTwo {
  Region ring =
      Region::create(QueueOptions{.messages = 8, .message_bytes = 64, .participants = 2}.region())
          .value();
  QueueReceiver other = QueueReceiver::open(copy_of(ring)).value();
};

TEST(AssignmentTest, OfAQueuesEnds) {
  const auto make = [] { return QueueForTwo(); };
  expect_assignable(make,
                    [](const QueueForTwo& queue) { return open_of<QueueSender>(queue.ring); });
  expect_assignable(make,
                    [](const QueueForTwo& queue) { return open_of<QueueReceiver>(queue.ring); });
}

TEST(AssignmentTest, OfACollectorsEnds) {
  const auto make = maker_of(CollectorOptions{.contributors = 1, .capacity_bytes = 4096});
  expect_assignable(make, open_of<Contributor>);
  expect_assignable(make, open_of<Collector>);
}

TEST(AssignmentTest, OfAServicesEnds) {
  const auto make = maker_of(ServiceOptions{.clients = 1, .message_bytes = 64});
  expect_assignable(make, open_of<Client>);
  expect_assignable(make, open_of<Server>);
}

TEST(AssignmentTest, OfATopicsEnds) {
  const auto make = [] {
    return Topic::create({.policy = TopicOptions::Policy::lossless,
                          .messages = 8,
                          .message_bytes = 64,
                          .subscribers = 1})
        .value();
  };
  const auto attach = [](const Topic& topic) { return Topic::attach(topic.fds()).value(); };
  expect_assignable(make, [&](const Topic& topic) { return Publisher::open(attach(topic)); });
  expect_assignable(make, [&](const Topic& topic) { return Subscriber::open(attach(topic)); });
}

}  // namespace
}  // namespace ringbell
