// One point of the comparison: what is measured, over what, how the sides wait and where they run.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "bench/harness/cpu_group.hpp"
#include "bench/harness/process_pair.hpp"
#include "bench/harness/row.hpp"
#include "bench/harness/transport.hpp"

namespace ringbell::bench {

enum class Bench { round_trip, throughput, open_loop };

[[nodiscard]] constexpr const char* name_of(Bench bench) noexcept {
  return bench == Bench::round_trip   ? "round_trip"
         : bench == Bench::throughput ? "throughput"
                                      : "open_loop";
}

struct Point {
  Bench bench = Bench::round_trip;
  std::string transport;
  Wait wait = Wait::blocking;
  Placement placement = Placement::two_cpus;
  std::size_t message_bytes = 8;
  bool quick_wake = false;
  bool spin_first = true;                 // of ringbell's sleeping waits; false: always to sleep
  bool loaned = false;                    // payload neither copied in nor out
  bool checksum = false;                  // content filled in and verified too
  std::size_t batch = 1;                  // messages that become visible together
  const MemoryOptions* memory = nullptr;  // of ringbell's channels; null: the usual
  const CpuGroup* group = nullptr;        // open_loop: both sides are in it; null: in none
  bool within_quota = true;               // of ringbell's waits
  int repeat = 0;
  std::chrono::nanoseconds duration{0};  // of what is measured, after a tenth as much warm-up
  std::uint64_t samples = UINT64_MAX;    // round_trip: no more than these
  double rate_per_s = 0;                 // open_loop: messages; 0: as many as go
  double load = 0;                       // open_loop: that rate's share of the capacity; 0: unknown

  // How long it takes, to be planned with.
  [[nodiscard]] double seconds() const noexcept {
    constexpr double kStartSeconds = 0.005;     // two forks, a link, the pinning
    constexpr double kSlowTripSeconds = 50e-6;  // between sleepers on halted CPUs
    const double most = samples == UINT64_MAX ? std::chrono::duration<double>(duration).count()
                                              : kSlowTripSeconds * static_cast<double>(samples);
    return kStartSeconds + 1.1 * most;
  }
  [[nodiscard]] LinkOptions link_options() const noexcept {
    return {.message_bytes = message_bytes,
            .wait = wait,
            .yield = placement == Placement::one_cpu && !sleeps(wait),
            .spin_first = spin_first,
            .memory = memory,
            .within_quota = within_quota};
  }

  [[nodiscard]] PairOptions pair_options(const CpuPair& cpus,
                                         Usage* usage = nullptr) const noexcept {
    // A stall this long is a hang.
    const auto deadline = std::chrono::seconds(30 + static_cast<long>(20 * seconds()));
    return {.placement = placement,
            .cpus = cpus,
            .quick_wake = quick_wake,
            .deadline = deadline,
            .usage = usage};
  }

  // The fields of its row that say what was measured.
  [[nodiscard]] Row labels() const;
  // One line for people.
  [[nodiscard]] std::string title() const;
};

}  // namespace ringbell::bench
