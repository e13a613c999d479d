#include <ringbell/transport/ends/topic.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <ringbell/transport/base/deadline.hpp>

namespace ringbell {
namespace {

using core::RingKind;

constexpr std::uint32_t kPublisher = 0;

Result<Region> attach_region(int fd, Access access) {
  Result<FileDescriptor> copy = duplicate(fd);
  if (!copy) return tl::unexpected(std::move(copy.error()));
  return Region::attach(std::move(*copy), access);
}

RegionOptions region_for(const TopicOptions& options) noexcept {
  const bool lossy = options.policy == TopicOptions::Policy::lossy;
  return {.shape = {.kind = lossy ? RingKind::broadcast_lossy : RingKind::broadcast_lossless,
                    .slot_count = options.messages,
                    .message_bytes = sized::slot_message_bytes(options.message_bytes),
                    .participants = lossy ? 1 : options.subscribers + 1},
          .doorbell = options.doorbell,
          .memory = options.memory};
}

Numbers the_publisher_of(const Region&) {
  return {.first = kPublisher, .end = kPublisher + 1, .role = "publisher", .reads = false};
}
Numbers subscribers_of(const Region& region) {
  return {.first = kPublisher + 1,
          .end = region.geometry().participants,
          .role = "subscriber",
          .reads = true};
}

// The publisher, as its subscribers wait for it.
struct ThePublisher {
  const Region& region;

  [[nodiscard]] bool closed() const noexcept { return has_closed(region, kPublisher); }
  [[nodiscard]] Waited ask() const noexcept { return ask_after(region, kPublisher); }
  [[nodiscard]] static bool stay_awake() noexcept { return false; }
};

}  // namespace

// --- Topic ---------------------------------------------------------------------------------------

Topic::Topic(Region region, std::optional<Region> bells, bool writable) noexcept
    : region_(std::move(region)), bells_(std::move(bells)), writable_(writable) {}

Result<Topic> Topic::create(const TopicOptions& options) {
  const bool lossy = options.policy == TopicOptions::Policy::lossy;
  Result<Region> region = Region::create(region_for(options));
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
    : participant_(std::move(participant)),
      bells_(std::move(bells)),
      ring_(std::move(ring)),
      copy_in_(participant_.region().geometry()) {
  participant_.sleeper().will_sleep_on(this->bells().bells().space_bell.word);
}

Publisher& Publisher::operator=(Publisher&& other) noexcept {
  std::swap(participant_, other.participant_);
  std::swap(bells_, other.bells_);
  std::swap(ring_, other.ring_);
  std::swap(copy_in_, other.copy_in_);
  std::swap(evictions_, other.evictions_);
  return *this;
}

Publisher::~Publisher() { close(); }

void Publisher::close() noexcept {
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
  const Numbers among = the_publisher_of(topic.region_);
  return from(Participant::join(std::move(topic.region_), among, wait), std::move(topic.bells_));
}

Result<Publisher> Publisher::create(std::string_view name, const TopicOptions& options,
                                    const WaitOptions& wait) {
  return from(Participant::create(name, region_for(options), the_publisher_of, wait), std::nullopt);
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
  if (message.size() > max_message_bytes()) {
    return fail(ErrorCode::too_large,
                fmt::format("a message of {} bytes: this topic takes at most {}; create it with "
                            "larger messages",
                            message.size(), max_message_bytes()));
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
  [[nodiscard]] bool stay_awake() const noexcept { return own.evict_the_dead(ring); }
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
  if (!message.empty()) {
    copy_in_(slot.subspan(sizeof(sized::Size)), message);
  }
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

bool Publisher::evict_the_dead(Lossless& ring) noexcept {
  const core::ParticipantId slowest = ring.waits_for();
  if (slowest == 0 || !participant_.is_gone(slowest)) return false;
  const std::uint32_t evicted =
      ring.evict([&](core::ParticipantId id) { return participant_.is_gone(id); });
  evictions_ += evicted;
  return evicted > 0;
}

std::uint64_t Publisher::position() const noexcept {
  return std::visit([](const auto& ring) { return ring.position(); }, ring_);
}

// --- Subscriber ----------------------------------------------------------------------------------

Subscriber::Subscriber(std::variant<Member, Guest> side) noexcept : side_(std::move(side)) {
  sleeper().will_sleep_on(data_bell());
}

Subscriber& Subscriber::operator=(Subscriber&& other) noexcept {
  std::swap(side_, other.side_);
  std::swap(wrong_size_, other.wrong_size_);
  return *this;
}

Subscriber::~Subscriber() { close(); }

void Subscriber::close() noexcept {
  auto* const member = std::get_if<Member>(&side_);
  if (member == nullptr || !member->ring) return;
  if (!member->participant.is_open()) {
    member->ring->forget();
    return;
  }
  member->ring.reset();
  member->participant.say_closed();
  member->participant.sleeper().published(region().bells().space_bell.word);
  member->participant.leave();
}

Result<Subscriber> Subscriber::open(Topic topic, Start start, const WaitOptions& wait) {
  if (topic.is_lossy()) return guest(std::move(topic), start, wait);
  const Numbers among = subscribers_of(topic.region_);
  return member(Participant::join(std::move(topic.region_), among, wait), start);
}

// What its publisher made says which kind it is. A lossy topic is mapped twice: to look, and to
// write in its control lines, where the bells are.
Result<Subscriber> Subscriber::open(std::string_view name, Start start, Timeout timeout,
                                    const WaitOptions& wait) {
  std::optional<Topic> lossy;
  const auto look = [&](FileDescriptor file) -> Result<HeldName::Joined> {
    if (!ParticipantLock::anybody(file.get())) return HeldName::Joined::later;
    Result<Region> region = attach_region(file.get(), Access::read_only);
    if (!region) return tl::unexpected(std::move(region.error()));
    if (region->kind() == RingKind::broadcast_lossless) return HeldName::Joined::yes;
    if (region->kind() != RingKind::broadcast_lossy ||
        region->geometry().message_bytes < sizeof(sized::Size)) {
      return fail(ErrorCode::busy, fmt::format("the name '{}' is in use for no topic", name));
    }
    Result<Region> bells = Region::attach(std::move(file));
    if (!bells) return tl::unexpected(std::move(bells.error()));
    if (Result<void> done = bells->make_messages_read_only(); !done) {
      return tl::unexpected(std::move(done.error()));
    }
    lossy.emplace(Topic(std::move(*region), std::move(*bells), false));
    return HeldName::Joined::yes;
  };
  const SteadyTime deadline = end_of(timeout);
  const Result<HeldName> found = HeldName::open(name, timeout, look);
  if (!found) return tl::unexpected(found.error());
  if (lossy) return guest(std::move(*lossy), start, wait);
  return member(Participant::open(name, {RingKind::broadcast_lossless, subscribers_of},
                                  left_until(deadline), wait),
                start);
}

Result<Subscriber> Subscriber::guest(Topic topic, Start start, const WaitOptions& wait) {
  Sleeper sleeper(topic.region().doorbell() == core::DoorbellKind::futex ? core::DoorbellKind::futex
                                                                         : core::DoorbellKind::none,
                  wait);
  core::BroadcastLossy<>::Reader ring(topic.region().lossy_view(), start);
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  return Subscriber(Guest{std::move(topic), std::move(sleeper), std::move(ring)});
}

Result<Subscriber> Subscriber::member(Result<Participant> joined, Start start) {
  if (!joined) return tl::unexpected(std::move(joined.error()));
  if (joined->region().geometry().message_bytes < sizeof(sized::Size)) {
    return fail(ErrorCode::not_a_region, "the region holds another ring than a topic's");
  }
  const core::BroadcastMemory memory = joined->region().lossless_memory();
  const auto id = static_cast<core::ParticipantId>(joined->number());
  // Cells of the dead, that of whoever had this number before among them.
  core::BroadcastLossless<>::evict(
      memory, [&](core::ParticipantId owner) { return owner == id || joined->is_gone(owner); });
  std::optional<core::BroadcastLossless<>::Reader> ring =
      core::BroadcastLossless<>::Reader::join(memory, id, start);
  if (!ring) {  // there is a cell for each number
    return fail(ErrorCode::corrupt, "a position in the topic is impossible; make a new one");
  }
  return Subscriber(Member{std::move(*joined), std::move(ring)});
}

std::optional<std::size_t> Subscriber::take(std::span<std::byte> into) noexcept {
  if (auto* const guest = std::get_if<Guest>(&side_)) return guest->ring->receive_sized(into);
  auto& [participant, held] = std::get<Member>(side_);
  core::BroadcastLossless<>::Reader& ring = *held;
  const std::span<const std::byte> slot = ring.peek();
  if (slot.empty()) {
    give_back();
    return std::nullopt;
  }
  const std::optional<std::span<const std::byte>> message = sized::message_in(slot);
  if (!message) {
    wrong_size_ = sized::wrong_size(slot);
    return std::nullopt;
  }
  if (!message->empty()) std::memcpy(into.data(), message->data(), message->size());
  ring.release();
  participant.sleeper().published(region().bells().space_bell.word);
  return message->size();
}

Result<std::optional<std::size_t>> Subscriber::receive(std::span<std::byte> into, Timeout timeout) {
  if (into.size() < max_message_bytes()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("a buffer of {} bytes: a message of this topic may have {}",
                            into.size(), max_message_bytes()));
  }
  std::optional<std::size_t> size = take(into);
  if (size) return size;
  const ThePublisher publisher{region()};
  const Waited waited = sleeper().wait_until(
      data_bell(), [&] { return is_over() || (size = take(into)).has_value(); }, publisher,
      timeout);
  if (size) return size;
  if (finding().field != nullptr) return fail_corrupt(finding());
  if (is_over()) {
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

bool Subscriber::arm() {
  const ThePublisher publisher{region()};
  return sleeper().arm(
      data_bell(), [&] { return is_over() || has_message(); }, publisher);
}

PeerState Subscriber::peer() const noexcept { return peer_state(region(), kPublisher); }

bool Subscriber::is_over() const noexcept {
  const auto* const member = std::get_if<Member>(&side_);
  return finding().field != nullptr || (member != nullptr && member->ring->evicted());
}

bool Subscriber::has_message() noexcept {
  if (const auto* const guest = std::get_if<Guest>(&side_)) return guest->ring->anything();
  if (!std::get<Member>(side_).ring->peek().empty()) return true;
  give_back();
  return false;
}

void Subscriber::give_back() noexcept {
  auto& [participant, ring] = std::get<Member>(side_);
  ring->publish_position();
  participant.sleeper().published(region().bells().space_bell.word);
}

core::Finding Subscriber::finding() const noexcept {
  if (wrong_size_.field != nullptr) return wrong_size_;
  return std::visit([](const auto& side) { return side.ring->finding(); }, side_);
}

const Region& Subscriber::region() const noexcept {
  const auto* const member = std::get_if<Member>(&side_);
  return member != nullptr ? member->participant.region() : std::get<Guest>(side_).topic.region();
}

std::uint32_t& Subscriber::data_bell() const noexcept {
  const auto* const guest = std::get_if<Guest>(&side_);
  return guest != nullptr ? guest->topic.data_bell() : region().bells().data_bell.word;
}

Sleeper& Subscriber::sleeper() noexcept {
  auto* const member = std::get_if<Member>(&side_);
  return member != nullptr ? member->participant.sleeper() : std::get<Guest>(side_).sleeper;
}

const Sleeper& Subscriber::sleeper() const noexcept {
  const auto* const member = std::get_if<Member>(&side_);
  return member != nullptr ? member->participant.sleeper() : std::get<Guest>(side_).sleeper;
}

std::uint64_t Subscriber::position() const noexcept {
  return std::visit([](const auto& side) { return side.ring->position(); }, side_);
}

std::uint64_t Subscriber::missed() const noexcept {
  const auto* const guest = std::get_if<Guest>(&side_);
  return guest != nullptr ? guest->ring->missed() : 0;
}

}  // namespace ringbell
