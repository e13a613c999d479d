// A topic: a publisher or several, many subscribers, each sees every message from where it joined.
//
//   Topic topic = Topic::create({.message_bytes = 200}).value();   // topic.fds() for the others
//   Publisher publisher = Publisher::open(std::move(topic)).value();
//   publisher.publish(bytes);
//
// In place: claim_for() and commit(); peek_for() and release() of a lossless topic; read(f), of a
// lossy one too, which says afterwards whether what f saw was whole.
//
// Lossless (core/broadcast_lossless.hpp): the publisher waits for the slowest living subscriber; a
// dead one is evicted. Lossy (core/broadcast_lossy.hpp): it never waits; a subscriber that was
// lapped learns exactly how many messages it missed, and can look at the messages but not write to
// them: their region is sealed. What it must write, to say that it sleeps, is in another region.
// Several publishers (core/many_lossless.hpp, core/many_lossy.hpp): their messages have one order
// for all subscribers. Of whichever process dies, the others go on. They may be in any process, so
// the messages of a lossy topic are not sealed: a subscriber maps them read-only by itself.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/many_lossless.hpp>
#include <ringbell/core/many_lossy.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/copy_in.hpp>
#include <ringbell/transport/ends/group_end.hpp>
#include <ringbell/transport/ends/sized.hpp>
#include <ringbell/transport/ends/topic_start.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

struct TopicOptions {
  enum class Policy : std::uint8_t { lossless, lossy };
  Policy policy = Policy::lossy;
  std::uint64_t messages = 1024;      // that are kept; rounded up to a power of two
  std::uint32_t message_bytes = 256;  // the largest; each takes that much room
  std::uint32_t subscribers = 64;     // at a time, at most 64; of a lossy topic any number
  std::uint32_t publishers = 1;       // at a time, at most 64; several, lossless: subscribers 64
  core::DoorbellKind doorbell = core::DoorbellKind::futex;  // or none
  MemoryOptions memory = {};
  core::TypeRecord type = {};           // of the messages, for the typed ends
  std::uint32_t payload_alignment = 8;  // as QueueOptions has it

  RINGBELL_API [[nodiscard]] RegionOptions region() const;
};

// What the other processes need. `bells` is -1 but of a lossy topic of one publisher.
struct TopicFds {
  int memory = -1;
  int bells = -1;
};

class RINGBELL_API Topic {
 public:
  // Errors: as Region::create.
  [[nodiscard]] static Result<Topic> create(const TopicOptions& options = {});
  // To subscribe; to publish as well, unless the topic is lossy and has one publisher: that one is
  // mapped read-only. The caller keeps its descriptors. Errors: as Region::attach; not_a_region, if
  // it holds another ring.
  [[nodiscard]] static Result<Topic> attach(const TopicFds& fds);

  // Stay owned by the topic; close-on-exec is set.
  [[nodiscard]] TopicFds fds() const noexcept;
  [[nodiscard]] const Region& region() const noexcept { return region_; }
  [[nodiscard]] bool is_lossy() const noexcept { return core::is_lossy(region_.kind()); }
  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return sized::message_bytes(region_.geometry().message_bytes);
  }

 private:
  friend class Publisher;
  friend class Subscriber;

  Topic(Region region, std::optional<Region> bells, bool writable) noexcept;
  // What its subscribers may write.
  [[nodiscard]] const Region& bells() const noexcept { return bells_ ? *bells_ : region_; }
  [[nodiscard]] static Result<Region> attach_region(int fd, const AttachOptions& options);
  // Where subscribers wait for messages.
  [[nodiscard]] std::uint32_t& data_bell() const noexcept;

  Region region_;
  std::optional<Region> bells_;  // of a lossy topic of one publisher
  bool writable_;
};

// An end that publishes. Not thread-safe; move-only.
class RINGBELL_API Publisher : public GroupEnd {
 public:
  // Errors: busy, if a living process publishes; no_place, if as many publish as may; permission,
  // if the topic is lossy, has one publisher and another process made it; corrupt; system.
  [[nodiscard]] static Result<Publisher> open(Topic topic, const WaitOptions& wait = {});
  // Under this name (names/README.md): makes the topic, or goes on with what a publisher left there
  // with these options. Errors: as Participant::create.
  [[nodiscard]] static Result<Publisher> create(std::string_view name,
                                                const TopicOptions& options = {},
                                                const WaitOptions& wait = {});

  Publisher(Publisher&&) noexcept = default;
  Publisher& operator=(Publisher&& other) noexcept { return replace(*this, std::move(other)); }
  // Closes in order: when all have, subscribers read to the end, then learn `closed`.
  ~Publisher();

  // Copies a message in; every subscriber sees it. False: time is up, a subscriber of a lossless
  // topic is behind, or another publisher has held a place for a whole ring. The one publisher of a
  // lossy topic never waits. Errors: too_large, corrupt; no_reader, if a subscriber is required and
  // there is none; evicted, if one of several was taken for dead here.
  [[nodiscard]] Result<bool> publish(std::span<const std::byte> message,
                                     Timeout timeout = kForever);

  // The same in place: room for one message of up to max_message_bytes(), uninitialised, which no
  // subscriber sees before commit(). Claiming again gives the same room; publish() takes its place.
  // Of a lossy topic the oldest message is gone from now on. One of several publishers has its
  // place in the order from now on, and subscribers wait for it: commit() or abort() soon. Nothing:
  // time is up, as publish(). Errors: as publish(), but too_large and evicted.
  [[nodiscard]] Result<std::optional<std::span<std::byte>>> claim_for(Timeout timeout = kForever);
  // Nothing: not now, or claim_for() has an Error to tell.
  [[nodiscard]] std::optional<std::span<std::byte>> claim() {
    return claim_for(Timeout::zero()).value_or(std::nullopt);
  }
  // False: nothing is claimed, or it cannot have that size, and nothing happened; or evicted.
  bool commit(std::size_t size_bytes) noexcept;
  // Gives the claimed room up, if there is any.
  void abort() noexcept;

  // From now on publish() and claim_for() are an Error at once (no_reader) while subscribers() is
  // 0. Each message then costs as much as subscribers(). Off at first.
  void require_reader(bool required = true) noexcept {
    size_limit_ = required ? 0 : std::size_t{max_message_bytes()} + 1;
  }

  // For epoll and other loops (ends/README.md, Event loops): the descriptor that is readable once
  // there may be room. The first call starts a thread. Errors: unsupported, if this one never waits
  // (the one publisher of a lossy topic) or never sleeps; system.
  [[nodiscard]] Result<int> waitable_fd();
  // Announces a sleep, then looks. False: do not sleep: there is room, or publish() has an Error to
  // tell. True: armed until the descriptor becomes readable; look then, and arm() again. Evicts
  // dead subscribers as a waiting call does.
  [[nodiscard]] bool arm();

  // How many messages there have been; of several publishers also those that were given up.
  [[nodiscard]] std::uint64_t position() const noexcept;
  // How many messages the slowest subscriber of a lossless topic is behind, as far as it has told:
  // after an eighth of the ring, and when it has read all. 0 for a lossy one, which never fills.
  [[nodiscard]] std::uint64_t fill() const noexcept;

  // How many living subscribers there are, of this process too: each sees all that is published
  // from now on. Asks the kernel about each. A subscriber of a lossy topic is counted by a lock
  // that it takes if it can: not if it has no /proc, or belongs to a user that may not write to the
  // region of the bells.
  [[nodiscard]] std::uint32_t subscribers() const noexcept;
  // Waits until there are as many. False: time is up. Errors: invalid_argument, if this topic
  // takes fewer.
  [[nodiscard]] Result<bool> wait_for_subscribers(std::uint32_t count, Timeout timeout = kForever);
  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return sized::message_bytes(region().geometry().message_bytes);
  }
  // Evicts all dead subscribers of a lossless topic, now: they are waited for no more, nor is what
  // dead ones of several publishers had claimed. A waiting publish() does so if one is in its way,
  // and one that only polls after some thousand polls in vain. Returns how many subscribers. Asks
  // the kernel about each.
  std::uint32_t evict() noexcept;
  // How many were evicted so far.
  [[nodiscard]] std::uint64_t evictions() const noexcept { return evictions_; }

 private:
  using Lossless = core::BroadcastLossless<>::Writer;
  using Lossy = core::BroadcastLossy<>::Writer;
  using Many = core::ManyLossless<>::Writer;
  using ManyLossy = core::ManyLossy<>::Writer;
  using Ring = std::variant<Lossless, Lossy, Many, ManyLossy>;

  Publisher(Participant participant, std::optional<Region> bells, Ring ring) noexcept;
  [[nodiscard]] static Result<Publisher> from(Result<Participant> participant,
                                              std::optional<Region> bells);
  [[nodiscard]] const Region& bells() const noexcept { return bells_ ? *bells_ : region(); }
  template <class AnyRing>
  struct Waiting;  // what rings that have no room at times do
  struct Newcomers;
  // Whether it is dead, and what it held was taken from it. 0: none is in the way.
  [[nodiscard]] bool take_if_dead(core::ParticipantId in_the_way) noexcept;
  void ring_subscribers() const noexcept;
  void ring_publishers() const noexcept;

  std::optional<Region> bells_;  // if they are not in the topic's own region
  Ring ring_;
  CopyIn copy_in_;                  // for a lossless one
  std::span<std::byte> claimed_{};  // the slot, if one is
  // Sizes below it need no second look: of all that fit, or of none if a subscriber is required.
  std::size_t size_limit_ = 0;
  std::uint64_t evictions_ = 0;
};

// An end that reads. Not thread-safe; move-only.
class RINGBELL_API Subscriber {
 public:
  using Start = TopicStart;

  // Joins at the oldest message that is safe, or at what is published next. Errors: no_place, if a
  // lossless topic has as many subscribers as it takes; corrupt; system.
  [[nodiscard]] static Result<Subscriber> open(Topic topic, Start start = Start::usual,
                                               const WaitOptions& wait = {});
  // By name: waits until the topic's publisher is there. The messages of a lossy one are mapped
  // read-only, and its name goes with the publisher: open it anew after `closed`. Errors: also
  // not_found, when time is up; other_ring, if the messages are not of a `type` that was asked for;
  // as Participant::open.
  [[nodiscard]] static Result<Subscriber> open(std::string_view name, Start start = Start::usual,
                                               Timeout timeout = kOpenTimeout,
                                               const WaitOptions& wait = {},
                                               const core::TypeRecord& type = {});

  Subscriber(Subscriber&&) noexcept;
  Subscriber& operator=(Subscriber&& other) noexcept;
  ~Subscriber();

  // Copies the next message out and returns its size; nothing: time is up. Errors: closed (and
  // nothing left to read), peer_dead (likewise: the publisher died; and once before anything else,
  // if it was dead already when this one came), corrupt; evicted, if this one
  // was; invalid_argument, if `into` is shorter than max_message_bytes().
  [[nodiscard]] Result<std::optional<std::size_t>> receive(std::span<std::byte> into,
                                                           Timeout timeout = kForever);
  // Waits until there is a message to receive. False: time is up. Errors: as receive(), but
  // invalid_argument.
  [[nodiscard]] Result<bool> has_message_for(Timeout timeout = kForever);

  // Whether a message can be peeked at: not in a lossy topic, where it may be overwritten.
  [[nodiscard]] bool reads_in_place() const noexcept;
  // The next message of a lossless topic where it stands; the same one until release(), and the
  // publisher waits for it as long. Nothing: time is up. Errors: as has_message_for(); unsupported,
  // if the topic is lossy: read(), or receive().
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> peek_for(
      Timeout timeout = kForever);
  // Nothing: not now, or peek_for() has an Error to tell.
  [[nodiscard]] std::optional<std::span<const std::byte>> peek() noexcept;
  // Done with it. False: this one was evicted meanwhile, and it may have been overwritten; or no
  // message is peeked at, and nothing happened.
  bool release() noexcept;

  // What read() came to. torn: the publisher overwrote the message while it was looked at. Forget
  // what was seen of it; it counts as missed().
  using Seen = core::BroadcastSeen;
  // Calls `look(message)`, once at most, with the next message where it stands, and says afterwards
  // whether it was whole: only then may be done what follows from it. In a lossy topic it may be
  // any bytes meanwhile. nothing: time is up. What `look` throws comes out, and the message comes
  // again. Errors: as has_message_for().
  template <class Look>
  [[nodiscard]] Result<Seen> read(Look&& look, Timeout timeout = kForever) {
    return read_by(
        [](void* what, std::span<const std::byte> message) {
          (*static_cast<std::remove_reference_t<Look>*>(what))(message);
        },
        const_cast<void*>(static_cast<const void*>(std::addressof(look))), timeout);
  }

  // For epoll and other loops (ends/README.md, Event loops): the descriptor that is readable once
  // the publisher has rung. The first call starts a thread. Errors: unsupported, if this one never
  // sleeps; system.
  [[nodiscard]] Result<int> waitable_fd();
  // Announces a sleep, then looks. False: do not sleep: there is a message, or receive() has an
  // Error to tell. True: armed until the descriptor becomes readable; look then, and arm() again.
  [[nodiscard]] bool arm();
  // Takes it back, for a loop that will not look here for a while.
  void disarm() noexcept;
  // As GroupEnd's.
  [[nodiscard]] SleepingPlace sleeping_word() noexcept;
  void interrupt() noexcept;
  // As GroupEnd's. The name of a lossy topic also goes when its publisher closes.
  [[nodiscard]] bool name_lost() const noexcept;
  // Whether the publisher is there, or one of several. A system call for each. Its death makes the
  // descriptor readable once WaitOptions::longest_sleep is over.
  [[nodiscard]] PeerState peer() const noexcept;

  // Of the message that is due: how many there were before it.
  [[nodiscard]] std::uint64_t position() const noexcept;
  // How far this one is behind: messages that were published and not received. If a lossy topic has
  // more of them than it keeps, the oldest will be missed. Looks at a few places of the ring.
  [[nodiscard]] std::uint64_t lag() const noexcept;
  // How many messages this one missed since it joined, or since the position that it joined at.
  [[nodiscard]] std::uint64_t missed() const noexcept;
  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return sized::message_bytes(region().geometry().message_bytes);
  }
  [[nodiscard]] const Region& region() const noexcept;
  [[nodiscard]] Stats stats() const noexcept;
  [[nodiscard]] std::uint64_t missed_rings() const noexcept { return stats().missed_rings; }

 private:
  // What the two kinds of topic do in their own ways: a Member of a lossless one is a participant,
  // a Guest of a lossy one is only counted.
  class Side;
  template <class Ring>
  class Member;
  template <class Ring>
  class Guest;

  explicit Subscriber(std::unique_ptr<Side> side) noexcept;
  using Look = void (*)(void* what, std::span<const std::byte> message);
  [[nodiscard]] Result<Seen> read_by(Look look, void* what, Timeout timeout);
  // Waits until `take()`, which looks for a message, is true. False: time is up.
  template <class Take>
  [[nodiscard]] Result<bool> take_for(Take&& take, Timeout timeout);
  // The Error that a wait for a message came to, if it did.
  [[nodiscard]] Result<void> check(Waited waited) const;

  std::unique_ptr<Side> side_;
  std::uint32_t polls_ = 0;        // that found nothing
  bool says_death_first_ = false;  // there is something left, but no publisher
};

}  // namespace ringbell
