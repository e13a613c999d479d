// The two kinds of Subscriber: a Member of a lossless topic is known by its lock, a Guest of a
// lossy one is known to no process.
#include <utility>

#include <fmt/format.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/message_type.hpp>
#include <ringbell/transport/ends/other_ring.hpp>
#include <ringbell/transport/ends/subscriber_member.hpp>
#include <ringbell/transport/ends/topic.hpp>
#include <ringbell/transport/names/name_search.hpp>

namespace ringbell {
namespace {

using core::RingKind;

using subscriber_detail::kMember;
using subscriber_detail::LosslessReader;
using subscriber_detail::ManyReader;
using LossyReader = core::BroadcastLossy<>::Reader;
using ManyLossyReader = core::ManyLossy<>::Reader;

}  // namespace

template <class Ring>
class Subscriber::Guest final : public Side {
 public:
  [[nodiscard]] static Result<Subscriber> join(Topic topic, Start start, const WaitOptions& wait,
                                               std::optional<HeldName> name = {});

  // REQUIRES: `ring` has joined: from `seat` on it is counted.
  Guest(Topic topic, const WaitOptions& wait, Ring ring, Result<ParticipantLock> seat,
        std::optional<HeldName> name) noexcept
      : topic_(std::move(topic)),
        name_(std::move(name)),
        seat_(std::move(seat)),
        sleeper_(region().doorbell() == core::DoorbellKind::futex ? core::DoorbellKind::futex
                                                                  : core::DoorbellKind::none,
                 wait),
        ring_(std::move(ring)) {
    sleeper_.will_wait_for(region().participants());
    sleeper_.published(topic_.bells().bells().space_bell.word);  // it may wait for subscribers
  }

  [[nodiscard]] std::optional<std::size_t> take(std::span<std::byte> into) noexcept override {
    return ring_.receive_sized(into);
  }
  [[nodiscard]] bool has_message() noexcept override { return ring_.anything(); }
  [[nodiscard]] bool reads_in_place() const noexcept override { return false; }
  [[nodiscard]] Seen read(Look look, void* what) override {
    return ring_.read_sized([&](std::span<const std::byte> message) { look(what, message); });
  }
  // It may store nothing there, so a dead publisher's claim stays until the next publisher comes.
  bool take_from_dead() noexcept override {
    if constexpr (kIsMany) {
      const auto is_dead = [&](core::ParticipantId id) {
        const std::uint32_t number = many_topic::number_of(region().kind(), id);
        return !ParticipantLock::is_held(region().fd(), number);
      };
      return ring_.pass_over_dead(is_dead);
    } else {
      return false;
    }
  }
  [[nodiscard]] core::Finding finding() const noexcept override { return ring_.finding(); }
  [[nodiscard]] std::uint64_t position() const noexcept override { return ring_.position(); }
  [[nodiscard]] std::uint64_t lag() const noexcept override { return ring_.lag(); }
  [[nodiscard]] std::uint64_t missed() const noexcept override { return ring_.missed(); }
  [[nodiscard]] const Region& region() const noexcept override { return topic_.region(); }
  [[nodiscard]] bool name_lost() const noexcept override { return name_ && name_->is_lost(); }
  [[nodiscard]] std::uint32_t& data_bell() const noexcept override { return topic_.data_bell(); }
  [[nodiscard]] Sleeper& sleeper() noexcept override { return sleeper_; }

 private:
  static constexpr bool kIsMany = std::is_same_v<Ring, ManyLossyReader>;

  Topic topic_;
  std::optional<HeldName> name_;
  Result<ParticipantLock> seat_;  // an Error: not counted
  Sleeper sleeper_;
  Ring ring_;
};

template <class Ring>
Result<Subscriber> Subscriber::Guest<Ring>::join(Topic topic, Start start, const WaitOptions& wait,
                                                 std::optional<HeldName> name) {
  if (!topic.bells_) {  // it is not sealed
    if (Result<void> done = topic.region_.make_messages_read_only(); !done) {
      return tl::unexpected(std::move(done.error()));
    }
  }
  const core::BroadcastSlots<const std::byte> memory = topic.region().lossy_view();
  Ring ring = start.kind_ == Start::Kind::position ? Ring(memory, start.position_)
                                                   : Ring(memory, start.end_of(true));
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  Result<ParticipantLock> seat = ParticipantLock::take_seat(topic.bells().fd());
  return Subscriber(std::make_unique<Guest>(std::move(topic), wait, std::move(ring),
                                            std::move(seat), std::move(name)));
}

Result<Subscriber> Subscriber::Side::join_lossy(Topic topic, Start start, const WaitOptions& wait,
                                                std::optional<HeldName> name) {
  if (topic.region().kind() == RingKind::many_lossy) {
    return Guest<ManyLossyReader>::join(std::move(topic), start, wait, std::move(name));
  }
  return Guest<LossyReader>::join(std::move(topic), start, wait, std::move(name));
}

// --- What both have ------------------------------------------------------------------------------

Subscriber::Subscriber(std::unique_ptr<Side> side) noexcept : side_(std::move(side)) {
  side_->sleeper().will_sleep_on(side_->data_bell());
  // NOLINTNEXTLINE(cppcoreguidelines-prefer-member-initializer): both ask the side
  says_death_first_ = peer() == PeerState::dead && side_->has_message();
}

Subscriber::Subscriber(Subscriber&&) noexcept = default;
Subscriber& Subscriber::operator=(Subscriber&& other) noexcept = default;
Subscriber::~Subscriber() = default;

Result<Subscriber> Subscriber::open(Topic topic, Start start, const WaitOptions& wait) {
  if (topic.is_lossy()) return Side::join_lossy(std::move(topic), start, wait);
  if (topic.region_.kind() == RingKind::many_lossless) {
    return Member<ManyReader>::join(
        Participant::join(std::move(topic.region_), kMember<ManyReader>, wait), start);
  }
  return Member<LosslessReader>::join(
      Participant::join(std::move(topic.region_), kMember<LosslessReader>, wait), start);
}

// The region says which kind it is. A lossy one is mapped twice: the bells must be written to.
Result<Subscriber> Subscriber::open(std::string_view name, Start start, Timeout timeout,
                                    const WaitOptions& wait, const core::TypeRecord& type) {
  using Lossy = std::optional<Topic>;
  RingKind kind{};
  const auto look = [&](FoundFile found) -> Result<Joined<Lossy>> {
    if (!ParticipantLock::any_held(found.file.get())) return NotJoined::later;
    AttachOptions to_look = found.attach;
    to_look.access = Access::read_only;
    Result<Region> region = Topic::attach_region(found.file.get(), to_look);
    if (!region) return tl::unexpected(std::move(region.error()));
    kind = region->kind();
    if (kind == RingKind::broadcast_lossless || kind == RingKind::many_lossless) {
      return Lossy{};  // which asks for the type
    }
    if (!core::is_lossy(kind) || region->geometry().message_bytes < sizeof(sized::Size)) {
      return fail_other_kind(name, *region, "topic");
    }
    if (const Result<void> checked = check_type(*region, type); !checked) {
      return fail_other_ring(name, checked.error().message);
    }
    if (peer_state(*region) != PeerState::alive) return NotJoined::later;
    Result<Region> bells = Region::attach(std::move(found.file), found.attach);
    if (!bells) return tl::unexpected(std::move(bells.error()));
    if (kind == RingKind::many_lossy) return Lossy(Topic(std::move(*bells), std::nullopt, false));
    if (Result<void> done = bells->make_messages_read_only(); !done) {
      return tl::unexpected(std::move(done.error()));
    }
    return Lossy(Topic(std::move(*region), std::move(*bells), false));
  };
  const SteadyTime deadline = end_of(timeout);
  Result<std::pair<Lossy, HeldName>> found =
      open_named<Lossy>(name, timeout, Generations::newest, look);
  if (!found) return tl::unexpected(std::move(found.error()));
  if (found->first) {
    return Side::join_lossy(std::move(*found->first), start, wait, std::move(found->second));
  }
  const Timeout left = left_until(deadline);
  if (kind == RingKind::many_lossless) {
    return Member<ManyReader>::join(Participant::open(name, kMember<ManyReader>, left, wait, type),
                                    start);
  }
  return Member<LosslessReader>::join(
      Participant::open(name, kMember<LosslessReader>, left, wait, type), start);
}

Result<std::optional<std::size_t>> Subscriber::receive(std::span<std::byte> into, Timeout timeout) {
  if (into.size() < max_message_bytes()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("a buffer of {} bytes: a message of this topic may have {}",
                            into.size(), max_message_bytes()));
  }
  std::optional<std::size_t> size;
  const Result<bool> taken =
      take_for([&] { return (size = side_->take(into)).has_value(); }, timeout);
  if (!taken) return tl::unexpected(taken.error());
  return size;
}

template <class Take>
Result<bool> Subscriber::take_for(Take&& take, Timeout timeout) {
  if (says_death_first_) [[unlikely]] {
    says_death_first_ = false;
    return fail(ErrorCode::peer_dead,
                "the publisher had died before this subscriber came; what it left can be read");
  }
  if (take()) return true;
  Side& side = *side_;
  bool taken = false;
  const Waited waited = side.sleeper().wait_until(
      [&] { return side.is_over() || (taken = take()); }, Side::Publishers{side}, timeout);
  if (taken) return true;
  if (const Result<void> going_on = check(waited); !going_on) {
    return tl::unexpected(going_on.error());
  }
  return false;
}

bool Subscriber::reads_in_place() const noexcept { return side_->reads_in_place(); }

Result<std::optional<std::span<const std::byte>>> Subscriber::peek_for(Timeout timeout) {
  if (!side_->reads_in_place()) {
    return fail(ErrorCode::unsupported,
                "a message of a lossy topic may be overwritten while it is looked at: read() says "
                "afterwards whether it was, and receive() copies it out whole");
  }
  std::optional<std::span<const std::byte>> message;
  const Result<bool> taken =
      take_for([&] { return (message = side_->peek()).has_value(); }, timeout);
  if (!taken) return tl::unexpected(taken.error());
  return message;
}

std::optional<std::span<const std::byte>> Subscriber::peek() noexcept {
  if (says_death_first_) return std::nullopt;
  const std::optional<std::span<const std::byte>> message = side_->peek();
  if (!message && ++polls_ % Waiter::kPollsPerAsk == 0) (void)side_->take_from_dead();
  return message;
}

bool Subscriber::release() noexcept { return side_->release(); }

// `look` is called while nothing is armed: what it throws leaves no wait under way.
Result<Subscriber::Seen> Subscriber::read_by(Look look, void* what, Timeout timeout) {
  const SteadyTime deadline = end_of(timeout);
  for (;;) {
    const Timeout left = left_until(deadline);
    const Result<bool> there =
        take_for([&] { return !side_->is_over() && side_->has_message(); }, left);
    if (!there) return tl::unexpected(there.error());
    const Seen seen = *there ? side_->read(look, what) : Seen::nothing;
    // Nothing although there was something: lapped again and again, or corrupt.
    if (seen != Seen::nothing || !*there || (left == Timeout::zero() && !side_->is_over())) {
      return seen;
    }
  }
}

Result<bool> Subscriber::has_message_for(Timeout timeout) {
  Side& side = *side_;
  const Waited waited = side.sleeper().wait_until(
      [&] { return side.is_over() || side.has_message(); }, Side::Publishers{side}, timeout);
  if (waited == Waited::ready && !side.is_over()) return true;
  if (const Result<void> going_on = check(waited); !going_on) {
    return tl::unexpected(going_on.error());
  }
  return false;
}

Result<void> Subscriber::check(Waited waited) const {
  const Side& side = *side_;
  if (waited == Waited::cancelled) return fail_interrupted();
  if (side.finding().field != nullptr) return fail_corrupt(side.finding());
  if (side.evicted()) {
    return fail(ErrorCode::evicted, "this subscriber was taken for dead and evicted; open it anew");
  }
  if (waited == Waited::peer_closed) {
    return fail(ErrorCode::closed, "the publisher closed the topic and all was read");
  }
  if (waited == Waited::peer_dead) {
    return fail(ErrorCode::peer_dead, "the publisher died and all was read");
  }
  return {};
}

Result<int> Subscriber::waitable_fd() { return side_->sleeper().waitable_fd(); }

void Subscriber::interrupt() noexcept {
  if (side_) side_->sleeper().interrupt();
}

bool Subscriber::arm() {
  Side& side = *side_;
  return side.sleeper().arm([&] { return side.is_over() || side.has_message(); },
                            Side::Publishers{side});
}

SleepingPlace Subscriber::sleeping_word() noexcept { return side_->sleeper().sleeping_word(); }
void Subscriber::disarm() noexcept { side_->sleeper().disarm(); }
bool Subscriber::name_lost() const noexcept { return side_->name_lost(); }
PeerState Subscriber::peer() const noexcept { return peer_state(region()); }
std::uint64_t Subscriber::position() const noexcept { return side_->position(); }
std::uint64_t Subscriber::lag() const noexcept { return side_->lag(); }
std::uint64_t Subscriber::missed() const noexcept { return side_->missed(); }
const Region& Subscriber::region() const noexcept { return side_->region(); }
Stats Subscriber::stats() const noexcept { return side_->sleeper().parker().stats(); }

}  // namespace ringbell
