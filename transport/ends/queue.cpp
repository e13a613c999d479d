#include <ringbell/transport/ends/queue.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <utility>

#include <ringbell/core/shared_round.hpp>
#include <ringbell/transport/base/probes.hpp>
#include <ringbell/transport/ends/reader_required.hpp>

namespace ringbell {
namespace {

constexpr std::string_view kMore =
    "QueueOptions::participants of the ring's maker says how many there can be";
// How much of the list of participants one end goes through in a slice.
constexpr std::uint32_t kLooksASlice = 1024;
constexpr int kTries = 4;  // to take a share of the questions, beside others
// So many slots are looked at in the time of a question, or more.
constexpr std::uint64_t kLooksPerAsk = 256;

// For a decision that may be late: relaxed. A message in the hand of a dead receiver counts: it
// comes again.
bool holds_messages(const Region& region) noexcept {
  constexpr core::Edge kLook{"mpmc.R"};
  const core::MpmcContents found =
      core::contents_of<core::HardwareAtomics>(core::MpmcPlaces(region.mpmc_memory()), kLook);
  return found.ready + found.taken > 0;
}

}  // namespace

template <class Self>
void QueueEnd<Self>::ring_all() const noexcept {
  participant_.sleeper().published(bells().data_bell.word);
  participant_.sleeper().published(bells().space_bell.word);
}

template <class Self>
void QueueEnd<Self>::pass_on() noexcept {
  passes_on_ = false;
  Self& self = static_cast<Self&>(*this);
  if (self.has_more()) participant_.sleeper().published_one(self.own_bell());
}

template <class Self>
void QueueEnd<Self>::disarm() noexcept {
  Base::disarm();
  if (std::exchange(passes_on_, false)) ring_all();
}

template <class Self>
void QueueEnd<Self>::leave() noexcept {
  participant_.say_closed();
  if (passes_on_) ring_all();
  participant_.leave([&] { return holds_messages(this->region()); });
}

template <class Self>
core::MpmcRecovered QueueEnd<Self>::take_from_dead(std::uint32_t also) noexcept {
  const core::MpmcRecovered found =
      static_cast<Self*>(this)->ring_.recover([&](core::ParticipantId owner) {
        const std::uint32_t number = owner - 1U;
        return number == also || participant_.is_gone(number);
      });
  recovered_.skipped += found.skipped;
  recovered_.returned += found.returned;
  if (found.skipped + found.returned > 0) {
    RINGBELL_PROBE(redeliver, found.returned, found.skipped);
    ring_all();
  }
  return found;
}

template <class Self>
bool QueueEnd<Self>::take_from_owner_in_the_way() noexcept {
  const core::ParticipantId owner = static_cast<Self*>(this)->ring_.waits_for();
  if (owner == 0 || !participant_.is_gone(owner - 1U)) return false;
  take_from_dead();
  return true;
}

// A number that says it has closed, or that was buried, has nothing in any slot. So what there may
// be is that of one that says it is open and is gone. If there are many to ask after, looking at
// the slots is less.
template <class Self>
bool QueueEnd<Self>::may_have_lost_one() const noexcept {
  const std::uint64_t most = this->region().geometry().slot_count / kLooksPerAsk;
  std::uint64_t asks = 0;
  for (std::uint32_t number = 0; number < this->region().geometry().participants; ++number) {
    if (number == participant_.number() || !participant_.is_open(number)) continue;
    if (++asks > most || participant_.is_gone(number)) return true;
  }
  return false;
}

template <class Self>
void QueueEnd<Self>::take_at_start() noexcept {
  if (participant_.follows_a_death() || may_have_lost_one()) take_from_dead(participant_.number());
}

// A message in the hand of a dead receiver is in no end's way while the queue is empty: it must be
// looked for. Some participants in each slice, in turn: this end's share of the questions that all
// ends ask together.
template <class Self>
void QueueEnd<Self>::look_after_others() noexcept {
  if (take_from_owner_in_the_way()) return;
  const Sleeper::Clock::time_point now = Sleeper::Clock::now();
  if (now < look_after_) return;
  const std::chrono::nanoseconds slice = participant_.sleeper().slice();
  look_after_ = now + slice;
  const auto in_ns = [](std::chrono::nanoseconds time) {
    return static_cast<std::uint64_t>(time.count());
  };
  const std::uint32_t places = this->region().geometry().participants;
  core::SharedRound<> round(this->region().mpmc_memory().control->asked, places, in_ns(slice));
  for (int tries = 0; tries < kTries; ++tries) {
    const auto due = round.due(in_ns(now.time_since_epoch()));
    std::array<std::uint32_t, kAsksASlice> open{};  // of those that are due
    std::uint32_t asks = 0;
    std::uint32_t looks = 0;
    for (; looks < std::min(due.count, kLooksASlice) && asks < kAsksASlice; ++looks) {
      const std::uint32_t number = (due.first + looks) % places;
      if (participant_.is_open(number)) open[asks++] = number;
    }
    if (looks == 0) return;
    if (!round.take(due, looks)) continue;
    for (const std::uint32_t number : std::span(open).first(asks)) {
      if (!participant_.is_gone(number)) continue;
      const bool buried = participant_.mend_place_of(number, [&] {
        take_from_dead();
        participant_.bury(number);
      });
      if (!buried) take_from_dead();
    }
    return;
  }
}

// No end in particular is waited for, so no end's death ends the wait; but the owner of a slot that
// is in the way is asked about, and after each slice some others.
template <class Self>
struct QueueEnd<Self>::Others {
  QueueEnd& own;

  [[nodiscard]] static bool closed() noexcept { return false; }
  [[nodiscard]] bool stay_awake() const noexcept {
    own.passes_on_ = true;
    return own.take_from_owner_in_the_way();
  }
  [[nodiscard]] Waited ask() const noexcept {
    own.look_after_others();
    return Waited::ready;
  }
};

template <class Self>
template <class Ready>
Waited QueueEnd<Self>::wait_until(Ready&& ready, Timeout timeout) {
  return participant_.sleeper().wait_until(ready, Others{*this}, timeout);
}

template <class Self>
template <class Ready>
bool QueueEnd<Self>::arm_until(Ready&& ready) {
  if (participant_.sleeper().slept_a_slice()) {
    look_after_ = {};
    look_after_others();
  }
  return participant_.sleeper().arm(ready, Others{*this});
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
  participant_.sleeper().will_sleep_on(bells().space_bell.word);
  take_at_start();
}

QueueSender::~QueueSender() {
  if (!participant_.is_open()) return;
  abort();
  leave();
}

Result<std::optional<std::span<std::byte>>> QueueSender::claim_for(Timeout timeout) {
  std::optional<std::span<std::byte>> room = claim();
  if (room) return room;
  if (lacks_receiver()) return fail_without_reader(PeerState::absent, "receiver");
  RINGBELL_PROBE(no_room, max_message_bytes());
  const Waited waited = wait_until(
      [&] { return ring_.corrupt() || (room = claim()).has_value() || lacks_receiver(); }, timeout);
  if (waited == Waited::cancelled) return fail_interrupted();
  if (!room && ring_.corrupt()) return fail_corrupt(ring_.finding());
  if (!room && lacks_receiver()) {
    pass_on();  // it may have been woken for room that others can use
    return fail_without_reader(PeerState::absent, "receiver");
  }
  return room;
}

std::optional<std::span<std::byte>> QueueSender::claim_slowly() noexcept {
  if (claim_ == Claim::asks && !lacks_receiver() && ring_.claim(1) == 1) {
    claim_ = Claim::made;
    if (passes_on_) pass_on();
    return claim();
  }
  polled_in_vain();
  return std::nullopt;
}

void QueueSender::require_reader(bool required) noexcept {
  abort();
  claim_ = unclaimed_ = required ? Claim::asks : Claim::none;
}

bool QueueSender::lacks_receiver() noexcept {
  constexpr core::Edge kLook{"participant.S"};
  constexpr std::uint32_t kReads = 1;
  if (claim_ != Claim::asks) return false;
  const auto is_there = [&](std::uint32_t number) {
    const std::uint32_t& role = region().participant(number).role;
    return participant_.is_open(number) &&
           core::HardwareAtomics::load(role, std::memory_order_relaxed, kLook) == kReads &&
           !participant_.is_gone(number);
  };
  if (is_there(receiver_)) return false;
  const std::uint32_t places = region().geometry().participants;
  for (receiver_ = 0; receiver_ < places; ++receiver_) {
    if (is_there(receiver_)) return false;
  }
  receiver_ = 0;
  return true;
}

void QueueSender::abort() noexcept {
  if (claim_ != Claim::made) return;
  claim_ = unclaimed_;
  ring_.abort();
  ring_all();  // those that wait at this place go on
}

Result<bool> QueueSender::send_later(std::span<const std::byte> message, Timeout timeout) {
  if (!fits(message.size(), max_message_bytes())) {
    return fail_size(message.size(), max_message_bytes(), "a message", "this queue");
  }
  const Result<std::optional<std::span<std::byte>>> room = claim_for(timeout);
  if (!room) return tl::unexpected(room.error());
  if (!*room) return false;
  return send(message, Timeout::zero());  // into the room that is claimed
}

Result<bool> QueueSender::fail_taken_for_dead() {
  return fail(ErrorCode::evicted, "this sender was taken for dead; the message is not sent");
}

bool QueueSender::arm() {
  return arm_until([&] {
    return claim_ == Claim::made || ring_.corrupt() || ring_.has_room() || lacks_receiver();
  });
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
  participant_.sleeper().will_sleep_on(bells().data_bell.word);
  take_at_start();
}

QueueReceiver::~QueueReceiver() {
  if (!participant_.is_open()) return;
  // As if this one had died with it.
  if (in_hand_) take_from_dead(participant_.number());
  leave();
}

Result<std::optional<std::span<const std::byte>>> QueueReceiver::peek_for(Timeout timeout) {
  std::optional<std::span<const std::byte>> message = peek();
  if (message) return message;
  const Waited waited = wait_until(
      [&] {
        return wrong_size_.field != nullptr || ring_.corrupt() || (message = peek()).has_value();
      },
      timeout);
  if (message) return message;
  if (waited == Waited::cancelled) return fail_interrupted();
  if (wrong_size_.field != nullptr) return fail_corrupt(wrong_size_);
  if (ring_.corrupt()) return fail_corrupt(ring_.finding());
  return message;
}

bool QueueReceiver::arm() {
  return arm_until(
      [&] { return wrong_size_.field != nullptr || ring_.corrupt() || peek().has_value(); });
}

}  // namespace ringbell
