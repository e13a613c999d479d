// Whether a reader evicts the lines that it leaves (core/spsc_reader.hpp) or keeps them.
//
// What an evicted line saves the writer, and what evicting costs the reader, depends on the CPUs,
// on how far apart they are and on how many lines a message has. So it is measured: the time of a
// lap of the ring, by each. Where the reader mostly waits both take as long, and either is right; a
// pause in one of the two laps is told by a time that no way can save. bench/learnt.md has figures.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include <ringbell/transport/ends/two_ways.hpp>

namespace ringbell {

class LineChoice {
 public:
  using Clock = std::chrono::steady_clock;
  // Shorter laps than this say too little.
  static constexpr std::uint64_t kShortestLapBytes = 256UL * 1024;

  // Of a ring, or of all lanes, of so many bytes.
  explicit LineChoice(std::uint64_t capacity_bytes) noexcept
      : ways_(std::max(capacity_bytes, kShortestLapBytes)) {}

  [[nodiscard]] bool keeps() const noexcept { return ways_.is_second(); }

  // The reader gave back so many bytes more. True: call next(), which is once a lap at most.
  [[nodiscard]] bool gave_back(std::uint64_t bytes) noexcept { return ways_.passed(bytes); }
  void next(Clock::time_point now) noexcept {
    const Clock::duration took = now - std::exchange(began_, now);
    if (std::exchange(is_spoilt_, false) && ways_.is_timed()) return ways_.again();
    // An eighth: less is noise, and not worth a change. More than three quarters: a pause.
    const bool other_is_better = took < chosen_took_ - chosen_took_ / 8 && took > chosen_took_ / 4;
    if (ways_.phase() == TwoWays::Phase::time_chosen) chosen_took_ = took;
    ways_.next(other_is_better);
  }

  // The lap under way does not count: its lines were kept for another reason.
  void spoil() noexcept { is_spoilt_ = true; }

 private:
  TwoWays ways_;
  Clock::time_point began_{};       // this phase
  Clock::duration chosen_took_{0};  // a lap by the way in use, when it was timed last
  bool is_spoilt_ = false;
};

}  // namespace ringbell
