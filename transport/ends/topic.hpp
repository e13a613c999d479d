// A topic: one publisher, many subscribers, each sees every message from where it joined.
//
//   Topic topic = Topic::create({.message_bytes = 200}).value();   // topic.fds() for the others
//   Publisher publisher = Publisher::open(std::move(topic)).value();
//   publisher.publish(bytes);
//
// Lossless (core/broadcast_lossless.hpp): the publisher waits for the slowest living subscriber; a
// dead one is evicted. Lossy (core/broadcast_lossy.hpp): it never waits; a subscriber that was
// lapped learns exactly how many messages it missed, and can look at the messages but not write to
// them: their region is sealed. What it must write, to say that it sleeps, is in another region.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/copy_in.hpp>
#include <ringbell/transport/ends/group_end.hpp>
#include <ringbell/transport/ends/sized.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

struct TopicOptions {
  enum class Policy : std::uint8_t { lossless, lossy };
  Policy policy = Policy::lossy;
  std::uint64_t messages = 1024;      // that are kept; rounded up to a power of two
  std::uint32_t message_bytes = 256;  // the largest; each takes that much room
  std::uint32_t subscribers = 64;     // at a time, at most 64; of a lossy topic any number
  core::DoorbellKind doorbell = core::DoorbellKind::futex;  // or none
  MemoryOptions memory = {};

  RINGBELL_API [[nodiscard]] RegionOptions region() const;
};

// What must be handed to the other processes. `bells` is -1 unless the topic is lossy.
struct TopicFds {
  int memory = -1;
  int bells = -1;
};

class RINGBELL_API Topic {
 public:
  // Errors: as Region::create.
  [[nodiscard]] static Result<Topic> create(const TopicOptions& options = {});
  // To subscribe; to publish to a lossless one as well. A lossy topic is mapped read-only. The
  // caller keeps its descriptors. Errors: as Region::attach; not_a_region, if it holds another
  // ring.
  [[nodiscard]] static Result<Topic> attach(const TopicFds& fds);

  // Stay owned by the topic; close-on-exec is set.
  [[nodiscard]] TopicFds fds() const noexcept;
  [[nodiscard]] const Region& region() const noexcept { return region_; }
  [[nodiscard]] bool is_lossy() const noexcept {
    return region_.kind() == core::RingKind::broadcast_lossy;
  }
  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return sized::message_bytes(region_.geometry().message_bytes);
  }

 private:
  friend class Publisher;
  friend class Subscriber;

  Topic(Region region, std::optional<Region> bells, bool writable) noexcept;
  // Where subscribers wait for messages.
  [[nodiscard]] std::uint32_t& data_bell() const noexcept;

  Region region_;
  std::optional<Region> bells_;  // of a lossy topic
  bool writable_;
};

// The end that publishes. Not thread-safe; move-only.
class RINGBELL_API Publisher : public GroupEnd {
 public:
  // Errors: busy, if a living process publishes; permission, if the topic is lossy and another
  // process made it; corrupt; system.
  [[nodiscard]] static Result<Publisher> open(Topic topic, const WaitOptions& wait = {});
  // Under this name (README, Names): makes the topic, or goes on with what a publisher left there
  // with these options. Errors: as Participant::create.
  [[nodiscard]] static Result<Publisher> create(std::string_view name,
                                                const TopicOptions& options = {},
                                                const WaitOptions& wait = {});

  Publisher(Publisher&&) noexcept = default;
  Publisher& operator=(Publisher&& other) noexcept { return replace(*this, std::move(other)); }
  // Closes in order: subscribers read to the end, then learn `closed`.
  ~Publisher();

  // Copies a message in; every subscriber sees it. False: time is up, a subscriber of a lossless
  // topic is behind. A lossy topic never waits. Errors: invalid_argument, if it is empty;
  // too_large, corrupt.
  [[nodiscard]] Result<bool> publish(std::span<const std::byte> message,
                                     Timeout timeout = kForever);

  // For epoll, poll and other loops (README, Event loops): the descriptor that is readable once
  // there may be room in a lossless topic. The first call starts a thread. Errors: unsupported, if
  // this one never waits (lossy) or never sleeps; system.
  [[nodiscard]] Result<int> waitable_fd();
  // Announces a sleep, then looks. False: do not sleep: there is room, or publish() has an Error to
  // tell. True: armed until the descriptor becomes readable; look then, and arm() again. Evicts
  // dead subscribers as a waiting call does.
  [[nodiscard]] bool arm();

  // How many messages there have been.
  [[nodiscard]] std::uint64_t position() const noexcept;
  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return sized::message_bytes(region().geometry().message_bytes);
  }
  // Evicts all dead subscribers of a lossless topic, now: they are waited for no more. A waiting
  // publish() does so for the one that is in its way, and one that only polls after some thousand
  // polls in vain. Returns how many. Asks the kernel about each subscriber.
  std::uint32_t evict() noexcept;
  // How many were evicted so far.
  [[nodiscard]] std::uint64_t evictions() const noexcept { return evictions_; }

 private:
  using Lossless = core::BroadcastLossless<>::Writer;
  using Lossy = core::BroadcastLossy<>::Writer;

  Publisher(Participant participant, std::optional<Region> bells,
            std::variant<Lossless, Lossy> ring) noexcept;
  [[nodiscard]] static Result<Publisher> from(Result<Participant> participant,
                                              std::optional<Region> bells);
  [[nodiscard]] const Region& bells() const noexcept { return bells_ ? *bells_ : region(); }
  [[nodiscard]] Result<bool> publish_lossless(Lossless& ring, std::span<const std::byte> message,
                                              Timeout timeout);
  struct Subscribers;
  [[nodiscard]] bool evict_if_in_the_way(Lossless& ring) noexcept;
  void ring_subscribers() const noexcept;

  std::optional<Region> bells_;  // if they are not in the topic's own region
  std::variant<Lossless, Lossy> ring_;
  CopyIn copy_in_;  // for a lossless one
  std::uint64_t evictions_ = 0;
};

// An end that reads. Not thread-safe; move-only.
class RINGBELL_API Subscriber {
 public:
  using Start = core::BroadcastStart;

  // Joins at the oldest message that is safe, or at what is published next. Errors: busy, if a
  // lossless topic has as many subscribers as it takes; corrupt; system.
  [[nodiscard]] static Result<Subscriber> open(Topic topic, Start start = Start::oldest,
                                               const WaitOptions& wait = {});
  // By name: waits until the topic's publisher is there. The messages of a lossy one are mapped
  // read-only, and its name goes with the publisher: open it anew after `closed`. Errors: also
  // not_found, when time is up; as Participant::open.
  [[nodiscard]] static Result<Subscriber> open(std::string_view name, Start start = Start::oldest,
                                               Timeout timeout = kOpenTimeout,
                                               const WaitOptions& wait = {});

  Subscriber(Subscriber&&) noexcept;
  Subscriber& operator=(Subscriber&& other) noexcept;
  ~Subscriber();

  // Copies the next message out and returns its size; nothing: time is up. Errors: closed (and
  // nothing left to read), peer_dead (likewise: the publisher died), corrupt; busy, if this one was
  // evicted; invalid_argument, if `into` is shorter than max_message_bytes().
  [[nodiscard]] Result<std::optional<std::size_t>> receive(std::span<std::byte> into,
                                                           Timeout timeout = kForever);

  // For epoll, poll and other loops (README, Event loops): the descriptor that is readable once
  // the publisher has rung. The first call starts a thread. Errors: unsupported, if this one never
  // sleeps; system.
  [[nodiscard]] Result<int> waitable_fd();
  // Announces a sleep, then looks. False: do not sleep: there is a message, or receive() has an
  // Error to tell. True: armed until the descriptor becomes readable; look then, and arm() again.
  [[nodiscard]] bool arm();
  // Takes it back, for a loop that will not look here for a while.
  void disarm() noexcept;
  // Whether the publisher is there. A system call. Its death makes the descriptor readable once
  // WaitOptions::longest_sleep is over.
  [[nodiscard]] PeerState peer() const noexcept;

  // Of the message that is due: how many there were before it.
  [[nodiscard]] std::uint64_t position() const noexcept;
  // How many messages this one missed since it joined. 0 for a lossless topic.
  [[nodiscard]] std::uint64_t missed() const noexcept;
  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return sized::message_bytes(region().geometry().message_bytes);
  }
  [[nodiscard]] const Region& region() const noexcept;
  [[nodiscard]] Stats stats() const noexcept;
  [[nodiscard]] std::uint64_t missed_rings() const noexcept { return stats().missed_rings; }

 private:
  // What the two kinds of topic do in their own ways: a Member of a lossless one is known by its
  // lock, a Guest of a lossy one is known to no process.
  class Side;
  class Member;
  class Guest;

  explicit Subscriber(std::unique_ptr<Side> side) noexcept;

  std::unique_ptr<Side> side_;
};

}  // namespace ringbell
