// Open loop: messages at a fixed rate, even if the transport falls behind, and latencies from the
// intended time.
//
// The n-th message is due at begin + n / rate by the clock, whatever became of those before it. The
// sender waits for that time, or, if it is late, sends at once; it never moves the schedule. Where
// both sides have a quota of CPU time it waits asleep, however short: what is due when it wakes is
// sent at once. The message carries the time at which it was due, and the receiver records how much
// later it has it:
//
//   | sequence number | due, in ns | word over both | ...
//
// So a pause of either side counts for every message that was due meanwhile, as it would for the
// users of a service whose requests come when they come. A closed loop, like the round trip, sends
// nothing during the pause and counts it once (coordinated omission).
//
// Both processes read CLOCK_MONOTONIC, which is the same on all CPUs. A rate of 0 means as fast as
// it goes: each message is due when it is sent. That is how the capacity is found which loads are
// shares of: that of these loops, with their readings of the clock.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <type_traits>

#include <sched.h>

#include "bench/harness/clock.hpp"
#include "bench/harness/histogram.hpp"
#include "bench/harness/message_size.hpp"
#include "bench/harness/over_link.hpp"
#include "bench/harness/pattern.hpp"
#include "bench/harness/point.hpp"
#include "bench/harness/process_pair.hpp"
#include "bench/harness/round_trip.hpp"
#include "bench/harness/shared.hpp"
#include "bench/harness/throughput.hpp"

namespace ringbell::bench {

// What every message begins with.
struct Stamp {
  std::uint64_t sequence;
  std::uint64_t due_ns;
  std::uint64_t check;

  [[nodiscard]] static Stamp of(std::uint64_t sequence, std::uint64_t due_ns) noexcept {
    return {sequence, due_ns, pattern_word(sequence, due_ns)};
  }
  [[nodiscard]] bool is_whole() const noexcept { return check == pattern_word(sequence, due_ns); }
};

inline constexpr std::size_t kSmallestOpenLoopBytes = sizeof(Stamp);

// When each message is due.
class Schedule {
 public:
  // REQUIRES: rate_per_s > 0.
  Schedule(std::uint64_t begin_ns, double rate_per_s) noexcept
      : begin_ns_(begin_ns), rate_per_s_(rate_per_s) {}

  [[nodiscard]] std::uint64_t due_ns(std::uint64_t index) const noexcept {
    return begin_ns_ + static_cast<std::uint64_t>(static_cast<double>(index) * 1e9 / rate_per_s_);
  }

 private:
  std::uint64_t begin_ns_;
  double rate_per_s_;
};

struct OpenLoopFigures {
  // Stored by the sender before its first message: what was due earlier is warm-up.
  alignas(128) std::uint64_t record_from_ns{0};
  // Stored by the receiver: before the first message, and when it is done.
  alignas(128) std::uint32_t receiver_ready{0};
  Histogram latency;
  std::uint64_t received{0};  // the warm-up's included
  std::uint64_t last_ns{0};   // when the last message came
};

[[nodiscard]] tl::unexpected<Error> fail_too_small();
[[nodiscard]] tl::unexpected<Error> fail_behind(double rate_per_s, std::uint64_t behind_ns);

// The sender's process.
template <class End, class Size>
class ScheduledSender {
 public:
  ScheduledSender(End& end, Size size, const Point& point, OpenLoopFigures& figures)
      : end_(end),
        size_(size),
        buffer_(size.size()),
        rate_per_s_(point.rate_per_s),
        duration_ns_(static_cast<std::uint64_t>(point.duration.count())),
        yield_(point.placement == Placement::one_cpu),
        naps_(point.group != nullptr),
        figures_(figures) {}

  [[nodiscard]] Result<void> run() {
    const std::atomic_ref ready(figures_.receiver_ready);
    while (ready.load(std::memory_order_acquire) == 0) ::sched_yield();
    const std::uint64_t begin_ns = now_ns();
    const std::uint64_t warm_until_ns = begin_ns + duration_ns_ / 10;
    std::atomic_ref(figures_.record_from_ns).store(warm_until_ns, std::memory_order_release);
    const std::uint64_t end_ns = warm_until_ns + duration_ns_;
    const Result<std::uint64_t> sent =
        rate_per_s_ > 0 ? send_on(Schedule(begin_ns, rate_per_s_), end_ns) : send_until(end_ns);
    if (!sent) return tl::unexpected(sent.error());
    return put(kEndOfStream, end_ns) ? Result<void>{} : tl::unexpected(end_.error());
  }

 private:
  // Everything that is due before the end, however late it gets. Returns how many.
  [[nodiscard]] Result<std::uint64_t> send_on(const Schedule& schedule, std::uint64_t end_ns) {
    const std::uint64_t patience_ns = kPatienceNs + 2 * duration_ns_;
    std::uint64_t sequence = 0;
    for (std::uint64_t due_ns = schedule.due_ns(0); due_ns < end_ns;
         due_ns = schedule.due_ns(++sequence)) {
      const std::uint64_t now = await(due_ns);
      if (now - due_ns > patience_ns) return fail_behind(rate_per_s_, now - due_ns);
      if (!put(sequence, due_ns)) return tl::unexpected(end_.error());
    }
    return sequence;
  }

  [[nodiscard]] Result<std::uint64_t> send_until(std::uint64_t end_ns) {
    std::uint64_t sequence = 0;
    for (std::uint64_t now = now_ns(); now < end_ns; now = now_ns()) {
      if (!put(sequence++, now)) return tl::unexpected(end_.error());
    }
    return sequence;
  }

  // Returns the time, which is not before `due_ns`.
  [[nodiscard]] std::uint64_t await(std::uint64_t due_ns) const noexcept {
    std::uint64_t now = now_ns();
    while (now < due_ns) {
      if (naps_) nap(due_ns - now);
      if (yield_) ::sched_yield();
      now = now_ns();
    }
    return now;
  }

  static void nap(std::uint64_t time_ns) noexcept {
    const timespec time{.tv_sec = 0,
                        .tv_nsec = static_cast<long>(std::min(time_ns, kLongestNapNs))};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
  }

  [[nodiscard]] bool put(std::uint64_t sequence, std::uint64_t due_ns) {
    const Stamp stamp = Stamp::of(sequence, due_ns);
    std::memcpy(size_.of(buffer_).data(), &stamp, sizeof stamp);
    return end_.send(size_.of(buffer_));
  }

  static constexpr std::uint64_t kPatienceNs = 1'000'000'000;
  static constexpr std::uint64_t kLongestNapNs = 100'000'000;

  End& end_;
  [[no_unique_address]] Size size_;
  MessageBuffer buffer_;
  double rate_per_s_;
  std::uint64_t duration_ns_;
  bool yield_;
  bool naps_;  // the time until a message is due is not the group's to spend
  OpenLoopFigures& figures_;
};

// The receiver's process: until the end mark, every message verified.
template <class End, class Size>
[[nodiscard]] Result<void> receive_scheduled(End& end, Size size, OpenLoopFigures& figures) {
  MessageBuffer buffer(size.size());
  std::atomic_ref(figures.receiver_ready).store(1, std::memory_order_release);
  const std::atomic_ref record_from(figures.record_from_ns);
  for (std::uint64_t expected = 0;; ++expected) {
    if (end.receive(size.of(buffer)) != size.size()) return tl::unexpected(end.error());
    keep(size.of(buffer));
    const std::uint64_t now = now_ns();
    Stamp stamp{};
    std::memcpy(&stamp, size.of(buffer).data(), sizeof stamp);
    if (!stamp.is_whole()) return fail_wrong_content(expected);
    if (stamp.sequence == kEndOfStream) return {};
    if (stamp.sequence != expected) return fail_wrong_message(expected, stamp.sequence);
    figures.received = expected + 1;
    if (stamp.due_ns < record_from.load(std::memory_order_relaxed)) continue;
    figures.latency.record(now > stamp.due_ns ? now - stamp.due_ns : 0);
    figures.last_ns = now;
  }
}

void describe_open_loop(const OpenLoopFigures& figures, Row& row);

template <Transport T>
class OpenLoop {
 public:
  // Adds the figures to the row. Errors: invalid_argument, if a message has no room for its stamp;
  // timed_out, if the sender fell so far behind that the rate is over what the transport carries;
  // corrupt, if something wrong came; whatever stopped it.
  [[nodiscard]] static Result<void> measure(const Point& point, const CpuPair& cpus, Row& row) {
    if (point.message_bytes < kSmallestOpenLoopBytes) return fail_too_small();
    Usage usage;
    const std::uint64_t stopped = point.group != nullptr ? point.group->times_stopped() : 0;
    const Result<Shared<OpenLoopFigures>> figures = run_over_link<T, OpenLoopFigures>(
        point, cpus, row, usage,
        [&](typename T::End& end, Party party, auto size, OpenLoopFigures& shared) -> Result<void> {
          if constexpr (std::is_same_v<decltype(size), FixedSize<8>>) {
            return fail_too_small();
          } else {
            if (party == Party::second) return receive_scheduled(end, size, shared);
            return ScheduledSender(end, size, point, shared).run();
          }
        });
    if (!figures) return tl::unexpected(figures.error());
    describe_open_loop(**figures, row);
    if (point.group != nullptr) set(row, "times_stopped", point.group->times_stopped() - stopped);
    describe_usage(usage, std::max<std::uint64_t>((*figures)->received, 1), row);
    return {};
  }
};

}  // namespace ringbell::bench
