// What an end is not armed for: there is something to do or to tell already, or it comes while the
// end is being armed.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;
using Policy = TopicOptions::Policy;

constexpr auto kLong = 20s;
constexpr std::array<std::byte, 8> kMessage{};

// What no ringbell writes, in place of all messages.
void spoil_messages(const Region& region) {
  const core::Geometry& geometry = region.geometry();
  std::memset(region.data(), 0xff, geometry.region_bytes - geometry.data_offset);
}

struct Ends {
  Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Endpoint reader =
      Endpoint::open(Channel::attach(channel.fds()).value(), Role::reader, {}).value();
  Endpoint writer =
      Endpoint::open(Channel::attach(channel.fds()).value(), Role::writer, {}).value();
};

TEST(ArmTest, AnEndLooksAgainOnceItIsAnnounced) {
  Ends ends;
  int looks = 0;
  EXPECT_FALSE(ends.reader.arm([&] { return ++looks == 2; }));
  EXPECT_TRUE(ends.reader.arm([] { return false; }));
}

TEST(ArmTest, AnEndWhosePeerClosesWhileItIsArmedIsNot) {
  Ends ends;
  int looks = 0;
  const auto closes = [&] {
    if (++looks == 2) ends.writer.close(false);
    return false;
  };
  EXPECT_FALSE(ends.reader.arm(closes));
  EXPECT_EQ(looks, 2);
}

// The copy of a parent's end that a child of fork() has.
TEST(ArmTest, AChildOfForkDoesNotLeaveForItsParent) {
  Ends ends;
  test::ChildProcess child = test::ChildProcess::fork([&] {
    ends.reader.leave(false);
    return ends.reader.is_open() ? 1 : 0;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(ends.writer.peer(), PeerState::alive);
  ends.reader.leave(false);
  EXPECT_EQ(ends.writer.peer(), PeerState::absent) << "as if it had not come";
}

TEST(ArmTest, AQueueSenderWhoseRingIsSpoiltIsNot) {
  const Region ring = Region::create(QueueOptions{.messages = 8}.region()).value();
  QueueSender sender = QueueSender::open(copy_of(ring)).value();
  ASSERT_TRUE(sender.waitable_fd());
  while (sender.send(kMessage, 0ns).value()) {
  }
  EXPECT_TRUE(sender.arm());
  spoil_messages(ring);
  EXPECT_EQ(code_of(sender.send(kMessage, kLong)), ErrorCode::corrupt);
  EXPECT_FALSE(sender.arm()) << "there is an Error to tell";
}

TEST(ArmTest, APublisherThatHasRoomIsNot) {
  for (const Policy policy : {Policy::lossless, Policy::lossy}) {
    Publisher publisher =
        Publisher::open(
            Topic::create({.policy = policy, .messages = 8, .message_bytes = 64, .publishers = 2})
                .value())
            .value();
    ASSERT_TRUE(publisher.waitable_fd());
    EXPECT_FALSE(publisher.arm());
    ASSERT_TRUE(publisher.claim_for(0ns).value());
    EXPECT_FALSE(publisher.arm()) << "room is claimed";
    EXPECT_TRUE(publisher.commit(8));
  }
}

TEST(ArmTest, APublisherWhoseTopicIsSpoiltIsNot) {
  for (const std::uint32_t publishers : {1U, 2U}) {
    Topic topic = Topic::create({.policy = Policy::lossless,
                                 .messages = 8,
                                 .message_bytes = 64,
                                 .publishers = publishers})
                      .value();
    const Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
    const Region ring = copy_of(topic.region());
    Publisher publisher = Publisher::open(std::move(topic)).value();
    ASSERT_TRUE(publisher.waitable_fd());
    while (publisher.publish(kMessage, 0ns).value()) {
    }
    EXPECT_TRUE(publisher.arm()) << publishers;
    if (publishers == 1) {  // a reader that says that it has read what is not yet written
      ring.lossless_memory().control->readers[1].state = core::BroadcastCellState(2, 50).word();
    } else {
      spoil_messages(ring);
    }
    EXPECT_FALSE(publisher.arm()) << "there is an Error to tell";
    EXPECT_EQ(code_of(publisher.publish(kMessage, kLong)), ErrorCode::corrupt) << publishers;
    EXPECT_FALSE(publisher.arm()) << "it is still to be told";
  }
}

TEST(ArmTest, ASubscriberThatWasEvictedIsNot) {
  Topic topic = Topic::create({.policy = Policy::lossless, .subscribers = 1}).value();
  Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
  ASSERT_TRUE(subscriber.waitable_fd());
  EXPECT_TRUE(subscriber.arm());
  core::BroadcastLossless<>::evict(topic.region().lossless_memory(), [](auto) { return true; });
  EXPECT_EQ(code_of(subscriber.has_message_for(kLong)), ErrorCode::evicted);
  EXPECT_FALSE(subscriber.arm()) << "there is an Error to tell";
}

TEST(ArmTest, AClientWhoseLineIsSpoiltIsNot) {
  using State = core::CallState;
  const Region ring = Region::create(ServiceOptions{.clients = 1}.region()).value();
  const Server server = Server::open(copy_of(ring)).value();
  Client client = Client::open(copy_of(ring)).value();
  ASSERT_TRUE(client.waitable_fd());
  ASSERT_TRUE(client.begin(kMessage, kLong).value());
  EXPECT_TRUE(client.arm());
  ring.call_group_memory().lines[0].cell.state =
      State(State::kResponse, 77, State::kMaxSizeBytes).word();
  EXPECT_FALSE(client.arm()) << "there is an Error to tell";
  EXPECT_EQ(code_of(client.answer_for(kLong)), ErrorCode::corrupt);
}

}  // namespace
}  // namespace ringbell
