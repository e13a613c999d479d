#include <ringbell/transport/ends/topic.hpp>

#include <utility>

#include <ringbell/transport/base/probes.hpp>
#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/reader_required.hpp>

namespace ringbell {
namespace {

using core::RingKind;

Part publisher_of(RingKind kind) noexcept {
  return {.kind = kind, .among = Part::Among::the_first, .role = "publisher", .is_sized = true};
}

}  // namespace

RegionOptions TopicOptions::region() const {
  const bool lossy = policy == Policy::lossy;
  return {.shape = {.kind = lossy ? RingKind::broadcast_lossy : RingKind::broadcast_lossless,
                    .slot_count = messages,
                    .message_bytes = sized::slot_message_bytes(message_bytes),
                    .participants = lossy ? 1 : subscribers + 1,
                    .payload_alignment = payload_alignment},
          .doorbell = doorbell,
          .memory = memory,
          .type = type};
}

// --- Topic ---------------------------------------------------------------------------------------

Topic::Topic(Region region, std::optional<Region> bells, bool writable) noexcept
    : region_(std::move(region)), bells_(std::move(bells)), writable_(writable) {}

Result<Topic> Topic::create(const TopicOptions& options) {
  const bool lossy = options.policy == TopicOptions::Policy::lossy;
  Result<Region> region = Region::create(options.region());
  if (!region) return tl::unexpected(std::move(region.error()));
  if (!lossy) return Topic(std::move(*region), std::nullopt, true);
  Result<Region> bells = Region::create(
      {.shape = {.kind = RingKind::bells, .participants = 1}, .doorbell = options.doorbell});
  if (!bells) return tl::unexpected(std::move(bells.error()));
  return Topic(std::move(*region), std::move(*bells), true);
}

Result<Topic> Topic::attach(const TopicFds& fds) {
  const bool lossy = fds.bells >= 0;
  Result<Region> region =
      attach_region(fds.memory, {.access = lossy ? Access::read_only : Access::read_write});
  if (!region) return tl::unexpected(std::move(region.error()));
  if (region->kind() != (lossy ? RingKind::broadcast_lossy : RingKind::broadcast_lossless) ||
      region->geometry().message_bytes < sizeof(sized::Size)) {
    return fail(ErrorCode::not_a_region,
                "the region holds another ring than a topic's, or the bells of a lossy one are "
                "missing: hand over both of Topic::fds()");
  }
  if (!lossy) return Topic(std::move(*region), std::nullopt, true);
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

Publisher::Publisher(Participant participant, std::optional<Region> bells,
                     std::variant<Lossless, Lossy> ring) noexcept
    : GroupEnd(std::move(participant)),
      bells_(std::move(bells)),
      ring_(std::move(ring)),
      copy_in_(region().geometry()) {
  participant_.sleeper().will_sleep_on(this->bells().bells().space_bell.word);
  require_reader(false);
}

Publisher::~Publisher() {
  if (!participant_.is_open()) return;
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
  const RegionOptions region = options.region();
  return from(Participant::create(name, region, publisher_of(region.shape.kind), wait),
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
  Lossless ring(region.lossless_memory());
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  return Publisher(std::move(*participant), std::move(bells), std::move(ring));
}

void Publisher::ring_subscribers() const noexcept {
  participant_.sleeper().published(bells().bells().data_bell.word);
}

Result<bool> Publisher::publish(std::span<const std::byte> message, Timeout timeout) {
  [[maybe_unused]] const auto whole = inside();
  if (message.size() >= size_limit_) [[unlikely]] {
    if (!fits(message.size(), max_message_bytes())) {
      return fail_size(message.size(), max_message_bytes(), "a message", "this topic");
    }
    if (subscribers() == 0) return fail_without_reader(PeerState::absent, "subscriber");
  }
  claimed_ = {};
  if (auto* const lossless = std::get_if<Lossless>(&ring_)) {
    return publish_lossless(*lossless, message, timeout);
  }
  std::get<Lossy>(ring_).publish_sized(message);
  ring_subscribers();
  return true;
}

// Subscribers come and go; only the one that is in the way is asked about.
struct Publisher::Subscribers {
  Publisher& own;
  Lossless& ring;

  [[nodiscard]] static bool closed() noexcept { return false; }
  [[nodiscard]] bool stay_awake() const noexcept { return own.evict_if_in_the_way(ring); }
  [[nodiscard]] Waited ask() const noexcept {
    (void)stay_awake();
    return Waited::ready;
  }
};

Result<std::span<std::byte>> Publisher::claim_slot(Lossless& ring, Timeout timeout) {
  std::span<std::byte> slot = ring.claim();
  if (slot.empty()) [[unlikely]] {
    const Subscribers subscribers{*this, ring};
    RINGBELL_PROBE(no_room, max_message_bytes());
    const Waited waited = participant_.sleeper().wait_until(
        [&] { return ring.corrupt() || !(slot = ring.claim()).empty(); }, subscribers, timeout);
    if (waited == Waited::cancelled) return fail_interrupted();
  }
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  return slot;
}

Result<bool> Publisher::publish_lossless(Lossless& ring, std::span<const std::byte> message,
                                         Timeout timeout) {
  const Result<std::span<std::byte>> claimed = claim_slot(ring, timeout);
  if (!claimed) return tl::unexpected(claimed.error());
  const std::span<std::byte> slot = *claimed;
  if (slot.empty()) return false;
  sized::write_size(slot, message.size());
  copy_in_(slot.subspan(sizeof(sized::Size)), message);
  ring.commit();
  ring_subscribers();
  return true;
}

Result<std::optional<std::span<std::byte>>> Publisher::claim_for(Timeout timeout) {
  claimed_ = {};
  if (size_limit_ == 0 && subscribers() == 0) {
    return fail_without_reader(PeerState::absent, "subscriber");
  }
  if (auto* const lossless = std::get_if<Lossless>(&ring_)) {
    const Result<std::span<std::byte>> slot = claim_slot(*lossless, timeout);
    if (!slot) return tl::unexpected(slot.error());
    claimed_ = *slot;
  } else {
    claimed_ = std::get<Lossy>(ring_).claim_sized();
  }
  if (claimed_.empty()) return std::nullopt;
  return claimed_.subspan(sizeof(sized::Size));
}

bool Publisher::commit(std::size_t size_bytes) noexcept {
  if (claimed_.empty() || !fits(size_bytes, max_message_bytes())) return false;
  const std::span<std::byte> slot = std::exchange(claimed_, {});
  if (auto* const lossless = std::get_if<Lossless>(&ring_)) {
    sized::write_size(slot, size_bytes);
    lossless->commit();
  } else {
    std::get<Lossy>(ring_).commit_sized(size_bytes);
  }
  ring_subscribers();
  return true;
}

Result<int> Publisher::waitable_fd() {
  if (std::holds_alternative<Lossy>(ring_)) {
    return fail(ErrorCode::unsupported,
                "the publisher of a lossy topic never waits: there is always room");
  }
  return participant_.sleeper().waitable_fd();
}

bool Publisher::arm() {
  auto* const ring = std::get_if<Lossless>(&ring_);
  if (ring == nullptr) return false;
  const Subscribers subscribers{*this, *ring};
  return participant_.sleeper().arm([&] { return ring->corrupt() || !ring->claim().empty(); },
                                    subscribers);
}

std::uint64_t Publisher::position() const noexcept {
  return std::visit([](const auto& ring) { return ring.position(); }, ring_);
}

}  // namespace ringbell
