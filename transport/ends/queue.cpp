#include <ringbell/transport/ends/queue.hpp>

#include <cassert>
#include <utility>

#include <fmt/format.h>

namespace ringbell {
namespace {

Numbers senders_of(const Region& region) {
  return {.first = 0, .end = region.geometry().participants, .role = "sender", .reads = false};
}
Numbers receivers_of(const Region& region) {
  return {.first = 0, .end = region.geometry().participants, .role = "receiver", .reads = true};
}

// For a decision that may be late: relaxed.
bool holds_messages(const Region& region) noexcept {
  const core::MpmcPlaces at(region.mpmc_memory());
  for (std::uint64_t slot = 0; slot < at.slot_count(); ++slot) {
    constexpr core::Edge kLook{"mpmc.R"};
    const core::MpmcSlotState state(
        core::HardwareAtomics::load(at.state_at(slot), std::memory_order_relaxed, kLook));
    if (state.phase() == core::MpmcSlotState::kReady) return true;
  }
  return false;
}

}  // namespace

QueueEnd::QueueEnd(Participant participant) noexcept : participant_(std::move(participant)) {
  participant_.sleeper().will_sleep_on(bells().data_bell.word);
  participant_.sleeper().will_sleep_on(bells().space_bell.word);
}

Result<Participant> QueueEnd::join(Region region, bool reads, const WaitOptions& wait) {
  if (region.kind() != core::RingKind::mpmc ||
      region.geometry().message_bytes < sizeof(sized::Size)) {
    return fail(ErrorCode::not_a_region, "the region holds another ring than a queue's");
  }
  const Numbers among = reads ? receivers_of(region) : senders_of(region);
  return Participant::join(std::move(region), among, wait);
}

void QueueEnd::leave() noexcept {
  participant_.say_closed();
  participant_.leave([&] { return holds_messages(region()); });
}

template <class Ring>
void QueueEnd::recover(Ring& ring, bool first) noexcept {
  const std::uint32_t own = participant_.number();
  const core::MpmcRecovered found = ring.recover([&](core::ParticipantId owner) {
    const std::uint32_t number = owner - 1U;
    return number == own ? first : participant_.is_gone(number);
  });
  recovered_.skipped += found.skipped;
  recovered_.returned += found.returned;
  if (found.skipped + found.returned == 0) return;
  ring_data();
  ring_space();
}

// A message in the hand of a dead receiver is in nobody's way while the queue is empty: it must be
// looked for.
template <class Ring>
void QueueEnd::recover_from_the_dead(Ring& ring) noexcept {
  for (std::uint32_t number = 0; number < region().geometry().participants; ++number) {
    if (!participant_.is_unburied(number)) continue;
    recover(ring, false);
    participant_.bury(number);
  }
}

// Nobody in particular is waited for, so nobody's end ends the wait; but a slot that somebody has
// in hand is asked about, and after each slice everybody.
template <class Ring>
struct QueueEnd::Others {
  QueueEnd& own;
  Ring& ring;

  [[nodiscard]] static bool closed() noexcept { return false; }
  [[nodiscard]] bool stay_awake() const noexcept {
    const core::ParticipantId owner = ring.waits_for();
    if (owner == 0 || !own.participant_.is_gone(owner - 1U)) return false;
    own.recover(ring, false);
    return true;
  }
  [[nodiscard]] Waited ask() const noexcept {
    own.recover_from_the_dead(ring);
    return Waited::ready;
  }
};

template <class Ring, class Ready>
Waited QueueEnd::wait_until(Ring& ring, std::uint32_t& word, Ready&& ready, Timeout timeout) {
  const Others<Ring> others{*this, ring};
  return participant_.sleeper().wait_until(word, ready, others, timeout);
}

template <class Ring, class Ready>
bool QueueEnd::arm(Ring& ring, std::uint32_t& word, Ready&& ready) {
  const Others<Ring> others{*this, ring};
  if (participant_.sleeper().slept_a_slice()) (void)others.ask();
  return participant_.sleeper().arm(word, ready, others);
}

// --- QueueSender ---------------------------------------------------------------------------------

QueueSender::QueueSender(Participant participant, core::MpmcRing<>::Writer ring) noexcept
    : QueueEnd(std::move(participant)), ring_(std::move(ring)), copy_in_(region().geometry()) {
  recover(ring_, true);
}

QueueSender& QueueSender::operator=(QueueSender&& other) noexcept {
  std::swap(participant_, other.participant_);
  std::swap(recovered_, other.recovered_);
  std::swap(ring_, other.ring_);
  std::swap(copy_in_, other.copy_in_);
  std::swap(claimed_, other.claimed_);
  return *this;
}

QueueSender::~QueueSender() { close(); }

void QueueSender::close() noexcept {
  if (!participant_.is_open()) return;
  if (claimed_) abort();
  leave();
}

Result<QueueSender> QueueSender::open(Region region, const WaitOptions& wait) {
  return from(join(std::move(region), false, wait));
}

Result<QueueSender> QueueSender::create(std::string_view name, const QueueOptions& options,
                                        const WaitOptions& wait) {
  return from(Participant::create(name, options.region(), senders_of, wait));
}

Result<QueueSender> QueueSender::open(std::string_view name, Timeout timeout,
                                      const WaitOptions& wait) {
  return from(Participant::open(name, {core::RingKind::mpmc, senders_of}, timeout, wait));
}

Result<QueueSender> QueueSender::from(Result<Participant> participant) {
  if (!participant) return tl::unexpected(std::move(participant.error()));
  const auto id = static_cast<core::ParticipantId>(participant->number() + 1);
  core::MpmcRing<>::Writer ring(participant->region().mpmc_memory(), id);
  return QueueSender(std::move(*participant), std::move(ring));
}

std::span<std::byte> QueueSender::claim() noexcept {
  assert(!claimed_);
  const std::span<std::byte> slot = ring_.claim();
  claimed_ = !slot.empty();
  return claimed_ ? slot.subspan(sizeof(sized::Size)) : slot;
}

Result<std::span<std::byte>> QueueSender::claim_for(Timeout timeout) {
  std::span<std::byte> room = claim();
  if (!room.empty()) return room;
  (void)wait_until(
      ring_, bells().space_bell.word, [&] { return ring_.corrupt() || !(room = claim()).empty(); },
      timeout);
  if (room.empty() && ring_.corrupt()) return fail_corrupt(ring_.finding());
  return room;
}

bool QueueSender::commit(std::uint32_t size_bytes) noexcept {
  assert(claimed_ && size_bytes <= max_message_bytes());
  const std::span<std::byte> slot = ring_.payload(0);
  sized::write_size(slot, size_bytes);
  claimed_ = false;
  const bool committed = ring_.commit();
  ring_data();
  return committed;
}

void QueueSender::abort() noexcept {
  assert(claimed_);
  claimed_ = false;
  ring_.abort();
  ring_data();  // who waits at this place goes on
  ring_space();
}

Result<bool> QueueSender::send(std::span<const std::byte> message, Timeout timeout) {
  if (message.size() > max_message_bytes()) {
    return fail(ErrorCode::too_large,
                fmt::format("a message of {} bytes: this queue takes at most {}; create it with "
                            "larger messages",
                            message.size(), max_message_bytes()));
  }
  const Result<std::span<std::byte>> room = claim_for(timeout);
  if (!room) return tl::unexpected(room.error());
  if (room->empty()) return false;
  if (!message.empty()) copy_in_(*room, message);
  if (!commit(static_cast<std::uint32_t>(message.size()))) {
    return fail(ErrorCode::peer_dead, "this sender was taken for dead; the message is not sent");
  }
  return true;
}

bool QueueSender::arm() {
  return QueueEnd::arm(ring_, bells().space_bell.word,
                       [&] { return ring_.corrupt() || ring_.has_room(); });
}

// --- QueueReceiver -------------------------------------------------------------------------------

QueueReceiver::QueueReceiver(Participant participant, core::MpmcRing<>::Reader ring) noexcept
    : QueueEnd(std::move(participant)), ring_(std::move(ring)) {
  recover(ring_, true);
}

QueueReceiver& QueueReceiver::operator=(QueueReceiver&& other) noexcept {
  std::swap(participant_, other.participant_);
  std::swap(recovered_, other.recovered_);
  std::swap(ring_, other.ring_);
  std::swap(in_hand_, other.in_hand_);
  std::swap(wrong_size_, other.wrong_size_);
  return *this;
}

QueueReceiver::~QueueReceiver() { close(); }

void QueueReceiver::close() noexcept {
  if (!participant_.is_open()) return;
  if (in_hand_) recover(ring_, true);  // as if this one had died with it
  leave();
}

Result<QueueReceiver> QueueReceiver::open(Region region, const WaitOptions& wait) {
  return from(join(std::move(region), true, wait));
}

Result<QueueReceiver> QueueReceiver::create(std::string_view name, const QueueOptions& options,
                                            const WaitOptions& wait) {
  return from(Participant::create(name, options.region(), receivers_of, wait));
}

Result<QueueReceiver> QueueReceiver::open(std::string_view name, Timeout timeout,
                                          const WaitOptions& wait) {
  return from(
      Participant::open(name, {core::RingKind::mpmc, receivers_of, holds_messages}, timeout, wait));
}

Result<QueueReceiver> QueueReceiver::from(Result<Participant> participant) {
  if (!participant) return tl::unexpected(std::move(participant.error()));
  const auto id = static_cast<core::ParticipantId>(participant->number() + 1);
  core::MpmcRing<>::Reader ring(participant->region().mpmc_memory(), id);
  return QueueReceiver(std::move(*participant), std::move(ring));
}

std::optional<std::span<const std::byte>> QueueReceiver::peek() noexcept {
  if (!in_hand_) in_hand_ = ring_.take(1) == 1;
  if (!in_hand_) return std::nullopt;
  const std::optional<std::span<const std::byte>> message = sized::message_in(ring_.payload(0));
  if (!message) wrong_size_ = sized::wrong_size(ring_.payload(0));
  return message;
}

Result<std::optional<std::span<const std::byte>>> QueueReceiver::peek_for(Timeout timeout) {
  std::optional<std::span<const std::byte>> message = peek();
  if (message) return message;
  (void)wait_until(
      ring_, bells().data_bell.word,
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
  return QueueEnd::arm(ring_, bells().data_bell.word, [&] {
    return wrong_size_.field != nullptr || ring_.corrupt() || peek().has_value();
  });
}

bool QueueReceiver::release() noexcept {
  assert(in_hand_);
  in_hand_ = false;
  const bool released = ring_.release();
  ring_space();
  return released;
}

Result<std::optional<std::size_t>> QueueReceiver::receive(std::span<std::byte> into,
                                                          Timeout timeout) {
  const Result<std::optional<std::span<const std::byte>>> message = peek_for(timeout);
  if (!message) return tl::unexpected(message.error());
  if (!*message) return std::nullopt;
  const std::span<const std::byte> bytes = **message;
  if (bytes.size() > into.size()) {
    return fail(ErrorCode::too_large,
                fmt::format("a message of {} bytes for a buffer of {}", bytes.size(), into.size()));
  }
  if (!bytes.empty()) std::memcpy(into.data(), bytes.data(), bytes.size());
  release();
  return bytes.size();
}

}  // namespace ringbell
