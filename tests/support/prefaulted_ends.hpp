// Both ends of each kind of ring in prefaulted memory, waiting by spinning only. Each has
//   send(number, timeout)     false: no room, or an Error
//   receive(number, timeout)  false: nothing came, an Error, or the message of another number
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include <fcntl.h>
#include <sys/syscall.h>

#include <ringbell/ringbell.hpp>

namespace ringbell::test::prefaulted {

inline constexpr std::uint64_t kCapacity = 1UL << 20;

inline const MemoryOptions kPrefaulted{.prefault = true};
inline const WaitOptions kSpin{
    .kind = WaitOptions::Kind::spin, .longest_sleep = std::chrono::hours(1), .within_quota = false};
inline constexpr std::size_t kBytes = 48;
using Message = std::array<std::byte, kBytes>;

[[nodiscard]] inline Message message_of(std::uint64_t number) {
  Message message{};
  std::memcpy(message.data(), &number, sizeof number);
  return message;
}
[[nodiscard]] inline bool is(std::span<const std::byte> bytes, std::uint64_t number) {
  return bytes.size() == kBytes && std::memcmp(bytes.data(), &number, sizeof number) == 0;
}

[[nodiscard]] inline Region another(const Region& region) {
  return Region::attach(FileDescriptor(::fcntl(region.fd(), F_DUPFD_CLOEXEC, 0)),
                        AttachOptions{.prefault = true})
      .value();
}

// In place.
struct ChannelEnds {
  Channel channel = Channel::create({.capacity_bytes = kCapacity, .memory = kPrefaulted}).value();
  Receiver receiver =
      Receiver::open(Channel::attach(channel.fds(), {.prefault = true}).value(), kSpin).value();
  Sender sender = Sender::open(std::move(channel), kSpin).value();

  bool send(std::uint64_t number, Timeout timeout) {
    const auto room = sender.claim_for(kBytes, timeout);
    if (!room || !*room) return false;
    const Message message = message_of(number);
    std::memcpy((*room)->data(), message.data(), kBytes);
    sender.commit();
    return true;
  }
  bool receive(std::uint64_t number, Timeout timeout) {
    const auto record = receiver.peek_for(timeout);
    if (!record || !*record || !is(**record, number)) return false;
    receiver.release();
    return true;
  }
};

// Copied, by the two calls that most programs use.
struct CopyingChannelEnds : ChannelEnds {
  bool send(std::uint64_t number, Timeout timeout) {
    return sender.send(message_of(number), timeout) == true;
  }
  bool receive(std::uint64_t number, Timeout timeout) {
    Message into{};
    const auto size = receiver.receive(into, timeout);
    return size && *size && is(into, number);
  }
};

struct QueueEnds {
  // An end that finds nothing again and again asks whether the owner of the slot that is in its way
  // lives: once in 4096 looks, when the other thread is off its CPU amid a message.
  static constexpr std::pair<long, std::uint32_t> kAllowed{SYS_fcntl, F_OFD_GETLK};

  Region ring = Region::create(QueueOptions{.messages = kCapacity / 64,
                                            .message_bytes = kBytes,
                                            .participants = 4,
                                            .memory = kPrefaulted}
                                   .region())
                    .value();
  QueueReceiver receiver = QueueReceiver::open(another(ring), kSpin).value();
  QueueSender sender = QueueSender::open(another(ring), kSpin).value();

  bool send(std::uint64_t number, Timeout timeout) {
    return sender.send(message_of(number), timeout) == true;
  }
  bool receive(std::uint64_t number, Timeout timeout) {
    Message into{};
    const auto size = receiver.receive(into, timeout);
    return size && *size && is(into, number);
  }
};

template <TopicOptions::Policy kPolicy>
struct TopicEnds {
  Topic topic = Topic::create({.policy = kPolicy,
                               .messages = kCapacity / 64,
                               .message_bytes = kBytes,
                               .subscribers = 4,
                               .memory = kPrefaulted})
                    .value();
  Subscriber subscriber =
      Subscriber::open(Topic::attach(topic.fds()).value(), Subscriber::Start::oldest, kSpin)
          .value();
  Publisher publisher = Publisher::open(std::move(topic), kSpin).value();
  std::uint64_t seen = 0;

  // A topic is attached to without prefault: each page is looked at here.
  TopicEnds() {
    const Region& region = subscriber.region();
    for (std::size_t at = 0; at < region.mapped_bytes(); at += 4096) {
      (void)*static_cast<volatile std::byte*>(region.base() + at);
    }
  }

  bool send(std::uint64_t number, Timeout timeout) {
    return publisher.publish(message_of(number), timeout) == true;
  }
  // What a lossy one has missed is counted.
  bool receive(std::uint64_t number, Timeout timeout) {
    if (number < subscriber.position()) return true;
    Message into{};
    const auto size = subscriber.receive(into, timeout);
    return size && *size && is(into, subscriber.position() - 1);
  }
};

struct CollectorEnds {
  Region ring =
      Region::create(
          CollectorOptions{.contributors = 2, .capacity_bytes = kCapacity, .memory = kPrefaulted}
              .region())
          .value();
  Collector collector = Collector::open(another(ring), kSpin).value();
  Contributor contributor = Contributor::open(another(ring), kSpin).value();

  bool send(std::uint64_t number, Timeout timeout) {
    return contributor.send(message_of(number), timeout) == true;
  }
  bool receive(std::uint64_t number, Timeout timeout) {
    Message into{};
    const auto size = collector.receive(into, timeout);
    return size && *size && is(into, number);
  }
};

// Each message is a call and its answer.
struct ServiceEnds {
  Region ring =
      Region::create(ServiceOptions{.clients = 2, .memory = kPrefaulted}.region()).value();
  Server server = Server::open(another(ring), kSpin).value();
  Client client = Client::open(another(ring), kSpin).value();

  // Polled, in one thread, the answer of a call is taken before the next.
  bool send(std::uint64_t number, Timeout timeout) {
    const Message request = message_of(number);
    if (timeout == Timeout::zero()) {
      if (number > 0 && !is(client.answer_for(timeout).value().value(), number - 1)) return false;
      const auto room = client.claim_for(kBytes, timeout);
      if (!room || !*room) return false;
      std::memcpy((*room)->data(), request.data(), kBytes);
      client.call();
      return true;
    }
    Message answer{};
    const auto size = client.call(request, answer, timeout);
    return size && *size && is(answer, number);
  }
  bool receive(std::uint64_t number, Timeout timeout) {
    const auto request = server.request_for(timeout);
    if (!request || !*request || !is(**request, number)) return false;
    const auto room = server.claim(kBytes);
    if (!room) return false;
    server.respond();  // what was asked, in place
    return true;
  }
};

struct LosslessEnds : TopicEnds<TopicOptions::Policy::lossless> {};
struct LossyEnds : TopicEnds<TopicOptions::Policy::lossy> {};

}  // namespace ringbell::test::prefaulted
