// What the micro-benchmarks share: messages with a sequence number, an SpscRing in plain memory,
// and threads on CPUs.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <sched.h>
#include <ringbell/core/spsc_ring.hpp>

namespace ringbell::bench {

template <std::size_t size_bytes>
struct Message {
  std::uint64_t sequence;
  std::array<std::byte, size_bytes - sizeof(std::uint64_t)> rest;
};

template <>
struct Message<sizeof(std::uint64_t)> {
  std::uint64_t sequence;
};

// A writer's messages, stamped well before they are sent: a wide load right behind a narrower store
// into the same bytes waits until that has left the store buffer, behind all the stores that wait
// for the queue's lines. Numbers ascend one by one.
template <class M>
class Outbox {
 public:
  explicit Outbox(std::uint64_t first) {
    for (std::uint64_t i = 0; i < kSlots; ++i) messages_[(first + i) % kSlots].sequence = first + i;
  }
  [[nodiscard]] const M& at(std::uint64_t number) const noexcept {
    return messages_[number % kSlots];
  }
  // Its place is that of a later one now.
  void sent(std::uint64_t number) noexcept {
    messages_[number % kSlots].sequence = number + kSlots;
  }

 private:
  static constexpr std::uint64_t kSlots = 16;

  alignas(core::kFalseSharingBytes) std::array<M, kSlots> messages_{};
};

// The memory of an SpscRing. Behind the data is as much that nothing else uses.
template <std::uint64_t ring_bytes>
struct SpscBlock {
  core::SpscControl control{};
  alignas(core::kFalseSharingBytes) std::array<std::byte, 2 * ring_bytes> data{};

  [[nodiscard]] core::SpscMemory memory() noexcept {
    return {&control, data.data(), ring_bytes, core::kRecordHeaderBytes};
  }
};

// A thread that finds nothing to do; gives the CPU away now and then where threads share one.
class Wait {
 public:
  explicit Wait(bool yields) : yields_(yields) {}
  void again() noexcept {
    constexpr unsigned kSpins = 32;
    if (yields_ && ++tries_ % kSpins == 0) {
      ::sched_yield();
    } else {
      core::HardwareAtomics::pause();
    }
  }

 private:
  bool yields_;
  unsigned tries_ = 0;
};

// Those that the process may run on. Ask before anything is pinned.
inline std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// The upper one of two. REQUIRES: there are values.
inline double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The calling thread.
inline void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

}  // namespace ringbell::bench
