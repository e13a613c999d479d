// The round trip: one message to the other process and back, over and over, each timed.
//
// The first process stamps a sequence number into the message, sends it, receives the echo and
// checks its length and sequence number; the second one receives, copies, and sends back. The clock
// is read once per round trip: the end of one is the start of the next. Before the samples up to a
// tenth as many round trips are made and not recorded.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include <fmt/format.h>

#include "bench/harness/clock.hpp"
#include "bench/harness/histogram.hpp"
#include "bench/harness/message_size.hpp"
#include "bench/harness/pattern.hpp"
#include "bench/harness/point.hpp"
#include "bench/harness/process_pair.hpp"
#include "bench/harness/shared.hpp"

namespace ringbell::bench {

// A tenth of the samples, within these.
inline constexpr std::uint64_t kFewestWarmUps = 100;
inline constexpr std::uint64_t kMostWarmUps = 2000;

[[nodiscard]] constexpr std::uint64_t warm_ups_of(std::uint64_t samples) noexcept {
  return std::clamp(samples / 10, kFewestWarmUps, kMostWarmUps);
}

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
  [[nodiscard]] Result<void> answer() {
    if (end_.receive(size_.of(buffer_)) != size_.size()) return tl::unexpected(end_.error());
    keep(size_.of(buffer_));
    if (!end_.send(size_.of(buffer_))) return tl::unexpected(end_.error());
    return {};
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
  [[nodiscard]] Result<void> answer() {
    std::uint64_t sequence = 0;
    if (!take(sequence) || !put(sequence)) return tl::unexpected(end_.error());
    return {};
  }

 private:
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
    sequence = record.size() == size_.size() ? sequence_of(record) : kEndOfStream;
    end_.release();
    return true;
  }

  End& end_;
  [[no_unique_address]] Size size_;
};

// The first process.
template <class Exchange>
[[nodiscard]] Result<void> ask_all(Exchange exchange, std::uint64_t samples, Histogram& histogram) {
  const std::uint64_t warm_ups = warm_ups_of(samples);
  std::uint64_t sequence = 1;
  for (; sequence <= warm_ups; ++sequence) {
    if (Result<void> done = exchange.ask(sequence); !done) [[unlikely]]
      return done;
  }
  std::uint64_t before = now_ns();
  for (; sequence <= warm_ups + samples; ++sequence) {
    if (Result<void> done = exchange.ask(sequence); !done) [[unlikely]]
      return done;
    const std::uint64_t now = now_ns();
    histogram.record(now - before);
    before = now;
  }
  return {};
}

// The second process.
template <class Exchange>
[[nodiscard]] Result<void> answer_all(Exchange exchange, std::uint64_t samples) {
  for (std::uint64_t left = warm_ups_of(samples) + samples; left > 0; --left) {
    if (Result<void> done = exchange.answer(); !done) [[unlikely]]
      return done;
  }
  return {};
}

void describe_round_trip(const Histogram& histogram, Row& row);

template <Transport T>
class RoundTrip {
 public:
  // Adds the figures to the row. Errors: corrupt, if something wrong came; whatever stopped it.
  [[nodiscard]] static Result<void> measure(const Point& point, const CpuPair& cpus, Row& row) {
    const Result<T> link = T::open(point.link_options());
    if (!link) return tl::unexpected(link.error());
    const Result<Shared<Histogram>> histogram = Shared<Histogram>::create();
    if (!histogram) return tl::unexpected(histogram.error());
    link->describe(row);
    const Result<void> ran = with_size<T>(point.message_bytes, [&](auto size) {
      return run_pair(
          point.pair_options(cpus),
          [&] { return side(*link, Party::first, point, size, **histogram); },
          [&] { return side(*link, Party::second, point, size, **histogram); });
    });
    if (ran) describe_round_trip(**histogram, row);
    return ran;
  }

 private:
  template <class Size>
  [[nodiscard]] static Result<void> side(const T& link, Party party, const Point& point, Size size,
                                         Histogram& histogram) {
    Result<typename T::End> end = link.end(party);
    if (!end) return tl::unexpected(end.error());
    const auto exchange = [&](auto one) {
      return party == Party::first ? ask_all(std::move(one), point.samples, histogram)
                                   : answer_all(std::move(one), point.samples);
    };
    if constexpr (requires { end->peek(); }) {
      if (point.loaned) return exchange(LoanedExchange(*end, size));
    }
    return exchange(CopiedExchange(*end, size));
  }
};

}  // namespace ringbell::bench
