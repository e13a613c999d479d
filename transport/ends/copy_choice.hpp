// Which way of copying into a ring is better, plain or past the caches (core/stream_copy.hpp).
//
// It depends on how far apart the writer's and the reader's CPUs are, and the kernel or a
// hypervisor moves both. So it is measured, now and then: one lap of the ring by the way in use,
// one lap by the other so that the lines are where that way leaves them, and one more of the other.
// The better one is used for a number of laps that doubles while the answer stays the same.
//
// Only the writer's time is known, and a reader takes longer over what it has to get from memory
// than over what lies in a near cache. So streaming is better only where it saves the writer more
// than that, or where all that the writer does is copying, so that the reader waits for it.
// bench/learnt.md has the measurements behind the constants.
#pragma once

#include <cstdint>

#include <ringbell/transport/base/export.hpp>

namespace ringbell {

class CopyChoice {
 public:
  enum class Way : std::uint8_t { plain, streaming };
  static constexpr std::uint32_t kFewestLaps = 16;  // between two measurements
  static constexpr std::uint32_t kMostLaps = 512;
  // How much longer the reader takes over a streamed message, and over each KiB of it.
  static constexpr std::uint64_t kReaderMessageNs = 250;
  static constexpr std::uint64_t kReaderKibibyteNs = 35;

  // `lap_bytes`: of the memory that is written round and round. REQUIRES: lap_bytes > 0.
  explicit CopyChoice(std::uint64_t lap_bytes) noexcept
      : lap_bytes_(lap_bytes), left_bytes_(lap_bytes) {}

  // For the next copy.
  [[nodiscard]] Way way() const noexcept { return uses_chosen(phase_) ? chosen_ : other(chosen_); }
  // Whether copied() wants to know when it began and ended.
  [[nodiscard]] bool is_timed() const noexcept {
    return phase_ == Phase::time_chosen || phase_ == Phase::time_other;
  }
  // The next copy was made. The times, of a steady clock, count if is_timed().
  void copied(std::uint64_t bytes, std::uint64_t began_ns, std::uint64_t ended_ns) noexcept {
    if (is_timed()) lap_.add(bytes, began_ns, ended_ns);
    if (bytes < left_bytes_) {
      left_bytes_ -= bytes;
    } else {
      next_phase();
    }
  }

 private:
  enum class Phase : std::uint8_t { settled, time_chosen, warm_other, time_other };

  struct Lap {
    std::uint64_t copies = 0;
    std::uint64_t bytes = 0;
    std::uint64_t copying_ns = 0;
    std::uint64_t began_ns = 0;
    std::uint64_t ended_ns = 0;

    void add(std::uint64_t copy_bytes, std::uint64_t copy_began_ns,
             std::uint64_t copy_ended_ns) noexcept {
      if (copies == 0) began_ns = copy_began_ns;
      ended_ns = copy_ended_ns;
      copying_ns += copy_ended_ns - copy_began_ns;
      bytes += copy_bytes;
      ++copies;
    }
  };

  [[nodiscard]] static bool uses_chosen(Phase phase) noexcept {
    return phase == Phase::settled || phase == Phase::time_chosen;
  }
  [[nodiscard]] static Way other(Way way) noexcept {
    return way == Way::plain ? Way::streaming : Way::plain;
  }
  [[nodiscard]] static Way better(const Lap& plain, const Lap& streaming) noexcept;
  RINGBELL_API void next_phase() noexcept;
  void decide() noexcept;

  std::uint64_t lap_bytes_;
  std::uint64_t left_bytes_;  // of this phase
  Lap lap_{};                 // of this phase
  Lap chosen_lap_{};          // the last that was timed
  std::uint32_t laps_ = kFewestLaps;
  Phase phase_ = Phase::settled;
  Way chosen_ = Way::plain;
};

}  // namespace ringbell
