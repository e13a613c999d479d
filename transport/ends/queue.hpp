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
#include <utility>

#include <ringbell/core/mpmc_ring.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/copy_in.hpp>
#include <ringbell/transport/ends/group_end.hpp>
#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/not_now.hpp>
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
  core::TypeRecord type = {};           // of the messages, for the typed ends
  std::uint32_t payload_alignment = 8;  // 8, 16, 32 or 64: messages stand at multiples of it

  [[nodiscard]] RegionOptions region() const noexcept {
    return {.shape = {.kind = core::RingKind::mpmc,
                      .slot_count = messages,
                      .message_bytes = sized::slot_message_bytes(message_bytes),
                      .participants = participants,
                      .payload_alignment = payload_alignment},
            .doorbell = doorbell,
            .memory = memory,
            .type = type};
  }
};

// What senders and receivers have in common. Recovery: an end that joins, that is held up by a slot
// in another's hand, or that waits for longer than WaitOptions::longest_sleep takes from dead ends
// what they held; one that only polls does so after some thousand polls in vain. The ends that wait
// share the questions: together they ask after each participant once in that time.
template <class Self>
class RINGBELL_API QueueEnd : public OpenedEnd<Self, QueueOptions> {
 public:
  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return sized::message_bytes(this->region().geometry().message_bytes);
  }
  // Takes from all dead ends what they held, now. Looks at every slot, and asks the kernel about
  // each owner. What it took: messages that were never committed, and such as come again.
  core::MpmcRecovered recover() noexcept { return take_from_dead(); }
  // GroupEnd's; another end that sleeps is rung in its place.
  void disarm() noexcept;
  // What this end has taken so far.
  [[nodiscard]] const core::MpmcRecovered& recovered() const noexcept { return recovered_; }

 protected:
  using Base = OpenedEnd<Self, QueueOptions>;
  using Base::participant_;

  explicit QueueEnd(Participant participant) noexcept : Base(std::move(participant)) {}
  // Takes the queue's name away if this was the last end and no message is left.
  void leave() noexcept;
  [[nodiscard]] static core::ParticipantId id_of(const Participant& participant) noexcept {
    return static_cast<core::ParticipantId>(participant.number() + 1);
  }
  [[nodiscard]] core::GroupBells& bells() const noexcept { return this->region().bells(); }
  // One message, or one place, for one of those that wait.
  void ring_data() const noexcept { participant_.sleeper().published_one(bells().data_bell.word); }
  void ring_space() const noexcept {
    participant_.sleeper().published_one(bells().space_bell.word);
  }
  // What may help any of them, and more than one.
  void ring_all() const noexcept;

  // `also` is a participant that counts as dead, whatever the kernel says: this one, for what the
  // last one with its number held. Wakes the ends that this helps.
  core::MpmcRecovered take_from_dead(std::uint32_t also = kNone) noexcept;
  // What an end that joins takes: also what the last one with its number held. Looks at the slots
  // only if there may be something.
  void take_at_start() noexcept;
  // A poll found nothing.
  void polled_in_vain() noexcept {
    if (++polls_ % Waiter::kPollsPerAsk == 0) [[unlikely]]
      look_after_others();
  }
  void look_after_others() noexcept;
  // This end has waited, and has got something: it may have been woken for another's (core/
  // shared_parking.hpp, I3).
  void pass_on() noexcept;
  template <class Ready>
  [[nodiscard]] Waited wait_until(Ready&& ready, Timeout timeout);
  template <class Ready>
  [[nodiscard]] bool arm_until(Ready&& ready);

 private:
  struct Others;
  static constexpr std::uint32_t kNone = UINT32_MAX;
  [[nodiscard]] bool take_from_owner_in_the_way() noexcept;
  [[nodiscard]] bool may_have_lost_one() const noexcept;

  core::MpmcRecovered recovered_;
  Sleeper::Clock::time_point look_after_{};  // when the others are next asked after
  std::uint32_t polls_ = 0;                  // that found nothing

 protected:
  bool passes_on_ = false;  // may have slept since it last got something
};

class RINGBELL_API QueueSender : public QueueEnd<QueueSender> {
 public:
  QueueSender(QueueSender&&) noexcept = default;
  QueueSender& operator=(QueueSender&& other) noexcept { return replace(*this, std::move(other)); }
  // A message that is claimed is given up.
  ~QueueSender();

  // Room for one message of up to max_message_bytes(), or nothing: not now. Never waits. It has its
  // place in the order from now on, and the receivers wait for it: commit() or abort() soon. The
  // same room again until then.
  [[nodiscard]] std::optional<std::span<std::byte>> claim() noexcept {
    [[maybe_unused]] const auto whole = inside();
    if (claim_ == Claim::none && ring_.claim(1) == 1) {
      claim_ = Claim::made;
      if (passes_on_) [[unlikely]]
        pass_on();
    }
    if (claim_ == Claim::made) [[likely]]
      return ring_.payload(0).subspan(sizeof(sized::Size));
    return claim_slowly();
  }
  // The same, waiting for room. Nothing: time is up. Errors: corrupt; no_reader, if a receiver is
  // required and there is none.
  [[nodiscard]] Result<std::optional<std::span<std::byte>>> claim_for(Timeout timeout = kForever);

  // Makes the message visible, `size_bytes` of it. False: this end was declared dead meanwhile, the
  // message is gone; or nothing is claimed, or it cannot have that size, and nothing happened.
  bool commit(std::size_t size_bytes) noexcept {
    [[maybe_unused]] const auto whole = inside();
    if (claim_ != Claim::made || !fits(size_bytes, max_message_bytes())) [[unlikely]]
      return false;
    sized::write_size(ring_.payload(0), size_bytes);
    claim_ = unclaimed_;
    const bool committed = ring_.commit();
    ring_data();
    return committed;
  }
  // Gives the claimed room up, if there is any.
  void abort() noexcept;

  // Copies a message in. False: not now, or time is up. Errors: too_large; corrupt; evicted, if
  // this very end was declared dead while it sent; no_reader, as claim_for().
  [[nodiscard]] Result<bool> send(std::span<const std::byte> message, Timeout timeout = kForever) {
    [[maybe_unused]] const auto whole = inside();
    if (fits(message.size(), max_message_bytes())) [[likely]] {
      if (const std::optional<std::span<std::byte>> room = claim()) [[likely]] {
        copy_in_(*room, message);
        if (commit(message.size())) [[likely]]
          return true;
        return fail_taken_for_dead();
      }
    }
    return send_later(message, timeout);
  }

  // From now on no room is given unless a living receiver is there: claim_for() and send() are an
  // Error at once, claim() is "not now". Each message then costs a system call or more. Off at
  // first: a queue keeps its messages for whichever receiver comes. A claim is given up.
  void require_reader(bool required = true) noexcept;

  // How many of the queue's places are not free: claimed, with a message that is ready, or in a
  // receiver's hand. Looks at each place, while the others go on.
  [[nodiscard]] std::uint64_t fill() const noexcept { return ring_.contents().all(); }

  // Announces a sleep, then looks. False: do not sleep: there is room, or claim_for() has an Error
  // to tell. True: armed until the descriptor becomes readable; look then, and arm() again. Takes
  // from dead ends what a waiting call would.
  [[nodiscard]] bool arm();

 private:
  template <class, class>
  friend class OpenedEnd;
  template <class>
  friend class QueueEnd;

  [[nodiscard]] static Part part() noexcept;
  [[nodiscard]] static Result<QueueSender> on(Participant participant);
  QueueSender(Participant participant, core::MpmcRing<>::Writer ring) noexcept;
  [[nodiscard]] Result<bool> send_later(std::span<const std::byte> message, Timeout timeout);
  [[nodiscard]] static Result<bool> fail_taken_for_dead();
  [[nodiscard]] std::optional<std::span<std::byte>> claim_slowly() noexcept;
  // Whether a receiver is required and none is there.
  [[nodiscard]] bool lacks_receiver() noexcept;
  [[nodiscard]] bool has_more() noexcept { return ring_.has_room(); }
  [[nodiscard]] std::uint32_t& own_bell() const noexcept { return bells().space_bell.word; }

  // Asks: none, and a receiver is required.
  enum class Claim : std::uint8_t { none, made, asks };

  core::MpmcRing<>::Writer ring_;
  CopyIn copy_in_;
  Claim claim_ = Claim::none;
  Claim unclaimed_ = Claim::none;  // none or asks: what claim_ is while none is made
  std::uint32_t receiver_ = 0;     // the one that was there when last asked
};

class RINGBELL_API QueueReceiver : public QueueEnd<QueueReceiver> {
 public:
  QueueReceiver(QueueReceiver&&) noexcept = default;
  QueueReceiver& operator=(QueueReceiver&& other) noexcept {
    return replace(*this, std::move(other));
  }
  // A message in hand goes to another receiver, marked as redelivered.
  ~QueueReceiver();

  // The next message, in place, this receiver's alone; nothing: not now. The same one again until
  // release(). The bytes stay in shared memory: copy what must not change after a check.
  [[nodiscard]] std::optional<std::span<const std::byte>> peek() noexcept {
    [[maybe_unused]] const auto whole = inside();
    if (!in_hand_) {
      in_hand_ = ring_.take(1) == 1;
      if (!in_hand_) {
        polled_in_vain();
        return std::nullopt;
      }
      if (passes_on_) [[unlikely]]
        pass_on();
    }
    const std::optional<std::span<const std::byte>> message = sized::message_in(ring_.payload(0));
    if (!message) [[unlikely]]
      wrong_size_ = sized::wrong_size(ring_.payload(0));
    return message;
  }
  // The same, waiting for one. Nothing: time is up. Errors: corrupt.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> peek_for(
      Timeout timeout = kForever);
  // Whether the peeked message was in the hand of a receiver that died, and may have been acted on.
  // Such a one comes out of the order.
  [[nodiscard]] bool redelivered() const noexcept { return ring_.redelivered(); }
  // Done with it. False: this end was declared dead meanwhile, another receiver gets the message
  // too; or nothing is in hand, and nothing happened.
  bool release() noexcept {
    [[maybe_unused]] const auto whole = inside();
    if (!in_hand_) return false;
    in_hand_ = false;
    const bool released = ring_.release();
    ring_space();
    return released;
  }

  // How far the receivers are behind: messages that are ready and in no receiver's hand. Looks at
  // each place, while the others go on.
  [[nodiscard]] std::uint64_t lag() const noexcept { return ring_.contents().ready; }

  // Copies the next message out and returns its size; nothing: time is up. Errors: as peek_for;
  // too_large if `into` is too small, the message then stays in hand.
  [[nodiscard]] Result<std::optional<std::size_t>> receive(std::span<std::byte> into,
                                                           Timeout timeout = kForever) {
    [[maybe_unused]] const auto whole = inside();
    return receive_from(*this, into, timeout);
  }

  // As QueueSender's. False also means that a message may have been taken in hand: peek() has it.
  [[nodiscard]] bool arm();

 private:
  template <class, class>
  friend class OpenedEnd;
  template <class>
  friend class QueueEnd;

  [[nodiscard]] static Part part() noexcept;
  [[nodiscard]] static Result<QueueReceiver> on(Participant participant);
  QueueReceiver(Participant participant, core::MpmcRing<>::Reader ring) noexcept;
  [[nodiscard]] bool has_more() noexcept { return ring_.has_more(); }
  [[nodiscard]] std::uint32_t& own_bell() const noexcept { return bells().data_bell.word; }

  core::MpmcRing<>::Reader ring_;
  bool in_hand_ = false;
  core::Finding wrong_size_;  // of a message
};

}  // namespace ringbell
