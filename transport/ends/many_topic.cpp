#include <ringbell/transport/ends/many_topic.hpp>

#include <ringbell/transport/base/probes.hpp>

namespace ringbell::many_topic {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;

// `also` counts as dead, whatever the kernel says.
core::ManyRecovered recover(const Participant& own, std::uint32_t also) noexcept {
  const Region& region = own.region();
  const auto is_dead = [&](core::ParticipantId id) {
    const std::uint32_t number = number_of(region.kind(), id);
    return number == also || own.is_gone(number);
  };
  if (region.kind() == core::RingKind::many_lossless) {
    return core::ManyLossless<>::recover(region.many_memory(), is_dead);
  }
  const core::MpmcPlaces slots(region.mpmc_memory());
  return {.skipped = core::MpmcParticipant<core::HardwareAtomics>::recover(slots, is_dead).skipped};
}

[[nodiscard]] bool is_dead(const Participant& own, std::uint32_t number) noexcept {
  return number != own.number() && own.is_open(number) && own.is_gone(number);
}

core::ManyRecovered take_from_dead(const Participant& own, std::uint32_t also) noexcept {
  core::ManyRecovered found = recover(own, also);
  const std::uint32_t publishers = own.region().first_participants();
  for (std::uint32_t number = 0; own.number() < publishers && number < publishers; ++number) {
    if (!is_dead(own, number)) continue;
    // Another may have had its place, and died, since the look before.
    (void)own.mend_place_of(number, [&] {
      const core::ManyRecovered more = recover(own, kNone);
      found.skipped += more.skipped;
      found.evicted += more.evicted;
      own.bury(number);
    });
  }
  if (found.skipped + found.evicted == 0) return found;
  RINGBELL_PROBE(redeliver, std::uint64_t{0}, found.skipped);
  own.sleeper().published(own.region().bells().data_bell.word);
  own.sleeper().published(own.region().bells().space_bell.word);
  return found;
}

}  // namespace

core::ManyRecovered take_from_dead(const Participant& own) noexcept {
  return take_from_dead(own, kNone);
}

void take_at_start(const Participant& own) noexcept {
  bool any = own.follows_a_death();
  for (std::uint32_t number = 0; number < own.region().first_participants(); ++number) {
    any = any || is_dead(own, number);
  }
  if (any) take_from_dead(own, own.number());
}

}  // namespace ringbell::many_topic
