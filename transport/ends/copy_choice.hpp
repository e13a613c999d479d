// Which way of copying into a ring is better, plain or past the caches (core/stream_copy.hpp).
//
// It depends on how far apart the writer's and the reader's CPUs are, and the kernel or a
// hypervisor moves both. So it is measured, now and then (two_ways.hpp).
//
// Only the writer's time is known, and a reader takes longer over what it has to get from memory
// than over what lies in a near cache. So streaming is better only where it saves the writer more
// than that, or where all that the writer does is copying, so that the reader waits for it.
// bench/learnt.md has the measurements behind the constants.
#pragma once

#include <cstdint>

#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/two_ways.hpp>

namespace ringbell {

class CopyChoice {
 public:
  enum class Way : std::uint8_t { plain, streaming };
  // How much longer the reader takes over a streamed message, and over each KiB of it.
  static constexpr std::uint64_t kReaderMessageNs = 250;
  static constexpr std::uint64_t kReaderKibibyteNs = 35;

  // `lap_bytes`: of the memory that is written round and round. REQUIRES: lap_bytes > 0.
  explicit CopyChoice(std::uint64_t lap_bytes) noexcept : ways_(lap_bytes) {}

  // For the next copy.
  [[nodiscard]] Way way() const noexcept { return ways_.is_second() ? Way::streaming : Way::plain; }
  // Whether copied() wants to know when it began and ended.
  [[nodiscard]] bool is_timed() const noexcept { return ways_.is_timed(); }
  // The next copy was made. The times, of a steady clock, count if is_timed().
  void copied(std::uint64_t bytes, std::uint64_t began_ns, std::uint64_t ended_ns) noexcept {
    if (is_timed()) lap_.add(bytes, began_ns, ended_ns);
    if (ways_.passed(bytes)) next();
  }

 private:
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

  [[nodiscard]] static Way better(const Lap& plain, const Lap& streaming) noexcept;
  RINGBELL_API void next() noexcept;

  TwoWays ways_;
  Lap lap_{};         // of this phase
  Lap chosen_lap_{};  // the last that was timed
};

}  // namespace ringbell
