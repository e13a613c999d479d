// What few programs do: ends that leave, arm where there is something, meet what others left, or
// ask in a child for what is their parent's.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/region_copy.hpp>
#include <tests/support/text_messages.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;

constexpr auto kLong = 20s;
constexpr std::array<std::byte, 8> kMessage{};

TEST(OutOfTheWayTest, AReceiverLeavesTheRestToTheNextUnderItsName) {
  const test::TemporaryNameFolder folder;
  Sender sender = Sender::create("orders", {.capacity_bytes = 4096}).value();
  Receiver first = Receiver::open("orders").value();
  ASSERT_TRUE(test::send_text(sender, "one"));
  ASSERT_TRUE(test::send_text(sender, "two"));
  EXPECT_EQ(test::receive_text(first), "one");
  first.leave();
  first.leave();
  EXPECT_EQ(sender.peer(), PeerState::absent);
  Receiver second = Receiver::open("orders", 0ns).value();
  EXPECT_EQ(test::receive_text(second), "two");
}

TEST(OutOfTheWayTest, NoEndSleepsWhereThereIsSomething) {
  const Channel channel =
      Channel::create({.capacity_bytes = 4096, .doorbell = core::DoorbellKind::eventfd}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  ASSERT_TRUE(sender.waitable_fd());
  EXPECT_FALSE(sender.arm(8)) << "there is room";

  const Region lanes =
      Region::create(CollectorOptions{.contributors = 1, .capacity_bytes = 4096}.region()).value();
  Contributor contributor = Contributor::open(copy_of(lanes)).value();
  ASSERT_TRUE(contributor.waitable_fd());
  EXPECT_FALSE(contributor.arm(8)) << "there is room";

  const Region slots = Region::create(QueueOptions{.messages = 2}.region()).value();
  QueueSender queue = QueueSender::open(copy_of(slots)).value();
  ASSERT_TRUE(queue.waitable_fd());
  EXPECT_FALSE(queue.arm()) << "there is room";
  ASSERT_TRUE(queue.claim());
  EXPECT_FALSE(queue.arm()) << "it has room already";

  const Region lines = Region::create(ServiceOptions{.clients = 1}.region()).value();
  Client client = Client::open(copy_of(lines)).value();
  EXPECT_TRUE(client.answered()) << "nothing is under way";
}

TEST(OutOfTheWayTest, AFullTimedChannelHasNoRoom) {
  const Channel channel = Channel::create({.capacity_bytes = 4096, .timed = true}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  while (sender.try_send(kMessage)) {
  }
  EXPECT_FALSE(sender.claim(kMessage.size()));
  EXPECT_EQ(sender.send(kMessage, 1ms), false);
}

// A client takes over whatever a call may have come to, and nothing else.
TEST(OutOfTheWayTest, AClientTakesALineOverAsItWasLeft) {
  using core::CallState;
  const auto opens_on = [](CallState left) {
    const Region region = Region::create(ServiceOptions{.clients = 1}.region()).value();
    region.call_group_memory().lines[0].cell.state = left.word();
    return Client::open(copy_of(region)).has_value();
  };
  for (const auto phase :
       {CallState::kIdle, CallState::kRequest, CallState::kServing, CallState::kResponse,
        CallState::kFailed, CallState::kCancelled, CallState::kDropped, CallState::kPart}) {
    EXPECT_TRUE(opens_on(CallState(phase, 1, 8))) << phase;
  }
  for (const auto phase : {CallState::kRequest, CallState::kServing, CallState::kResponse,
                           CallState::kCancelled, CallState::kPart}) {
    EXPECT_FALSE(opens_on(CallState(phase, 1, CallState::kMaxSizeBytes))) << phase;
  }
}

TEST(OutOfTheWayTest, AChildInterruptsNothingOfItsParents) {
  State state = State::create({.value_bytes = 8}).value();
  StateReader reader = StateReader::open(State::attach(state.fds()).value()).value();
  const StateWriter writer = StateWriter::open(std::move(state)).value();
  test::ChildProcess child = test::ChildProcess::fork([&] {
    reader.interrupt();
    return reader.wait_changed(1ms) == false ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(reader.wait_changed(1ms), false);
  EXPECT_GE(reader.stats().waits, 1U);
}

TEST(OutOfTheWayTest, AWriterOfAStateTakesThePlaceOfAnother) {
  State first = State::create({.value_bytes = 8}).value();
  State second = State::create({.value_bytes = 8}).value();
  StateReader left = StateReader::open(State::attach(first.fds()).value()).value();
  StateReader reader = StateReader::open(State::attach(second.fds()).value()).value();
  StateWriter writer = StateWriter::open(std::move(first)).value();
  writer = StateWriter::open(std::move(second)).value();
  EXPECT_EQ(code_of(left.wait_changed(kLong)), ErrorCode::closed);
  EXPECT_TRUE(writer.set(kMessage));
  EXPECT_EQ(reader.wait_changed(kLong), true);
  EXPECT_EQ(reader.number(7), 0U) << "there is no such key";
}

struct Pair {
  std::uint32_t one;
  std::uint32_t two;
};

TEST(OutOfTheWayTest, AnEndOfAnotherTypeIsNoTypedOne) {
  const Channel channel = Channel::create({.type = type_of<Pair>()}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  const auto typed_sender = typed::Sender<std::uint64_t>::from(std::move(sender));
  ASSERT_FALSE(typed_sender);
  EXPECT_EQ(code_of(typed_sender), ErrorCode::other_ring);

  Topic topic = Topic::create({.message_bytes = sizeof(Pair), .type = type_of<Pair>()}).value();
  const TopicFds fds = topic.fds();
  const auto subscriber = [&] { return Subscriber::open(Topic::attach(fds).value()).value(); };
  const Publisher publisher = Publisher::open(std::move(topic)).value();
  EXPECT_FALSE(typed::Subscriber<std::uint64_t>::from(subscriber()));
  auto pairs = typed::Subscriber<Pair>::from(subscriber()).value();
  pairs.interrupt();
  EXPECT_EQ(pairs.next(kLong).error()->code, ErrorCode::cancelled);
}

TEST(OutOfTheWayTest, ALoanThatNoSubscriberWaitsForIsNotGiven) {
  const test::TemporaryNameFolder folder;
  auto publisher = typed::Publisher<Pair>::create("topic").value();
  publisher.bytes().require_reader();
  const auto loan = publisher.loan();
  EXPECT_FALSE(loan);
  EXPECT_EQ(loan.error()->code, ErrorCode::no_reader);
}

TEST(OutOfTheWayTest, StatesByKeyTellWhatTheyCannot) {
  using Writer = typed::StatesWriter<int, int>;
  using Reader = typed::StatesReader<int, int>;
  const test::TemporaryNameFolder folder;
  EXPECT_EQ(code_of(Reader::open("states", 0ns)), ErrorCode::not_found);
  EXPECT_EQ(code_of(Writer::create("../states", {})), ErrorCode::invalid_argument);
  auto value = typed::StateWriter<int>::create("value").value();
  auto reader = typed::StateReader<int>::open("value").value();
  EXPECT_EQ(code_of(reader.get(1)), ErrorCode::invalid_argument);
  EXPECT_EQ(reader.look(1).error()->code, ErrorCode::invalid_argument);
}

// Of which all places have a key.
TEST(OutOfTheWayTest, TheNextWriterOfFullStatesTakesNoNewKey) {
  using Writer = typed::StatesWriter<int, int>;
  const test::TemporaryNameFolder folder;
  test::Signal done;
  test::ChildProcess child = test::ChildProcess::fork([&] {
    auto writer = Writer::create("states", {.keys = 2}).value();
    const bool set = writer.set(7, 70) && writer.set(8, 80);
    done.tell();
    ::pause();
    return set ? 0 : 1;
  });
  ASSERT_TRUE(done.wait());
  child.kill_now();
  auto writer = Writer::create("states", {.keys = 2}).value();
  EXPECT_TRUE(writer.set(8, 81));
  EXPECT_EQ(code_of(writer.set(9, 90)), ErrorCode::no_place);
}

TEST(OutOfTheWayTest, ATextIsAView) {
  const Text<8> text = "abc";
  const std::string_view view = text;
  EXPECT_EQ(view, "abc");
}

}  // namespace
}  // namespace ringbell
