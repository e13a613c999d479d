#include <ringbell/transport/ends/topic.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/names/name_search.hpp>

namespace ringbell {
namespace {

using core::RingKind;

constexpr std::uint32_t kPublisher = 0;

Result<Region> attach_region(int fd, Access access) {
  Result<FileDescriptor> copy = duplicate(fd);
  if (!copy) return tl::unexpected(std::move(copy.error()));
  return Region::attach(std::move(*copy), access);
}

Part publisher_of(RingKind kind) noexcept {
  return {.kind = kind, .among = Part::Among::the_first, .role = "publisher", .is_sized = true};
}
constexpr Part kMember{.kind = RingKind::broadcast_lossless,
                       .among = Part::Among::the_rest,
                       .role = "subscriber",
                       .more = "at most TopicOptions::subscribers, and 64; lossy: no limit",
                       .reads = true,
                       .is_sized = true};

}  // namespace

RegionOptions TopicOptions::region() const {
  const bool lossy = policy == Policy::lossy;
  return {.shape = {.kind = lossy ? RingKind::broadcast_lossy : RingKind::broadcast_lossless,
                    .slot_count = messages,
                    .message_bytes = sized::slot_message_bytes(message_bytes),
                    .participants = lossy ? 1 : subscribers + 1},
          .doorbell = doorbell,
          .memory = memory};
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
  Result<Region> region = attach_region(fds.memory, lossy ? Access::read_only : Access::read_write);
  if (!region) return tl::unexpected(std::move(region.error()));
  if (region->kind() != (lossy ? RingKind::broadcast_lossy : RingKind::broadcast_lossless) ||
      region->geometry().message_bytes < sizeof(sized::Size)) {
    return fail(ErrorCode::not_a_region,
                "the region holds another ring than a topic's, or the bells of a lossy one are "
                "missing: hand over both of Topic::fds()");
  }
  if (!lossy) return Topic(std::move(*region), std::nullopt, true);
  Result<Region> bells = attach_region(fds.bells, Access::read_write);
  if (!bells) return tl::unexpected(std::move(bells.error()));
  if (bells->kind() != RingKind::bells) {
    return fail(ErrorCode::not_a_region, "the region of the topic's bells holds something else");
  }
  return Topic(std::move(*region), std::move(*bells), false);
}

TopicFds Topic::fds() const noexcept {
  return {.memory = region_.fd(), .bells = bells_ ? bells_->fd() : -1};
}

std::uint32_t& Topic::data_bell() const noexcept {
  return (bells_ ? *bells_ : region_).bells().data_bell.word;
}

// --- Publisher -----------------------------------------------------------------------------------

Publisher::Publisher(Participant participant, std::optional<Region> bells,
                     std::variant<Lossless, Lossy> ring) noexcept
    : GroupEnd(std::move(participant)),
      bells_(std::move(bells)),
      ring_(std::move(ring)),
      copy_in_(region().geometry()) {
  participant_.sleeper().will_sleep_on(this->bells().bells().space_bell.word);
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
  if (!fits(message.size(), max_message_bytes())) {
    return fail_size(message.size(), max_message_bytes(), "a message", "this topic");
  }
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

Result<bool> Publisher::publish_lossless(Lossless& ring, std::span<const std::byte> message,
                                         Timeout timeout) {
  std::span<std::byte> slot = ring.claim();
  if (slot.empty()) [[unlikely]] {
    const Subscribers subscribers{*this, ring};
    (void)participant_.sleeper().wait_until(
        region().bells().space_bell.word,
        [&] { return ring.corrupt() || !(slot = ring.claim()).empty(); }, subscribers, timeout);
  }
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  if (slot.empty()) return false;
  sized::write_size(slot, message.size());
  copy_in_(slot.subspan(sizeof(sized::Size)), message);
  ring.commit();
  ring_subscribers();
  return true;
}

Result<int> Publisher::waitable_fd() {
  if (std::holds_alternative<Lossy>(ring_)) {
    return fail(ErrorCode::unsupported,
                "the publisher of a lossy topic never waits: there is always room");
  }
  return participant_.sleeper().waitable_fd(region().bells().space_bell.word);
}

bool Publisher::arm() {
  auto* const ring = std::get_if<Lossless>(&ring_);
  if (ring == nullptr) return false;
  const Subscribers subscribers{*this, *ring};
  return participant_.sleeper().arm(
      region().bells().space_bell.word, [&] { return ring->corrupt() || !ring->claim().empty(); },
      subscribers);
}

bool Publisher::evict_if_in_the_way(Lossless& ring) noexcept {
  const core::ParticipantId slowest = ring.waits_for();
  return slowest != 0 && participant_.is_gone(slowest) && evict() > 0;
}

std::uint32_t Publisher::evict() noexcept {
  auto* const ring = std::get_if<Lossless>(&ring_);
  if (ring == nullptr) return 0;
  const std::uint32_t evicted =
      ring->evict([&](core::ParticipantId id) { return participant_.is_gone(id); });
  evictions_ += evicted;
  return evicted;
}

std::uint64_t Publisher::position() const noexcept {
  return std::visit([](const auto& ring) { return ring.position(); }, ring_);
}

// --- Subscriber: its two kinds -------------------------------------------------------------------

class Subscriber::Side {
 public:
  Side() = default;
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  virtual ~Side() = default;

  // The next message into `into`, as the ring has it now.
  [[nodiscard]] virtual std::optional<std::size_t> take(std::span<std::byte> into) noexcept = 0;
  [[nodiscard]] virtual bool has_message() noexcept = 0;
  [[nodiscard]] virtual bool evicted() const noexcept { return false; }
  [[nodiscard]] virtual core::Finding finding() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t position() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t missed() const noexcept { return 0; }
  [[nodiscard]] virtual const Region& region() const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t& data_bell() const noexcept = 0;
  [[nodiscard]] virtual Sleeper& sleeper() noexcept = 0;

  // Whether nothing will come any more, whatever the publisher does.
  [[nodiscard]] bool is_over() const noexcept { return evicted() || finding().field != nullptr; }
};

class Subscriber::Member final : public Side {
 public:
  using Ring = core::BroadcastLossless<>::Reader;

  [[nodiscard]] static Result<Subscriber> join(Result<Participant> joined, Start start);

  Member(Participant participant, Ring ring) noexcept
      : participant_(std::move(participant)),
        ring_(std::move(ring)),
        told_(ring_->published_position()) {}
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
    const std::span<const std::byte> slot = ring_->peek();
    if (slot.empty()) {
      tell_publisher();
      return std::nullopt;
    }
    const std::optional<std::span<const std::byte>> message = sized::message_in(slot);
    if (!message) {
      wrong_size_ = sized::wrong_size(slot);
      return std::nullopt;
    }
    if (!message->empty()) std::memcpy(into.data(), message->data(), message->size());
    ring_->release();
    tell_publisher();
    return message->size();
  }
  [[nodiscard]] bool has_message() noexcept override {
    if (!ring_->peek().empty()) return true;
    tell_publisher();
    return false;
  }
  [[nodiscard]] bool evicted() const noexcept override { return ring_->evicted(); }
  [[nodiscard]] core::Finding finding() const noexcept override {
    return wrong_size_.field != nullptr ? wrong_size_ : ring_->finding();
  }
  [[nodiscard]] std::uint64_t position() const noexcept override { return ring_->position(); }
  [[nodiscard]] const Region& region() const noexcept override { return participant_.region(); }
  [[nodiscard]] std::uint32_t& data_bell() const noexcept override {
    return region().bells().data_bell.word;
  }
  [[nodiscard]] Sleeper& sleeper() noexcept override { return participant_.sleeper(); }

 private:
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
};

class Subscriber::Guest final : public Side {
 public:
  using Ring = core::BroadcastLossy<>::Reader;

  [[nodiscard]] static Result<Subscriber> join(Topic topic, Start start, const WaitOptions& wait);

  Guest(Topic topic, const WaitOptions& wait, Ring ring) noexcept
      : topic_(std::move(topic)),
        sleeper_(region().doorbell() == core::DoorbellKind::futex ? core::DoorbellKind::futex
                                                                  : core::DoorbellKind::none,
                 wait),
        ring_(std::move(ring)) {}

  [[nodiscard]] std::optional<std::size_t> take(std::span<std::byte> into) noexcept override {
    return ring_.receive_sized(into);
  }
  [[nodiscard]] bool has_message() noexcept override { return ring_.anything(); }
  [[nodiscard]] core::Finding finding() const noexcept override { return ring_.finding(); }
  [[nodiscard]] std::uint64_t position() const noexcept override { return ring_.position(); }
  [[nodiscard]] std::uint64_t missed() const noexcept override { return ring_.missed(); }
  [[nodiscard]] const Region& region() const noexcept override { return topic_.region(); }
  [[nodiscard]] std::uint32_t& data_bell() const noexcept override { return topic_.data_bell(); }
  [[nodiscard]] Sleeper& sleeper() noexcept override { return sleeper_; }

 private:
  Topic topic_;
  Sleeper sleeper_;
  Ring ring_;
};

Result<Subscriber> Subscriber::Guest::join(Topic topic, Start start, const WaitOptions& wait) {
  Ring ring(topic.region().lossy_view(), start);
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  return Subscriber(std::make_unique<Guest>(std::move(topic), wait, std::move(ring)));
}

Result<Subscriber> Subscriber::Member::join(Result<Participant> joined, Start start) {
  if (!joined) return tl::unexpected(std::move(joined.error()));
  const core::BroadcastMemory memory = joined->region().lossless_memory();
  const auto id = static_cast<core::ParticipantId>(joined->number());
  // Cells of dead readers, that of the one that had this number before among them.
  core::BroadcastLossless<>::evict(
      memory, [&](core::ParticipantId owner) { return owner == id || joined->is_gone(owner); });
  std::optional<Ring> ring = Ring::join(memory, id, start);
  if (!ring) {  // there is a cell for each number
    return fail(ErrorCode::corrupt, "a position in the topic is impossible; make a new one");
  }
  return Subscriber(std::make_unique<Member>(std::move(*joined), std::move(*ring)));
}

// --- Subscriber ----------------------------------------------------------------------------------

Subscriber::Subscriber(std::unique_ptr<Side> side) noexcept : side_(std::move(side)) {
  side_->sleeper().will_sleep_on(side_->data_bell());
}

Subscriber::Subscriber(Subscriber&&) noexcept = default;
Subscriber& Subscriber::operator=(Subscriber&& other) noexcept = default;
Subscriber::~Subscriber() = default;

Result<Subscriber> Subscriber::open(Topic topic, Start start, const WaitOptions& wait) {
  if (topic.is_lossy()) return Guest::join(std::move(topic), start, wait);
  return Member::join(Participant::join(std::move(topic.region_), kMember, wait), start);
}

// What its publisher made says which kind it is. A lossy topic is mapped twice: to look, and to
// write in its control lines, where the bells are.
Result<Subscriber> Subscriber::open(std::string_view name, Start start, Timeout timeout,
                                    const WaitOptions& wait) {
  using Lossy = std::optional<Topic>;
  const auto look = [&](FileDescriptor file) -> Result<Joined<Lossy>> {
    if (!ParticipantLock::any_held(file.get())) return NotJoined::later;
    Result<Region> region = attach_region(file.get(), Access::read_only);
    if (!region) return tl::unexpected(std::move(region.error()));
    if (region->kind() == RingKind::broadcast_lossless) return Lossy{};
    if (region->kind() != RingKind::broadcast_lossy ||
        region->geometry().message_bytes < sizeof(sized::Size)) {
      return fail(ErrorCode::busy, fmt::format("the name '{}' is in use for no topic", name));
    }
    Result<Region> bells = Region::attach(std::move(file));
    if (!bells) return tl::unexpected(std::move(bells.error()));
    if (Result<void> done = bells->make_messages_read_only(); !done) {
      return tl::unexpected(std::move(done.error()));
    }
    return Lossy(Topic(std::move(*region), std::move(*bells), false));
  };
  const SteadyTime deadline = end_of(timeout);
  Result<std::pair<Lossy, HeldName>> found = open_named<Lossy>(name, timeout, look);
  if (!found) return tl::unexpected(std::move(found.error()));
  if (found->first) return Guest::join(std::move(*found->first), start, wait);
  return Member::join(Participant::open(name, kMember, left_until(deadline), wait), start);
}

Result<std::optional<std::size_t>> Subscriber::receive(std::span<std::byte> into, Timeout timeout) {
  if (into.size() < max_message_bytes()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("a buffer of {} bytes: a message of this topic may have {}",
                            into.size(), max_message_bytes()));
  }
  Side& side = *side_;
  std::optional<std::size_t> size = side.take(into);
  if (size) return size;
  const Waited waited = side.sleeper().wait_until(
      side.data_bell(), [&] { return side.is_over() || (size = side.take(into)).has_value(); },
      ThePeer{region()}, timeout);
  if (size) return size;
  if (side.finding().field != nullptr) return fail_corrupt(side.finding());
  if (side.evicted()) {
    return fail(ErrorCode::busy, "this subscriber was taken for dead and evicted; open it anew");
  }
  if (waited == Waited::peer_closed) {
    return fail(ErrorCode::closed, "the publisher closed the topic and all was read");
  }
  if (waited == Waited::peer_dead) {
    return fail(ErrorCode::peer_dead, "the publisher died and all was read");
  }
  return std::nullopt;
}

Result<int> Subscriber::waitable_fd() { return side_->sleeper().waitable_fd(side_->data_bell()); }

bool Subscriber::arm() {
  Side& side = *side_;
  return side.sleeper().arm(
      side.data_bell(), [&] { return side.is_over() || side.has_message(); }, ThePeer{region()});
}

void Subscriber::disarm() noexcept { side_->sleeper().disarm(); }
PeerState Subscriber::peer() const noexcept { return peer_state(region(), kPublisher); }
std::uint64_t Subscriber::position() const noexcept { return side_->position(); }
std::uint64_t Subscriber::missed() const noexcept { return side_->missed(); }
const Region& Subscriber::region() const noexcept { return side_->region(); }
Stats Subscriber::stats() const noexcept { return side_->sleeper().parker().stats(); }

}  // namespace ringbell
