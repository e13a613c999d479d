#include <ringbell/transport/ends/queue.hpp>

#include <algorithm>
#include <utility>

#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/not_now.hpp>

namespace ringbell {
namespace {

// How much of the list of participants is gone through in a slice, and for how many of them the
// kernel is asked: some 100 us.
constexpr std::string_view kMore =
    "QueueOptions::participants of the ring's maker says how many there can be";
constexpr std::uint32_t kLooksASlice = 1024;
constexpr std::uint32_t kAsksASlice = 64;

// For a decision that may be late: relaxed. A message in the hand of a dead receiver counts: it
// comes again.
bool holds_messages(const Region& region) noexcept {
  const core::MpmcPlaces at(region.mpmc_memory());
  for (std::uint64_t slot = 0; slot < at.slot_count(); ++slot) {
    constexpr core::Edge kLook{"mpmc.R"};
    const core::MpmcSlotState state(
        core::HardwareAtomics::load(at.state_at(slot), std::memory_order_relaxed, kLook));
    if (state.phase() == core::MpmcSlotState::kReady ||
        state.phase() == core::MpmcSlotState::kTaken) {
      return true;
    }
  }
  return false;
}

}  // namespace

template <class Self>
QueueEnd<Self>::QueueEnd(Participant participant) noexcept : Base(std::move(participant)) {
  participant_.sleeper().will_sleep_on(bells().data_bell.word);
  participant_.sleeper().will_sleep_on(bells().space_bell.word);
}

template <class Self>
void QueueEnd<Self>::leave() noexcept {
  participant_.say_closed();
  participant_.leave([&] { return holds_messages(this->region()); });
}

template <class Self>
core::MpmcRecovered QueueEnd<Self>::take_from_dead(bool own_too) noexcept {
  const std::uint32_t own = participant_.number();
  const core::MpmcRecovered found =
      static_cast<Self*>(this)->ring_.recover([&](core::ParticipantId owner) {
        const std::uint32_t number = owner - 1U;
        return number == own ? own_too : participant_.is_gone(number);
      });
  recovered_.skipped += found.skipped;
  recovered_.returned += found.returned;
  if (found.skipped + found.returned > 0) {
    ring_data();
    ring_space();
  }
  return found;
}

template <class Self>
bool QueueEnd<Self>::take_from_owner_in_the_way() noexcept {
  const core::ParticipantId owner = static_cast<Self*>(this)->ring_.waits_for();
  if (owner == 0 || !participant_.is_gone(owner - 1U)) return false;
  take_from_dead(false);
  return true;
}

// A message in the hand of a dead receiver is in no end's way while the queue is empty: it must be
// looked for. Some participants in each slice, in turn.
template <class Self>
void QueueEnd<Self>::look_after_others() noexcept {
  if (take_from_owner_in_the_way()) return;
  const Sleeper::Clock::time_point now = Sleeper::Clock::now();
  if (now < look_after_) return;
  look_after_ = now + participant_.sleeper().slice();
  const std::uint32_t places = this->region().geometry().participants;
  std::uint32_t asks = kAsksASlice;
  for (std::uint32_t looks = std::min(places, kLooksASlice); looks > 0 && asks > 0; --looks) {
    const std::uint32_t number = next_asked_;
    next_asked_ = number + 1 < places ? number + 1 : 0;
    if (!participant_.is_open(number)) continue;
    --asks;
    if (!participant_.is_gone(number)) continue;
    take_from_dead(false);
    participant_.bury(number);
  }
}

// No end in particular is waited for, so no end's death ends the wait; but the owner of a slot that
// is in the way is asked about, and after each slice some others.
template <class Self>
struct QueueEnd<Self>::Others {
  QueueEnd& own;

  [[nodiscard]] static bool closed() noexcept { return false; }
  [[nodiscard]] bool stay_awake() const noexcept { return own.take_from_owner_in_the_way(); }
  [[nodiscard]] Waited ask() const noexcept {
    own.look_after_others();
    return Waited::ready;
  }
};

template <class Self>
template <class Ready>
Waited QueueEnd<Self>::wait_until(std::uint32_t& word, Ready&& ready, Timeout timeout) {
  return participant_.sleeper().wait_until(word, ready, Others{*this}, timeout);
}

template <class Self>
template <class Ready>
bool QueueEnd<Self>::arm_on(std::uint32_t& word, Ready&& ready) {
  if (participant_.sleeper().slept_a_slice()) look_after_others();
  return participant_.sleeper().arm(word, ready, Others{*this});
}

template class QueueEnd<QueueSender>;
template class QueueEnd<QueueReceiver>;

// --- QueueSender ---------------------------------------------------------------------------------

Part QueueSender::part() noexcept {
  return {.kind = core::RingKind::mpmc, .role = "sender", .more = kMore, .is_sized = true};
}

Result<QueueSender> QueueSender::on(Participant participant) {
  core::MpmcRing<>::Writer ring(participant.region().mpmc_memory(), id_of(participant));
  return QueueSender(std::move(participant), std::move(ring));
}

QueueSender::QueueSender(Participant participant, core::MpmcRing<>::Writer ring) noexcept
    : QueueEnd(std::move(participant)), ring_(std::move(ring)), copy_in_(region().geometry()) {
  take_from_dead(true);
}

QueueSender::~QueueSender() {
  if (!participant_.is_open()) return;
  abort();
  leave();
}

std::optional<std::span<std::byte>> QueueSender::claim() noexcept {
  if (!claimed_) claimed_ = ring_.claim(1) == 1;
  if (claimed_) [[likely]]
    return ring_.payload(0).subspan(sizeof(sized::Size));
  polled_in_vain();
  return std::nullopt;
}

Result<std::optional<std::span<std::byte>>> QueueSender::claim_for(Timeout timeout) {
  std::optional<std::span<std::byte>> room = claim();
  if (room) return room;
  (void)wait_until(
      bells().space_bell.word, [&] { return ring_.corrupt() || (room = claim()).has_value(); },
      timeout);
  if (!room && ring_.corrupt()) return fail_corrupt(ring_.finding());
  return room;
}

bool QueueSender::commit(std::size_t size_bytes) noexcept {
  if (!claimed_ || !fits(size_bytes, max_message_bytes())) return false;
  sized::write_size(ring_.payload(0), size_bytes);
  claimed_ = false;
  const bool committed = ring_.commit();
  ring_data();
  return committed;
}

void QueueSender::abort() noexcept {
  if (!claimed_) return;
  claimed_ = false;
  ring_.abort();
  ring_data();  // those that wait at this place go on
  ring_space();
}

Result<bool> QueueSender::send(std::span<const std::byte> message, Timeout timeout) {
  if (!fits(message.size(), max_message_bytes())) {
    return fail_size(message.size(), max_message_bytes(), "a message", "this queue");
  }
  const Result<std::optional<std::span<std::byte>>> room = claim_for(timeout);
  if (!room) return tl::unexpected(room.error());
  if (!*room) return false;
  copy_in_(**room, message);
  if (!commit(message.size())) {
    return fail(ErrorCode::peer_dead, "this sender was taken for dead; the message is not sent");
  }
  return true;
}

bool QueueSender::arm() {
  return arm_on(bells().space_bell.word,
                [&] { return claimed_ || ring_.corrupt() || ring_.has_room(); });
}

// --- QueueReceiver -------------------------------------------------------------------------------

Part QueueReceiver::part() noexcept {
  return {.kind = core::RingKind::mpmc,
          .role = "receiver",
          .more = kMore,
          .reads = true,
          .is_sized = true,
          .left_something = holds_messages};
}

Result<QueueReceiver> QueueReceiver::on(Participant participant) {
  core::MpmcRing<>::Reader ring(participant.region().mpmc_memory(), id_of(participant));
  return QueueReceiver(std::move(participant), std::move(ring));
}

QueueReceiver::QueueReceiver(Participant participant, core::MpmcRing<>::Reader ring) noexcept
    : QueueEnd(std::move(participant)), ring_(std::move(ring)) {
  take_from_dead(true);
}

QueueReceiver::~QueueReceiver() {
  if (!participant_.is_open()) return;
  if (in_hand_) take_from_dead(true);  // as if this one had died with it
  leave();
}

std::optional<std::span<const std::byte>> QueueReceiver::peek() noexcept {
  if (!in_hand_) in_hand_ = ring_.take(1) == 1;
  if (!in_hand_) {
    polled_in_vain();
    return std::nullopt;
  }
  const std::optional<std::span<const std::byte>> message = sized::message_in(ring_.payload(0));
  if (!message) wrong_size_ = sized::wrong_size(ring_.payload(0));
  return message;
}

Result<std::optional<std::span<const std::byte>>> QueueReceiver::peek_for(Timeout timeout) {
  std::optional<std::span<const std::byte>> message = peek();
  if (message) return message;
  (void)wait_until(
      bells().data_bell.word,
      [&] {
        return wrong_size_.field != nullptr || ring_.corrupt() || (message = peek()).has_value();
      },
      timeout);
  if (message) return message;
  if (wrong_size_.field != nullptr) return fail_corrupt(wrong_size_);
  if (ring_.corrupt()) return fail_corrupt(ring_.finding());
  return message;
}

bool QueueReceiver::arm() {
  return arm_on(bells().data_bell.word, [&] {
    return wrong_size_.field != nullptr || ring_.corrupt() || peek().has_value();
  });
}

bool QueueReceiver::release() noexcept {
  if (!in_hand_) return false;
  in_hand_ = false;
  const bool released = ring_.release();
  ring_space();
  return released;
}

Result<std::optional<std::size_t>> QueueReceiver::receive(std::span<std::byte> into,
                                                          Timeout timeout) {
  return copy_out(*this, peek_for(timeout), into);
}

}  // namespace ringbell
