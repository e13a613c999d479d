// One side of a ring where a hostile peer may change every word between any two of the side's
// operations, and every load may return a lie: exactly what lies between check and use, the same
// for the same choices.
#pragma once

#include <array>
#include <cstdint>

#include <tests/hostile/choices.hpp>
#include <tests/hostile/liar.hpp>
#include <tests/hostile/tally.hpp>
#include <tests/support/watched_atomics.hpp>

namespace ringbell::hostile {

// How the hostile peer behaves for a while: one operation in so many; 0: never.
struct Mood {
  std::uint64_t strikes = 0;  // is preceded by a store of garbage
  std::uint64_t lies = 0;     // returns a lie
};

[[nodiscard]] inline Mood some_mood(Choices& choices) noexcept {
  constexpr std::array<std::uint64_t, 6> kOften = {0, 1, 3, 10, 40, 400};
  return {.strikes = kOften[choices.roll(kOften.size())],
          .lies = kOften[choices.roll(kOften.size())]};
}

// Runs P's victim for so many steps, with its honest peer and a hostile one. Aborts the process if
// the victim leaves its room, or takes more operations for a step than it may.
template <class P>
void run_with_lies(const typename P::Room& room, Choices& choices, int steps, Tally& tally) {
  using Watched = test::WatchedAtomics;
  Liar liar(room.targets(), room.landmarks());
  Mood mood;
  std::uint64_t operations = 0;
  std::uint64_t most = UINT64_MAX;
  test::Watch& watch = Watched::watch();
  watch.before = [&] {
    HOSTILE_CHECK(++operations <= most);  // or a peer could keep it here for ever
    if (mood.strikes != 0 && choices.one_in(mood.strikes)) tally.garbage += liar.strike(choices);
  };
  watch.see = [&](std::uint64_t value) {
    if (mood.lies == 0 || !choices.one_in(mood.lies)) return value;
    ++tally.garbage;
    return lie_about(value, liar.landmarks(), choices);
  };
  mood = some_mood(choices);
  typename P::template Victim<Watched> victim(room, choices);
  typename P::Peer peer(room, choices);
  Tally peers;
  most = victim.most_operations();
  for (int i = 0; i < steps && !choices.ended(); ++i) {
    if (choices.one_in(8)) mood = some_mood(choices);
    if (choices.one_in(2)) peer.step(choices, peers);
    operations = 0;
    ++tally.steps;
    victim.step(choices, tally);
  }
  most = UINT64_MAX;
  mood = {};
}

}  // namespace ringbell::hostile
