// A queue: many senders, many receivers, each message goes to one of them, in one total order
// (core/mpmc_ring.hpp). A participant that dies holds the others up no longer than it takes to
// notice.
//
//   Region region = Region::create(QueueOptions{.message_bytes = 200}.region()).value();
//   // its fd() goes to the other processes, which Region::attach() it
//   QueueSender sender = QueueSender::open(std::move(region)).value();
//   sender.send(bytes);
//
// A message is delivered once, unless its receiver died before release(): then it goes to another
// one, marked redelivered(). A message whose sender died before commit() never was.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include <ringbell/core/mpmc_ring.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/copy_in.hpp>
#include <ringbell/transport/ends/participant.hpp>
#include <ringbell/transport/ends/sized.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

struct QueueOptions {
  std::uint64_t messages = 1024;      // that fit; rounded up to a power of two
  std::uint32_t message_bytes = 256;  // the largest; each takes that much room
  std::uint32_t participants = 64;    // senders and receivers at a time, at most 4096
  core::DoorbellKind doorbell = core::DoorbellKind::futex;  // or none
  MemoryOptions memory = {};

  [[nodiscard]] RegionOptions region() const noexcept {
    return {.shape = {.kind = core::RingKind::mpmc,
                      .slot_count = messages,
                      .message_bytes = sized::slot_message_bytes(message_bytes),
                      .participants = participants},
            .doorbell = doorbell,
            .memory = memory};
  }
};

// What senders and receivers have in common. Recovery: whoever joins, whoever is held up by a slot
// that somebody has in hand, and whoever waits for longer than WaitOptions::longest_sleep takes
// from the dead what they held.
class RINGBELL_API QueueEnd {
 public:
  [[nodiscard]] const Region& region() const noexcept { return participant_.region(); }
  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return sized::message_bytes(region().geometry().message_bytes);
  }
  // Messages that this one took from the dead: never committed, and given to others again.
  [[nodiscard]] const core::MpmcRecovered& recovered() const noexcept { return recovered_; }
  [[nodiscard]] Stats stats() const noexcept { return participant_.sleeper().stats(); }
  [[nodiscard]] std::uint64_t missed_rings() const noexcept {
    return participant_.sleeper().missed_rings();
  }
  [[nodiscard]] const std::optional<Error>& quick_wake_refusal() const noexcept {
    return participant_.sleeper().quick_wake_refusal();
  }
  // Takes arm() back, for a loop that will not look here for a while.
  void disarm() noexcept { participant_.sleeper().disarm(); }

 protected:
  explicit QueueEnd(Participant participant) noexcept;
  [[nodiscard]] static Result<Participant> join(Region region, bool reads, const WaitOptions& wait);
  // Says so, and takes the queue's name away if this was the last one and no message is left.
  void leave() noexcept;
  [[nodiscard]] core::ParticipantId id() const noexcept {
    return static_cast<core::ParticipantId>(participant_.number() + 1);
  }
  [[nodiscard]] core::GroupBells& bells() const noexcept { return region().bells(); }
  void ring_data() const noexcept { participant_.sleeper().published(bells().data_bell.word); }
  void ring_space() const noexcept { participant_.sleeper().published(bells().space_bell.word); }

  // Takes from the dead, and from whoever had this one's number. Wakes whoever that may help.
  template <class Ring>
  void recover(Ring& ring, bool first) noexcept;
  template <class Ring>
  void recover_from_the_dead(Ring& ring) noexcept;
  template <class Ring>
  struct Others;
  template <class Ring, class Ready>
  [[nodiscard]] Waited wait_until(Ring& ring, std::uint32_t& word, Ready&& ready, Timeout timeout);
  template <class Ring, class Ready>
  [[nodiscard]] bool arm(Ring& ring, std::uint32_t& word, Ready&& ready);

  Participant participant_;
  core::MpmcRecovered recovered_;
};

class RINGBELL_API QueueSender : public QueueEnd {
 public:
  // Errors: busy, if all places are taken; not_a_region, if it holds no queue; system.
  [[nodiscard]] static Result<QueueSender> open(Region region, const WaitOptions& wait = {});
  // By name (README, Names). create() makes the queue or joins what is there with these options,
  // with what is in it; open() waits until somebody is there. Errors: as Participant::create, open.
  [[nodiscard]] static Result<QueueSender> create(std::string_view name,
                                                  const QueueOptions& options = {},
                                                  const WaitOptions& wait = {});
  [[nodiscard]] static Result<QueueSender> open(std::string_view name, Timeout timeout = kForever,
                                                const WaitOptions& wait = {});

  QueueSender(QueueSender&&) noexcept = default;
  QueueSender& operator=(QueueSender&& other) noexcept;
  // A message that is claimed is given up.
  ~QueueSender();

  // Room for one message of up to max_message_bytes(), or empty: not now. Never waits. It has its
  // place in the order from now on, and the receivers wait for it: commit() or abort() soon.
  // REQUIRES: nothing is claimed.
  [[nodiscard]] std::span<std::byte> claim() noexcept;
  // The same, waiting for room. Empty: time is up. Errors: corrupt.
  [[nodiscard]] Result<std::span<std::byte>> claim_for(Timeout timeout = kForever);

  // Makes the message visible, `size_bytes` of it. False: this one was declared dead meanwhile, the
  // message is gone. REQUIRES: claimed; size_bytes <= max_message_bytes().
  bool commit(std::uint32_t size_bytes) noexcept;
  void abort() noexcept;

  // Copies a message in. False: not now, or time is up. Errors: too_large; corrupt; peer_dead, if
  // this very one was declared dead while it sent.
  [[nodiscard]] Result<bool> send(std::span<const std::byte> message, Timeout timeout = kForever);

  // For epoll, poll and other loops (README, Event loops): the descriptor that is readable once
  // there may be room. The first call starts a thread. Errors: unsupported; system.
  [[nodiscard]] Result<int> waitable_fd() {
    return participant_.sleeper().waitable_fd(bells().space_bell.word);
  }
  // Announces a sleep, then looks. False: do not sleep: there is room, or claim_for() has an Error
  // to tell. True: armed until the descriptor becomes readable; look then, and arm() again. Takes
  // from the dead what a waiting call would.
  [[nodiscard]] bool arm();

 private:
  QueueSender(Participant participant, core::MpmcRing<>::Writer ring) noexcept;
  [[nodiscard]] static Result<QueueSender> from(Result<Participant> participant);
  void close() noexcept;

  core::MpmcRing<>::Writer ring_;
  CopyIn copy_in_;
  bool claimed_ = false;
};

class RINGBELL_API QueueReceiver : public QueueEnd {
 public:
  [[nodiscard]] static Result<QueueReceiver> open(Region region, const WaitOptions& wait = {});
  // As QueueSender's.
  [[nodiscard]] static Result<QueueReceiver> create(std::string_view name,
                                                    const QueueOptions& options = {},
                                                    const WaitOptions& wait = {});
  [[nodiscard]] static Result<QueueReceiver> open(std::string_view name, Timeout timeout = kForever,
                                                  const WaitOptions& wait = {});

  QueueReceiver(QueueReceiver&&) noexcept = default;
  QueueReceiver& operator=(QueueReceiver&& other) noexcept;
  // A message in hand goes to another receiver, marked as redelivered.
  ~QueueReceiver();

  // The next message, in place, this receiver's alone; nothing: not now. The same one again until
  // release(). The bytes stay in shared memory: copy what must not change after a check.
  [[nodiscard]] std::optional<std::span<const std::byte>> peek() noexcept;
  // The same, waiting for one. Nothing: time is up. Errors: corrupt.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> peek_for(
      Timeout timeout = kForever);
  // Whether the peeked message was in the hand of a receiver that died, who may have acted on it.
  // Such a one comes out of the order.
  [[nodiscard]] bool redelivered() const noexcept { return ring_.redelivered(); }
  // Done with it. False: this one was declared dead meanwhile, another receiver gets the message
  // too. REQUIRES: peeked.
  bool release() noexcept;

  // Copies the next message out and returns its size; nothing: time is up. Errors: as peek_for;
  // too_large if `into` is too small, the message then stays in hand.
  [[nodiscard]] Result<std::optional<std::size_t>> receive(std::span<std::byte> into,
                                                           Timeout timeout = kForever);

  // As QueueSender's. False also means that a message may have been taken in hand: peek() has it.
  [[nodiscard]] Result<int> waitable_fd() {
    return participant_.sleeper().waitable_fd(bells().data_bell.word);
  }
  [[nodiscard]] bool arm();

 private:
  QueueReceiver(Participant participant, core::MpmcRing<>::Reader ring) noexcept;
  [[nodiscard]] static Result<QueueReceiver> from(Result<Participant> participant);
  void close() noexcept;

  core::MpmcRing<>::Reader ring_;
  bool in_hand_ = false;
  core::Finding wrong_size_;  // of a message
};

}  // namespace ringbell
