// What a WaitSet tells of peers, times and descriptors; many ends, and what only some can do.
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/ends/until_stopped.hpp>
#include <ringbell/transport/sleep/futex_words.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_system_call.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/interruptible_ends.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/wait_sets.hpp>

namespace ringbell {
namespace {

using namespace test;

// --- peers ---------------------------------------------------------------------------------------

template <class Kind>
class WaitSetPeerTest : public ::testing::Test {
 protected:
  Kind at;
};
using KindsWithPeer = ::testing::Types<SubscriberOfLossless, SubscriberOfLossy, ClientOfService>;
TYPED_TEST_SUITE(WaitSetPeerTest, KindsWithPeer);

TYPED_TEST(WaitSetPeerTest, TellsThatThePeerHasClosed) {
  auto end = this->at.open(kByBell);
  WaitSet set = set_with(kByBell);
  ASSERT_TRUE(set.add(end));
  EXPECT_EQ(ready_within(set, 2ms), Ids{});
  this->at.leave();
  EXPECT_EQ(told_within(set, kLong), What::closed);
  EXPECT_EQ(told_within(set, 0ns), What::closed);
}

template <core::DoorbellKind kDoorbell>
void tells_that_the_sender_has_died() {
  const Channel channel = small_channel(kDoorbell);
  const std::array<std::byte, kBytes> message{};
  Receiver receiver = Receiver::attach(channel.fds(), kByBell).value();
  WaitSet set = set_with(kBySlices);
  const WaitSet::Id id = set.add(receiver).value();
  const Pipe pipe;
  ChildProcess child = ChildProcess::fork([&] {
    Sender sender = Sender::attach(channel.fds()).value();
    (void)sender.try_send(message);
    pipe.fill();
    return ::pause();
  });
  const WaitSet::Id started = set.add(pipe.end()).value();
  while (ready_within(set, kLong) != (Ids{id, started})) std::this_thread::yield();
  set.remove(started);
  child.kill_now();
  EXPECT_EQ(told_within(set, kLong), What::ready) << "what it sent comes first";
  receiver.release();
  (void)receiver.peek();
  receiver.release();
  EXPECT_EQ(told_within(set, kLong), What::dead);
  EXPECT_EQ(told_within(set, 0ns), What::dead);
  const Sender next = Sender::attach(channel.fds()).value();
  EXPECT_EQ(ready_within(set, 0ns), Ids{}) << "there is a successor";
}
TEST(WaitSetMembersTest, TellsThatTheSenderOfAFutexChannelHasDied) {
  if (!futex::can_sleep_on_any()) GTEST_SKIP() << "takes Linux 5.16";
  tells_that_the_sender_has_died<core::DoorbellKind::futex>();
}
TEST(WaitSetMembersTest, TellsThatTheSenderOfAnEventfdChannelHasDied) {
  tells_that_the_sender_has_died<core::DoorbellKind::eventfd>();
}

TEST(WaitSetMembersTest, ReceiverOfAClosedChannelReadsToTheEndFirst) {
  if (!futex::can_sleep_on_any()) GTEST_SKIP() << "takes Linux 5.16";
  ReceiverOfChannel<core::DoorbellKind::futex> at;
  Receiver receiver = at.open(kByBell);
  WaitSet set = set_with(kByBell);
  ASSERT_TRUE(set.add(receiver));
  ASSERT_TRUE(at.provide());
  at.other.reset();
  EXPECT_EQ(told_within(set, kLong), What::ready);
  ASSERT_TRUE(at.consume(receiver));
  EXPECT_EQ(told_within(set, kLong), What::closed);
}

TEST(WaitSetMembersTest, ReaderOfAStateIsToldOfValuesAndOfTheEnd) {
  State state = State::create({.value_bytes = 8, .keys = 2}).value();
  StateReader reader = StateReader::open(State::attach(state.fds()).value(), kByBell).value();
  std::optional<StateWriter> writer(StateWriter::open(std::move(state)).value());
  WaitSet set = set_with(kByBell);
  const WaitSet::Id id = set.add(reader).value();
  std::array<std::byte, 8> value{};
  for (std::uint32_t key = 0; key < 2; ++key) {
    EXPECT_EQ(ready_within(set, 2ms), Ids{});
    std::jthread other([&] {
      std::this_thread::sleep_for(5ms);
      EXPECT_TRUE(writer->set(value, key));
    });
    EXPECT_EQ(ready_within(set, kLong), Ids{id});
    EXPECT_EQ(ready_within(set, 0ns), Ids{id});
    EXPECT_TRUE(reader.get(value, key).value());
  }
  EXPECT_EQ(ready_within(set, 0ns), Ids{});
  writer.reset();
  EXPECT_EQ(told_within(set, kLong), What::closed);
}

TEST(WaitSetMembersTest, CorruptRingHasAnErrorToTell) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  WaitSet set = set_with(kByBell);
  ASSERT_TRUE(set.add(receiver));
  std::memset(at.ring.data(), 0xff, 64);
  EXPECT_EQ(told_within(set, kLong), What::failed);
}

TEST(WaitSetMembersTest, ACorruptLineOfACallHasAnErrorToTell) {
  ClientOfService at;
  Client client = at.open(kByBell);
  WaitSet set = set_with(kBySlices);
  ASSERT_TRUE(set.add(client));
  EXPECT_EQ(ready_within(set, 1ms), Ids{});
  at.ring.call_group_memory().lines[0].cell.state =
      core::CallState(core::CallState::kIdle, 2, 0).word();  // of this call it is an answer
  for (int wait = 0; wait < 2; ++wait) EXPECT_EQ(told_within(set, kLong), What::failed);
  EXPECT_EQ(code_of(client.answer_for(0ns)), ErrorCode::corrupt);
}

// Each answer that is there is told before the server's end is.
TEST(WaitSetMembersTest, ClientTakesWhatAServerAnsweredBeforeItClosed) {
  const Region ring = Region::create(ServiceOptions{.clients = 1, .tickets = 2}.region()).value();
  Client client = Client::open(copy_of(ring), kByBell).value();
  WaitSet set = set_with(kByBell);
  ASSERT_TRUE(set.add(client));
  std::vector<Ticket> tickets;
  {
    Server server = Server::open(copy_of(ring)).value();
    for (int i = 0; i < 2; ++i) {
      tickets.push_back(client.start({}).value());
      ASSERT_TRUE(server.take_for(0ns).value()->respond({}));
    }
  }
  while (!tickets.empty()) {
    EXPECT_EQ(told_within(set, kLong), What::ready);
    EXPECT_TRUE(tickets.back().try_take().value());
    tickets.pop_back();
  }
  EXPECT_EQ(told_within(set, kLong), What::closed);
}

// No ring tells of what the client itself does.
TEST(WaitSetMembersTest, SeesThatAnArmedClientGaveItsCallUp) {
  ClientOfService at;
  Client client = Client::open(copy_of(at.ring), kByBell).value();
  WaitSet set = set_with(kByBell);
  const WaitSet::Id id = set.add(client).value();
  ASSERT_TRUE(at.call(client));
  EXPECT_EQ(ready_within(set, 1ms), Ids{});
  EXPECT_EQ(client.abandon(), Fate::withdrawn);
  EXPECT_EQ(ready_within(set, 100ms), Ids{id});
}

// A message in the hand of a dead receiver comes back after a slice, although no process rings.
TEST(WaitSetMembersTest, RecoversWhatADeadReceiverHeld) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  WaitSet set = set_with(kBySlices);
  const WaitSet::Id id = set.add(receiver).value();
  EXPECT_EQ(ready_within(set, 4 * kBySlices.longest_sleep), Ids{});  // all is asked after already
  ASSERT_TRUE(at.provide());
  ChildProcess child = ChildProcess::fork([&] {
    QueueReceiver other = QueueReceiver::open(copy_of(at.ring)).value();
    ::_exit(other.peek() ? 0 : 1);  // as if killed, with it in hand
    return 1;
  });
  ASSERT_EQ(child.wait(), 0);
  EXPECT_EQ(ready_within(set, kLong), Ids{id});
  EXPECT_TRUE(receiver.peek() && receiver.redelivered());
}

// --- many ----------------------------------------------------------------------------------------

TEST(WaitSetMembersTest, WakesForEachOfManyEndsOfAllWays) {
  constexpr std::size_t kEnds = 8;
  constexpr std::size_t kWords = 3;  // the others have threads
  std::vector<ReceiverOfQueue> queues(kEnds);
  std::vector<QueueReceiver> receivers;
  WaitSet set = set_with(kByBell, kWords);
  Ids ids;
  for (ReceiverOfQueue& queue : queues) receivers.push_back(queue.open(kByBell));
  for (QueueReceiver& receiver : receivers) ids.push_back(set.add(receiver).value());
  for (std::size_t i = 0; i < kEnds; ++i) {
    std::jthread other([&] {
      std::this_thread::sleep_for(2ms);
      EXPECT_TRUE(queues[i].provide());
    });
    EXPECT_EQ(ready_within(set, kLong), Ids{ids[i]});
    EXPECT_TRUE(queues[i].consume(receivers[i]));
  }
  for (ReceiverOfQueue& queue : queues) ASSERT_TRUE(queue.provide());
  EXPECT_EQ(ready_within(set, kLong), ids) << "all that is ready, at once";
}

TEST(WaitSetMembersTest, TakesMoreEndsThanTheKernelTakesWords) {
  constexpr std::size_t kEnds = 140;
  ReceiverOfQueue at;
  const Region ring = Region::create(QueueOptions{.participants = 2 * kEnds}.region()).value();
  std::vector<QueueReceiver> receivers;
  WaitSet set = set_with(kByBell);
  for (std::size_t i = 0; i < kEnds; ++i) {
    receivers.push_back(QueueReceiver::open(copy_of(ring), kByBell).value());
  }
  for (QueueReceiver& receiver : receivers) ASSERT_TRUE(set.add(receiver));
  std::jthread other([&] {
    std::this_thread::sleep_for(10ms);
    QueueSender sender = QueueSender::open(copy_of(ring)).value();
    for (std::size_t i = 0; i < kEnds; ++i) EXPECT_TRUE(sender.send(at.buffer, kLong).value());
  });
  std::size_t came = 0;
  while (came < kEnds) {
    const auto events = set.wait(kLong).value();
    ASSERT_FALSE(events.empty());
    for (const WaitSet::Event& event : events) {
      came += at.consume(receivers[event.id - 1]) ? 1 : 0;
    }
  }
}

// --- times and descriptors -----------------------------------------------------------------------

TEST(WaitSetMembersTest, TimesAreTold) {
  WaitSet set = set_with(kByBell);
  ASSERT_TRUE(set.add_timer(1h));
  EXPECT_EQ(ready_within(set, 0ns), Ids{});
  const WaitSet::Id once = set.add_timer(2ms).value();
  EXPECT_EQ(ready_within(set, kForever), Ids{once});
  EXPECT_FALSE(set.contains(once));
  EXPECT_EQ(ready_within(set, 10ms), Ids{}) << "once";

  constexpr auto kInterval = 20ms;
  const WaitSet::Id often = set.add_timer(0ns, kInterval).value();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ready_within(set, kForever), Ids{often});
  std::this_thread::sleep_for(10 * kInterval);
  const auto start = std::chrono::steady_clock::now();
  std::int64_t told = 0;
  for (int i = 0; i < 10; ++i) told += std::ssize(ready_within(set, 0ns));
  const auto passed = (std::chrono::steady_clock::now() - start) / kInterval;
  EXPECT_GE(told, 1);
  EXPECT_LE(told, passed + 2) << "what was missed is not made up for";
  EXPECT_TRUE(set.contains(often));
  set.remove(often);
  EXPECT_EQ(ready_within(set, 5ms), Ids{});
}

TEST(WaitSetMembersTest, TellsWhichEventsADescriptorHas) {
  const Pipe pipe;
  WaitSet set = set_with(kByBell);
  const WaitSet::Id writable = set.add(pipe.fds[1], POLLOUT).value();
  auto events = set.wait(kLong).value();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].id, writable);
  EXPECT_EQ(events[0].events, unsigned{POLLOUT});
  set.remove(writable);
  EXPECT_EQ(ready_within(set, 2ms), Ids{});
  pipe.fill();
  ASSERT_TRUE(set.add(pipe.end(), POLLIN));
  events = set.wait(0ns).value();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].events, unsigned{POLLIN});
}

TEST(WaitSetMembersTest, RefusesWhatCannotBeWaitedFor) {
  WaitSet set = set_with(kByBell);
  const Pipe pipe;
  ASSERT_TRUE(set.add(pipe.end()));
  EXPECT_EQ(code_of(set.add(pipe.end())), ErrorCode::invalid_argument) << "twice";
  EXPECT_EQ(code_of(set.add(-1)), ErrorCode::invalid_argument);
  std::FILE* const file = std::tmpfile();
  EXPECT_EQ(code_of(set.add(::fileno(file))), ErrorCode::invalid_argument);
  std::fclose(file);
  ReceiverOfQueue at;
  QueueReceiver spins = at.open({.kind = WaitOptions::Kind::spin});
  EXPECT_EQ(code_of(set.add(spins)), ErrorCode::unsupported);
  set.remove(99);
  WaitSet moved = std::move(set);
  EXPECT_EQ(code_of(set.wait(0ns)), ErrorCode::invalid_argument);  // NOLINT: misuse
  set.interrupt();
  set.remove(1);
  EXPECT_EQ(ready_within(moved, 0ns), Ids{});
}

TEST(WaitSetMembersTest, StopTokenEndsAWait) {
  WaitSet set = set_with(kByBell);
  std::stop_source source;
  std::jthread other([&] {
    std::this_thread::sleep_for(5ms);
    source.request_stop();
  });
  const auto waited = until_stopped(source.get_token(), set, [&] { return set.wait(kLong); });
  ASSERT_FALSE(waited.has_value());
  EXPECT_EQ(code_of(waited), ErrorCode::cancelled);
}

// A ring that comes after what it was for was taken: its descriptor is emptied, and the set sleeps.
TEST(WaitSetMembersTest, ALateRingIsForgotten) {
  ReceiverOfChannel<core::DoorbellKind::eventfd> at;
  Receiver receiver = at.open(kByBell);
  WaitSet set = set_with(kByBell);
  ASSERT_TRUE(set.add(receiver));
  EXPECT_EQ(ready_within(set, 2ms), Ids{});
  const std::uint64_t one = 1;
  ASSERT_EQ(::write(at.channel.fds().data_bell, &one, sizeof one), 8);
  const std::uint64_t sleeps = set.stats().sleeps;
  EXPECT_EQ(ready_within(set, 5ms), Ids{});
  EXPECT_GT(set.stats().sleeps, sleeps);
  pollfd bell{.fd = at.channel.fds().data_bell, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&bell, 1, 0), 0);
}

TEST(WaitSetMembersTest, InterruptEndsAWaitForDescriptorsAlone) {
  const Pipe pipe;
  WaitSet set = set_with(kByBell);
  ASSERT_TRUE(set.add(pipe.end()));
  std::jthread other([&] {
    std::this_thread::sleep_for(10ms);
    set.interrupt();
  });
  EXPECT_TRUE(is_interrupted_in_time(set));
  EXPECT_EQ(ready_within(set, 5ms), Ids{});
}

TEST(WaitSetMembersTest, InterruptBeforeTheSleepEndsIt) {
  ReceiverOfQueue at;
  QueueReceiver receiver = at.open(kByBell);
  WaitSet set = set_with(kByBell);
  ASSERT_TRUE(set.add(receiver));
  // At any moment of the wait, which takes some microseconds until it sleeps.
  for (int round = 0; round < 2'000; ++round) {
    std::jthread other([&] { set.interrupt(); });
    ASSERT_TRUE(is_interrupted_in_time(set)) << round;
  }
}

// --- what only some can do -----------------------------------------------------------------------

TEST(WaitSetMembersTest, MessageThatIsHeldNoMoreIsToldAgain) {
  if (!futex::can_sleep_on_any()) GTEST_SKIP() << "takes Linux 5.16";
  ReceiverOfChannel<core::DoorbellKind::futex> at;
  Receiver receiver = at.open(kByBell);
  WaitSet set = set_with(kByBell);
  const WaitSet::Id id = set.add(receiver).value();
  ASSERT_TRUE(at.provide());
  ASSERT_TRUE(receiver.peek());
  receiver.hold();
  EXPECT_EQ(ready_within(set, 2ms), Ids{});
  receiver.unhold();
  EXPECT_EQ(ready_within(set, 0ns), Ids{id});
}

TEST(WaitSetMembersTest, GoesOnInTheRingThatTookItsPlace) {
  if (!futex::can_sleep_on_any()) GTEST_SKIP() << "takes Linux 5.16";
  const TemporaryNameFolder folder;
  Receiver receiver = Receiver::create("orders", {.capacity_bytes = 4096}, kByBell).value();
  std::optional<Sender> sender(Sender::create("orders", {.capacity_bytes = 4096}).value());
  WaitSet set = set_with(kBySlices);
  const WaitSet::Id id = set.add(receiver).value();
  std::array<std::byte, kBytes> buffer{};
  for (const std::uint64_t capacity : {8192U, 16384U, 32768U}) {
    ASSERT_TRUE(sender->try_send(buffer));
    sender.reset();
    sender.emplace(
        Sender::create("orders", {.capacity_bytes = capacity, .replace = Replace::when_drained})
            .value());
    EXPECT_EQ(ready_within(set, kLong), Ids{id}) << "of the old ring";
    ASSERT_TRUE(receiver.receive(buffer, 0ns).value());
    EXPECT_EQ(ready_within(set, 2ms), Ids{});
    std::jthread other([&] {
      std::this_thread::sleep_for(5ms);
      EXPECT_TRUE(sender->try_send(buffer));
    });
    EXPECT_EQ(ready_within(set, kLong), Ids{id});
    ASSERT_TRUE(receiver.receive(buffer, 0ns).value());
    EXPECT_EQ(receiver.channel().region().geometry().capacity_bytes, capacity);
  }
}

TEST(WaitSetMembersTest, TypedEndIsWaitedForToo) {
  const TemporaryNameFolder folder;
  auto receiver = typed::QueueReceiver<int>::create("waitset-typed").value();
  auto sender = typed::QueueSender<int>::open("waitset-typed").value();
  WaitSet set = set_with(kByBell);
  const WaitSet::Id id = set.add(receiver).value();
  ASSERT_TRUE(sender.send(7).value());
  EXPECT_EQ(ready_within(set, kLong), Ids{id});
  EXPECT_EQ(receiver.try_receive(), 7);
}

// Where a filter takes futex_waitv away, ends of many go on by threads.
TEST(WaitSetMembersTest, WorksWhereFutexWaitvIsForbidden) {
  if (!futex::can_sleep_on_any()) GTEST_SKIP() << "no futex_waitv here";
  ChildProcess child = ChildProcess::fork([&] {
    constexpr long kFutexWaitv = 449;
    if (!deny_system_call(kFutexWaitv, EPERM)) return 77;
    if (futex::can_sleep_on_any()) return 1;
    ReceiverOfQueue at;
    QueueReceiver receiver = at.open(kByBell);
    WaitSet set = set_with(kByBell);
    if (!set.add(receiver)) return 2;
    std::jthread other([&] {
      std::this_thread::sleep_for(5ms);
      (void)at.provide();
    });
    return ready_within(set, kLong).size() == 1 ? 0 : 3;
  });
  const std::optional<int> status = child.wait();
  if (status == 77) GTEST_SKIP() << "no seccomp filter can be installed here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ringbell
