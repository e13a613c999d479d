// What the micro-benchmarks share: messages with a sequence number, an SpscRing in plain memory,
// and threads on CPUs.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <thread>
#include <type_traits>
#include <vector>

#include <sched.h>

#include <ringbell/core/spsc_ring.hpp>

#include "bench/harness/placement.hpp"

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

// A message through a writer of core: claimed, copied in, committed. False: not now.
template <class Writer, class M>
bool push(Writer& writer, const M& message) noexcept {
  std::span<std::byte> room;
  if constexpr (requires { writer.claim(); }) {
    room = writer.claim();
  } else {
    room = writer.claim(sizeof message);
  }
  if (room.empty()) return false;
  std::memcpy(room.data(), &message, sizeof message);
  if constexpr (std::is_void_v<decltype(writer.commit())>) {
    writer.commit();
    return true;
  } else {
    return writer.commit();
  }
}

// And through a reader: copied out, given back. False: not now.
template <class Reader, class M>
bool pop(Reader& reader, M& message) noexcept {
  const std::span<const std::byte> record = reader.peek();
  if (record.size() != sizeof message) return false;
  std::memcpy(&message, record.data(), sizeof message);
  if constexpr (std::is_void_v<decltype(reader.release())>) {
    reader.release();
    return true;
  } else {
    return reader.release();
  }
}

// The memory of an SpscRing. Behind the data is as much that nothing else uses.
template <std::uint64_t ring_bytes>
struct SpscBlock {
  core::SpscControl control{};
  alignas(core::kFalseSharingBytes) std::array<std::byte, 2 * ring_bytes> data{};

  [[nodiscard]] core::SpscMemory memory() noexcept {
    return {&control, data.data(), ring_bytes, core::kRecordHeaderBytes};
  }
};

// The calling thread; where that is refused, it stays where it is.
inline void pin(int cpu) noexcept { (void)pin_to(cpu); }

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

// The upper one of two. REQUIRES: there are values.
inline double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Threads, each on a CPU, that start together.
class Team {
 public:
  // `work` calls ready() when it is prepared.
  template <class Work>
  void add(int cpu, Work work) {
    threads_.emplace_back([cpu, work] {
      pin(cpu);
      work();
    });
  }
  // In a thread of the team: returns when all may start.
  void ready() noexcept {
    waiting_.fetch_add(1);
    while (!go_.load(std::memory_order_acquire)) ::sched_yield();
  }
  // When all are ready: off they go. Returns the time.
  std::chrono::steady_clock::time_point start() noexcept {
    while (waiting_.load() < threads_.size()) ::sched_yield();
    const auto begin = std::chrono::steady_clock::now();
    go_.store(true, std::memory_order_release);
    return begin;
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<std::size_t> waiting_ = 0;
  std::atomic<bool> go_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace ringbell::bench
