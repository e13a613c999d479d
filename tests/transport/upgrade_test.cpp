// What docs/guide.md says of upgrading rings that are not set aside: nothing is lost by it.
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;

constexpr Timeout kPatience = 20s;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// The next message, or the name of the Error.
template <class End>
std::string received_by(End& end) {
  std::array<std::byte, 256> buffer{};
  const Result<std::optional<std::size_t>> size = end.receive(buffer, kPatience);
  if (!size) return name_of(code_of(size));
  return {reinterpret_cast<const char*>(buffer.data()), size->value_or(0)};
}

class UpgradeTest : public ::testing::Test {
 protected:
  test::TemporaryNameFolder folder;
};

TEST_F(UpgradeTest, SubscribersOfALosslessTopicReadToTheEndAndComeAnew) {
  const TopicOptions old{.policy = TopicOptions::Policy::lossless, .messages = 8};
  const TopicOptions newer{.policy = TopicOptions::Policy::lossless, .messages = 16};
  std::optional<Publisher> publisher(Publisher::create("news", old).value());
  std::optional<Subscriber> first(Subscriber::open("news").value());
  std::optional<Subscriber> second(Subscriber::open("news").value());
  ASSERT_TRUE(publisher->publish(bytes_of("one")).value());
  publisher.reset();
  EXPECT_EQ(code_of(Publisher::create("news", newer)), ErrorCode::other_ring);
  for (std::optional<Subscriber>* const subscriber : {&first, &second}) {
    EXPECT_EQ(received_by(**subscriber), "one");
    EXPECT_EQ(received_by(**subscriber), "closed");
    subscriber->reset();
  }
  publisher.emplace(Publisher::create("news", newer).value());
  first.emplace(Subscriber::open("news").value());
  ASSERT_TRUE(publisher->wait_for_subscribers(1, kPatience).value());
  ASSERT_TRUE(publisher->publish(bytes_of("two")).value());
  EXPECT_EQ(received_by(*first), "two");
}

TEST_F(UpgradeTest, QueueIsReadToItsEndAndMadeAnew) {
  std::optional<QueueReceiver> receiver(QueueReceiver::create("work", {.messages = 8}).value());
  {
    QueueSender sender = QueueSender::open("work").value();
    ASSERT_TRUE(sender.send(bytes_of("one")).value());
  }
  EXPECT_EQ(code_of(QueueSender::create("work", {.messages = 16})), ErrorCode::other_ring);
  EXPECT_EQ(received_by(*receiver), "one");
  receiver.reset();
  QueueSender sender = QueueSender::create("work", {.messages = 16}).value();
  receiver.emplace(QueueReceiver::open("work").value());
  ASSERT_TRUE(sender.send(bytes_of("two")).value());
  EXPECT_EQ(received_by(*receiver), "two");
}

}  // namespace
}  // namespace ringbell
