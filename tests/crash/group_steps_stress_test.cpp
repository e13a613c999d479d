// A process that opens a queue, topic, collector or service, does one thing there and closes it,
// dies at any system call on the way, and before many of the instructions.
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/crash/steps.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/kill_campaign.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using Policy = TopicOptions::Policy;

constexpr WaitOptions kWait{.spin_budget = 0ns, .longest_sleep = 1ms};
constexpr auto kLong = 10s;
constexpr std::uint32_t kBytes = 40;
constexpr std::uint64_t kOfTheDead = 400;  // its only message

const test::FixedMessages& messages() {
  static const test::FixedMessages all(kBytes);
  return all;
}

Region attach(const Region& region) {
  return Region::attach(FileDescriptor(::fcntl(region.fd(), F_DUPFD_CLOEXEC, 0))).value();
}

class GroupVictim : public test::Victim {
 protected:
  test::SharedPages pages_{4096};
  test::Progress& done_ = *pages_.take<test::Progress>();
};

// --- Queue ---------------------------------------------------------------------------------------

class QueueVictim : public GroupVictim {
 public:
  QueueVictim() { EXPECT_EQ(sender_.send(messages().get(0)), true); }

 protected:
  void pass_some() {
    // The dead process's number is free again: all the places are needed.
    QueueSender sender = QueueSender::open(attach(region_), kWait).value();
    for (std::uint64_t number = 1; number < 40; ++number) {
      QueueSender& by = number % 2 == 0 ? sender : sender_;
      ASSERT_EQ(by.send(messages().get(number), kLong), true);
      const auto message = receiver_.peek_for(kLong);
      ASSERT_TRUE(message && *message) << (message ? "" : message_of(message));
      ASSERT_TRUE(messages().is(**message, number)) << number;
      ASSERT_TRUE(receiver_.release());
    }
  }

  Region region_ =
      Region::create(
          QueueOptions{.messages = 8, .message_bytes = kBytes, .participants = 3}.region())
          .value();
  QueueSender sender_ = QueueSender::open(attach(region_), kWait).value();
  QueueReceiver receiver_ = QueueReceiver::open(attach(region_), kWait).value();
};

class DyingQueueSender : public QueueVictim {
 public:
  void operate() override {
    QueueSender sender = QueueSender::open(attach(region_), kWait).value();
    done_.begin();
    (void)sender.send(messages().get(kOfTheDead), kLong);
    done_.finish();
  }
  void survive() override {
    ASSERT_TRUE(messages().is(receiver_.peek_for(kLong).value().value(), 0));
    ASSERT_TRUE(receiver_.release());
    ASSERT_EQ(sender_.send(messages().get(1), kLong), true);
    // Either comes next: the receiver waits at the dead sender's slot until it has found out.
    auto message = receiver_.peek_for(kLong).value().value();
    if (messages().is(message, kOfTheDead)) {
      ASSERT_EQ(done_.most(), 1U) << "never sent";
      ASSERT_TRUE(receiver_.release());
      message = receiver_.peek_for(kLong).value().value();
    } else {
      ASSERT_EQ(done_.least(), 0U) << "sent, and lost";
    }
    ASSERT_TRUE(messages().is(message, 1));
    ASSERT_TRUE(receiver_.release());
    ASSERT_NO_FATAL_FAILURE(pass_some());
  }
};

class DyingQueueReceiver : public QueueVictim {
 public:
  void operate() override {
    QueueReceiver receiver = QueueReceiver::open(attach(region_), kWait).value();
    (void)receiver.peek_for(kLong);
    done_.begin();
    (void)receiver.release();
    done_.finish();
  }
  void survive() override {
    if (done_.least() == 0) {
      const auto message = receiver_.peek_for(done_.most() == 0 ? Timeout(kLong) : 20ms);
      ASSERT_TRUE(message) << message.error().message;
      if (done_.most() == 0) {
        ASSERT_TRUE(*message) << "lost";
      }
      if (*message) {
        ASSERT_TRUE(messages().is(**message, 0));
        ASSERT_TRUE(receiver_.release());
      }
    }
    ASSERT_NO_FATAL_FAILURE(pass_some());
  }
};

// --- Topic ---------------------------------------------------------------------------------------

template <Policy kPolicy>
class DyingSubscriber : public GroupVictim {
 public:
  void operate() override {
    Subscriber subscriber =
        Subscriber::open(Topic::attach(fds_).value(), Subscriber::Start::newest, kWait).value();
    std::array<std::byte, kBytes> message{};
    (void)subscriber.receive(message, 1ms);
  }
  void survive() override {
    std::array<std::byte, kBytes> message{};
    // More than once around the ring, past the dead one's position; and its place is free.
    std::optional<Subscriber> newcomer;
    for (std::uint64_t number = 0; number < 40; ++number) {
      ASSERT_EQ(publisher_.publish(messages().get(number), kLong), true) << number;
      ASSERT_TRUE(living_.receive(message, kLong).value());
      ASSERT_TRUE(messages().is(message, number));
      if (number == 20) {
        newcomer =
            Subscriber::open(Topic::attach(fds_).value(), Subscriber::Start::newest, kWait).value();
      } else if (newcomer) {
        ASSERT_TRUE(newcomer->receive(message, kLong).value());
        ASSERT_TRUE(messages().is(message, number));
      }
    }
    ASSERT_EQ(living_.missed() + newcomer->missed(), 0U);
  }

 private:
  Topic topic_ =
      Topic::create({.policy = kPolicy, .messages = 8, .message_bytes = kBytes, .subscribers = 2})
          .value();
  FileDescriptor memory_{::fcntl(topic_.fds().memory, F_DUPFD_CLOEXEC, 0)};
  FileDescriptor bells_{::fcntl(topic_.fds().bells, F_DUPFD_CLOEXEC, 0)};  // of a lossy topic
  TopicFds fds_{.memory = memory_.get(), .bells = bells_.get()};
  Publisher publisher_ = Publisher::open(std::move(topic_), kWait).value();
  Subscriber living_ =
      Subscriber::open(Topic::attach(fds_).value(), Subscriber::Start::newest, kWait).value();
};

class DyingPublisher : public GroupVictim {
 public:
  void operate() override {
    Publisher publisher = Publisher::open(Topic::attach(fds_).value(), kWait).value();
    done_.begin();
    (void)publisher.publish(messages().get(0), kLong);
    done_.finish();
  }
  void survive() override {
    std::array<std::byte, kBytes> message{};
    auto got = subscriber_.receive(message, done_.least() == 1 ? Timeout(kLong) : 3ms);
    std::uint64_t number = 0;
    if (got && *got) {
      ASSERT_TRUE(messages().is(message, 0));
      ASSERT_EQ(done_.most(), 1U) << "never published";
      number = 1;
    } else {
      ASSERT_EQ(done_.least(), 0U) << "published, and lost";
      if (!got) {
        ASSERT_TRUE(code_of(got) == ErrorCode::peer_dead || code_of(got) == ErrorCode::closed);
      }
    }
    Publisher next = Publisher::open(Topic::attach(fds_).value(), kWait).value();
    ASSERT_EQ(next.position(), number);
    for (; number < 40; ++number) {
      ASSERT_EQ(next.publish(messages().get(number), kLong), true);
      ASSERT_TRUE(subscriber_.receive(message, kLong).value());
      ASSERT_TRUE(messages().is(message, number));
    }
  }

 private:
  Topic topic_ =
      Topic::create(
          {.policy = Policy::lossless, .messages = 8, .message_bytes = kBytes, .subscribers = 2})
          .value();
  TopicFds fds_ = topic_.fds();
  Subscriber subscriber_ =
      Subscriber::open(Topic::attach(fds_).value(), Subscriber::Start::newest, kWait).value();
};

template <Policy policy>
class DyingOneOfSeveralPublishers : public GroupVictim {
 public:
  void operate() override {
    Publisher publisher = Publisher::open(Topic::attach(fds_).value(), kWait).value();
    done_.begin();
    (void)publisher.publish(messages().get(kOfTheDead), kLong);
    done_.finish();
  }
  void survive() override {
    std::array<std::byte, kBytes> message{};
    std::uint64_t came = 0;
    std::optional<Publisher> next;
    for (std::uint64_t number = 0; number < 40; ++number) {
      if (number == 20) next = Publisher::open(Topic::attach(fds_).value(), kWait).value();
      Publisher& publisher = next && number % 2 == 0 ? *next : living_;
      ASSERT_EQ(publisher.publish(messages().get(number), kLong), true) << number;
      ASSERT_TRUE(subscriber_.receive(message, kLong).value());
      if (messages().is(message, kOfTheDead)) {
        ++came;
        ASSERT_TRUE(subscriber_.receive(message, kLong).value());
      }
      ASSERT_TRUE(messages().is(message, number)) << number;
    }
    ASSERT_TRUE(came >= done_.least() && came <= done_.most()) << "lost, or never published";
  }

 private:
  const TopicOptions options_{
      .policy = policy, .messages = 8, .message_bytes = kBytes, .publishers = 2};
  Topic topic_ = Topic::create(options_).value();
  TopicFds fds_ = topic_.fds();
  Subscriber subscriber_ =
      Subscriber::open(Topic::attach(fds_).value(), Subscriber::Start::newest, kWait).value();
  Publisher living_ = Publisher::open(Topic::attach(fds_).value(), kWait).value();
};

// --- Collector -----------------------------------------------------------------------------------

class DyingContributor : public GroupVictim {
 public:
  void operate() override {
    Contributor contributor = Contributor::open(attach(region_), kWait).value();
    done_.begin();
    (void)contributor.send(messages().get(kOfTheDead), kLong);
    done_.finish();
  }
  void survive() override {
    std::uint64_t came = 0;
    Contributor next = Contributor::open(attach(region_), kWait).value();
    for (std::uint64_t number = 0; number < 40; ++number) {
      ASSERT_EQ((number % 2 == 0 ? next : living_).send(messages().get(number), kLong), true);
      std::span<const std::byte> message = collector_.peek_for(kLong).value().value();
      if (messages().is(message, kOfTheDead)) {
        ++came;
        collector_.release();
        message = collector_.peek_for(kLong).value().value();
      }
      ASSERT_TRUE(messages().is(message, number)) << number;
      collector_.release();
    }
    ASSERT_GE(came, done_.least()) << "sent, and lost";
    ASSERT_LE(came, done_.most()) << "never sent, or sent twice";
  }

 private:
  Region region_ =
      Region::create(CollectorOptions{.contributors = 2, .capacity_bytes = 4096}.region()).value();
  Collector collector_ = Collector::open(attach(region_), kWait).value();
  Contributor living_ = Contributor::open(attach(region_), kWait).value();
};

class DyingCollector : public GroupVictim {
 public:
  DyingCollector() {
    for (; sent_ < kUnread; ++sent_) EXPECT_EQ(living_.send(messages().get(sent_)), true);
  }
  void operate() override {
    Collector collector = Collector::open(attach(region_), kWait).value();
    for (std::uint64_t i = 0; i < kUnread; ++i) {
      (void)collector.peek_for(kLong);
      done_.begin();
      collector.release();
      done_.finish();
    }
  }
  void survive() override {
    Collector next = Collector::open(attach(region_), kWait).value();
    // What the dead reader had read may come again, from any of it on.
    const auto first = next.peek_for(done_.most() < kUnread ? Timeout(kLong) : 3ms).value();
    std::uint64_t number = 0;
    while (number < done_.most() && !(first && messages().is(*first, number))) ++number;
    for (; number < kUnread + 40; ++number) {
      if (number == sent_) {
        ASSERT_EQ(living_.send(messages().get(sent_++), kLong), true);
      }
      ASSERT_TRUE(messages().is(next.peek_for(kLong).value().value(), number)) << number;
      next.release();
    }
    ASSERT_FALSE(next.peek());
  }

 private:
  static constexpr std::uint64_t kUnread = 3;

  Region region_ =
      Region::create(CollectorOptions{.contributors = 2, .capacity_bytes = 4096}.region()).value();
  Contributor living_ = Contributor::open(attach(region_), kWait).value();
  std::uint64_t sent_ = 0;
};

// --- Service -------------------------------------------------------------------------------------

class ServiceVictim : public GroupVictim {
 protected:
  void call_some(Client& client, Server& server) {
    for (std::uint64_t number = 0; number < 20; ++number) {
      messages().put(client.claim_for(kBytes, kLong).value().value(), number);
      client.call();
      ASSERT_TRUE(messages().is(server.request_for(kLong).value().value(), number)) << number;
      messages().put(server.claim(kBytes).value(), number + 1);
      server.respond();
      const auto answer = client.answer_for(kLong);
      ASSERT_TRUE(answer) << answer.error().message;
      ASSERT_TRUE(messages().is(answer->value(), number + 1));
    }
  }

  Region region_ =
      Region::create(ServiceOptions{.clients = 1, .message_bytes = kBytes}.region()).value();
};

class DyingClient : public ServiceVictim {
 public:
  void operate() override {
    Client client = Client::open(attach(region_), kWait).value();
    std::array<std::byte, kBytes> response{};
    done_.begin();
    (void)client.call(messages().get(kOfTheDead), response, 1ms);
    done_.finish();
  }
  void survive() override {
    const auto request = server_.request_for(3ms).value();
    if (request) {
      ASSERT_EQ(done_.least(), 0U) << "taken back, and there";
      ASSERT_EQ(done_.most(), 1U);
      ASSERT_TRUE(messages().is(*request, kOfTheDead));
      messages().put(server_.claim(kBytes).value(), 1);
      server_.respond();
    }
    Client next = Client::open(attach(region_), kWait).value();
    ASSERT_NO_FATAL_FAILURE(call_some(next, server_));
  }

 private:
  Server server_ = Server::open(attach(region_), kWait).value();
};

class DyingServer : public ServiceVictim {
 public:
  DyingServer() {
    messages().put(client_.claim_for(kBytes).value().value(), 7);
    client_.call();
  }
  void operate() override {
    Server server = Server::open(attach(region_), kWait).value();
    done_.begin();
    (void)server.request_for(kLong);
    messages().put(server.claim(kBytes).value(), 8);
    server.respond();
    done_.finish();
  }
  void survive() override {
    std::optional<Server> next = Server::open(attach(region_), kWait).value();
    const auto request = next->request_for(0ms).value();
    if (request) {
      ASSERT_EQ(done_.least(), 0U) << "answered, and begun again";
      ASSERT_TRUE(messages().is(*request, 7));
      messages().put(next->claim(kBytes).value(), 8);
      next->respond();
    }
    const auto answer = client_.answer_for(kLong);
    if (answer) {
      ASSERT_TRUE(messages().is(answer->value(), 8)) << "half an answer";
    } else {
      ASSERT_EQ(code_of(answer), ErrorCode::peer_dead);
      ASSERT_EQ(done_.most(), 1U);
      ASSERT_EQ(done_.least(), 0U);
    }
    ASSERT_NO_FATAL_FAILURE(call_some(client_, *next));
  }

 private:
  Client client_ = Client::open(attach(region_), kWait).value();
};

template <class Dying>
void kill_on_the_way(const std::string& what) {
  test::kill_at_every_system_call(what + ", from open to close",
                                  [] { return std::make_unique<Dying>(); });
}

TEST(GroupStepsTest, QueueSendersDeathHoldsNobodyUp) {
  kill_on_the_way<DyingQueueSender>("Queue, sender");
}
TEST(GroupStepsTest, QueueReceiversDeathLosesNothing) {
  kill_on_the_way<DyingQueueReceiver>("Queue, receiver");
}
TEST(GroupStepsTest, SubscribersDeathHoldsThePublisherUpOnlyUntilItIsFoundOut) {
  kill_on_the_way<DyingSubscriber<Policy::lossless>>("Lossless topic, subscriber");
}
TEST(GroupStepsTest, LossySubscribersDeathIsNoticedByNobody) {
  kill_on_the_way<DyingSubscriber<Policy::lossy>>("Lossy topic, subscriber");
}
TEST(GroupStepsTest, PublishersDeathLosesNothingThatWasPublished) {
  kill_on_the_way<DyingPublisher>("Lossless topic, publisher");
}
TEST(GroupStepsTest, DeathOfOneOfSeveralPublishersHoldsNoneUp) {
  kill_on_the_way<DyingOneOfSeveralPublishers<Policy::lossless>>("Topic of several, publisher");
  kill_on_the_way<DyingOneOfSeveralPublishers<Policy::lossy>>("Lossy topic of several, publisher");
}
TEST(GroupStepsTest, ContributorsDeathLosesNothingThatWasSent) {
  kill_on_the_way<DyingContributor>("Collector, contributor");
}
TEST(GroupStepsTest, CollectorsDeathLosesNothingThatItHadNotGivenBack) {
  kill_on_the_way<DyingCollector>("Collector, collector");
}
TEST(GroupStepsTest, ClientsDeathLeavesItsLineToAnother) {
  kill_on_the_way<DyingClient>("Service, client");
}
TEST(GroupStepsTest, ServersDeathFailsWhatItHadBegunAndNothingElse) {
  kill_on_the_way<DyingServer>("Service, server");
}

}  // namespace
}  // namespace ringbell
