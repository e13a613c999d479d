// One end of each kind of ring of many that waits, and what makes that for which it waits come and
// go, all in one process. Each has
//   open(wait)     the end, with nothing there
//   provide()      makes it come; false: it cannot
//   consume(end)   takes it all; false: there was nothing
//   arm(end)       the end's arm()
//   leave()        closes the other side, if the end waits for one in particular
//   word()         where the end sleeps, in a mapping that outlives it
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <fcntl.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/region_copy.hpp>

namespace ringbell::test {

using namespace std::chrono_literals;
using Policy = TopicOptions::Policy;

inline constexpr std::uint32_t kBytes = 40;

using Buffer = std::array<std::byte, kBytes>;

struct ReceiverOfQueue {
  using End = QueueReceiver;
  static Region make() {
    return Region::create(
               QueueOptions{.messages = 4, .message_bytes = kBytes, .participants = 8}.region())
        .value();
  }
  Region ring = make();
  QueueSender other = QueueSender::open(copy_of(ring)).value();
  Buffer buffer{};

  End open(const WaitOptions& wait) { return QueueReceiver::open(copy_of(ring), wait).value(); }
  bool provide() { return other.send(buffer, 0ns) == true; }
  bool consume(End& end) { return end.receive(buffer, 0ns).value().has_value(); }
  static bool arm(End& end) { return end.arm(); }
  std::uint32_t& word() const { return ring.bells().data_bell.word; }
};

struct SenderOfQueue {
  using End = QueueSender;
  Region ring = ReceiverOfQueue::make();
  QueueReceiver other = QueueReceiver::open(copy_of(ring)).value();
  Buffer buffer{};

  End open(const WaitOptions& wait) {
    End end = QueueSender::open(copy_of(ring), wait).value();
    while (end.send(buffer, 0ns).value()) {
    }
    return end;
  }
  bool provide() { return other.receive(buffer, 0ns).value().has_value(); }
  bool consume(End& end) { return end.send(buffer, 0ns).value(); }
  static bool arm(End& end) { return end.arm(); }
  std::uint32_t& word() const { return ring.bells().space_bell.word; }
};

inline Region bells_of(const Topic& topic) {
  const TopicFds fds = topic.fds();
  const int fd = fds.bells >= 0 ? fds.bells : fds.memory;
  return Region::attach(FileDescriptor(::fcntl(fd, F_DUPFD_CLOEXEC, 0))).value();
}

template <Policy kPolicy>
struct SubscriberOfTopic {
  using End = Subscriber;
  Topic topic =
      Topic::create({.policy = kPolicy, .messages = 4, .message_bytes = kBytes, .subscribers = 4})
          .value();
  Region bells = bells_of(topic);
  std::optional<Publisher> other;
  Buffer buffer{};

  End open(const WaitOptions& wait) {
    End end = Subscriber::open(Topic::attach(topic.fds()).value(), Subscriber::Start::oldest, wait)
                  .value();
    other.emplace(Publisher::open(std::move(topic)).value());
    return end;
  }
  bool provide() { return other->publish(buffer, 0ns) == true; }
  bool consume(End& end) { return end.receive(buffer, 0ns).value().has_value(); }
  static bool arm(End& end) { return end.arm(); }
  void leave() { other.reset(); }
  std::uint32_t& word() const { return bells.bells().data_bell.word; }
};
struct SubscriberOfLossless : SubscriberOfTopic<Policy::lossless> {};
struct SubscriberOfLossy : SubscriberOfTopic<Policy::lossy> {};

struct PublisherOfLossless {
  using End = Publisher;
  Topic topic =
      Topic::create(
          {.policy = Policy::lossless, .messages = 4, .message_bytes = kBytes, .subscribers = 4})
          .value();
  Region bells = bells_of(topic);
  Subscriber other = Subscriber::open(Topic::attach(topic.fds()).value()).value();
  Buffer buffer{};

  End open(const WaitOptions& wait) {
    End end = Publisher::open(std::move(topic), wait).value();
    while (end.publish(buffer, 0ns).value()) {
    }
    return end;
  }
  // All of them: it tells how far it has come when it finds nothing.
  bool provide() {
    bool any = false;
    while (other.receive(buffer, 0ns).value()) any = true;
    return any;
  }
  bool consume(End& end) {
    bool any = false;
    while (end.publish(buffer, 0ns).value()) any = true;
    return any;
  }
  static bool arm(End& end) { return end.arm(); }
  std::uint32_t& word() const { return bells.bells().space_bell.word; }
};

struct WriterOfCollector {
  using End = Contributor;
  static Region make() {
    return Region::create(CollectorOptions{.contributors = 1, .capacity_bytes = 4096}.region())
        .value();
  }
  Region ring = make();
  std::optional<Collector> other = Collector::open(copy_of(ring)).value();
  Buffer buffer{};

  End open(const WaitOptions& wait) {
    End end = Contributor::open(copy_of(ring), wait).value();
    consume(end);
    return end;
  }
  bool provide() {
    bool any = false;
    while (other->receive(buffer, 0ns).value()) any = true;
    return any;
  }
  bool consume(End& end) {
    bool any = false;
    while (end.send(buffer, 0ns).value()) any = true;
    return any;
  }
  static bool arm(End& end) { return end.arm(kBytes); }
  void leave() { other.reset(); }
  std::uint32_t& word() const { return ring.participant(1).bell; }
};

struct ReaderOfCollector {
  using End = Collector;
  Region ring = WriterOfCollector::make();
  Contributor other = Contributor::open(copy_of(ring)).value();
  Buffer buffer{};

  End open(const WaitOptions& wait) { return Collector::open(copy_of(ring), wait).value(); }
  bool provide() { return other.send(buffer, 0ns) == true; }
  bool consume(End& end) { return end.receive(buffer, 0ns).value().has_value(); }
  static bool arm(End& end) { return end.arm(); }
  std::uint32_t& word() const { return ring.bells().data_bell.word; }
};

struct ClientOfService {
  using End = Client;
  static Region make() { return Region::create(ServiceOptions{.clients = 1}.region()).value(); }
  static bool call(Client& client) {
    const auto room = client.claim_for(kBytes, 0ns);
    if (!room || !*room) return false;
    (*room)->front() = std::byte{1};
    client.call();
    return true;
  }
  Region ring = make();
  std::optional<Server> other = Server::open(copy_of(ring)).value();
  Buffer buffer{};

  End open(const WaitOptions& wait) {
    End end = Client::open(copy_of(ring), wait).value();
    EXPECT_TRUE(call(end));
    EXPECT_TRUE(other->request());  // begun: it cannot be taken back
    return end;
  }
  bool provide() {
    if (!other->request()) return false;
    other->claim(1)->front() = std::byte{1};
    other->respond();
    return true;
  }
  bool consume(End& end) { return end.answered() && end.answer_for(0ns).value() && call(end); }
  static bool arm(End& end) { return end.arm(); }
  void leave() { other.reset(); }
  std::uint32_t& word() const { return ring.participant(1).bell; }
};

struct ServerOfService {
  using End = Server;
  Region ring = ClientOfService::make();
  std::optional<Client> other;
  bool called = false;

  End open(const WaitOptions& wait) {
    End end = Server::open(copy_of(ring), wait).value();
    other.emplace(Client::open(copy_of(ring)).value());
    return end;
  }
  bool provide() {
    if (std::exchange(called, true) && !other->answer_for(0ns).value()) return false;
    return ClientOfService::call(*other);
  }
  static bool consume(End& end) {
    if (!end.request()) return false;
    end.claim(1)->front() = std::byte{1};
    end.respond();
    return true;
  }
  static bool arm(End& end) { return end.arm(); }
  std::uint32_t& word() const { return ring.bells().data_bell.word; }
};

}  // namespace ringbell::test
