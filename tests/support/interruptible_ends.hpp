// The ends of waiting_ends.hpp and those of channels, each of which waits in one call until it is
// interrupted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/waiting_ends.hpp>

namespace ringbell::test {

inline Channel small_channel(core::DoorbellKind doorbell) {
  return Channel::create({.capacity_bytes = 4096, .doorbell = doorbell}).value();
}

template <core::DoorbellKind kDoorbell>
struct ReceiverOfChannel {
  using End = Receiver;
  Channel channel = small_channel(kDoorbell);
  std::optional<Sender> other = Sender::attach(channel.fds()).value();
  Buffer buffer{};

  End open(const WaitOptions& wait) { return Receiver::attach(channel.fds(), wait).value(); }
  bool provide() { return other->try_send(buffer); }
  bool consume(End& end) { return end.receive(buffer, 0ns).value().has_value(); }
  static bool arm(End& end) { return end.arm(); }
  std::uint32_t& word() const { return channel.region().spsc_control().data_bell.word; }
};

template <core::DoorbellKind kDoorbell>
struct SenderOfChannel {
  using End = Sender;
  Channel channel = small_channel(kDoorbell);
  std::optional<Receiver> other = Receiver::attach(channel.fds()).value();
  Buffer buffer{};

  End open(const WaitOptions& wait) {
    End end = Sender::attach(channel.fds(), wait).value();
    consume(end);
    return end;
  }
  bool provide() {
    return other->drain([](auto) {}) > 0;
  }
  bool consume(End& end) {
    bool any = false;
    while (end.try_send(buffer)) any = true;
    return any;
  }
  static bool arm(End& end) { return end.arm(kBytes); }
  std::uint32_t& word() const { return channel.region().spsc_control().space_bell.word; }
};

using InterruptibleEnds = ::testing::Types<
    ReceiverOfChannel<core::DoorbellKind::futex>, ReceiverOfChannel<core::DoorbellKind::eventfd>,
    SenderOfChannel<core::DoorbellKind::futex>, SenderOfChannel<core::DoorbellKind::eventfd>,
    ReceiverOfQueue, SenderOfQueue, SubscriberOfLossless, SubscriberOfLossy, PublisherOfLossless,
    WriterOfCollector, ReaderOfCollector, ClientOfService, ServerOfService>;

struct InterruptibleNames {
  template <class Kind>
  static std::string GetName(int number) {
    static constexpr const char* kNames[] = {
        "Receiver",      "ReceiverByEventfd", "Sender",           "SenderByEventfd",
        "QueueReceiver", "QueueSender",       "SubscriberMember", "SubscriberGuest",
        "Publisher",     "Contributor",       "Collector",        "Client",
        "Server"};
    return kNames[number];
  }
};

template <class T>
Result<bool> whether(const Result<std::optional<T>>& got) {
  if (!got) return tl::unexpected(got.error());
  return got->has_value();
}

// The call by which each end waits. True: it came, and is still there for consume().
inline Result<bool> wait_on(Receiver& end, Timeout timeout) {
  return whether(end.peek_for(timeout));
}
inline Result<bool> wait_on(QueueReceiver& end, Timeout timeout) {
  return whether(end.peek_for(timeout));
}
inline Result<bool> wait_on(Collector& end, Timeout timeout) {
  return whether(end.peek_for(timeout));
}
inline Result<bool> wait_on(Server& end, Timeout timeout) {
  return whether(end.request_for(timeout));
}
inline Result<bool> wait_on(Sender& end, Timeout timeout) {
  return whether(end.claim_for(kBytes, timeout));
}
inline Result<bool> wait_on(Contributor& end, Timeout timeout) {
  return whether(end.claim_for(kBytes, timeout));
}
inline Result<bool> wait_on(QueueSender& end, Timeout timeout) {
  return whether(end.claim_for(timeout));
}
inline Result<bool> wait_on(Publisher& end, Timeout timeout) {
  return end.publish(Buffer{}, timeout);
}
inline Result<bool> wait_on(Subscriber& end, Timeout timeout) {
  Buffer buffer{};
  return whether(end.receive(buffer, timeout));
}
// For the answer, or until a call can be made again after one that was abandoned.
inline Result<bool> wait_on(Client& end, Timeout timeout) {
  const Result<bool> answered = whether(end.answer_for(timeout));
  if (answered || code_of(answered) != ErrorCode::invalid_argument) return answered;
  return whether(end.claim_for(kBytes, timeout));
}

}  // namespace ringbell::test
