#include <ringbell/transport/ends/topic.hpp>

#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include <ringbell/transport/base/probes.hpp>
#include <ringbell/transport/ends/many_topic.hpp>
#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/reader_required.hpp>

namespace ringbell {
namespace {

using core::RingKind;

constexpr core::Edge kLook{"bcast.R"};

Part publisher_of(RingKind kind) noexcept {
  return {.kind = kind,
          .among = Part::Among::the_first,
          .role = "publisher",
          .more = "TopicOptions::publishers of the ring's maker says how many there can be",
          .is_sized = true};
}

RingKind kind_of(const TopicOptions& options) noexcept {
  if (options.policy == TopicOptions::Policy::lossy) {
    return options.publishers == 1 ? RingKind::broadcast_lossy : RingKind::many_lossy;
  }
  return options.publishers == 1 ? RingKind::broadcast_lossless : RingKind::many_lossless;
}

std::uint32_t participants_of(const TopicOptions& options) noexcept {
  switch (kind_of(options)) {
    case RingKind::broadcast_lossy:
    case RingKind::many_lossy:
      return options.publishers;
    case RingKind::many_lossless:
      return options.publishers + core::kMaxBroadcastReaders;
    default:
      return options.subscribers + 1;
  }
}

// As region(), which cannot say that: with several publishers there are always as many places.
Result<RegionOptions> checked_region(const TopicOptions& options) {
  constexpr std::uint32_t kPlaces = core::kMaxBroadcastReaders;
  if (kind_of(options) == RingKind::many_lossless && options.subscribers != kPlaces) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("subscribers is {}; a topic of several publishers has places for {}: "
                            "leave it at that",
                            options.subscribers, kPlaces));
  }
  return options.region();
}

}  // namespace

RegionOptions TopicOptions::region() const {
  return {.shape = {.kind = kind_of(*this),
                    .slot_count = messages,
                    .message_bytes = sized::slot_message_bytes(message_bytes),
                    .participants = participants_of(*this),
                    .payload_alignment = payload_alignment},
          .doorbell = doorbell,
          .memory = memory,
          .type = type};
}

// --- Topic ---------------------------------------------------------------------------------------

Topic::Topic(Region region, std::optional<Region> bells, bool writable) noexcept
    : region_(std::move(region)), bells_(std::move(bells)), writable_(writable) {}

Result<Topic> Topic::create(const TopicOptions& options) {
  const Result<RegionOptions> wanted = checked_region(options);
  if (!wanted) return tl::unexpected(wanted.error());
  Result<Region> region = Region::create(*wanted);
  if (!region) return tl::unexpected(std::move(region.error()));
  if (region->kind() != RingKind::broadcast_lossy) {
    return Topic(std::move(*region), std::nullopt, true);
  }
  Result<Region> bells = Region::create(
      {.shape = {.kind = RingKind::bells, .participants = 1}, .doorbell = options.doorbell});
  if (!bells) return tl::unexpected(std::move(bells.error()));
  return Topic(std::move(*region), std::move(*bells), true);
}

Result<Topic> Topic::attach(const TopicFds& fds) {
  const bool sealed = fds.bells >= 0;
  Result<Region> region =
      attach_region(fds.memory, {.access = sealed ? Access::read_only : Access::read_write});
  if (!region) return tl::unexpected(std::move(region.error()));
  if (!core::is_broadcast(region->kind()) ||
      (region->kind() == RingKind::broadcast_lossy) != sealed ||
      region->geometry().message_bytes < sizeof(sized::Size)) {
    return fail(ErrorCode::not_a_region,
                "the region holds another ring than a topic's, or the bells of a lossy one of one "
                "publisher are missing, or there are bells of another: hand over Topic::fds()");
  }
  if (!sealed) return Topic(std::move(*region), std::nullopt, true);
  Result<Region> bells = attach_region(fds.bells, {});
  if (!bells) return tl::unexpected(std::move(bells.error()));
  if (bells->kind() != RingKind::bells) {
    return fail(ErrorCode::not_a_region, "the region of the topic's bells holds something else");
  }
  return Topic(std::move(*region), std::move(*bells), false);
}

Result<Region> Topic::attach_region(int fd, const AttachOptions& options) {
  Result<FileDescriptor> copy = duplicate(fd);
  if (!copy) return tl::unexpected(std::move(copy.error()));
  return Region::attach(std::move(*copy), options);
}

TopicFds Topic::fds() const noexcept {
  return {.memory = region_.fd(), .bells = bells_ ? bells_->fd() : -1};
}

std::uint32_t& Topic::data_bell() const noexcept { return bells().bells().data_bell.word; }

// --- Publisher -----------------------------------------------------------------------------------

Publisher::Publisher(Participant participant, std::optional<Region> bells, Ring ring) noexcept
    : GroupEnd(std::move(participant)),
      bells_(std::move(bells)),
      ring_(std::move(ring)),
      copy_in_(region().geometry()) {
  participant_.sleeper().will_sleep_on(this->bells().bells().space_bell.word);
  require_reader(false);
}

Publisher::~Publisher() {
  if (!participant_.is_open()) return;
  abort();
  participant_.say_closed();
  ring_subscribers();
  participant_.leave();
}

Result<Publisher> Publisher::open(Topic topic, const WaitOptions& wait) {
  if (!topic.writable_) {
    return fail(ErrorCode::permission,
                "this process may only look at the topic: the process that made it publishes");
  }
  const Part part = publisher_of(topic.region_.kind());
  return from(Participant::join(std::move(topic.region_), part, wait), std::move(topic.bells_));
}

Result<Publisher> Publisher::create(std::string_view name, const TopicOptions& options,
                                    const WaitOptions& wait) {
  const Result<RegionOptions> region = checked_region(options);
  if (!region) return tl::unexpected(region.error());
  return from(Participant::create(name, *region, publisher_of(region->shape.kind), wait),
              std::nullopt);
}

Result<Publisher> Publisher::from(Result<Participant> participant, std::optional<Region> bells) {
  if (!participant) return tl::unexpected(std::move(participant.error()));
  const Region& region = participant->region();
  if (region.kind() == RingKind::broadcast_lossy) {
    Lossy ring(region.lossy_memory());
    if (ring.corrupt()) return fail_corrupt(ring.finding());
    return Publisher(std::move(*participant), std::move(bells), std::move(ring));
  }
  if (region.kind() == RingKind::many_lossless) {
    Many ring(region.many_memory(), many_topic::id_of(region.kind(), participant->number()));
    many_topic::take_at_start(*participant);
    return Publisher(std::move(*participant), std::move(bells), std::move(ring));
  }
  if (region.kind() == RingKind::many_lossy) {
    ManyLossy ring(region.mpmc_memory(), many_topic::id_of(region.kind(), participant->number()));
    many_topic::take_at_start(*participant);
    return Publisher(std::move(*participant), std::move(bells), std::move(ring));
  }
  Lossless ring(region.lossless_memory());
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  return Publisher(std::move(*participant), std::move(bells), std::move(ring));
}

void Publisher::ring_subscribers() const noexcept {
  participant_.sleeper().published(bells().bells().data_bell.word);
}

// One that is a ring further on waits for what this one had claimed.
void Publisher::ring_publishers() const noexcept {
  participant_.sleeper().published(bells().bells().space_bell.word);
}

// As waits ask for the others, too: they come and go, and only the one that is in the way is asked
// about.
template <class AnyRing>
struct Publisher::Waiting {
  static constexpr bool kIsMany =
      std::is_same_v<AnyRing, Many> || std::is_same_v<AnyRing, ManyLossy>;

  Publisher& own;
  AnyRing& ring;

  [[nodiscard]] static bool closed() noexcept { return false; }
  [[nodiscard]] bool stay_awake() const noexcept { return own.take_if_dead(ring.waits_for()); }
  [[nodiscard]] Waited ask() const noexcept {
    (void)stay_awake();
    return Waited::ready;
  }

  // A slot to write to, its size in front. Empty: time is up.
  [[nodiscard]] Result<std::span<std::byte>> claim(Timeout timeout) const {
    std::span<std::byte> slot = own.claimed_;
    if (slot.empty()) slot = ring.claim();
    if (slot.empty()) [[unlikely]] {
      RINGBELL_PROBE(no_room, own.max_message_bytes());
      const Waited waited = own.participant_.sleeper().wait_until(
          [&] { return ring.corrupt() || !(slot = ring.claim()).empty(); }, *this, timeout);
      if (waited == Waited::cancelled) return fail_interrupted();
    }
    if (ring.corrupt()) {
      own.claimed_ = {};
      (void)ring.abort();
      return fail_corrupt(ring.finding());
    }
    return slot;
  }

  void write_size(std::span<std::byte> slot, std::size_t size_bytes) const noexcept {
    if constexpr (std::is_same_v<AnyRing, ManyLossy>) {
      ring.write_size(0, size_bytes);  // a reader may be looking
    } else {
      sized::write_size(slot, size_bytes);
    }
  }
  [[nodiscard]] bool commit() const noexcept {
    bool committed = true;
    if constexpr (kIsMany) {
      committed = ring.commit();
      own.ring_publishers();
    } else {
      ring.commit();
    }
    own.ring_subscribers();
    return committed;
  }

  [[nodiscard]] Result<bool> publish(std::span<const std::byte> message, Timeout timeout) const {
    const Result<std::span<std::byte>> claimed = claim(timeout);
    if (!claimed) return tl::unexpected(claimed.error());
    const std::span<std::byte> slot = *claimed;
    if (slot.empty()) return false;
    own.claimed_ = {};
    if constexpr (std::is_same_v<AnyRing, ManyLossy>) {
      ring.write_sized(0, message);
    } else {
      write_size(slot, message.size());
      own.copy_in_(slot.subspan(sizeof(sized::Size)), message);
    }
    if (commit()) [[likely]]
      return true;
    return fail(ErrorCode::evicted, "this publisher was taken for dead; the message is not sent");
  }
};

Result<bool> Publisher::publish(std::span<const std::byte> message, Timeout timeout) {
  [[maybe_unused]] const auto whole = inside();
  if (message.size() >= size_limit_) [[unlikely]] {
    if (!fits(message.size(), max_message_bytes())) {
      return fail_size(message.size(), max_message_bytes(), "a message", "this topic");
    }
    if (subscribers() == 0) return fail_without_reader(PeerState::absent, "subscriber");
  }
  return std::visit(
      [&]<class AnyRing>(AnyRing& ring) -> Result<bool> {
        if constexpr (!std::is_same_v<AnyRing, Lossy>) {
          return Waiting<AnyRing>{*this, ring}.publish(message, timeout);
        } else {
          claimed_ = {};
          ring.publish_sized(message);
          ring_subscribers();
          return true;
        }
      },
      ring_);
}

Result<std::optional<std::span<std::byte>>> Publisher::claim_for(Timeout timeout) {
  if (size_limit_ == 0 && subscribers() == 0) {
    abort();
    return fail_without_reader(PeerState::absent, "subscriber");
  }
  const Result<std::span<std::byte>> slot = std::visit(
      [&]<class AnyRing>(AnyRing& ring) -> Result<std::span<std::byte>> {
        if constexpr (std::is_same_v<AnyRing, Lossy>)
          return ring.claim_sized();
        else
          return Waiting<AnyRing>{*this, ring}.claim(timeout);
      },
      ring_);
  if (!slot) return tl::unexpected(slot.error());
  claimed_ = *slot;
  if (claimed_.empty()) return std::nullopt;
  return claimed_.subspan(sizeof(sized::Size));
}

bool Publisher::commit(std::size_t size_bytes) noexcept {
  if (claimed_.empty() || !fits(size_bytes, max_message_bytes())) return false;
  const std::span<std::byte> slot = std::exchange(claimed_, {});
  return std::visit(
      [&]<class AnyRing>(AnyRing& ring) {
        if constexpr (std::is_same_v<AnyRing, Lossy>) {
          ring.commit_sized(size_bytes);
          ring_subscribers();
          return true;
        } else {
          Waiting<AnyRing>{*this, ring}.write_size(slot, size_bytes);
          return Waiting<AnyRing>{*this, ring}.commit();
        }
      },
      ring_);
}

void Publisher::abort() noexcept {
  if (std::exchange(claimed_, {}).empty()) return;
  std::visit(
      [&]<class AnyRing>(AnyRing& ring) {
        if constexpr (Waiting<AnyRing>::kIsMany) {
          (void)ring.abort();
          ring_subscribers();  // those that wait at this place go on
          ring_publishers();
        }
      },
      ring_);
}

Result<int> Publisher::waitable_fd() {
  if (std::holds_alternative<Lossy>(ring_)) {
    return fail(ErrorCode::unsupported,
                "the one publisher of a lossy topic never waits: there is always room");
  }
  return participant_.sleeper().waitable_fd();
}

bool Publisher::arm() {
  if (!claimed_.empty()) return false;
  return std::visit(
      [&]<class AnyRing>(AnyRing& ring) {
        if constexpr (std::is_same_v<AnyRing, Lossy>) {
          return false;
        } else {
          const auto has_room = [&] {
            if constexpr (Waiting<AnyRing>::kIsMany)
              return ring.corrupt() || ring.has_room();
            else
              return ring.corrupt() || !ring.claim().empty();
          };
          return participant_.sleeper().arm(has_room, Waiting<AnyRing>{*this, ring});
        }
      },
      ring_);
}

std::uint64_t Publisher::position() const noexcept {
  using core::many_end;
  using Atomics = core::HardwareAtomics;
  return std::visit(
      [&]<class AnyRing>(const AnyRing& ring) -> std::uint64_t {
        if constexpr (std::is_same_v<AnyRing, Many>) {
          return many_end<Atomics>(region().many_memory(), kLook).value_or(0);
        } else if constexpr (std::is_same_v<AnyRing, ManyLossy>) {
          return many_end<Atomics>(core::ManyPlaces(region().lossy_view()), kLook).value_or(0);
        } else {
          return ring.position();
        }
      },
      ring_);
}

}  // namespace ringbell
