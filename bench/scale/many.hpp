// The loops in which many are measured, over what has them:
//
//   M::open(count, loop)   before the fork; count is what there are many of
//   many.writers()         in the process that writes: send(source, message)
//   many.reader()          in the one that reads: turn(use) waits as `loop` says, and then calls
//                          use(way, message) for what is there
//
// Messages have 56 bytes. Each says which source it is of and how many that source sent before it,
// and each is verified.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <sched.h>
#include <sys/prctl.h>

#include <ringbell/transport/memory/region.hpp>
#include "bench/harness/clock.hpp"
#include "bench/harness/open_loop.hpp"
#include "bench/harness/process_pair.hpp"
#include "bench/harness/round_trip.hpp"
#include "bench/harness/shared.hpp"
#include "bench/harness/throughput.hpp"
#include "bench/harness/transport.hpp"
#include "bench/scale/scale.hpp"

namespace ringbell::bench {

// Which way gets what of which source.
enum class Shape : std::uint8_t {
  channels,     // as many ways, each with a source of its own
  subscribers,  // as many ways, of which each gets all that the one source sends
  writers,      // one way, into which as many sources send
};

[[nodiscard]] constexpr std::uint32_t sources_of(Shape shape, std::uint32_t count) noexcept {
  return shape == Shape::subscribers ? 1 : count;
}
[[nodiscard]] constexpr std::uint32_t ways_of(Shape shape, std::uint32_t count) noexcept {
  return shape == Shape::writers ? 1 : count;
}
// How many get one message.
[[nodiscard]] constexpr std::uint32_t deliveries_of(Shape shape, std::uint32_t count) noexcept {
  return shape == Shape::subscribers ? count : 1;
}

struct Letter {
  Stamp stamp;  // its sequence is that of its source
  std::uint64_t source;
  std::array<std::uint64_t, 3> rest;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return std::as_bytes(std::span(this, 1));
  }
};
inline constexpr std::size_t kLetterBytes = 56;
static_assert(sizeof(Letter) == kLetterBytes);

// How many of those that are there a turn takes of each way, so that none is kept waiting.
inline constexpr int kMostAtOnce = 64;

// What has come, verified.
class Arrivals {
 public:
  // `gaps`: messages may be missed, if none comes twice or out of turn.
  Arrivals(Shape shape, std::uint32_t count, bool gaps) : shape_(shape), gaps_(gaps), due_(count) {}

  void see(std::uint32_t way, std::span<const std::byte> message) noexcept {
    Letter letter{};
    if (message.size() != sizeof letter) return spoil();
    std::memcpy(&letter, message.data(), sizeof letter);
    const std::uint64_t lane = shape_ == Shape::subscribers ? way : letter.source;
    if (!letter.stamp.is_whole() || lane >= due_.size() ||
        (shape_ == Shape::channels && lane != way)) {
      return spoil();
    }
    if (letter.stamp.sequence == kEndOfStream) {
      over_ = true;
      return;
    }
    std::uint64_t& due = due_[lane];
    if (gaps_ ? letter.stamp.sequence < due : letter.stamp.sequence != due) return spoil();
    due = letter.stamp.sequence + 1;
    ++count_;
    sent_ns_ = letter.stamp.due_ns;
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t sent_ns() const noexcept { return sent_ns_; }  // of the last one
  [[nodiscard]] bool over() const noexcept { return over_; }
  [[nodiscard]] Result<void> verdict() const {
    return spoilt_ ? Result<void>(fail_wrong_message(count_, 0)) : Result<void>{};
  }
  [[nodiscard]] bool goes_on() const noexcept { return !over_ && !spoilt_; }

 private:
  void spoil() noexcept { spoilt_ = true; }

  Shape shape_;
  bool gaps_;
  std::vector<std::uint64_t> due_;
  std::uint64_t count_ = 0;
  std::uint64_t sent_ns_ = 0;
  bool over_ = false;
  bool spoilt_ = false;
};

struct ManyFigures {
  Stream stream;
  alignas(128) std::uint64_t taken{0};  // stored by the reader
  Histogram latency;
  double attaches_per_s{0};
  std::uint64_t memory_bytes{0};
  std::uint64_t descriptors{0};
};

template <class M>
[[nodiscard]] Arrivals arrivals_of(std::uint32_t count) {
  return Arrivals(M::kShape, count, M::kMayMiss);
}

template <class Writers>
[[nodiscard]] bool send_end(Writers& writers) {
  const Letter end{.stamp = Stamp::of(kEndOfStream, 0), .source = 0, .rest = {}};
  return writers.send(0, end.bytes());
}

// Runs write(writers, figures) and read(reader, figures), each in a process.
template <class M, class Write, class Read>
[[nodiscard]] Result<Shared<ManyFigures>> run_many(const ManyPoint& point, Placement placement,
                                                   Usage& usage, Write write, Read read) {
  Result<M> many = M::open(point.count, point.loop);
  if (!many) return tl::unexpected(many.error());
  Result<Shared<ManyFigures>> figures = Shared<ManyFigures>::create();
  if (!figures) return figures;
  const Result<void> ran = run_pair(
      {.placement = placement, .cpus = point.cpus, .usage = &usage},
      [&]() -> Result<void> {
        auto writers = many->writers();
        if (!writers) return tl::unexpected(writers.error());
        const bool sent = write(*writers, **figures) && send_end(*writers);
        return sent ? Result<void>{} : tl::unexpected(writers->error());
      },
      [&]() -> Result<void> {
        auto reader = many->reader();
        if (!reader) return tl::unexpected(reader.error());
        return read(*reader, **figures);
      });
  if (!ran) return tl::unexpected(ran.error());
  return figures;
}

void describe_many(const ManyFigures& figures, const Usage& usage, Row& row);

// As many messages as go through, from all sources in turn.
template <class M>
[[nodiscard]] Result<void> measure_stream(const ManyPoint& point, Row& row) {
  Usage usage;
  const std::uint32_t sources = sources_of(M::kShape, point.count);
  const auto write = [&](auto& writers, ManyFigures& figures) {
    Letter letter{};
    for (std::uint64_t sequence = 0; !figures.stream.stopped(); ++sequence) {
      letter.stamp = Stamp::of(sequence, 0);
      for (letter.source = 0; letter.source < sources; ++letter.source) {
        if (!writers.send(static_cast<std::uint32_t>(letter.source), letter.bytes())) return false;
      }
    }
    return true;
  };
  const auto read = [&](auto& reader, ManyFigures& figures) -> Result<void> {
    Arrivals arrivals = arrivals_of<M>(point.count);
    Window window(point.duration);
    std::uint64_t next_look = 0;
    for (bool over = false; arrivals.goes_on();) {
      if (!reader.turn([&](auto way, auto message) { arrivals.see(way, message); })) {
        return tl::unexpected(reader.error());
      }
      if (over || arrivals.count() < next_look) continue;
      over = window.look(arrivals.count());
      next_look = arrivals.count() + window.stride();
      if (over) figures.stream.ask_to_stop();
    }
    figures.stream.messages = window.messages();
    figures.stream.elapsed_ns = window.elapsed_ns();
    figures.stream.verified = arrivals.count();
    return arrivals.verdict();
  };
  const Result<Shared<ManyFigures>> figures =
      run_many<M>(point, Placement::two_cpus, usage, write, read);
  if (!figures) return tl::unexpected(figures.error());
  describe_many(**figures, usage, row);
  return {};
}

// One message now and then, from one source or another, to a reader that has nothing else to do:
// how long until it has it. Both on one CPU, so that no halted CPU and no hypervisor is in it.
template <class M>
[[nodiscard]] Result<void> measure_wake(const ManyPoint& point, Row& row) {
  constexpr long kNapNs = 20'000;          // by which the reader sleeps again
  constexpr std::uint64_t kStride = 7919;  // a prime: in no order that a cache could guess
  Usage usage;
  const std::uint32_t sources = sources_of(M::kShape, point.count);
  const std::uint64_t deliveries = deliveries_of(M::kShape, point.count);
  const auto nap = [] {
    const timespec time{.tv_sec = 0, .tv_nsec = kNapNs};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
  };
  const auto write = [&](auto& writers, ManyFigures& figures) {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    const std::atomic_ref taken(figures.taken);
    std::vector<std::uint64_t> sent(sources);
    Letter letter{};
    for (std::uint64_t i = 0; i < point.samples; ++i) {
      nap();
      letter.source = i * kStride % sources;
      letter.stamp = Stamp::of(sent[letter.source]++, now_ns());
      if (!writers.send(static_cast<std::uint32_t>(letter.source), letter.bytes())) return false;
      while (taken.load(std::memory_order_acquire) < (i + 1) * deliveries) nap();
    }
    return true;
  };
  const auto read = [&](auto& reader, ManyFigures& figures) -> Result<void> {
    const std::atomic_ref taken(figures.taken);
    Arrivals arrivals = arrivals_of<M>(point.count);
    while (arrivals.goes_on()) {
      const std::uint64_t before = arrivals.count();
      const bool turned = reader.turn([&](auto way, auto message) {
        const std::uint64_t seen = arrivals.count();
        arrivals.see(way, message);
        if (arrivals.count() > seen) figures.latency.record(now_ns() - arrivals.sent_ns());
      });
      if (!turned) return tl::unexpected(reader.error());
      if (arrivals.count() == before) ::sched_yield();
      taken.store(arrivals.count(), std::memory_order_release);
    }
    return arrivals.verdict();
  };
  const Result<Shared<ManyFigures>> figures =
      run_many<M>(point, Placement::one_cpu, usage, write, read);
  if (!figures) return tl::unexpected(figures.error());
  describe_latency((*figures)->latency, row);
  return {};
}

// A region of which this process has a descriptor, as a process that got it would.
[[nodiscard]] Result<Region> attach_again(int fd, const AttachOptions& options = {});

// Of this process.
[[nodiscard]] std::uint64_t open_descriptors();
// Its memory, what it shares with others by its share.
[[nodiscard]] std::uint64_t memory_bytes();

// How often side(figures) attaches and detaches, in a process of its own.
[[nodiscard]] Result<void> run_alone(const ManyPoint& point, Row& row,
                                     const std::function<Result<void>(ManyFigures&)>& side);
// Calls once() until the time is over.
[[nodiscard]] Result<double> times_per_s(const ManyPoint& point,
                                         const std::function<Result<void>()>& once);

// Makes all ends of so many in this process, has each carry a message, and calls then(writers,
// reader).
template <class M, class Then>
[[nodiscard]] Result<void> with_all_ends(std::uint32_t count, Loop loop, Then then) {
  Result<M> many = M::open(count, loop);
  if (!many) return tl::unexpected(many.error());
  auto reader = many->reader();
  if (!reader) return tl::unexpected(reader.error());
  auto writers = many->writers();
  if (!writers) return tl::unexpected(writers.error());
  Arrivals arrivals = arrivals_of<M>(count);
  std::uint64_t due = 0;
  for (Letter letter{}; letter.source < sources_of(M::kShape, count); ++letter.source) {
    letter.stamp = Stamp::of(0, 0);
    const auto source = static_cast<std::uint32_t>(letter.source);
    if (!writers->send(source, letter.bytes())) return tl::unexpected(writers->error());
    due += deliveries_of(M::kShape, count);
    while (arrivals.count() < due && arrivals.goes_on()) {
      if (!reader->turn([&](auto way, auto message) { arrivals.see(way, message); })) {
        return tl::unexpected(reader->error());
      }
    }
  }
  if (Result<void> right = arrivals.verdict(); !right) return right;
  return then(*writers, *reader);
}

// What all ends of so many take, and how often one of them can come and go beside the others.
template <class M>
[[nodiscard]] Result<void> measure_ends(const ManyPoint& point, Row& row) {
  return run_alone(point, row, [&](ManyFigures& figures) -> Result<void> {
    // What the first one ever takes is the program's.
    const auto nothing = [](auto&, auto&) { return Result<void>{}; };
    if (auto done = with_all_ends<M>(1, point.loop, nothing); !done) return done;
    const std::uint64_t descriptors = open_descriptors();
    const std::uint64_t memory = memory_bytes();
    const auto measure = [&](auto& writers, auto& reader) -> Result<void> {
      const std::uint64_t now = memory_bytes();
      figures.memory_bytes = now - std::min(now, memory) + M::unseen_bytes(point.count);
      figures.descriptors = open_descriptors() - descriptors;
      auto one_more = M::one_more(writers, reader);
      if (!one_more) return tl::unexpected(one_more.error());
      const Result<double> rate = times_per_s(point, *one_more);
      if (!rate) return tl::unexpected(rate.error());
      figures.attaches_per_s = *rate;
      return {};
    };
    return with_all_ends<M>(point.count, point.loop, measure);
  });
}

}  // namespace ringbell::bench
