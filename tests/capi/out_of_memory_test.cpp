// Each allocation of a call fails once. In C the call returns RINGBELL_NO_SPACE, in C++ it throws
// std::bad_alloc; nothing is left open, and the same call works the next time.
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.h>
#include <ringbell/ringbell.hpp>

#include <tests/capi/out_of_memory.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/other_user.hpp>

namespace ringbell::test {

thread_local constinit int allocations_left = -1;
thread_local constinit bool failed = false;

}  // namespace ringbell::test

using ringbell::test::allocations_left;
using ringbell::test::failed;

// NOLINTBEGIN(cppcoreguidelines-no-malloc): what stands in for the C++ library's own
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  if (allocations_left >= 0 && allocations_left-- == 0) {
    failed = true;
    throw std::bad_alloc();
  }
  const auto align = static_cast<std::size_t>(alignment);
  if (void* const got = std::aligned_alloc(align, (bytes + align) / align * align)) return got;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes) {
  return ::operator new (bytes, std::align_val_t{__STDCPP_DEFAULT_NEW_ALIGNMENT__});
}
// Inlined without the operator new, g++ takes them for mismatched.
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
// NOLINTEND(cppcoreguidelines-no-malloc)

namespace ringbell {
namespace {

using test::kThrown;
using test::OutOfMemoryTest;
using test::tried;

constexpr Timeout kNow = Timeout::zero();
constexpr Timeout kLong = std::chrono::seconds(20);

TEST_F(OutOfMemoryTest, IsNoSpaceInAWaitSet) {
  ringbell_error error{};
  ringbell_waitset* set = nullptr;
  ASSERT_EQ(ringbell_waitset_create(nullptr, &set, &error), RINGBELL_OK);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  std::uint64_t id = 0;
  each_allocation_fails(
      RINGBELL_NO_SPACE, [&] { return ringbell_waitset_add_fd(set, ends[0], POLLIN, &id, &error); },
      [] {});
  ringbell_event event{};
  std::size_t count = 0;
  each_allocation_fails(
      RINGBELL_NO_SPACE, [&] { return ringbell_waitset_wait(set, 0, &event, 1, &count, &error); },
      [] {});
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(event.id, id);
  ringbell_waitset_destroy(set);
  for (const int fd : ends) ::close(fd);
}

// What C makes under a name, and what it opens by it then.
TEST_F(OutOfMemoryTest, IsNoSpaceInC) {
  {
    const auto sender = makes<ringbell_sender_create, ringbell_sender_close>("orders", nullptr);
    const auto receiver = makes<ringbell_receiver_open_name, ringbell_receiver_close>("orders", 0);
    const auto publisher =
        makes<ringbell_publisher_create, ringbell_publisher_close>("news", nullptr);
    const auto subscriber = makes<ringbell_subscriber_open_name, ringbell_subscriber_close>(
        "news", RINGBELL_START_OLDEST, 0);
    const auto server = makes<ringbell_server_create, ringbell_server_close>("sums", nullptr);
    const auto client = makes<ringbell_client_open_name, ringbell_client_close>("sums", 0);
    const auto writer =
        makes<ringbell_state_writer_create, ringbell_state_writer_close>("config", nullptr);
    const auto reader =
        makes<ringbell_state_reader_open_name, ringbell_state_reader_close>("config", 0);
    const auto adds =
        makes<ringbell_queue_sender_create, ringbell_queue_sender_close>("jobs", nullptr);
    const auto takes =
        makes<ringbell_queue_receiver_open_name, ringbell_queue_receiver_close>("jobs", 0);
    const auto collector =
        makes<ringbell_collector_create, ringbell_collector_close>("logs", nullptr);
    const auto contributor =
        makes<ringbell_contributor_open_name, ringbell_contributor_close>("logs", 0);
    const auto listener = makes<ringbell_listener_open, ringbell_listener_close>("doors", nullptr);
  }
  EXPECT_EQ(folder.files(), std::vector<std::string>{});
}

TEST_F(OutOfMemoryTest, IsNoSpaceInCWithoutANameToo) {
  opens<ringbell_channel_create, ringbell_channel_destroy, ringbell_sender_open,
        ringbell_sender_close>();
  opens<ringbell_channel_create, ringbell_channel_destroy, ringbell_receiver_open,
        ringbell_receiver_close>();
  opens<ringbell_topic_create, ringbell_topic_destroy, ringbell_publisher_open,
        ringbell_publisher_close>();
  opens<ringbell_topic_create, ringbell_topic_destroy, ringbell_subscriber_open,
        ringbell_subscriber_close>(RINGBELL_START_OLDEST);
  opens<ringbell_service_create, ringbell_service_destroy, ringbell_client_open,
        ringbell_client_close>();
  opens<ringbell_service_create, ringbell_service_destroy, ringbell_server_open,
        ringbell_server_close>();
  opens<ringbell_state_create, ringbell_state_destroy, ringbell_state_writer_open,
        ringbell_state_writer_close>();
  opens<ringbell_state_create, ringbell_state_destroy, ringbell_state_reader_open,
        ringbell_state_reader_close>();
  opens<ringbell_queue_create, ringbell_queue_destroy, ringbell_queue_sender_open,
        ringbell_queue_sender_close>();
  opens<ringbell_queue_create, ringbell_queue_destroy, ringbell_queue_receiver_open,
        ringbell_queue_receiver_close>();
  opens<ringbell_lanes_create, ringbell_lanes_destroy, ringbell_collector_open,
        ringbell_collector_close>();
  opens<ringbell_lanes_create, ringbell_lanes_destroy, ringbell_contributor_open,
        ringbell_contributor_close>();
}

TEST_F(OutOfMemoryTest, IsNoSpaceInConnections) {
  ringbell_error error{};
  ringbell_connection* connection = nullptr;
  const auto close = [&] { ringbell_connection_close(connection); };
  {
    const auto listener = makes<ringbell_listener_open, ringbell_listener_close>("doors", nullptr);
    const test::ChildProcess connects = test::ChildProcess::fork([]() -> int {
      for (;;) (void)connect("doors");
    });
    holds_some = true;  // connectors that are not accepted yet
    each_allocation_fails(
        RINGBELL_NO_SPACE,
        [&] {
          return ringbell_listener_accept(listener.get(), kLong.count(), &connection, &error);
        },
        close);
  }
  holds_some = false;
  const test::ChildProcess accepts = test::ChildProcess::fork([]() -> int {
    Listener listener = Listener::open("doors").value();
    for (;;) (void)listener.accept();
  });
  each_allocation_fails(
      RINGBELL_NO_SPACE,
      [&] { return ringbell_connect("doors", kLong.count(), nullptr, &connection, &error); },
      close);
}

// What was sent before a receiving end opens is there when it does.
TEST_F(OutOfMemoryTest, IsBadAllocInCxx) {
  std::array<std::byte, 256> message{};
  const Channel channel = makes([] { return Channel::create(); });
  const Listener listener = makes([] { return Listener::open("doors"); });
  Sender sender = makes([] { return Sender::create("orders"); });
  ASSERT_TRUE(sender.try_send(message));
  Receiver receiver = makes([] { return Receiver::open("orders", kNow); });
  EXPECT_EQ(receiver.receive(message, kNow), message.size());
  QueueSender adds = makes([] { return QueueSender::create("jobs"); });
  ASSERT_TRUE(adds.send(message, kNow).value());
  QueueReceiver takes = makes([] { return QueueReceiver::open("jobs", kNow); });
  EXPECT_EQ(takes.receive(message, kNow), message.size());
  Publisher publisher = makes([] { return Publisher::create("news"); });
  ASSERT_TRUE(publisher.publish(message, kNow).value());
  Subscriber subscriber =
      makes([] { return Subscriber::open("news", Subscriber::Start::oldest, kNow); });
  EXPECT_EQ(subscriber.receive(message, kNow), message.size());
  Collector collector = makes([] { return Collector::create("logs"); });
  Contributor contributor = makes([] { return Contributor::open("logs", kNow); });
  EXPECT_TRUE(contributor.try_send(message));
  EXPECT_EQ(collector.receive(message, kNow), message.size());
  const Server server = makes([] { return Server::create("sums"); });
  Client client = makes([] { return Client::open("sums", kNow); });
  EXPECT_TRUE(client.claim_for(8, kNow).value());
  StateWriter writer = makes([] { return StateWriter::create("config"); });
  ASSERT_TRUE(writer.set(message));
  StateReader reader = makes([] { return StateReader::open("config", kNow); });
  EXPECT_EQ(reader.get(message), message.size());
}

// A loop and its set are left as they were, and what is ready is told the next time.
TEST_F(OutOfMemoryTest, LosesNothingInALoop) {
  Channel channel = Channel::create().value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::open(std::move(channel)).value();
  Loop loop = Loop::create().value();
  int called = 0;
  Loop::Id id = 0;
  const auto adds = [&](auto&& add) {
    each_allocation_fails(
        kThrown,
        [&] {
          return tried([&] {
            const Result<Loop::Id> added = add();
            if (added) id = *added;
            return added;
          });
        },
        [&] { loop.remove(id); });
    ASSERT_TRUE(add());
  };
  adds([&] {
    return loop.on(receiver, [&] { called += receiver.drain([](auto) {}) > 0 ? 1 : 0; });
  });
  adds([&] { return loop.after(Timeout::zero(), [&] { ++called; }); });
  adds([&] { return loop.on_signal(SIGUSR2, [&] { ++called; }); });
  ASSERT_TRUE(sender.try_send(std::array<std::byte, 8>{}));
  ASSERT_EQ(::raise(SIGUSR2), 0);
  each_allocation_fails(
      kThrown, [&] { return tried([&] { return loop.turn(Timeout::zero()); }); }, [] {});
  while (loop.turn(Timeout::zero()).value() > 0) {
  }
  EXPECT_EQ(called, 3);
}

// A time that was told is over: it must not be told to a call that fails.
TEST_F(OutOfMemoryTest, LosesNoTimeOfAWaitSet) {
  ringbell_error error{};
  ringbell_waitset* set = nullptr;
  ASSERT_EQ(ringbell_waitset_create(nullptr, &set, &error), RINGBELL_OK);
  constexpr std::int64_t kHour = 3'600'000'000'000;  // no second time comes
  std::vector<std::uint64_t> ids(3);
  for (std::uint64_t& id : ids) {
    ASSERT_EQ(ringbell_waitset_add_timer(set, 0, kHour, &id, &error), RINGBELL_OK);
  }
  std::array<ringbell_event, 8> events{};
  std::size_t count = 0;
  each_allocation_fails(
      RINGBELL_NO_SPACE,
      [&] { return ringbell_waitset_wait(set, 0, events.data(), events.size(), &count, &error); },
      [] {});
  EXPECT_EQ(count, ids.size());
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(events[i].id, ids[i]);
  ringbell_waitset_destroy(set);
}

template <class End>
void close_without_memory(End end) {
  std::optional<End> open(std::move(end));
  allocations_left = 0;
  open.reset();
  allocations_left = -1;
}

// What closes needs no memory, and takes its name away.
TEST_F(OutOfMemoryTest, EndsCloseWithoutIt) {
  for (const std::size_t letters : {4U, 64U}) {  // in the string itself, or elsewhere
    const std::string name(letters, 'x');
    close_without_memory(Sender::create(name).value());
    close_without_memory(QueueSender::create(name).value());
    close_without_memory(Publisher::create(name).value());
    close_without_memory(Server::create(name).value());
    close_without_memory(Listener::open(name).value());
    EXPECT_EQ(folder.files(), std::vector<std::string>{});
  }
}

// What cannot take its name away leaves it: there is no memory to say why, and no call to tell.
TEST_F(OutOfMemoryTest, EndsCloseWithoutItWhileAnotherProcessHoldsTheNames) {
  Sender sender = Sender::create("orders").value();
  Listener listener = Listener::open("doors").value();
  const FileDescriptor names{::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  ASSERT_EQ(::flock(names.get(), LOCK_EX), 0);
  close_without_memory(std::move(sender));
  close_without_memory(std::move(listener));
  EXPECT_EQ(folder.files(), (std::vector<std::string>{"doors.sock", "orders.ring"}));
}

// Nor does opening an end terminate the process where quick wake-ups are refused.
TEST_F(OutOfMemoryTest, EndsOpenWithoutItThoughQuickWakeUpsAreRefused) {
  test::ChildProcess child = test::ChildProcess::fork([] {
    if (::geteuid() == 0 && !test::become_other_user()) return 100;
    const Channel channel = Channel::create().value();
    for (int number = 0; number < 100; ++number) {
      failed = false;
      allocations_left = number;
      bool refused = true;
      try {
        const Result<Sender> sender = Sender::attach(channel.fds(), {.quick_wake = true});
        allocations_left = -1;
        refused = sender && sender->quick_wake_refusal();
      } catch (const std::bad_alloc&) {
      }
      if (!refused) return 1;
      if (!failed) return 0;
    }
    return 2;
  });
  EXPECT_EQ(child.wait(), 0);
}

// Messages go through without any allocation, whatever the ends are.
TEST_F(OutOfMemoryTest, MessagesNeedNone) {
  Channel channel = Channel::create().value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::open(std::move(channel)).value();
  QueueSender adds = QueueSender::create("jobs").value();
  QueueReceiver takes = QueueReceiver::open("jobs", kNow).value();
  Publisher publisher = Publisher::create("news").value();
  Subscriber subscriber = Subscriber::open("news", Subscriber::Start::oldest, kNow).value();
  Collector collector = Collector::create("logs").value();
  Contributor contributor = Contributor::open("logs", kNow).value();
  Server server = Server::create("sums", {.tickets = 1}).value();
  Client client = Client::open("sums", kNow).value();
  StateWriter writer = StateWriter::create("config", {.readers_in_place = 1}).value();
  StateReader reader = StateReader::open("config", kNow).value();
  std::array<std::byte, 40> message{};
  std::array<std::byte, 65536> into{};
  (void)client.start(message).value();  // the first makes the tickets
  (void)server.serve([](auto, auto) {}, 1, kNow);
  ASSERT_TRUE(writer.set(message));
  ASSERT_TRUE(reader.look().value());  // the first takes a place to look in
  int done = 0;
  allocations_left = 0;
  done += sender.try_send(message);
  done += adds.send(message, kNow).value();
  done += publisher.publish(message, kNow).value();
  done += contributor.try_send(message);
  done += writer.set(message).has_value();
  done += receiver.receive(into, kNow) == message.size();
  done += takes.receive(into, kNow) == message.size();
  done += subscriber.receive(into, kNow) == message.size();
  done += collector.receive(into, kNow) == message.size();
  done += reader.get(into) == message.size();
  done += reader.look().value()->size() == message.size();
  done += client.claim_for(message.size(), kNow).value().has_value();
  client.call();
  Result<Ticket> ticket = client.start(message);
  done += server.serve([](auto, auto claim) { (void)claim(8); }, 2, kNow) == 2U;
  done += client.answer_for(kNow).value()->size() == 8;
  done += ticket->wait(kNow).value()->size() == 8;
  const auto none = receiver.receive(into, std::chrono::milliseconds(1));
  allocations_left = -1;
  EXPECT_EQ(done, 15);
  EXPECT_EQ(none, std::nullopt);
  EXPECT_FALSE(failed);
}

}  // namespace
}  // namespace ringbell
