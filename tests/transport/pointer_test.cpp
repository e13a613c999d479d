// Two ends in one process hand pointers over: what they point to was written before it is read.
// ThreadSanitizer, which sees each mapping of a ring as memory of its own, must see that too.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;

constexpr auto kLong = 20s;
constexpr std::uint64_t kCount = 2000;

struct Order {
  std::uint64_t number;
  std::uint64_t twice;
};

// `send` takes the bytes of a pointer, `receive` gives them back. Neither the pointer nor what it
// points to is known to the other thread by anything but the ring.
constexpr std::size_t kPointerBytes = sizeof(void*);

template <class Send, class Receive>
void hand_over(Send&& send, Receive&& receive) {
  std::jthread sending([&] {
    for (std::uint64_t i = 0; i < kCount; ++i) {
      const Order* const order = new Order{i, 2 * i};
      std::array<std::byte, kPointerBytes> bytes{};
      std::memcpy(bytes.data(), &order, kPointerBytes);
      ASSERT_TRUE(send(bytes));
    }
  });
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const Order* order = nullptr;
    ASSERT_TRUE(receive(std::as_writable_bytes(std::span(&order, 1))));
    const std::unique_ptr<const Order> owned(order);
    ASSERT_EQ(owned->number, i);
    ASSERT_EQ(owned->twice, 2 * i);
  }
}

constexpr auto sends_to(auto& end) {
  return [&end](std::span<const std::byte> bytes) { return end.send(bytes, kLong).value(); };
}
constexpr auto receives_from(auto& end) {
  return [&end](std::span<std::byte> into) { return end.receive(into, kLong).value().has_value(); };
}

TEST(PointerTest, GoesThroughAChannel) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  hand_over(sends_to(sender), receives_from(receiver));
}

TEST(PointerTest, GoesThroughAQueue) {
  const Region ring =
      Region::create(QueueOptions{.messages = 16, .message_bytes = 8}.region()).value();
  QueueSender sender = QueueSender::open(copy_of(ring)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(ring)).value();
  hand_over(sends_to(sender), receives_from(receiver));
}

TEST(PointerTest, GoesThroughACollector) {
  const Region ring = Region::create(CollectorOptions{.contributors = 2}.region()).value();
  Contributor contributor = Contributor::open(copy_of(ring)).value();
  Collector collector = Collector::open(copy_of(ring)).value();
  hand_over(sends_to(contributor), receives_from(collector));
}

TEST(PointerTest, GoesThroughATopic) {
  Topic topic =
      Topic::create({.policy = TopicOptions::Policy::lossless, .messages = 16, .message_bytes = 8})
          .value();
  Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
  Publisher publisher = Publisher::open(std::move(topic)).value();
  hand_over([&](auto bytes) { return publisher.publish(bytes, kLong).value(); },
            receives_from(subscriber));
}

TEST(PointerTest, GoesThroughACallAndBack) {
  const Region ring = Region::create(ServiceOptions{.clients = 1}.region()).value();
  Client client = Client::open(copy_of(ring)).value();
  Server server = Server::open(copy_of(ring)).value();
  std::jthread serving([&] {
    const auto answer = [](std::span<const std::byte> request, auto claim) {
      Order* order = nullptr;
      std::memcpy(&order, request.data(), kPointerBytes);
      order->twice = 2 * order->number;
      std::memcpy(claim(kPointerBytes)->data(), &order, kPointerBytes);
    };
    EXPECT_EQ(server.serve(answer, kCount, kLong), kCount);
  });
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const auto order = std::make_unique<Order>(Order{i, 0});
    const Order* const asks = order.get();
    const Order* answered = nullptr;
    ASSERT_TRUE(client
                    .call(std::as_bytes(std::span(&asks, 1)),
                          std::as_writable_bytes(std::span(&answered, 1)), kLong)
                    .value());
    ASSERT_EQ(answered, asks);
    ASSERT_EQ(answered->twice, 2 * i);
  }
}

}  // namespace
}  // namespace ringbell
