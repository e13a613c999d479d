// What a publisher (topic.hpp) knows of its subscribers: how far they are, how many they are, and
// which of them are dead.
#include <ringbell/transport/ends/topic.hpp>

#include <utility>
#include <variant>

#include <fmt/format.h>

#include <ringbell/core/broadcast_cells.hpp>
#include <ringbell/transport/base/probes.hpp>
#include <ringbell/transport/ends/many_topic.hpp>

namespace ringbell {

std::uint64_t Publisher::fill() const noexcept {
  if (const auto* const many = std::get_if<Many>(&ring_)) return many->in_use();
  const auto* const ring = std::get_if<Lossless>(&ring_);
  return ring != nullptr ? ring->in_use() : 0;
}

std::uint32_t Publisher::subscribers() const noexcept {
  if (core::is_lossy(region().kind())) return ParticipantLock::seats_held(bells().fd());
  return core::BroadcastCells<core::HardwareAtomics>::count(
      region().lossless_memory(),
      [&](core::ParticipantId id) { return !many_topic::is_gone(participant_, id); });
}

// A subscriber that joins rings as one that gives room back does.
struct Publisher::Newcomers {
  [[nodiscard]] static bool closed() noexcept { return false; }
  [[nodiscard]] static bool stay_awake() noexcept { return false; }
  [[nodiscard]] static Waited ask() noexcept { return Waited::ready; }
};

Result<bool> Publisher::wait_for_subscribers(std::uint32_t count, Timeout timeout) {
  const std::uint32_t most = core::is_lossy(region().kind())
                                 ? ParticipantLock::kSeats
                                 : region().geometry().participants - region().first_participants();
  if (count > most) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} subscribers will never come: this topic takes {}", count, most));
  }
  const Waited waited = participant_.sleeper().wait_until([&] { return subscribers() >= count; },
                                                          Newcomers{}, timeout);
  if (waited == Waited::cancelled) return fail_interrupted();
  return waited == Waited::ready;
}

bool Publisher::take_if_dead(core::ParticipantId in_the_way) noexcept {
  if (in_the_way == 0 || !many_topic::is_gone(participant_, in_the_way)) return false;
  return evict() > 0 || core::has_many_writers(region().kind());  // a claim of a dead publisher
}

std::uint32_t Publisher::evict() noexcept {
  auto* const ring = std::get_if<Lossless>(&ring_);
  std::uint32_t evicted = 0;
  if (ring != nullptr) {
    evicted =
        ring->evict([&](core::ParticipantId id) { return many_topic::is_gone(participant_, id); });
  } else if (core::has_many_writers(region().kind())) {
    evicted = many_topic::take_from_dead(participant_).evicted;
  }
  evictions_ += evicted;
  if (evicted > 0) RINGBELL_PROBE(evict, evicted, evictions_);
  return evicted;
}

}  // namespace ringbell
