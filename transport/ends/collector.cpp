#include <ringbell/transport/ends/collector.hpp>

#include <new>
#include <utility>

#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/base/probes.hpp>

namespace ringbell {
namespace {

// Whether a lane has something that a next reader would find.
bool lanes_hold_messages(const Region& region) noexcept {
  const core::FanInMemory memory = region.fan_in_memory();
  for (std::uint32_t lane = 0; lane < memory.lane_count; ++lane) {
    if (if_any(core::SpscRing<>::Reader(memory.ring(lane)).peek())) return true;
  }
  return false;
}

// The same of a region of which one lane is mapped. True also if it cannot be looked at.
bool other_lanes_hold_messages(const Region& region) {
  if (!region.maps_lanes_alone()) return lanes_hold_messages(region);
  try {
    Result<FileDescriptor> file = duplicate(region.fd());
    if (!file) return true;
    const Result<Region> whole =
        Region::attach(std::move(*file), {.trust_others = true, .stale_too = true});
    return !whole || lanes_hold_messages(*whole);
  } catch (const std::bad_alloc&) {
    return true;
  }
}

bool is_lane_whole(const Region& region, std::uint32_t number) noexcept {
  return !core::SpscRing<>::Writer(region.fan_in_memory().ring(number - 1)).corrupt();
}

}  // namespace

// --- Contributor ---------------------------------------------------------------------------------

Part Contributor::part() noexcept {
  return {.kind = core::RingKind::fan_in,
          .among = Part::Among::the_rest,
          .role = "contributor",
          .more = "CollectorOptions::contributors of the ring's maker says how many there can be",
          .has_lane = true,
          .is_whole = is_lane_whole};
}

Result<Contributor> Contributor::on(Participant participant) {
  core::FanIn<>::Writer ring(participant.region().fan_in_memory(), participant.number() - 1);
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  return Contributor(std::move(participant), std::move(ring));
}

Contributor::Contributor(Participant participant, core::FanIn<>::Writer ring) noexcept
    : OpenedEnd(std::move(participant)), Writer(std::move(ring), region()) {
  participant_.sleeper().will_sleep_on(participant_.own_bell());
}

Contributor::~Contributor() {
  if (!participant_.is_open()) return;
  participant_.say_closed();
  participant_.leave([&] { return other_lanes_hold_messages(region()); });
}

Result<std::optional<std::span<std::byte>>> Contributor::claim_later(std::size_t size_bytes,
                                                                     Timeout timeout) {
  if (!fits(size_bytes, max_record_bytes())) {
    return fail_size(size_bytes, max_record_bytes(), "a record", "a lane");
  }
  if (Result<void> there = check_reader("collector"); !there) return tl::unexpected(there.error());
  RINGBELL_PROBE(no_room, size_bytes);
  flush();
  const Waited waited = participant_.sleeper().wait_until([&] { return has_room(size_bytes); },
                                                          ThePeer{region()}, timeout);
  return claimed_after(waited, size_bytes, "collector", "lane");
}

bool Contributor::arm(std::size_t size_bytes) {
  flush();
  return participant_.sleeper().arm([&] { return has_room(size_bytes) || lacks_reader(); },
                                    ThePeer{region()});
}

PeerState Contributor::peer() const noexcept { return peer_state(region()); }

// --- Collector -----------------------------------------------------------------------------------

Part Collector::part() noexcept {
  return {.kind = core::RingKind::fan_in,
          .among = Part::Among::the_first,
          .role = "collector",
          .reads = true,
          .left_something = lanes_hold_messages};
}

Result<Collector> Collector::on(Participant participant) {
  Storage storage(participant.region().fan_in_memory().lane_count);
  return Collector(std::move(participant), std::move(storage));
}

Collector::Collector(Participant participant, Storage storage) noexcept
    : OpenedEnd(std::move(participant)),
      storage_(std::move(storage)),
      ring_(region().fan_in_memory(), storage_),
      lines_(region().geometry().capacity_bytes * ring_.lane_count()),
      head_rung_(ring_.published_head(0)) {
  participant_.sleeper().will_sleep_on(region().bells().data_bell.word);
}

Collector::~Collector() {
  if (!participant_.is_open()) return;
  ring_.publish_head();
  participant_.say_closed();
  for (std::uint32_t lane = 0; lane < ring_.lane_count(); ++lane) {
    participant_.sleeper().published(participant_.bell_of(lane + 1));
  }
  participant_.leave([&] { return lanes_hold_messages(region()); });
}

void Collector::look_moved_on(bool found) noexcept {
  head_published();
  if (found) {
    read_from_ = ring_.lane();
    head_rung_ = ring_.published_head(read_from_);
  } else if (++polls_ % Waiter::kPollsPerAsk == 0) {
    mend_lanes();
  }
}

// Contributors, as the reader waits for them: they come and go.
struct Collector::Contributors {
  Collector& own;

  [[nodiscard]] static bool closed() noexcept { return false; }
  [[nodiscard]] Waited ask() const noexcept {
    own.mend_lanes();
    return Waited::ready;
  }
  // A quiet lane's writer may have set its bit, and died before it did or rang.
  [[nodiscard]] bool stay_awake() const noexcept { return own.ring_.anything(); }
};

void Collector::mend_lanes() noexcept {
  for (std::uint32_t lane = 0; ring_.corrupt_lanes() > 0 && lane < lane_count(); ++lane) {
    if (ring_.corrupt(lane)) {
      (void)participant_.mend_place_of(lane + 1, [&] {
        ring_.mend(lane);
        if (lane == read_from_) head_rung_ = ring_.published_head(lane);
      });
    }
  }
}

Result<std::optional<std::span<const std::byte>>> Collector::peek_for(Timeout timeout) {
  std::optional<std::span<const std::byte>> message = peek();
  if (message) return message;
  const Waited waited = participant_.sleeper().wait_until(
      [&] { return (message = peek()).has_value(); }, Contributors{*this}, timeout);
  if (waited == Waited::cancelled) return fail_interrupted();
  return message;
}

std::optional<UserHeader> Collector::user_header() noexcept {
  if (!peeked_ || !region().has_user_headers()) return {};
  const std::optional<std::span<const std::byte>> message = if_any(ring_.peeked());
  peeked_ = message.has_value();
  if (!message) return {};
  return user_header_in(*message);
}

bool Collector::arm() {
  if (participant_.sleeper().slept_a_slice()) mend_lanes();
  return participant_.sleeper().arm([&] { return peek().has_value(); }, Contributors{*this});
}

}  // namespace ringbell
