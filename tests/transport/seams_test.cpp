// What falls between a ring and its ends: what a dead end had in hand when the last one left, ends
// that only poll, spoilt places, bells that ring for nothing.
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;

constexpr std::uint32_t kBytes = 64;
constexpr auto kLong = 20s;
constexpr std::array<std::byte, 8> kMessage{std::byte{42}};
// A poll in so many asks after others; there are not more participants to ask after than this.
constexpr std::uint64_t kPollsEnough = 64 * 4096;

Region new_queue(std::uint32_t participants = 8) {
  return Region::create(
             QueueOptions{.messages = 16, .message_bytes = kBytes, .participants = participants}
                 .region())
      .value();
}

// An end in a child that dies with it open, after `use(end)` has come true.
template <class Open, class Use>
void die_with(Open&& open, Use&& use) {
  ChildProcess child = ChildProcess::fork([&] {
    auto end = open().value();
    if (!use(end)) return 1;
    ::kill(::getpid(), SIGKILL);
    return 2;
  });
  ASSERT_EQ(child.wait(), -SIGKILL);
}
constexpr auto kClaims = [](QueueSender& sender) { return sender.claim().has_value(); };
constexpr auto kTakes = [](QueueReceiver& receiver) {
  return receiver.peek_for(kLong).value().has_value();
};
constexpr auto kIsThere = [](auto&) { return true; };

TEST(SeamsTest, ANamedQueueKeepsTheMessageInADeadReceiversHand) {
  const test::TemporaryNameFolder folder;
  {
    QueueSender sender = QueueSender::create("q", {.messages = 8, .message_bytes = kBytes}).value();
    ASSERT_EQ(sender.send(kMessage, kLong), true);
    die_with([] { return QueueReceiver::open("q", kLong); }, kTakes);
  }  // the last end leaves
  QueueReceiver receiver = QueueReceiver::open("q", kLong).value();
  const auto message = receiver.peek_for(kLong).value();
  ASSERT_TRUE(message);
  EXPECT_EQ((*message)[0], std::byte{42});
  EXPECT_TRUE(receiver.redelivered());
  EXPECT_TRUE(receiver.release());
}

TEST(SeamsTest, ANamedQueueGoesWhenNothingIsLeftInIt) {
  const test::TemporaryNameFolder folder;
  {
    QueueSender sender = QueueSender::create("q", {.messages = 8, .message_bytes = kBytes}).value();
    die_with([] { return QueueSender::open("q", kLong); }, kClaims);
  }
  EXPECT_EQ(folder.files(), std::vector<std::string>{});
  EXPECT_EQ(code_of(QueueReceiver::open("q", 0ns)), ErrorCode::not_found);
}

TEST(SeamsTest, ANamedCollectorIsKeptWhileALaneHasMessages) {
  const test::TemporaryNameFolder folder;
  {
    const Collector collector = Collector::create("c", {.contributors = 2}).value();
    Contributor contributor = Contributor::open("c", kLong).value();
    ASSERT_EQ(contributor.send(kMessage, kLong), true);
  }
  {
    Collector collector = Collector::open("c", kLong).value();
    EXPECT_EQ(collector.peek_for(kLong).value().value().size(), kMessage.size());
    collector.release();
  }
  EXPECT_EQ(folder.files(), std::vector<std::string>{});
}

// --- ends that only poll -------------------------------------------------------------------------

template <class Poll>
bool comes_within(std::uint64_t polls, Poll&& poll) {
  for (std::uint64_t i = 0; i < polls; ++i) {
    if (poll()) return true;
  }
  return false;
}

TEST(SeamsTest, APollingReceiverPassesOverADeadClaim) {
  for (const bool by_peek : {true, false}) {
    const Region region = new_queue();
    QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
    QueueSender sender = QueueSender::open(copy_of(region)).value();
    die_with([&] { return QueueSender::open(copy_of(region)); }, kClaims);
    ASSERT_EQ(sender.send(kMessage, kLong), true);
    std::array<std::byte, kBytes> into{};
    EXPECT_TRUE(comes_within(kPollsEnough, [&] {
      return by_peek ? receiver.peek().has_value()
                     : receiver.receive(into, 0ns).value().has_value();
    })) << by_peek;
    EXPECT_EQ(receiver.recovered().skipped, 1U);
  }
}

TEST(SeamsTest, APollingReceiverFindsWhatADeadOneHadInHand) {
  const Region region = new_queue();
  QueueReceiver receiver = QueueReceiver::open(copy_of(region), {.longest_sleep = 1ms}).value();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  ASSERT_EQ(sender.send(kMessage, kLong), true);
  die_with([&] { return QueueReceiver::open(copy_of(region)); }, kTakes);
  EXPECT_TRUE(comes_within(kPollsEnough, [&] { return receiver.peek().has_value(); }));
  EXPECT_TRUE(receiver.redelivered());
}

TEST(SeamsTest, APollingSenderGetsThePlacesOfADeadReceiver) {
  const Region region = new_queue();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  while (sender.send(kMessage, 0ns).value()) {
  }
  die_with([&] { return QueueReceiver::open(copy_of(region)); }, kTakes);
  // Its message goes back; a receiver that polls then makes room.
  EXPECT_FALSE(comes_within(kPollsEnough, [&] { return sender.claim().has_value(); }));
  EXPECT_EQ(sender.recovered().returned, 1U);
}

TEST(SeamsTest, RecoverTakesAtOnceWhatDeadEndsHeld) {
  const Region region = new_queue();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  ASSERT_EQ(sender.send(kMessage, kLong), true);
  die_with([&] { return QueueReceiver::open(copy_of(region)); }, kTakes);
  die_with([&] { return QueueSender::open(copy_of(region)); }, kClaims);
  // The sender that joined last has taken the message from the dead receiver already.
  const core::MpmcRecovered taken = sender.recover();
  EXPECT_EQ(taken.skipped, 1U);
  EXPECT_LE(taken.returned, 1U);
  QueueReceiver receiver = QueueReceiver::open(copy_of(region)).value();
  EXPECT_TRUE(receiver.peek());
  EXPECT_TRUE(receiver.redelivered());
}

TEST(SeamsTest, APollingPublisherEvictsADeadSubscriber) {
  for (const std::uint32_t way : {0, 1, 2, 3}) {
    SCOPED_TRACE(way);
    const bool by_evict = way % 2 == 0;
    Topic topic = Topic::create({.policy = TopicOptions::Policy::lossless,
                                 .messages = 16,
                                 .message_bytes = kBytes,
                                 .publishers = 1 + way / 2})
                      .value();
    die_with([&] { return Subscriber::open(Topic::attach(topic.fds()).value()); }, kIsThere);
    Publisher publisher = Publisher::open(std::move(topic)).value();
    while (publisher.publish(kMessage, 0ns).value()) {
    }
    EXPECT_EQ(by_evict ? publisher.evict() : 1, 1U);
    EXPECT_TRUE(comes_within(by_evict ? 1 : kPollsEnough,
                             [&] { return publisher.publish(kMessage, 0ns).value(); }));
    EXPECT_EQ(publisher.evictions(), 1U);
  }
}

TEST(SeamsTest, APollingReceiverLearnsThatTheSenderDied) {
  Channel channel = Channel::create().value();
  const ChannelFds fds = channel.fds();
  die_with([&] { return Sender::attach(fds); }, kIsThere);
  Receiver receiver = Receiver::open(std::move(channel)).value();
  EXPECT_TRUE(comes_within(kPollsEnough, [&] { return !receiver.peek_for(0ns); }));
  std::optional<ErrorCode> last;
  (void)comes_within(kPollsEnough, [&] {
    last = code_of(receiver.peek_for(0ns));
    return last.has_value();
  });
  EXPECT_EQ(last, ErrorCode::peer_dead);
}

// --- places that were left spoilt ----------------------------------------------------------------

TEST(SeamsTest, AContributorTakesAnotherLaneThanASpoiltOne) {
  const Region region = Region::create(CollectorOptions{.contributors = 3}.region()).value();
  const core::FanInMemory memory = region.fan_in_memory();
  memory.lanes[0].ring.head = 3;  // where no record can begin
  memory.lanes[2].ring.head = 5;
  Collector collector = Collector::open(copy_of(region)).value();
  EXPECT_EQ(collector.corrupt_lanes(), 2U);
  {
    Contributor contributor = Contributor::open(copy_of(region)).value();
    EXPECT_EQ(contributor.lane(), 1U);
    EXPECT_EQ(code_of(Contributor::open(copy_of(region))), ErrorCode::corrupt);
    ASSERT_EQ(contributor.send(kMessage, kLong), true);
    EXPECT_EQ(collector.peek_for(kLong).value().value().size(), kMessage.size());
    collector.release();
  }
  // The collector makes them good when it waits.
  EXPECT_FALSE(collector.peek_for(1ms).value());
  EXPECT_EQ(collector.corrupt_lanes(), 0U);
  EXPECT_NE(collector.finding(0).field, nullptr) << "it is still known what stood there";
  std::vector<Contributor> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(Contributor::open(copy_of(region)).value());
    ASSERT_EQ(all.back().send(kMessage, kLong), true);
    EXPECT_EQ(collector.peek_for(kLong).value().value().size(), kMessage.size());
    EXPECT_EQ(collector.lane(), all.back().lane());
    collector.release();
  }
}

TEST(SeamsTest, APollingCollectorMendsTheLanesOfTheDead) {
  const Region region = Region::create(CollectorOptions{.contributors = 3}.region()).value();
  region.fan_in_memory().lanes[1].ring.head = 3;
  Collector collector = Collector::open(copy_of(region)).value();
  ASSERT_EQ(collector.corrupt_lanes(), 1U);
  EXPECT_TRUE(comes_within(kPollsEnough, [&] {
    EXPECT_FALSE(collector.peek());
    return collector.corrupt_lanes() == 0;
  }));
}

TEST(SeamsTest, ALaneIsNotMendedUnderALivingContributor) {
  const Region region = Region::create(CollectorOptions{.contributors = 1}.region()).value();
  Contributor contributor = Contributor::open(copy_of(region)).value();
  ASSERT_EQ(contributor.send(kMessage, kLong), true);
  region.fan_in_memory().lanes[0].ring.head = 3;
  Collector collector = Collector::open(copy_of(region)).value();
  EXPECT_FALSE(collector.peek_for(5ms).value());
  EXPECT_EQ(collector.corrupt_lanes(), 1U);
}

// The first line has a request of more bytes than any has.
Region new_service_with_a_spoilt_line() {
  Region region = Region::create(ServiceOptions{.clients = 2}.region()).value();
  region.call_group_memory().lines[0].cell.state =
      core::CallState(core::CallState::kRequest, 1, core::CallState::kMaxSizeBytes).word();
  return region;
}

TEST(SeamsTest, APollingServerMendsTheLinesOfTheDead) {
  const Region region = new_service_with_a_spoilt_line();
  Server server = Server::open(copy_of(region)).value();
  for (const std::uint32_t left : {1, 0}) {  // found, then mended
    EXPECT_TRUE(comes_within(kPollsEnough, [&] {
      EXPECT_FALSE(server.request());
      return server.corrupt_lines() == left;
    })) << left;
  }
}

TEST(SeamsTest, AClientTakesAnotherLineThanASpoiltOneAndTheServerMendsIt) {
  const Region region = new_service_with_a_spoilt_line();
  Server server = Server::open(copy_of(region)).value();
  EXPECT_FALSE(server.request());
  const auto call = [&](Client& client) {
    ASSERT_EQ(client.claim_for(8, kLong).value().value().size(), 8U);
    client.call();
    EXPECT_EQ(server.serve([](auto, auto claim) { claim(4); }, 1, kLong), 1U);
    EXPECT_EQ(client.answer_for(kLong).value().value().size(), 4U);
  };
  Client first = Client::open(copy_of(region)).value();
  EXPECT_EQ(code_of(Client::open(copy_of(region))), ErrorCode::corrupt);
  call(first);
  EXPECT_FALSE(server.request_for(1ms).value());
  EXPECT_EQ(server.corrupt_lines(), 0U);
  Client second = Client::open(copy_of(region)).value();
  call(second);
  call(first);
}

// A well-formed region with slots that are too short for the size in front of a message.
TEST(SeamsTest, AnEndByNameRefusesSlotsThatCannotHoldASize) {
  const test::TemporaryNameFolder folder;
  const auto place = [&](core::RingKind kind, const std::string& name) {
    RegionOptions options{
        .shape = {.kind = kind, .slot_count = 16, .message_bytes = 4, .participants = 4}};
    options.memory.backing = Backing::file;
    options.memory.name = folder.path() + "/" + name + ".ring";
    return Region::create(options).value();
  };
  const Region queue = place(core::RingKind::mpmc, "queue");
  const Region topic = place(core::RingKind::broadcast_lossless, "topic");
  const auto used = ParticipantLock::take(queue.fd(), 3, "holder").value();
  const auto used_too = ParticipantLock::take(topic.fd(), 0, "publisher").value();
  topic.participant(0).state = std::uint32_t(core::SideState::open);
  EXPECT_EQ(code_of(QueueSender::open("queue", kLong)), ErrorCode::not_a_region);
  EXPECT_EQ(code_of(QueueReceiver::open("queue", kLong)), ErrorCode::not_a_region);
  EXPECT_EQ(code_of(QueueSender::open(copy_of(queue))), ErrorCode::not_a_region);
  const auto subscriber = Subscriber::open("topic", Subscriber::Start::oldest, kLong);
  EXPECT_EQ(code_of(subscriber), ErrorCode::not_a_region);
}

// --- bells ---------------------------------------------------------------------------------------

// No slice ends while these tests run: an armed end wakes up because it was rung.
constexpr WaitOptions kByBell{.longest_sleep = std::chrono::hours(1)};

template <class End>
bool is_rung(End& end) {
  pollfd bell{.fd = end.waitable_fd().value(), .events = POLLIN, .revents = 0};
  return ::poll(&bell, 1, 5000) == 1;
}

TEST(SeamsTest, RecoveryRingsForWhatItGivesBack) {
  const Region region = new_queue();
  QueueSender sender = QueueSender::open(copy_of(region)).value();
  QueueReceiver receiver = QueueReceiver::open(copy_of(region), kByBell).value();
  ASSERT_EQ(sender.send(kMessage, kLong), true);
  die_with([&] { return QueueReceiver::open(copy_of(region)); }, kTakes);
  ASSERT_TRUE(receiver.waitable_fd());
  ASSERT_TRUE(receiver.arm());
  EXPECT_EQ(sender.recover().returned, 1U);
  EXPECT_TRUE(is_rung(receiver));
  EXPECT_TRUE(receiver.peek());
}

TEST(SeamsTest, GivingUpAClaimRingsForWhatIsBehindIt) {
  for (const bool by_closing : {false, true}) {
    const Region region = new_queue();
    auto first = std::make_unique<QueueSender>(QueueSender::open(copy_of(region)).value());
    QueueSender second = QueueSender::open(copy_of(region)).value();
    QueueReceiver receiver = QueueReceiver::open(copy_of(region), kByBell).value();
    ASSERT_TRUE(first->claim());
    ASSERT_EQ(second.send(kMessage, kLong), true);
    ASSERT_TRUE(receiver.waitable_fd());
    ASSERT_TRUE(receiver.arm()) << "a claim is in the way";
    if (by_closing) {
      first.reset();
    } else {
      first->abort();
    }
    EXPECT_TRUE(is_rung(receiver));
    EXPECT_TRUE(receiver.peek());
  }
}

TEST(SeamsTest, ASubscriberThatClosesRingsThePublisherThatWaitsForIt) {
  Topic topic = Topic::create({.policy = TopicOptions::Policy::lossless,
                               .messages = 16,
                               .message_bytes = kBytes,
                               .subscribers = 1})
                    .value();
  auto subscriber =
      std::make_unique<Subscriber>(Subscriber::open(Topic::attach(topic.fds()).value()).value());
  Publisher publisher = Publisher::open(std::move(topic), kByBell).value();
  while (publisher.publish(kMessage, 0ns).value()) {
  }
  ASSERT_TRUE(publisher.waitable_fd());
  ASSERT_TRUE(publisher.arm());
  subscriber.reset();
  EXPECT_TRUE(is_rung(publisher));
  EXPECT_EQ(publisher.publish(kMessage, 0ns), true);
}

TEST(SeamsTest, AServerThatComesRingsForTheCallThatTheOneBeforeHadBegun) {
  const Region region = Region::create(ServiceOptions{.clients = 1}.region()).value();
  Client client = Client::open(copy_of(region), kByBell).value();
  ASSERT_TRUE(client.claim_for(8, kLong).value());
  client.call();
  die_with([&] { return Server::open(copy_of(region)); },
           [](Server& server) { return server.request_for(kLong).value().has_value(); });
  ASSERT_TRUE(client.waitable_fd());
  ASSERT_TRUE(client.arm());
  const Server next = Server::open(copy_of(region)).value();
  EXPECT_TRUE(is_rung(client));
  EXPECT_EQ(code_of(client.answer_for(kLong)), ErrorCode::peer_dead);
}

TEST(SeamsTest, ASubscriberThatWasEvictedIsTold) {
  Topic topic = Topic::create({.policy = TopicOptions::Policy::lossless,
                               .messages = 16,
                               .message_bytes = kBytes,
                               .subscribers = 1})
                    .value();
  Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
  core::BroadcastLossless<>::evict(topic.region().lossless_memory(), [](auto) { return true; });
  std::array<std::byte, kBytes> into{};
  EXPECT_EQ(code_of(subscriber.receive(into, kLong)), ErrorCode::evicted);
}

TEST(SeamsTest, ASubscriberRingsAWaitingPublisherOnceAStep) {
  Topic topic = Topic::create({.policy = TopicOptions::Policy::lossless,
                               .messages = 64,
                               .message_bytes = kBytes,
                               .subscribers = 1})
                    .value();
  Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
  Publisher publisher = Publisher::open(std::move(topic)).value();
  while (publisher.publish(kMessage, 0ns).value()) {
  }
  std::array<std::byte, kBytes> into{};
  std::uint64_t read = 0;
  ASSERT_TRUE(publisher.waitable_fd());
  ASSERT_TRUE(publisher.arm());
  for (; subscriber.stats().rings == 0 && read < 64; ++read) {
    ASSERT_TRUE(subscriber.receive(into, 0ns).value());
  }
  EXPECT_GT(read, 1U);  // not at the first, which the publisher does not learn of
  // Parked again, it is rung after a whole step more.
  while (publisher.publish(kMessage, 0ns).value()) {
  }
  ASSERT_TRUE(publisher.arm());
  for (std::uint64_t i = 1; i < read; ++i) {
    ASSERT_TRUE(subscriber.receive(into, 0ns).value());
    EXPECT_EQ(subscriber.stats().rings, 1U) << i;
  }
}

TEST(SeamsTest, ACollectorRingsAWaitingContributorWhenItsLaneHasRoom) {
  const Region region =
      Region::create(CollectorOptions{.contributors = 1, .capacity_bytes = 4096}.region()).value();
  Collector collector = Collector::open(copy_of(region)).value();
  Contributor contributor = Contributor::open(copy_of(region)).value();
  while (contributor.send(kMessage, 0ns).value()) {
  }
  std::array<std::byte, kBytes> into{};
  ASSERT_TRUE(contributor.waitable_fd());
  ASSERT_TRUE(contributor.arm(kMessage.size()));
  std::uint64_t read = 0;
  for (; collector.stats().rings == 0 && read < 64; ++read) {
    ASSERT_EQ(collector.receive(into, 0ns), kMessage.size());
  }
  EXPECT_GT(read, 1U);
  EXPECT_EQ(collector.stats().rings, 1U);
  EXPECT_EQ(contributor.send(kMessage, 0ns), true) << "the ring came when there was room";
}

}  // namespace
}  // namespace ringbell
