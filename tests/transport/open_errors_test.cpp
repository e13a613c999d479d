// Why an end cannot be had, in the caller's own words: the option with both values, the process
// that has the role, or the limit and where it is set.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Policy = TopicOptions::Policy;

template <class End>
void expect_error(const Result<End>& end, ErrorCode code, const std::string& says) {
  ASSERT_FALSE(end) << says;
  EXPECT_EQ(name_of(code_of(end)), std::string(name_of(code))) << end.error().message;
  EXPECT_THAT(message_of(end), HasSubstr(says));
}

class OpenErrorsTest : public ::testing::Test {
 protected:
  test::TemporaryNameFolder folder_;
};

TEST_F(OpenErrorsTest, OptionOfAChannelThatDiffersIsNamedWithBothValues) {
  const Sender sender =
      Sender::create("orders", {.capacity_bytes = 8192, .record_alignment = 64}).value();
  const auto differs = [](const ChannelOptions& options, const std::string& how) {
    expect_error(
        Receiver::create("orders", options), ErrorCode::other_ring,
        "the name 'orders' is in use by pid " + std::to_string(::getpid()) + ", with " + how);
  };
  differs({.capacity_bytes = 20000, .record_alignment = 64}, "capacity_bytes 8192, not 20000");
  differs({.capacity_bytes = 8192}, "record_alignment 64, not 8");
  differs({.capacity_bytes = 8192, .record_alignment = 64, .payload_alignment = 16},
          "payload_alignment 8, not 16");
  differs({.capacity_bytes = 8192, .record_alignment = 64, .doorbell = core::DoorbellKind::none},
          "doorbell futex, not none");
  EXPECT_TRUE(Receiver::create("orders", {.capacity_bytes = 5000, .record_alignment = 64}));
}

TEST_F(OpenErrorsTest, OptionOfARingOfManyThatDiffersIsNamedWithBothValues) {
  const QueueSender queue = QueueSender::create("queue").value();
  expect_error(QueueSender::create("queue", {.messages = 100}), ErrorCode::other_ring,
               "with messages 1024, not 100");
  expect_error(QueueSender::create("queue", {.message_bytes = 100}), ErrorCode::other_ring,
               "with message_bytes 256, not 100");
  expect_error(QueueSender::create("queue", {.participants = 100}), ErrorCode::other_ring,
               "with participants 64, not 100");
  const Publisher topic = Publisher::create("topic", {.policy = Policy::lossless}).value();
  expect_error(Publisher::create("topic", {.policy = Policy::lossless, .subscribers = 2}),
               ErrorCode::other_ring, "with subscribers 64, not 2");
  expect_error(Publisher::create("topic", {.policy = Policy::lossy}), ErrorCode::other_ring,
               "for a lossless topic, not a lossy topic");
  const Collector collector = Collector::create("collector").value();
  expect_error(Contributor::create("collector", {.contributors = 3}), ErrorCode::other_ring,
               "with contributors 16, not 3");
  const Server server = Server::create("service").value();
  expect_error(Client::create("service", {.clients = 3}), ErrorCode::other_ring,
               "with clients 16, not 3");
}

TEST_F(OpenErrorsTest, RingOfAnotherKindIsSaidToBeOne) {
  const QueueSender queue = QueueSender::create("work").value();
  expect_error(Sender::create("work"), ErrorCode::other_ring, "for a queue, not a channel");
  expect_error(Sender::open("work", 0ns), ErrorCode::other_ring, "for a queue, not a channel");
  expect_error(Server::create("work"), ErrorCode::other_ring, "for a queue, not a service");
  expect_error(Client::open("work", 0ns), ErrorCode::other_ring, "for a queue, not a service");
  expect_error(Subscriber::open("work", Subscriber::Start::oldest, 0ns), ErrorCode::other_ring,
               "for a queue, not a topic");
  const Receiver channel = Receiver::create("orders").value();
  expect_error(QueueSender::create("orders"), ErrorCode::other_ring, "for a channel, not a queue");
}

TEST_F(OpenErrorsTest, ProcessThatHasTheRoleIsNamed) {
  const std::string own = "pid " + std::to_string(::getpid());
  const Channel channel = Channel::create().value();
  const Sender sender = Sender::attach(channel.fds()).value();
  expect_error(Sender::attach(channel.fds()), ErrorCode::busy, own);
  const Server server = Server::create("service").value();
  expect_error(Server::create("service"), ErrorCode::busy, own);
  const Collector collector = Collector::create("collector").value();
  expect_error(Collector::create("collector"), ErrorCode::busy, own);
  const Publisher publisher = Publisher::create("topic").value();
  expect_error(Publisher::create("topic"), ErrorCode::busy, own);
}

TEST_F(OpenErrorsTest, LimitIsNamedWithTheOptionThatRaisesIt) {
  const Server server = Server::create("service", {.clients = 1}).value();
  const Client client = Client::open("service").value();
  expect_error(Client::open("service"), ErrorCode::no_place, "all 1 places for a client");
  expect_error(Client::open("service"), ErrorCode::no_place, "ServiceOptions::clients");
  const Collector collector = Collector::create("log", {.contributors = 1}).value();
  const Contributor first = Contributor::open("log").value();
  expect_error(Contributor::open("log"), ErrorCode::no_place, "CollectorOptions::contributors");
  const QueueSender one = QueueSender::create("queue", {.participants = 2}).value();
  const QueueReceiver two = QueueReceiver::open("queue").value();
  expect_error(QueueSender::open("queue"), ErrorCode::no_place, "QueueOptions::participants");
}

// A well-formed region, which a message's size alone would overrun.
TEST_F(OpenErrorsTest, SlotsWithoutRoomForASizeAreNoQueueAndNoTopic) {
  const auto make = [&](core::RingKind kind, std::uint32_t participants) {
    return Region::create(
               {.shape = {.kind = kind,
                          .slot_count = 4,
                          .message_bytes = 4,
                          .participants = participants},
                .memory = {.backing = Backing::file,
                           .name = folder_.path() + "/" + std::to_string(int(kind)) + ".ring"}})
        .value();
  };
  using core::RingKind;
  const Region queue = make(RingKind::mpmc, 4);
  const ParticipantLock of_queue = ParticipantLock::take(queue.fd(), 0, "sender").value();
  const std::string name = std::to_string(int(RingKind::mpmc));
  expect_error(QueueSender::open(name, 0ns), ErrorCode::not_a_region, "no ring that has a sender");
  expect_error(QueueReceiver::open(name, 0ns), ErrorCode::not_a_region, "a receiver");
  expect_error(QueueSender::create(name), ErrorCode::other_ring, "with messages 4, not 1024");
  for (const auto& [kind, participants] :
       {std::pair{RingKind::broadcast_lossless, 3U}, std::pair{RingKind::broadcast_lossy, 1U},
        std::pair{RingKind::many_lossless, 2 + core::kMaxBroadcastReaders},
        std::pair{RingKind::many_lossy, 2U}}) {
    const Region topic = make(kind, participants);
    const ParticipantLock publisher = ParticipantLock::take(topic.fd(), 0, "publisher").value();
    EXPECT_FALSE(Subscriber::open(std::to_string(int(kind)), Subscriber::Start::oldest, 0ns));
  }
}

TEST(OptionsTest, ImpossibleOneIsNamedWithItsValue) {
  const auto refused = [](const RegionOptions& options, const std::string& says) {
    expect_error(Region::create(options), ErrorCode::invalid_argument, says);
  };
  refused(QueueOptions{.messages = 0}.region(), "messages is 0; it must be between 2 and 2^32");
  refused(QueueOptions{.participants = 1}.region(), "participants is 1; it must be between 2");
  refused(TopicOptions{.messages = 1}.region(), "messages is 1;");
  refused(TopicOptions{.policy = Policy::lossless, .subscribers = 65}.region(),
          "subscribers is 65; it must be between 1 and 64");
  refused(CollectorOptions{.contributors = 0}.region(), "contributors is 0; it must be between 1");
  refused(ServiceOptions{.clients = 1025}.region(),
          "clients is 1025; it must be between 1 and 1024");
}

}  // namespace
}  // namespace ringbell
