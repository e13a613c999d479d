// `ringbell replay FILE NAME`: a recording's messages into a ring, at the times of their recording.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <sys/prctl.h>

#include <ringbell/core/cpu.hpp>

#include "bridge/rings/ring_writer.hpp"
#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"
#include "tools/command/record/recording_reader.hpp"
#include "tools/command/stream/meter.hpp"
#include "tools/command/stream/patience.hpp"

namespace ringbell::tools {
namespace {

using bridge::RingWriter;
using Clock = std::chrono::steady_clock;

constexpr const char* kExamples = R"(Examples:
  ringbell replay ticks.pcap ticks              at the times at which they were recorded
  ringbell replay ticks.pcap ticks --speed 4    four times as fast; --max: as fast as they are read
  ringbell replay ticks.pcap ticks --from 1.5 --to 60    of that time of the recording, in seconds
  ringbell replay o.pcap orders --max & ringbell recv orders --raw --lines

NAME becomes a ring as the recorded one was, or is joined if it is there. A message that finds no
room waits, and those behind it make up for the time that was lost. What was missed while recording
is not there. Of a channel the replay ends when the receiver has taken everything.
Exit status: 0; 3 no receiver came within --wait; 4 the recording was cut (all that it had was
sent), or the receiver died or stopped before the end; 1 anything else.)";

struct ReplayOptions {
  std::string file;
  std::string name;
  double speed = 1;
  bool at_once = false;
  double from_s = 0;
  std::optional<double> to_s;
  bool loop = false;
  std::uint64_t count = UINT64_MAX;
  std::optional<double> wait_s;
  bool progress = false;
};

// When each message is due.
class Schedule {
 public:
  Schedule(const ReplayOptions& options, Meter& meter) : options_(options), meter_(meter) {}

  enum class Place { before, within, behind };
  // Of --from and --to. The first message tells where the recording begins.
  [[nodiscard]] Place place_of(std::uint64_t unix_ns) {
    if (!begin_ns_) begin_ns_ = unix_ns;
    const double at_s = seconds(unix_ns);
    if (at_s < options_.from_s) return Place::before;
    return options_.to_s && at_s > *options_.to_s ? Place::behind : Place::within;
  }

  // Sleeps until it is due.
  [[nodiscard]] Tried<void> await(std::uint64_t unix_ns) {
    if (options_.at_once) return interruption::check();
    if (!start_) start_ = Clock::now();
    const double after_s = (seconds(unix_ns) - options_.from_s) / options_.speed;
    constexpr double kAges = 1e9;
    const Clock::time_point due =
        *start_ + std::chrono::duration_cast<Clock::duration>(
                      std::chrono::duration<double>(std::clamp(after_s, 0.0, kAges)));
    for (;;) {
      if (auto on = interruption::check(); !on) return on;
      const Clock::duration left = due - Clock::now();
      if (left <= Clock::duration::zero()) return {};
      if (left > kSpin) {
        nap(std::min<Clock::duration>(left - kSpin, kSlice));
        meter_.tick();
      } else {
        core::cpu::spin_hint();
      }
    }
  }

 private:
  // A sleep ends late by some of it; the rest is spun.
  static constexpr std::chrono::microseconds kSpin{60};

  [[nodiscard]] double seconds(std::uint64_t unix_ns) const noexcept {
    return static_cast<double>(static_cast<std::int64_t>(unix_ns - *begin_ns_)) / 1e9;
  }
  static void nap(Clock::duration time) noexcept {
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(time);
    const timespec span{whole.count(), std::chrono::nanoseconds(time - whole).count()};
    ::nanosleep(&span, nullptr);
  }

  const ReplayOptions& options_;
  Meter& meter_;
  std::optional<std::uint64_t> begin_ns_;
  std::optional<Clock::time_point> start_;
};

class Replayer {
 public:
  Replayer(const ReplayOptions& options, RingWriter writer, Meter& meter)
      : options_(options),
        writer_(std::move(writer)),
        patience_(options.wait_s ? std::optional(std::chrono::duration<double>(*options.wait_s))
                                 : std::nullopt),
        meter_(meter) {}

  // What the recording has; with kTruncated up to where it was cut.
  Tried<void> play(RecordingReader& recording) {
    Schedule schedule(options_, meter_);
    while (sent_ < options_.count) {
      const Tried<std::optional<RecordingReader::Packet>> packet = recording.next();
      if (!packet) return tl::unexpected(packet.error());
      if (!*packet) return {};
      if ((*packet)->header.kind != PacketKind::message) continue;
      const Schedule::Place place = schedule.place_of((*packet)->unix_ns);
      if (place == Schedule::Place::before) continue;
      if (place == Schedule::Place::behind) return {};
      if (auto due = schedule.await((*packet)->unix_ns); !due) return due;
      if (auto sent = send((*packet)->payload); !sent) {
        stopped_ = true;
        return sent;
      }
      meter_.add((*packet)->payload.size());
      ++sent_;
    }
    return {};
  }

  // Until the receiver of a channel has taken all.
  Tried<void> drain() {
    return until([&] { return writer_.drained(patience_.slice(writer_.reader_came())); });
  }

  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
  // It was not the recording that ended it.
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }

 private:
  Tried<void> send(std::span<const std::byte> message) {
    return until([&] { return writer_.send(message, patience_.slice(writer_.reader_came())); });
  }

  template <class Try>
  Tried<void> until(Try&& attempt) {
    for (;;) {
      const Result<bool> done = attempt();
      if (!done) return give_up(done.error());
      if (*done) return {};
      const Tried<void> on = patience_.after_slice(
          writer_.reader_came(),
          "no receiver came in time; a program or `ringbell recv --raw` is one", meter_);
      if (!on) return on;
    }
  }

  const ReplayOptions& options_;
  RingWriter writer_;
  Patience patience_;
  Meter& meter_;
  std::uint64_t sent_ = 0;
  bool stopped_ = false;
};

Tried<void> replay(const ReplayOptions& options, Meter& meter) {
  Tried<RecordingReader> recording = RecordingReader::open(options.file);
  if (!recording) return tl::unexpected(recording.error());
  Result<RingWriter> writer =
      RingWriter::create(options.name, recording->shape(), interruption::has_come);
  if (!writer) return give_up(writer.error());
  Replayer replayer(options, std::move(*writer), meter);
  for (;;) {
    const std::uint64_t before = replayer.sent();
    Tried<void> played = replayer.play(*recording);
    const bool was_cut = !played && !replayer.stopped() && played.error().status == kTruncated;
    if (!played && !was_cut) return played;
    if (options.loop && replayer.sent() < options.count) {
      if (replayer.sent() == before) return give_up(kFailed, "there is no message to replay");
      recording = RecordingReader::open(options.file);
      if (!recording) return tl::unexpected(recording.error());
      continue;
    }
    // All that the recording had is to arrive, even if it was cut.
    if (auto drained = replayer.drain(); !drained) return drained;
    return played;
  }
}

int replay_command(const ReplayOptions& options) {
  if (options.to_s && *options.to_s < options.from_s) {
    return complain("--to lies before --from", kUsage);
  }
  if (options.loop && options.file == "-") {
    return complain("--loop needs a file, not standard input", kUsage);
  }
  interruption::watch();
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // sleeps of ns, not of 50 us more
  Meter meter(options.progress);
  const Tried<void> done = replay(options, meter);
  meter.finish();
  return done ? int{kDone} : complain(done.error());
}

}  // namespace

void add_replay(Command program) {
  const auto options = std::make_shared<ReplayOptions>();
  Command command = program.add("replay", "a recording's messages, into a ring");
  command.option("FILE", options->file, "that `ringbell record` wrote; - is standard input")
      .required()
      .not_empty();
  command.option("NAME", options->name, "of the ring: a-z, 0-9, '.', '_' and '-'").required();
  Option speed = command.option("--speed", options->speed, "so many times as fast (1)")
                     .within(1e-6, 1e6)
                     .takes("FACTOR");
  const Option at_once = command.flag("--max", options->at_once, "without waiting");
  speed.excludes(at_once);
  command.option("--from", options->from_s, "only what came so long after the first message")
      .not_negative()
      .takes("SECONDS");
  command.option("--to", options->to_s, "only what came no later than that")
      .not_negative()
      .takes("SECONDS");
  command.flag("--loop", options->loop, "again and again");
  command.option("--count", options->count, "stop after so many messages").positive().takes("N");
  command.option("--wait", options->wait_s, "how long a receiver may take to come, in seconds")
      .not_negative()
      .takes("SECONDS");
  command.flag("--progress", options->progress, "total and rate, on stderr");
  command.footer(kExamples);
  command.runs([options] { return replay_command(*options); });
}

}  // namespace ringbell::tools
