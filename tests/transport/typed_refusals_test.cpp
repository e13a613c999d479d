// What the typed ends say when there is nothing, no room, or none of their type.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;

struct Order {
  std::uint64_t number;
  std::uint64_t amount;
  friend bool operator==(const Order&, const Order&) = default;
};

// Nothing is there, and this is why; nullopt: the time is up.
template <class Handle>
void expect_nothing(const Handle& handle, std::optional<ErrorCode> why) {
  EXPECT_FALSE(handle);
  ASSERT_EQ(handle.error() != nullptr, why.has_value());
  if (!why) return;
  EXPECT_STREQ(name_of(handle.error()->code), name_of(*why));
}

class TypedRefusalsTest : public ::testing::Test {
 protected:
  test::TemporaryNameFolder folder_;
};

TEST_F(TypedRefusalsTest, FullChannelLendsNothing) {
  auto sender = typed::Sender<Order>::create("orders", {.capacity_bytes = 4096}).value();
  auto receiver = typed::Receiver<Order>::open("orders").value();
  while (sender.send({1, 1}, 0ns).value()) {
  }
  expect_nothing(sender.loan(0ns), std::nullopt);
  while (receiver.try_receive()) {
  }
  EXPECT_TRUE(sender.loan(0ns));
  { const auto closed = std::move(receiver); }
  while (sender.loan(0ns).send()) {
  }
  expect_nothing(sender.loan(0ns), ErrorCode::closed);
}

TEST_F(TypedRefusalsTest, RangeEndsWhenItIsInterrupted) {
  auto sender = typed::Sender<Order>::create("orders").value();
  auto receiver = typed::Receiver<Order>::open("orders").value();
  receiver.interrupt();
  for (const Order& order : receiver) ADD_FAILURE() << order.number;
  EXPECT_EQ(receiver.ended_by()->code, ErrorCode::cancelled);
}

TEST_F(TypedRefusalsTest, MessageOfNoNumberOfElementsIsRefused) {
  auto sender =
      ringbell::Sender::create("numbers", typed::Receiver<std::uint32_t[]>::fitted({})).value();
  auto receiver = typed::Receiver<std::uint32_t[]>::open("numbers").value();
  const std::array<std::byte, 8> bytes{};
  EXPECT_TRUE(sender.send(std::span(bytes).first(7)).value());
  EXPECT_TRUE(sender.send(bytes).value());
  expect_nothing(receiver.next(0ns), ErrorCode::corrupt);
  EXPECT_EQ(receiver.next(0ns)->size(), 2U);
}

TEST_F(TypedRefusalsTest, QueueLendsNoMoreThanItsSlotsHold) {
  auto sender =
      typed::QueueSender<std::uint32_t[]>::create("queue", {.messages = 2, .message_bytes = 64})
          .value();
  expect_nothing(sender.loan(17, 0ns), ErrorCode::too_large);
  EXPECT_TRUE(sender.loan(16, 0ns).send());
  EXPECT_TRUE(sender.loan(0, 0ns).send());
  expect_nothing(sender.loan(1, 0ns), std::nullopt);
}

TEST_F(TypedRefusalsTest, TopicLendsNoMoreThanItsSlotsHold) {
  auto publisher =
      typed::Publisher<std::uint32_t[]>::create("topic", {.message_bytes = 64}).value();
  expect_nothing(publisher.loan(17), ErrorCode::too_large);
  expect_nothing(publisher.loan(SIZE_MAX / sizeof(std::uint32_t) + 2), ErrorCode::too_large);
  auto subscriber = typed::Subscriber<std::uint32_t[]>::open("topic").value();
  auto loan = publisher.loan(2);
  (*loan)[0] = 1;
  (*loan)[1] = 2;
  EXPECT_TRUE(loan.publish());
  EXPECT_FALSE(loan.publish()) << "it was published";
  EXPECT_EQ(subscriber.next(0ns)->size(), 2U);
}

TEST_F(TypedRefusalsTest, FullTopicLendsNothing) {
  auto publisher = typed::Publisher<Order>::create(
                       "topic", {.policy = TopicOptions::Policy::lossless, .messages = 2})
                       .value();
  auto subscriber = typed::Subscriber<Order>::open("topic").value();
  while (publisher.publish({1, 1}, 0ns).value()) {
  }
  expect_nothing(publisher.loan(0ns), std::nullopt);
  while (subscriber.receive(0ns).value()) {
  }
  auto loan = publisher.loan(0ns);
  *loan = {2, 2};
  EXPECT_TRUE(publisher.publish({3, 3}, 0ns).value()) << "takes the place of what was loaned";
  EXPECT_FALSE(loan.publish());
  EXPECT_EQ(subscriber.receive(0ns).value(), (Order{3, 3}));
  EXPECT_FALSE(subscriber.receive(0ns).value());
}

TEST_F(TypedRefusalsTest, SubscriberIsToldOfWhatIsNoneOfItsType) {
  auto publisher =
      ringbell::Publisher::create("topic", {.message_bytes = 64, .type = type_of<Order>()}).value();
  auto subscriber = typed::Subscriber<Order>::open("topic").value();
  const std::array<std::byte, sizeof(Order)> bytes{};
  EXPECT_TRUE(publisher.publish(std::span(bytes).first(3)).value());
  EXPECT_TRUE(publisher.publish(bytes).value());
  expect_nothing(subscriber.next(0ns), ErrorCode::corrupt);
  EXPECT_EQ(subscriber.receive(0ns).value(), Order{});
}

TEST_F(TypedRefusalsTest, CallsEndWithTheirServerOrTheirTime) {
  using Client = typed::Client<Order, std::uint64_t>;
  std::optional server = typed::Server<Order, std::uint64_t>::create("service").value();
  auto client = Client::open("service").value();
  server->respond(7);  // nothing was asked
  EXPECT_EQ(server->request(0ns).value(), std::nullopt);
  EXPECT_EQ(client.call({1, 1}, 0ns).value(), std::nullopt);
  EXPECT_EQ(server->request(0ns).value(), std::nullopt) << "it was taken back";
  server->interrupt();
  EXPECT_EQ(code_of(server->request(20s)), ErrorCode::cancelled);
  const auto answer = [](const Order&) { return std::uint64_t{1}; };
  server->interrupt();
  EXPECT_EQ(code_of(server->serve(answer, 1, 20s)), ErrorCode::cancelled);
  EXPECT_EQ(server->serve(answer, 1, 0ns).value(), 0U);
  server.reset();
  EXPECT_EQ(code_of(client.call({1, 1}, 20s)), ErrorCode::closed);
}

TEST_F(TypedRefusalsTest, AnswerOfAnotherTypeIsCorrupt) {
  using Server = typed::Server<Order, std::uint64_t>;
  auto server = ringbell::Server::create("service", Server::fitted({})).value();
  auto client = typed::Client<Order, std::uint64_t>::open("service").value();
  std::jthread serving([&] {
    EXPECT_EQ(server.serve([](auto, auto claim) { (void)claim(3); }, 1, 20s).value(), 1U);
  });
  EXPECT_EQ(code_of(client.call({1, 1}, 20s)), ErrorCode::corrupt);
}

TEST_F(TypedRefusalsTest, PartOfAnotherTypeIsCorrupt) {
  using Types = typed::Server<Order, std::uint64_t>;
  auto server = ringbell::Server::create("service", Types::fitted({.tickets = 1})).value();
  auto client = typed::Client<Order, std::uint64_t>::open("service").value();
  std::jthread serving([&] {
    auto taken = server.take_for(20s).value().value();
    EXPECT_TRUE(taken.send(std::array<std::byte, 3>{}, 20s).value());
    EXPECT_TRUE(taken.finish());
  });
  ASSERT_TRUE(client.begin({1, 1}, 20s).value());
  EXPECT_EQ(code_of(client.next(20s)), ErrorCode::corrupt);
}

TEST_F(TypedRefusalsTest, TakingEndsWhenItIsInterrupted) {
  auto server = typed::Server<Order, std::uint64_t>::create("service").value();
  server.interrupt();
  EXPECT_EQ(code_of(server.take(20s)), ErrorCode::cancelled);
}

TEST_F(TypedRefusalsTest, SubscriberOfALossyTopicShowsOneMessageAtATime) {
  const TopicOptions lossy{.policy = TopicOptions::Policy::lossy};
  auto publisher = typed::Publisher<Order>::create("topic", lossy).value();
  auto subscriber = typed::Subscriber<Order>::open("topic").value();
  expect_nothing(subscriber.next(0ns), std::nullopt);
  EXPECT_TRUE(publisher.publish({1, 1}).value());
  EXPECT_TRUE(publisher.publish({2, 2}).value());
  {
    const auto shown = subscriber.next(0ns);
    ASSERT_TRUE(shown);
    expect_nothing(subscriber.next(0ns), ErrorCode::invalid_argument);
    EXPECT_EQ(subscriber.try_receive(), (Order{1, 1})) << "the one that is shown";
    EXPECT_EQ(*shown, (Order{1, 1}));
  }
  EXPECT_EQ(subscriber.receive(0ns).value(), (Order{2, 2}));
}

}  // namespace
}  // namespace ringbell
