// One-way throughput: the first process sends as fast as it can, the second receives and verifies.
//
// The receiver counts. It lets a tenth of the time pass as warm-up, measures a window of the wanted
// duration, sets a flag that the sender looks at now and then, and goes on verifying until the end
// mark comes through the transport. Every message's length and sequence number are checked; in rows
// with "checksum" every byte is. The clock is read once in several messages: so many that a reading
// is at least 50 us and, where that is possible at all, at most 1 ms after the one before.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>

#include "bench/harness/clock.hpp"
#include "bench/harness/message_size.hpp"
#include "bench/harness/pattern.hpp"
#include "bench/harness/point.hpp"
#include "bench/harness/process_pair.hpp"
#include "bench/harness/round_trip.hpp"
#include "bench/harness/shared.hpp"

namespace ringbell::bench {

struct Stream {
  // Set by the receiver; the sender's copy of the line stays in its cache until then.
  alignas(128) std::uint32_t stop{0};
  // Stored by the receiver when it is done.
  alignas(128) std::uint64_t messages{0};
  std::uint64_t elapsed_ns{0};
  std::uint64_t verified{0};  // the warm-up's and the rest's included

  // Relaxed: nothing is ordered by it, the end mark comes through the transport.
  [[nodiscard]] bool stopped() noexcept {
    return std::atomic_ref(stop).load(std::memory_order_relaxed) != 0;
  }
  void ask_to_stop() noexcept { std::atomic_ref(stop).store(1, std::memory_order_relaxed); }
};

// The receiver's clock: when the window begins and ends, and when to look next.
class Window {
 public:
  explicit Window(std::chrono::nanoseconds duration) noexcept
      : duration_ns_(static_cast<std::uint64_t>(duration.count())),
        looked_ns_(now_ns()),
        warm_until_ns_(looked_ns_ + duration_ns_ / 10) {}

  // How many messages to receive before the next look.
  [[nodiscard]] std::uint64_t stride() const noexcept { return stride_; }

  // `received` messages have come by now. True: the window is over.
  [[nodiscard]] bool look(std::uint64_t received) noexcept {
    const std::uint64_t now = now_ns();
    adapt(now - looked_ns_);
    looked_ns_ = now;
    if (begin_ns_ == 0) {
      if (now < warm_until_ns_) return false;
      begin_ns_ = now;
      received_at_begin_ = received;
      return false;
    }
    elapsed_ns_ = now - begin_ns_;
    messages_ = received - received_at_begin_;
    return elapsed_ns_ >= duration_ns_;
  }

  [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }
  [[nodiscard]] std::uint64_t elapsed_ns() const noexcept { return elapsed_ns_; }

 private:
  static constexpr std::uint64_t kOftenNs = 50'000;
  static constexpr std::uint64_t kSeldomNs = 1'000'000;
  static constexpr std::uint64_t kLongestStride = 1U << 16U;

  void adapt(std::uint64_t since_last_ns) noexcept {
    if (since_last_ns < kOftenNs) stride_ = std::min(stride_ * 2, kLongestStride);
    if (since_last_ns > kSeldomNs) stride_ = std::max<std::uint64_t>(stride_ / 2, 1);
  }

  std::uint64_t duration_ns_;
  std::uint64_t looked_ns_;
  std::uint64_t warm_until_ns_;
  std::uint64_t stride_ = 1;
  std::uint64_t begin_ns_ = 0;
  std::uint64_t received_at_begin_ = 0;
  std::uint64_t messages_ = 0;
  std::uint64_t elapsed_ns_ = 0;
};

// What the receiver has seen so far. Sequence numbers count from 0.
class Verified {
 public:
  enum class Seen { due, end, wrong };

  [[nodiscard, gnu::always_inline]] Seen see(std::uint64_t sequence) noexcept {
    if (sequence != count_) [[unlikely]] {
      came_ = sequence;
      return sequence == kEndOfStream ? Seen::end : Seen::wrong;
    }
    ++count_;
    return Seen::due;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] tl::unexpected<Error> error() const { return fail_wrong_message(count_, came_); }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t came_ = 0;
};

[[nodiscard]] tl::unexpected<Error> fail_wrong_content(std::uint64_t sequence);

// How many messages the sender sends between two looks at the flag.
inline constexpr std::uint64_t kSendsPerLook = 16;

// put(sequence) sends one message, finish() the end mark and whatever is staged.
template <class Lane>
[[nodiscard]] Result<void> send_until_stopped(Lane lane, Stream& stream) {
  std::uint64_t sequence = 0;
  while (!stream.stopped()) {
    for (std::uint64_t i = 0; i < kSendsPerLook; ++i) {
      if (!lane.put(sequence++)) [[unlikely]]
        return tl::unexpected(lane.error());
    }
    lane.burst_done();
  }
  if (!lane.put(kEndOfStream)) return tl::unexpected(lane.error());
  lane.burst_done();
  return {};
}

// take(n) receives about n messages, at least one, verifies each, and says how the last one was.
template <class Lane>
[[nodiscard]] Result<void> receive_until_stopped(Lane lane, const Point& point, Stream& stream) {
  Window window(point.duration);
  Verified verified;
  auto seen = Verified::Seen::due;
  bool over = false;
  while (seen == Verified::Seen::due) {
    const Result<Verified::Seen> taken = lane.take(window.stride(), verified);
    if (!taken) [[unlikely]]
      return tl::unexpected(taken.error());
    seen = *taken;
    if (over || seen != Verified::Seen::due) continue;
    over = window.look(verified.count());
    if (over) stream.ask_to_stop();
  }
  if (seen == Verified::Seen::wrong) return verified.error();
  stream.messages = window.messages();
  stream.elapsed_ns = window.elapsed_ns();
  stream.verified = verified.count();
  return {};
}

void describe_throughput(const Stream& stream, const Point& point, Row& row);

}  // namespace ringbell::bench
