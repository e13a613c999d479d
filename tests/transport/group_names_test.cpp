// Queues, topics, collectors and services by name: which ends find each other, what a successor
// finds, and that nothing is left at the end.
#include <array>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>
#include <ringbell/transport/names/names.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using Policy = TopicOptions::Policy;

constexpr auto kLong = 20s;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class GroupNamesTest : public ::testing::Test {
 protected:
  [[nodiscard]] static std::size_t names_left() { return names::list().value().size(); }

  template <class End>
  std::string receive(End& end) {
    const auto size = end.receive(buffer_, kLong).value();
    return {reinterpret_cast<const char*>(buffer_.data()), size_of(size)};
  }

  test::TemporaryNameFolder folder;

 private:
  static std::size_t size_of(std::size_t size) { return size; }
  static std::size_t size_of(std::optional<std::size_t> size) { return size.value_or(0); }

  std::array<std::byte, 1024> buffer_{};
};

TEST_F(GroupNamesTest, QueueIsFoundByAllAndGoesWithTheLast) {
  {
    QueueSender first = QueueSender::create("work").value();
    QueueSender second = QueueSender::create("work").value();
    QueueReceiver receiver = QueueReceiver::open("work", kLong).value();
    EXPECT_EQ(names_left(), 1U);
    EXPECT_EQ(first.send(bytes_of("one")), true);
    EXPECT_EQ(second.send(bytes_of("two")), true);
    EXPECT_EQ(receive(receiver), "one");
    EXPECT_EQ(receive(receiver), "two");
  }
  EXPECT_EQ(names_left(), 0U);
}

TEST_F(GroupNamesTest, MessagesOutliveTheLastSender) {
  {
    QueueSender sender = QueueSender::create("work").value();
    EXPECT_EQ(sender.send(bytes_of("kept")), true);
  }
  EXPECT_EQ(names_left(), 1U);
  {
    QueueReceiver receiver = QueueReceiver::create("work").value();
    EXPECT_EQ(receive(receiver), "kept");
  }
  EXPECT_EQ(names_left(), 0U);
}

TEST_F(GroupNamesTest, OtherOptionsAreRefusedWhileSomebodyIsThere) {
  QueueSender sender = QueueSender::create("work", {.messages = 100}).value();
  EXPECT_TRUE(QueueSender::create("work", {.messages = 128}));  // what 100 comes to
  EXPECT_EQ(code_of(QueueSender::create("work", {.messages = 256})), ErrorCode::other_ring);
  EXPECT_EQ(code_of(Publisher::create("work")), ErrorCode::other_ring);
  EXPECT_EQ(code_of(Collector::open("work", 0ns)), ErrorCode::other_ring);
}

TEST_F(GroupNamesTest, OpenWaitsAndGivesUp) {
  EXPECT_EQ(code_of(QueueReceiver::open("work", 0ns)), ErrorCode::not_found);
  EXPECT_EQ(code_of(Subscriber::open("prices", Subscriber::Start::oldest, 5ms)),
            ErrorCode::not_found);
  EXPECT_EQ(code_of(Client::open("../x", 0ns)), ErrorCode::invalid_argument);
  std::thread later([] {
    std::this_thread::sleep_for(20ms);
    QueueSender sender = QueueSender::create("work").value();
    EXPECT_EQ(sender.send(bytes_of("late")), true);
  });
  QueueReceiver receiver = QueueReceiver::open("work", kLong).value();
  EXPECT_EQ(receive(receiver), "late");
  later.join();
}

// As a process that has taken a place and not yet said so, or is about to leave it: the name stays.
ParticipantLock another_in(const Region& region) {
  constexpr std::uint32_t kFar = 1000;  // a number that none of these rings gives away
  return ParticipantLock::take(region.fd(), kFar, "another").value();
}

// A name that is kept by others than the awaited one is not what is waited for.
TEST_F(GroupNamesTest, SubscriberWaitsForALivingPublisher) {
  const auto open = [] { return Subscriber::open("prices", Subscriber::Start::oldest, 20ms); };
  for (const TopicOptions& options : {TopicOptions{.policy = Policy::lossless},
                                      {.policy = Policy::lossy},
                                      {.policy = Policy::lossless, .publishers = 2},
                                      {.policy = Policy::lossy, .publishers = 2}}) {
    SCOPED_TRACE(testing::Message() << (options.policy == Policy::lossy ? "lossy, " : "lossless, ")
                                    << options.publishers);
    std::optional<Publisher> publisher(Publisher::create("prices", options).value());
    const Subscriber keeps_what_is_lossless = open().value();
    const ParticipantLock keeps = another_in(publisher->region());
    publisher.reset();  // closes, and leaves the name to those that are there
    EXPECT_EQ(code_of(open()), ErrorCode::not_found);
    publisher.emplace(Publisher::create("prices", options).value());
    EXPECT_TRUE(open());
    publisher.reset();
    ChildProcess dies = ChildProcess::fork([&] {
      const Publisher next = Publisher::create("prices", options).value();
      ::raise(SIGKILL);
      return 1;
    });
    ASSERT_EQ(dies.wait(), -SIGKILL);
    EXPECT_EQ(code_of(open()), ErrorCode::not_found);
  }
}

TEST_F(GroupNamesTest, ReaderOfAStateWaitsForALivingWriter) {
  std::optional<StateWriter> writer(StateWriter::create("config").value());
  const ParticipantLock keeps = another_in(writer->region());
  writer.reset();
  EXPECT_EQ(code_of(StateReader::open("config", 20ms)), ErrorCode::not_found);
  writer.emplace(StateWriter::create("config").value());
  EXPECT_TRUE(StateReader::open("config", kLong));
}

TEST_F(GroupNamesTest, ContributorsAndClientsWaitForTheirOtherSide) {
  std::optional<Collector> collector(Collector::create("logs").value());
  const Contributor contributes = Contributor::open("logs", kLong).value();
  collector.reset();
  EXPECT_EQ(code_of(Contributor::open("logs", 20ms)), ErrorCode::not_found);
  std::optional<Server> server(Server::create("sums").value());
  const Client calls = Client::open("sums", kLong).value();
  server.reset();
  EXPECT_EQ(code_of(Client::open("sums", 20ms)), ErrorCode::not_found);
  server.emplace(Server::create("sums").value());
  EXPECT_TRUE(Client::open("sums", kLong));
}

TEST_F(GroupNamesTest, TopicsOfBothKindsAreFoundByTheirSubscribers) {
  for (const Policy policy : {Policy::lossless, Policy::lossy}) {
    {
      Publisher publisher = Publisher::create("prices", {.policy = policy}).value();
      EXPECT_EQ(code_of(Publisher::create("prices", {.policy = policy})), ErrorCode::busy);
      Subscriber first = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
      EXPECT_EQ(publisher.publish(bytes_of("101.5")), true);
      Subscriber second = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
      EXPECT_EQ(receive(first), "101.5");
      EXPECT_EQ(receive(second), "101.5");
    }
    EXPECT_EQ(names_left(), 0U);
  }
}

TEST_F(GroupNamesTest, SleepingSubscriberOfALossyTopicIsWoken) {
  Publisher publisher = Publisher::create("prices").value();
  ChildProcess sleeps = ChildProcess::fork([&] {
    Subscriber subscriber = Subscriber::open("prices", Subscriber::Start::oldest, kLong,
                                             {.spin_budget = 0ns, .longest_sleep = 60s})
                                .value();
    return receive(subscriber) == "now" && subscriber.missed_rings() == 0 ? 0 : 1;
  });
  ::usleep(50'000);
  EXPECT_EQ(publisher.publish(bytes_of("now")), true);
  EXPECT_EQ(sleeps.wait(), 0);
}

TEST_F(GroupNamesTest, SubscriberOfALossyTopicKeepsNoName) {
  std::optional<Publisher> first = Publisher::create("prices").value();
  Subscriber subscriber = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
  EXPECT_EQ(first->publish(bytes_of("last")), true);
  first.reset();
  EXPECT_EQ(names_left(), 0U);
  Publisher second = Publisher::create("prices").value();
  EXPECT_EQ(second.publish(bytes_of("for others")), true);
  EXPECT_EQ(receive(subscriber), "last");
  std::array<std::byte, 1024> buffer{};
  EXPECT_EQ(code_of(subscriber.receive(buffer, kLong)), ErrorCode::closed);
  subscriber = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
  EXPECT_EQ(receive(subscriber), "for others");
}

TEST_F(GroupNamesTest, SubscriberOfALossyTopicHearsTheSuccessorOfADeadPublisher) {
  const test::Signal subscribed;
  ChildProcess dies = ChildProcess::fork([&] {
    const Publisher publisher = Publisher::create("prices").value();
    (void)subscribed.wait();
    ::raise(SIGKILL);
    return 2;
  });
  Subscriber subscriber = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
  subscribed.tell();
  ASSERT_EQ(dies.wait(), -SIGKILL);
  std::array<std::byte, 1024> buffer{};
  EXPECT_EQ(code_of(subscriber.receive(buffer, kLong)), ErrorCode::peer_dead);
  Publisher successor = Publisher::create("prices").value();
  EXPECT_EQ(successor.publish(bytes_of("hello")), true);
  EXPECT_EQ(receive(subscriber), "hello");
}

// How many bytes of the file this process has mapped so that it may write to them. It is known by
// its inode: one that was made without a name has none there.
std::uint64_t writable_bytes_of(const std::string& path) {
  struct stat about {};
  EXPECT_EQ(::stat(path.c_str(), &about), 0);
  std::ifstream maps("/proc/self/maps");
  std::uint64_t bytes = 0;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    std::uintmax_t inode = 0;
    char rights[5] = {};
    // NOLINTNEXTLINE(cert-err34-c): the kernel wrote it
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %" SCNuMAX, &begin, &end,
                    rights, &inode) == 4 &&
        rights[1] == 'w' && inode == about.st_ino) {
      bytes += end - begin;
    }
  }
  return bytes;
}

TEST_F(GroupNamesTest, SubscriberOfALossyTopicMayWriteToItsControlLinesAlone) {
  const Publisher publisher =
      Publisher::create("prices", {.messages = 1024, .message_bytes = 1024}).value();
  const std::uint64_t before = writable_bytes_of(folder.path() + "/prices.ring");
  EXPECT_GE(before, 1024U * 1024U);
  const Subscriber subscriber =
      Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
  const std::uint64_t more = writable_bytes_of(folder.path() + "/prices.ring") - before;
  EXPECT_GT(more, 0U) << "it must say that it sleeps";
  EXPECT_LT(more, 64U * 1024U);
}

TEST_F(GroupNamesTest, MessagesOfALossyTopicAreMappedReadOnly) {
  const Publisher publisher = Publisher::create("prices").value();
  const Subscriber subscriber =
      Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
  ChildProcess writes = ChildProcess::fork([&] {
    *subscriber.region().data() = std::byte{1};
    return 0;
  });
  EXPECT_NE(writes.wait(), 0);  // SIGSEGV, which a sanitizer turns into a status
}

TEST_F(GroupNamesTest, SuccessorOfADeadPublisherGoesOn) {
  ChildProcess dies = ChildProcess::fork([] {
    Publisher publisher = Publisher::create("prices", {.policy = Policy::lossless}).value();
    if (publisher.publish(bytes_of("last words")) != true) return 1;
    ::raise(SIGKILL);
    return 2;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
  EXPECT_EQ(names_left(), 1U);
  Publisher publisher = Publisher::create("prices", {.policy = Policy::lossless}).value();
  EXPECT_EQ(publisher.position(), 1U);
  Subscriber subscriber = Subscriber::open("prices", Subscriber::Start::oldest, kLong).value();
  EXPECT_EQ(receive(subscriber), "last words");
}

TEST_F(GroupNamesTest, CollectorAndContributorsFindEachOther) {
  {
    Contributor contributor = Contributor::create("logs").value();
    EXPECT_EQ(contributor.send(bytes_of("before any reader")), true);
    Collector collector = Collector::create("logs").value();
    EXPECT_EQ(receive(collector), "before any reader");
    EXPECT_EQ(code_of(Collector::create("logs")), ErrorCode::busy);
  }
  EXPECT_EQ(names_left(), 0U);
}

TEST_F(GroupNamesTest, ServerAndClientsFindEachOther) {
  {
    Server server = Server::create("upper").value();
    ChildProcess calls = ChildProcess::fork([] {
      Client client = Client::open("upper", kLong).value();
      std::array<std::byte, 48> response{};
      return client.call(bytes_of("hello"), response, kLong).value() == 5U ? 0 : 1;
    });
    EXPECT_EQ(server.serve([](auto request, auto&& claim) { claim(std::uint32_t(request.size())); },
                           1, kLong),
              1U);
    EXPECT_EQ(calls.wait(), 0);
  }
  EXPECT_EQ(names_left(), 0U);
}

}  // namespace
}  // namespace ringbell
