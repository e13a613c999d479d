// What a Subscriber is behind its calls (Side), and the side of one that subscribes to a lossless
// topic: a Member, of one publisher's or of several's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <ringbell/transport/ends/many_topic.hpp>
#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/not_now.hpp>
#include <ringbell/transport/ends/topic.hpp>

namespace ringbell {
namespace subscriber_detail {

using LosslessReader = core::BroadcastLossless<>::Reader;
using ManyReader = core::ManyLossless<>::Reader;

inline constexpr core::Edge kLook{"bcast.R"};

template <class Ring>
inline constexpr bool kIsMany = std::is_same_v<Ring, ManyReader>;

template <class Ring>
inline constexpr Part kMember{
    .kind = kIsMany<Ring> ? core::RingKind::many_lossless : core::RingKind::broadcast_lossless,
    .among = Part::Among::the_rest,
    .role = "subscriber",
    .more = "at most TopicOptions::subscribers, and 64; lossy: no limit",
    .reads = true,
    .is_sized = true};

template <class Ring>
auto memory_of(const Region& region) noexcept {
  if constexpr (kIsMany<Ring>) {
    return region.many_memory();
  } else {
    return region.lossless_memory();
  }
}

// Up to where there are messages.
template <class Ring>
std::optional<std::uint64_t> end_in(const Region& region) noexcept {
  if constexpr (kIsMany<Ring>) {
    return core::many_end<core::HardwareAtomics>(region.many_memory(), kLook);
  } else {
    core::Finding none;
    return core::broadcast_end<core::HardwareAtomics>(
        core::BroadcastPlaces<std::byte>(region.lossless_memory().slots), kLook, none);
  }
}

}  // namespace subscriber_detail

// Its lines are its own: what stands beside it in the heap may be that of another thread.
class alignas(core::kFalseSharingBytes) Subscriber::Side {
 public:
  // That of a lossy topic.
  [[nodiscard]] static Result<Subscriber> join_lossy(Topic topic, Start start,
                                                     const WaitOptions& wait,
                                                     std::optional<HeldName> name = {});

  Side() = default;
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  virtual ~Side() = default;

  // The next message into `into`, as the ring has it now.
  [[nodiscard]] virtual std::optional<std::size_t> take(std::span<std::byte> into) noexcept = 0;
  [[nodiscard]] virtual bool has_message() noexcept = 0;
  [[nodiscard]] virtual bool reads_in_place() const noexcept = 0;
  // The next message in place, if reads_in_place(). release(): as Subscriber has it.
  [[nodiscard]] virtual std::optional<std::span<const std::byte>> peek() noexcept {
    return std::nullopt;
  }
  virtual bool release() noexcept { return false; }
  [[nodiscard]] virtual Seen read(Look look, void* what) = 0;
  [[nodiscard]] virtual bool evicted() const noexcept { return false; }
  [[nodiscard]] virtual core::Finding finding() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t position() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t lag() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t missed() const noexcept = 0;
  [[nodiscard]] virtual const Region& region() const noexcept = 0;
  [[nodiscard]] virtual bool name_lost() const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t& data_bell() const noexcept = 0;
  [[nodiscard]] virtual Sleeper& sleeper() noexcept = 0;

  // Whether what is due is in the hand of a dead publisher; it was taken from that one.
  virtual bool take_from_dead() noexcept = 0;
  struct Publishers;

  // Whether nothing will come any more, whatever the publisher does.
  [[nodiscard]] bool is_over() const noexcept { return evicted() || finding().field != nullptr; }
};

// As waits ask for them.
struct Subscriber::Side::Publishers {
  Side& side;

  [[nodiscard]] bool closed() const noexcept { return has_closed(side.region()); }
  [[nodiscard]] Waited ask() const noexcept {
    (void)stay_awake();
    return waited_for(peer_state(side.region()));
  }
  [[nodiscard]] bool stay_awake() const noexcept { return side.take_from_dead(); }
};

template <class Ring>
class Subscriber::Member final : public Side {
 public:
  [[nodiscard]] static Result<Subscriber> join(Result<Participant> joined, Start start);
  // Gives back what is before that position.
  void go_on_at(std::uint64_t position) noexcept {
    missed_ = ring_->position() > position ? ring_->position() - position : 0;
    // A look may pass over places.
    while (ring_->position() < position && !ring_->peek().empty() && ring_->position() < position) {
      ring_->release();
    }
    tell_publisher();
  }

  Member(Participant participant, Ring ring) noexcept
      : participant_(std::move(participant)),
        ring_(std::move(ring)),
        told_(ring_->published_position()) {
    ring_publisher();  // it may wait for subscribers
  }
  ~Member() override {
    if (!participant_.is_open()) {
      ring_->forget();
      return;
    }
    ring_.reset();
    participant_.say_closed();
    ring_publisher();
    participant_.leave();
  }

  [[nodiscard]] std::optional<std::size_t> take(std::span<std::byte> into) noexcept override {
    const std::optional<std::span<const std::byte>> message = peek();
    if (!message) return std::nullopt;
    copy_message(into.data(), *message);
    give_back();
    return message->size();
  }
  [[nodiscard]] bool has_message() noexcept override {
    if (!ring_->peek().empty()) return true;
    tell_publisher();
    return false;
  }
  [[nodiscard]] bool reads_in_place() const noexcept override { return true; }
  [[nodiscard]] std::optional<std::span<const std::byte>> peek() noexcept override {
    const std::span<const std::byte> slot = ring_->peek();
    if (slot.empty()) {
      tell_publisher();
      return std::nullopt;
    }
    const std::optional<std::span<const std::byte>> message = sized::message_in(slot);
    if (!message) wrong_size_ = sized::wrong_size(slot);
    peeked_ = message.has_value();
    return message;
  }
  bool release() noexcept override {
    // Evicted: its slot may hold another message by now.
    if (!peeked_ || ring_->peek().empty()) return peeked_ = false;
    give_back();
    return true;
  }
  [[nodiscard]] Seen read(Look look, void* what) override {
    const std::optional<std::span<const std::byte>> message = peek();
    if (!message) return Seen::nothing;
    look(what, *message);
    return release() ? Seen::whole : Seen::torn;
  }
  bool take_from_dead() noexcept override {
    if constexpr (subscriber_detail::kIsMany<Ring>) {
      const core::ParticipantId owner = ring_->waits_for();
      if (owner == 0 || !many_topic::is_gone(participant_, owner)) return false;
      many_topic::take_from_dead(participant_);
      return true;
    } else {
      return false;
    }
  }
  [[nodiscard]] bool evicted() const noexcept override { return ring_->evicted(); }
  [[nodiscard]] core::Finding finding() const noexcept override {
    return wrong_size_.field != nullptr ? wrong_size_ : ring_->finding();
  }
  [[nodiscard]] std::uint64_t position() const noexcept override { return ring_->position(); }
  [[nodiscard]] std::uint64_t lag() const noexcept override { return ring_->lag(); }
  [[nodiscard]] std::uint64_t missed() const noexcept override { return missed_; }
  [[nodiscard]] const Region& region() const noexcept override { return participant_.region(); }
  [[nodiscard]] bool name_lost() const noexcept override { return participant_.name_lost(); }
  [[nodiscard]] std::uint32_t& data_bell() const noexcept override {
    return region().bells().data_bell.word;
  }
  [[nodiscard]] Sleeper& sleeper() noexcept override { return participant_.sleeper(); }

 private:
  void give_back() noexcept {
    peeked_ = false;
    ring_->release();
    tell_publisher();
  }
  // Rings if the publisher waits and more was given back, which release() publishes in steps, and
  // a peek() that finds nothing.
  void tell_publisher() noexcept {
    if (ring_->published_position() == told_) [[likely]]
      return;
    told_ = ring_->published_position();
    ring_publisher();
  }
  void ring_publisher() const noexcept {
    participant_.sleeper().published(region().bells().space_bell.word);
  }

  Participant participant_;
  std::optional<Ring> ring_;  // until it leaves
  std::uint64_t told_;        // the published position when the publisher was last rung
  core::Finding wrong_size_;  // of a message
  std::uint64_t missed_ = 0;  // before it joined, if it said where it was
  bool peeked_ = false;       // by peek()
};

template <class Ring>
Result<Subscriber> Subscriber::Member<Ring>::join(Result<Participant> joined, Start start) {
  if (!joined) return tl::unexpected(std::move(joined.error()));
  const Region& region = joined->region();
  const core::ParticipantId id = many_topic::id_of(region.kind(), joined->number());
  // Cells of dead readers, that of the one that had this number before among them.
  core::BroadcastLossless<>::evict(region.lossless_memory(), [&](core::ParticipantId owner) {
    return owner == id || many_topic::is_gone(*joined, owner);
  });
  std::optional<Ring> ring =
      Ring::join(subscriber_detail::memory_of<Ring>(region), id, start.end_of(false));
  if (!ring) {  // there is a cell for each number
    return fail(ErrorCode::corrupt, "a position in the topic is impossible; make a new one");
  }
  auto member = std::make_unique<Member>(std::move(*joined), std::move(*ring));
  const std::optional<std::uint64_t> end = subscriber_detail::end_in<Ring>(member->region());
  if (start.kind_ == Start::Kind::position && end && start.position_ <= *end) {
    member->go_on_at(start.position_);
  }
  return Subscriber(std::move(member));
}

}  // namespace ringbell
