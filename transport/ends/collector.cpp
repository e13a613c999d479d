#include <ringbell/transport/ends/collector.hpp>

#include <utility>

#include <fmt/format.h>

namespace ringbell {
namespace {

constexpr std::uint32_t kReader = 0;

Numbers contributors_of(const Region& region) {
  return {.first = kReader + 1,
          .end = region.geometry().participants,
          .role = "contributor",
          .reads = false};
}
Numbers the_reader_of(const Region&) {
  return {.first = kReader, .end = kReader + 1, .role = "collector", .reads = true};
}

// The one that reads, as contributors wait for it.
struct TheReader {
  const Region& region;

  [[nodiscard]] bool closed() const noexcept { return has_closed(region, kReader); }
  [[nodiscard]] Waited ask() const noexcept { return ask_after(region, kReader); }
  [[nodiscard]] static bool stay_awake() noexcept { return false; }
};

// Contributors, as the reader waits for them.
struct Contributors {
  core::FanIn<>::Reader& ring;

  [[nodiscard]] static bool closed() noexcept { return false; }
  [[nodiscard]] static Waited ask() noexcept { return Waited::ready; }
  // A quiet lane's writer may have set its bit, and died before it did or rang.
  [[nodiscard]] bool stay_awake() const noexcept { return ring.anything(); }
};

Result<Participant> join(Region region, NumbersOf among, const WaitOptions& wait) {
  if (region.kind() != core::RingKind::fan_in) {
    return fail(ErrorCode::not_a_region, "the region holds another ring than a collector's");
  }
  const Numbers numbers = among(region);
  return Participant::join(std::move(region), numbers, wait);
}

// Whether a lane has something that a next reader would find.
bool holds_messages(const Region& region) noexcept {
  const core::FanInMemory memory = region.fan_in_memory();
  for (std::uint32_t lane = 0; lane < memory.lane_count; ++lane) {
    if (!core::SpscRing<>::Reader(memory.ring(lane)).peek().empty()) return true;
  }
  return false;
}

}  // namespace

// --- Contributor ---------------------------------------------------------------------------------

Contributor::Contributor(Participant participant, core::FanIn<>::Writer ring) noexcept
    : participant_(std::move(participant)), ring_(std::move(ring)), copy_in_(region().geometry()) {
  participant_.sleeper().will_sleep_on(participant_.own_bell());
}

Contributor& Contributor::operator=(Contributor&& other) noexcept {
  std::swap(participant_, other.participant_);
  std::swap(ring_, other.ring_);
  std::swap(copy_in_, other.copy_in_);
  return *this;
}

Contributor::~Contributor() { close(); }

void Contributor::close() noexcept {
  if (!participant_.is_open()) return;
  participant_.say_closed();
  participant_.leave([&] { return holds_messages(region()); });
}

Result<Contributor> Contributor::open(Region region, const WaitOptions& wait) {
  return from(join(std::move(region), contributors_of, wait));
}

Result<Contributor> Contributor::create(std::string_view name, const CollectorOptions& options,
                                        const WaitOptions& wait) {
  return from(Participant::create(name, options.region(), contributors_of, wait));
}

Result<Contributor> Contributor::open(std::string_view name, Timeout timeout,
                                      const WaitOptions& wait) {
  return from(Participant::open(name, {core::RingKind::fan_in, contributors_of}, timeout, wait));
}

Result<Contributor> Contributor::from(Result<Participant> participant) {
  if (!participant) return tl::unexpected(std::move(participant.error()));
  core::FanIn<>::Writer ring(participant->region().fan_in_memory(), participant->number() - 1);
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  return Contributor(std::move(*participant), std::move(ring));
}

Result<std::span<std::byte>> Contributor::claim_for(std::uint32_t size_bytes, Timeout timeout) {
  if (size_bytes == 0) {
    return fail(ErrorCode::invalid_argument, "a record of 0 bytes: the smallest has 1");
  }
  if (size_bytes > max_record_bytes()) {
    return fail(ErrorCode::too_large,
                fmt::format("a record of {} bytes: a lane takes at most {}; create the collector "
                            "with a larger capacity",
                            size_bytes, max_record_bytes()));
  }
  std::span<std::byte> room = ring_.claim(size_bytes);
  if (!room.empty()) return room;
  const TheReader reader{region()};
  const Waited waited = participant_.sleeper().wait_until(
      participant_.own_bell(), [&] { return ring_.corrupt() || ring_.has_room(size_bytes); },
      reader, timeout);
  if (ring_.corrupt()) return fail_corrupt(ring_.finding());
  switch (waited) {
    case Waited::ready:
      return ring_.claim(size_bytes);
    case Waited::timed_out:
      return std::span<std::byte>{};
    case Waited::peer_closed:
      return fail(ErrorCode::closed, "the collector closed and the lane is full");
    case Waited::peer_dead:
      return fail(ErrorCode::peer_dead, "the collector died and the lane is full");
  }
  return std::span<std::byte>{};
}

bool Contributor::arm(std::uint32_t size_bytes) {
  const TheReader reader{region()};
  return participant_.sleeper().arm(
      participant_.own_bell(), [&] { return ring_.corrupt() || ring_.has_room(size_bytes); },
      reader);
}

PeerState Contributor::peer() const noexcept { return peer_state(region(), kReader); }

Result<bool> Contributor::send(std::span<const std::byte> message, Timeout timeout) {
  const std::size_t size = message.size();
  const Result<std::span<std::byte>> room =
      claim_for(size <= UINT32_MAX ? static_cast<std::uint32_t>(size) : UINT32_MAX, timeout);
  if (!room) return tl::unexpected(room.error());
  if (room->empty()) return false;
  copy_in_(*room, message);
  commit();
  return true;
}

// --- Collector -----------------------------------------------------------------------------------

Collector::Collector(Participant participant, Storage storage) noexcept
    : participant_(std::move(participant)),
      storage_(std::move(storage)),
      ring_(participant_.region().fan_in_memory(), storage_) {
  participant_.sleeper().will_sleep_on(region().bells().data_bell.word);
}

Collector& Collector::operator=(Collector&& other) noexcept {
  std::swap(participant_, other.participant_);
  std::swap(storage_, other.storage_);
  std::swap(ring_, other.ring_);
  std::swap(read_from_, other.read_from_);
  return *this;
}

Collector::~Collector() { close(); }

void Collector::close() noexcept {
  if (!participant_.is_open()) return;
  ring_.publish_head();
  participant_.say_closed();
  for (std::uint32_t lane = 0; lane < ring_.lane_count(); ++lane) {
    participant_.sleeper().published(participant_.bell_of(lane + 1));
  }
  participant_.leave([&] { return holds_messages(region()); });
}

Result<Collector> Collector::open(Region region, const WaitOptions& wait) {
  return from(join(std::move(region), the_reader_of, wait));
}

Result<Collector> Collector::create(std::string_view name, const CollectorOptions& options,
                                    const WaitOptions& wait) {
  return from(Participant::create(name, options.region(), the_reader_of, wait));
}

Result<Collector> Collector::open(std::string_view name, Timeout timeout, const WaitOptions& wait) {
  return from(Participant::open(name, {core::RingKind::fan_in, the_reader_of, holds_messages},
                                timeout, wait));
}

Result<Collector> Collector::from(Result<Participant> participant) {
  if (!participant) return tl::unexpected(std::move(participant.error()));
  Storage storage(participant->region().fan_in_memory().lane_count);
  return Collector(std::move(*participant), std::move(storage));
}

std::span<const std::byte> Collector::peek_for(Timeout timeout) {
  std::span<const std::byte> message = peek();
  if (!message.empty()) return message;
  const Contributors contributors{ring_};
  (void)participant_.sleeper().wait_until(
      region().bells().data_bell.word, [&] { return !(message = peek()).empty(); }, contributors,
      timeout);
  return message;
}

bool Collector::arm() {
  const Contributors contributors{ring_};
  return participant_.sleeper().arm(
      region().bells().data_bell.word, [&] { return !peek().empty(); }, contributors);
}

Result<std::size_t> Collector::receive(std::span<std::byte> into, Timeout timeout) {
  const std::span<const std::byte> message = peek_for(timeout);
  if (message.size() > into.size()) {
    return fail(ErrorCode::too_large, fmt::format("a message of {} bytes for a buffer of {}",
                                                  message.size(), into.size()));
  }
  if (message.empty()) return 0;
  std::memcpy(into.data(), message.data(), message.size());
  const std::size_t size = message.size();
  release();
  return size;
}

}  // namespace ringbell
