// The round trip: one message to the other process and back, over and over, each timed.
//
// The first process stamps a sequence number into the message, sends it, receives the echo and
// checks its length and sequence number; the second one receives, copies, and sends back. The clock
// is read once per round trip: the end of one is the start of the next. Before them come some that
// are not recorded: for a tenth of the time, within limits. A last message ends the server.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include <fmt/format.h>

#include "bench/harness/clock.hpp"
#include "bench/harness/histogram.hpp"
#include "bench/harness/message_size.hpp"
#include "bench/harness/over_link.hpp"
#include "bench/harness/pattern.hpp"
#include "bench/harness/point.hpp"
#include "bench/harness/process_pair.hpp"
#include "bench/harness/shared.hpp"

namespace ringbell::bench {

inline constexpr std::uint64_t kFewestWarmUps = 100;
inline constexpr std::uint64_t kMostWarmUps = 2000;

struct RoundTripFigures {
  Histogram latency;
  std::uint64_t trips{0};  // the warm-up's included
};

[[nodiscard]] tl::unexpected<Error> fail_wrong_message(std::uint64_t due, std::uint64_t came);

// Copied in and out on both sides.
template <LinkEnd End, class Size>
class CopiedExchange {
 public:
  CopiedExchange(End& end, Size size) : end_(end), size_(size), buffer_(size.size()) {}

  [[nodiscard]] Result<void> ask(std::uint64_t sequence) {
    stamp(size_.of(buffer_), sequence);
    if (!end_.send(size_.of(buffer_))) return tl::unexpected(end_.error());
    if (end_.receive(size_.of(buffer_)) != size_.size()) return tl::unexpected(end_.error());
    keep(size_.of(buffer_));
    const std::uint64_t came = sequence_of(size_.of(buffer_));
    if (came != sequence) [[unlikely]]
      return fail_wrong_message(sequence, came);
    return {};
  }
  // Gives the number that came.
  [[nodiscard]] Result<std::uint64_t> answer() {
    if (end_.receive(size_.of(buffer_)) != size_.size()) return tl::unexpected(end_.error());
    keep(size_.of(buffer_));
    const std::uint64_t came = sequence_of(size_.of(buffer_));
    if (!end_.send(size_.of(buffer_))) return tl::unexpected(end_.error());
    return came;
  }

 private:
  End& end_;
  [[no_unique_address]] Size size_;
  MessageBuffer buffer_;
};

// Loaned: both sides write and read the record where it stands, and of it only the sequence number.
template <class End, class Size>
class LoanedExchange {
 public:
  LoanedExchange(End& end, Size size) : end_(end), size_(size) {}

  [[nodiscard]] Result<void> ask(std::uint64_t sequence) {
    if (!put(sequence)) return tl::unexpected(end_.error());
    std::uint64_t came = 0;
    if (!take(came)) return tl::unexpected(end_.error());
    if (came != sequence) [[unlikely]]
      return fail_wrong_message(sequence, came);
    return {};
  }
  [[nodiscard]] Result<std::uint64_t> answer() {
    std::uint64_t sequence = 0;
    if (!take(sequence) || !put(sequence)) return tl::unexpected(end_.error());
    return sequence;
  }

 private:
  static constexpr std::uint64_t kWrongSize = kEndOfStream - 1;

  [[nodiscard]] bool put(std::uint64_t sequence) {
    const std::span<std::byte> room = end_.claim(static_cast<std::uint32_t>(size_.size()));
    if (room.empty()) [[unlikely]]
      return false;
    stamp(room, sequence);
    return end_.commit();
  }
  // A record of the wrong size counts as a wrong sequence number.
  [[nodiscard]] bool take(std::uint64_t& sequence) {
    const std::span<const std::byte> record = end_.peek();
    if (record.empty()) [[unlikely]]
      return false;
    sequence = record.size() == size_.size() ? sequence_of(record) : kWrongSize;
    end_.release();
    return true;
  }

  End& end_;
  [[no_unique_address]] Size size_;
};

// The first process.
template <class Exchange>
[[nodiscard]] Result<void> ask_all(Exchange exchange, const Point& point,
                                   RoundTripFigures& figures) {
  const auto duration_ns = static_cast<std::uint64_t>(point.duration.count());
  std::uint64_t sequence = 1;
  std::uint64_t before = now_ns();
  const std::uint64_t warm_until = before + duration_ns / 10;
  const std::uint64_t most = std::clamp(point.samples / 10, kFewestWarmUps, kMostWarmUps);
  for (; sequence <= kFewestWarmUps || (sequence <= most && before < warm_until);
       before = now_ns()) {
    if (Result<void> done = exchange.ask(sequence++); !done) [[unlikely]]
      return done;
  }
  const std::uint64_t end = before + duration_ns;
  while (before < end && figures.latency.count() < point.samples) {
    if (Result<void> done = exchange.ask(sequence++); !done) [[unlikely]]
      return done;
    const std::uint64_t now = now_ns();
    figures.latency.record(now - before);
    before = now;
  }
  figures.trips = sequence;
  return exchange.ask(kEndOfStream);
}

// The second process.
template <class Exchange>
[[nodiscard]] Result<void> answer_all(Exchange exchange) {
  while (true) {
    const Result<std::uint64_t> came = exchange.answer();
    if (!came) [[unlikely]]
      return tl::unexpected(came.error());
    if (*came == kEndOfStream) return {};
  }
}

// Percentiles beyond the median only where 100 samples or more lie beyond them: fewer say nothing.
// Rounded to the clock's step.
void describe_latency(const Histogram& latency, Row& row);
// What a message cost both processes. REQUIRES: messages > 0.
void describe_usage(const Usage& usage, std::uint64_t messages, Row& row);

template <Transport T>
class RoundTrip {
 public:
  // Adds the figures to the row. Errors: corrupt, if something wrong came; whatever stopped it.
  [[nodiscard]] static Result<void> measure(const Point& point, const CpuPair& cpus, Row& row) {
    Usage usage;
    const Result<Shared<RoundTripFigures>> figures = run_over_link<T, RoundTripFigures>(
        point, cpus, row, usage,
        [&](typename T::End& end, Party party, auto size, RoundTripFigures& shared) {
          return side(end, party, point, size, shared);
        });
    if (!figures) return tl::unexpected(figures.error());
    describe_latency((*figures)->latency, row);
    describe_usage(usage, 2 * (*figures)->trips, row);
    return {};
  }

 private:
  template <class Size>
  [[nodiscard]] static Result<void> side(typename T::End& end, Party party, const Point& point,
                                         Size size, RoundTripFigures& figures) {
    const auto exchange = [&](auto one) {
      return party == Party::first ? ask_all(std::move(one), point, figures)
                                   : answer_all(std::move(one));
    };
    if constexpr (requires { end.peek(); }) {
      if (point.loaned) return exchange(LoanedExchange(end, size));
    }
    return exchange(CopiedExchange(end, size));
  }
};

}  // namespace ringbell::bench
