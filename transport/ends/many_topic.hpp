// What the ends of a topic of many publishers have in common: how the ring names them, and what is
// taken from those that died.
#pragma once

#include <cstdint>

#include <ringbell/core/many_lossless.hpp>
#include <ringbell/transport/ends/participant.hpp>

namespace ringbell::many_topic {

// Of a topic of one publisher, that has no name in its ring: a subscriber's is its number.
[[nodiscard]] inline core::ParticipantId id_of(core::RingKind kind, std::uint32_t number) noexcept {
  return static_cast<core::ParticipantId>(number + (core::has_many_writers(kind) ? 1 : 0));
}
[[nodiscard]] inline std::uint32_t number_of(core::RingKind kind, core::ParticipantId id) noexcept {
  return id - (core::has_many_writers(kind) ? 1U : 0U);
}

// Whether the participant that the ring names so is dead.
[[nodiscard]] inline bool is_gone(const Participant& own, core::ParticipantId id) noexcept {
  return own.is_gone(number_of(own.region().kind(), id));
}

// What a dead publisher had claimed is passed over, a dead subscriber is waited for no more. Rings
// all that this may help. By a publisher: dead ones are also buried, so that the topic is closed
// when those that live have closed; those that have their places from then on find nothing there.
core::ManyRecovered take_from_dead(const Participant& own) noexcept;
// Before a publisher does anything: the same, and also what the last one with its number held.
// Looks at the slots only if there may be something.
void take_at_start(const Participant& own) noexcept;

}  // namespace ringbell::many_topic
