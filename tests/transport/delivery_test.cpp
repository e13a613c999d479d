// The rows of the guide's table that says whether a message comes again when its reader dies with
// it: a child reads in each of the ways and dies before it has used what it read; then the next
// reader tells.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;

constexpr auto kLong = 20s;
constexpr WaitOptions kWait{.longest_sleep = 5ms};

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}
std::string text_of(std::span<const std::byte> bytes) {
  std::string text(bytes.size(), ' ');
  std::transform(bytes.begin(), bytes.end(), text.begin(),
                 [](std::byte byte) { return static_cast<char>(byte); });
  return text;
}

// A reader in a process of its own, which `open()`s it, does what `act(end)` says, and dies.
template <class Open, class Act>
void read_and_die(Open&& open, Act&& act) {
  ChildProcess child = ChildProcess::fork([&]() -> int {
    auto end = open().value();
    act(end);
    ::_exit(0);
  });
  ASSERT_EQ(child.wait(), 0);
}

// What the next reader gets until nothing is there, a space behind each.
template <class End>
std::string rest_of(End end) {
  std::string all;
  std::array<std::byte, 256> into{};
  for (;;) {
    const Result<std::optional<std::size_t>> got = end.receive(into, 0ns);
    if (!got || !*got) return all;
    all += text_of(std::span(into).first(**got)) + " ";
  }
}

template <class Sender>
void send_two(Sender& sender) {
  ASSERT_EQ(sender.send(bytes_of("one"), kLong), true);
  ASSERT_EQ(sender.send(bytes_of("two"), kLong), true);
}

// The ways of reading, by ends that have them.
constexpr auto kPeeks = [](auto& end) { (void)end.peek_for(kLong); };
constexpr auto kPeeksAndReleases = [](auto& end) {
  (void)end.peek_for(kLong);
  end.release();
  (void)end.peek_for(kLong);
};
constexpr auto kReceives = [](auto& end) {
  std::array<std::byte, 256> into{};
  (void)end.receive(into, kLong);
};
constexpr auto kReceivesAll = [](auto& end) {
  std::array<std::byte, 256> into{};
  while (end.receive(into, 0ns).value()) {
  }
};

// --- Receiver ------------------------------------------------------------------------------------

class ReceiverDeliveryTest : public ::testing::Test {
 protected:
  template <class Act>
  [[nodiscard]] std::string rest_after(Act&& act) const {
    Sender sender = Sender::attach(channel_.fds(), kWait).value();
    send_two(sender);
    read_and_die([&] { return Receiver::attach(channel_.fds(), kWait); }, act);
    return rest_of(Receiver::attach(channel_.fds(), kWait).value());
  }
  Channel channel_ = Channel::create({.capacity_bytes = 4096}).value();
};

TEST_F(ReceiverDeliveryTest, WhatIsPeekedComesAgain) { EXPECT_EQ(rest_after(kPeeks), "one two "); }

TEST_F(ReceiverDeliveryTest, WhatIsHeldComesAgain) {
  EXPECT_EQ(rest_after([](Receiver& receiver) {
              (void)receiver.peek_for(kLong);
              receiver.hold();
              (void)receiver.peek_for(kLong);
            }),
            "one two ");
}

TEST_F(ReceiverDeliveryTest, WhatIsDrainedComesAgainUntilAllOfItIsUsed) {
  EXPECT_EQ(rest_after([](Receiver& receiver) { receiver.drain([](auto) { ::_exit(0); }); }),
            "one two ");
}

// How far it is, a receiver tells when it finds nothing, and after an eighth of the ring.
TEST_F(ReceiverDeliveryTest, WhatIsReceivedIsLostOnceThatWasTold) {
  EXPECT_EQ(rest_after(kReceivesAll), "");
}
TEST_F(ReceiverDeliveryTest, WhatIsReceivedOrReleasedComesAgainBeforeThat) {
  EXPECT_EQ(rest_after(kReceives), "one two ");
  EXPECT_EQ(rest_after(kPeeksAndReleases), "one two ");
}

// --- QueueReceiver -------------------------------------------------------------------------------

class QueueDeliveryTest : public ::testing::Test {
 protected:
  template <class Act>
  void read_after_two(Act&& act) {
    send_two(sender_);
    read_and_die([&] { return QueueReceiver::open(copy_of(ring_), kWait); }, act);
  }
  Region ring_ = Region::create(QueueOptions{.messages = 8}.region()).value();
  QueueSender sender_ = QueueSender::open(copy_of(ring_), kWait).value();
};

TEST_F(QueueDeliveryTest, WhatIsPeekedComesAgainMarked) {
  read_after_two(kPeeks);
  QueueReceiver next = QueueReceiver::open(copy_of(ring_), kWait).value();
  const auto again = next.peek_for(kLong).value();
  ASSERT_TRUE(again);
  EXPECT_TRUE(text_of(*again) == "one" ? next.redelivered() : !next.redelivered());
  EXPECT_EQ(rest_of(std::move(next)).size(), std::string("one two ").size());
}

TEST_F(QueueDeliveryTest, WhatIsReceivedDoesNotComeAgain) {
  read_after_two(kReceives);
  EXPECT_EQ(rest_of(QueueReceiver::open(copy_of(ring_), kWait).value()), "two ");
}

// --- Collector -----------------------------------------------------------------------------------

class CollectorDeliveryTest : public ::testing::Test {
 protected:
  template <class Act>
  [[nodiscard]] std::string rest_after(Act&& act) {
    send_two(contributor_);
    read_and_die([&] { return Collector::open(copy_of(ring_), kWait); }, act);
    return rest_of(Collector::open(copy_of(ring_), kWait).value());
  }
  Region ring_ =
      Region::create(CollectorOptions{.contributors = 2, .capacity_bytes = 4096}.region()).value();
  Contributor contributor_ = Contributor::open(copy_of(ring_), kWait).value();
};

TEST_F(CollectorDeliveryTest, WhatIsPeekedComesAgain) { EXPECT_EQ(rest_after(kPeeks), "one two "); }

TEST_F(CollectorDeliveryTest, WhatIsReceivedIsLostOnceThatWasTold) {
  EXPECT_EQ(rest_after(kReceivesAll), "");
}
TEST_F(CollectorDeliveryTest, WhatIsReceivedOrReleasedComesAgainBeforeThat) {
  EXPECT_EQ(rest_after(kReceives), "one two ");
  EXPECT_EQ(rest_after(kPeeksAndReleases), "one two ");
}

// --- Subscriber ----------------------------------------------------------------------------------

// The next one begins where it is told to, whatever its dead predecessor has used.
TEST(SubscriberDeliveryTest, WhatIsReceivedComesAgainToNoneThatDoesNotAskForIt) {
  for (const auto policy : {TopicOptions::Policy::lossless, TopicOptions::Policy::lossy}) {
    Topic topic = Topic::create({.policy = policy, .messages = 8}).value();
    const TopicFds fds = topic.fds();
    const Topic keeps = Topic::attach(fds).value();
    Publisher publisher = Publisher::open(std::move(topic), kWait).value();
    for (const std::string& text : {std::string("one"), std::string("two")}) {
      ASSERT_EQ(publisher.publish(bytes_of(text), kLong), true);
    }
    const auto open = [&](Subscriber::Start start) {
      return Subscriber::open(Topic::attach(keeps.fds()).value(), start, kWait);
    };
    read_and_die([&] { return open(Subscriber::Start::oldest); }, kReceives);
    EXPECT_EQ(rest_of(open(Subscriber::Start::at(1)).value()), "two ");
    EXPECT_EQ(rest_of(open(Subscriber::Start::at(0)).value()), "one two ");
  }
}

// --- Server --------------------------------------------------------------------------------------

TEST(ServerDeliveryTest, RequestOfADeadServerIsToldToItsClientAndNotAskedAgain) {
  const Region ring = Region::create(ServiceOptions{.clients = 2}.region()).value();
  Client client = Client::open(copy_of(ring), kWait).value();
  ASSERT_TRUE(client.claim_for(3, kLong).value());
  client.call();
  read_and_die([&] { return Server::open(copy_of(ring), kWait); },
               [](Server& server) { (void)server.request_for(kLong); });
  Server next = Server::open(copy_of(ring), kWait).value();
  EXPECT_FALSE(next.request_for(10ms).value());
  const auto answer = client.answer_for(kLong);
  ASSERT_FALSE(answer);
  EXPECT_EQ(code_of(answer), ErrorCode::peer_dead);
  EXPECT_EQ(client.fate(), Fate::maybe_served);
}

}  // namespace
}  // namespace ringbell
