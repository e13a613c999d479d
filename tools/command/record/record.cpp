// `ringbell record NAME -o FILE`: what comes through a ring, into a file.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bridge/rings/ring_reader.hpp"
#include "bridge/rings/ring_writer.hpp"
#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"
#include "tools/command/quantity.hpp"
#include "tools/command/record/recording_writer.hpp"
#include "tools/command/stream/meter.hpp"
#include "tools/command/stream/patience.hpp"

namespace ringbell::tools {
namespace {

using bridge::RingReader;
using bridge::RingWriter;

constexpr const char* kExamples = R"(Examples:
  ringbell record ticks -o ticks.pcap                a topic: one more subscriber, until Ctrl-C
  ringbell record orders -o o.pcap --tee orders.2    a channel, which goes on through orders.2
  ringbell record ticks -o t.pcap.zst --compress zstd --rotate 1G
  ringbell record ticks -o - | tshark -r -           as they come

What comes out of a channel, queue or collector is taken out of it; --tee passes it on. A message is
given back only when its bytes are written. No process waits for the recorder of a lossy topic; what
it missed stands in the file as a count. Wireshark and tshark open the file; the dissector is
share/ringbell/ringbell.lua, for -X lua_script:FILE.
Exit status: 0 the writer closed, or --count messages came; 3 no ring came within --wait; 4 the
writer died, which the file tells too; 130 Ctrl-C: the file is whole; 1 anything else.)";

struct RecordOptions {
  std::string name;
  RecordingOptions recording;
  std::string tee;
  std::uint64_t count = UINT64_MAX;
  std::optional<double> wait_s;
  bool progress = false;
};

Tried<RingReader> open_reader(const RecordOptions& options, const Patience& patience,
                              Meter& meter) {
  for (;;) {
    Result<RingReader> reader = RingReader::open(options.name, patience.slice(false));
    if (reader) return std::move(*reader);
    if (reader.error().code != ErrorCode::not_found) return give_up(reader.error());
    const Tried<void> on =
        patience.after_slice(false, "no ring with a writer came in time under this name", meter);
    if (!on) return tl::unexpected(on.error());
  }
}

// One recording under way.
class Recorder {
 public:
  Recorder(RingReader reader, std::optional<RingWriter> tee, RecordingWriter writer, Meter& meter)
      : reader_(std::move(reader)),
        tee_(std::move(tee)),
        writer_(std::move(writer)),
        meter_(meter) {}

  Tried<void> run(std::uint64_t count) {
    Tried<void> done = record(count);
    if (!half_done_) {
      const Tried<void> settled = settle();
      if (done) done = settled;
    }
    // The end is written whatever ended it, if the file still takes it.
    const Tried<void> ended = writer_.finish(end_flags_);
    if (done && !ended) return ended;
    // The writer waits for the next reader as for the first one.
    if (!writer_closed_) reader_.leave();
    return done;
  }

 private:
  // Until the writer is gone, `count` messages came or something fails.
  Tried<void> record(std::uint64_t count) {
    while (writer_.messages() < count) {
      if (auto on = interruption::check(); !on) return on;
      const Result<std::optional<RingReader::Message>> message = reader_.next(Timeout::zero());
      if (message && *message) {
        if (auto added = add(**message); !added) return added;
        continue;
      }
      if (auto settled = settle(); !settled) return settled;
      meter_.tick();
      const auto later = message ? reader_.next(kSlice) : message;
      if (!later) {
        const bool died = later.error().code == ErrorCode::peer_dead;
        writer_closed_ = died || later.error().code == ErrorCode::closed;
        if (died) end_flags_ = kWriterDied;
        if (writer_closed_ && !died) return {};
        return give_up(later.error());
      }
      if (*later) {
        if (auto added = add(**later); !added) return added;
      }
    }
    return {};
  }

  Tried<void> add(const RingReader::Message& message) {
    if (const std::uint64_t missed = reader_.missed(); missed != missed_) {
      if (auto added = writer_.add_missed(missed - missed_); !added) return added;
      missed_ = missed;
    }
    const PacketHeader header{
        .flags = message.redelivered ? std::uint8_t{kRedelivered} : std::uint8_t{0},
        .lane = message.lane,
        .position = message.position};
    Tried<void> done = writer_.add(header, message.bytes);
    if (done) done = pass_on(message.bytes);
    if (!done) {
      half_done_ = true;
      // What went on is given back, this one comes again.
      if (tee_) reader_.release_to(message.position);
      return done;
    }
    // What cannot be held is given back one by one.
    const bool due = !reader_.can_hold() || writer_.is_flushed();
    return due && !is_topic() ? settle() : Tried<void>();
  }

  Tried<void> pass_on(std::span<const std::byte> bytes) {
    while (tee_) {
      const Result<bool> sent = tee_->send(bytes, kSlice);
      if (!sent) return give_up(kFailed, "--tee: " + sent.error().message);
      if (*sent) break;
      // While it waits, the file has what was recorded.
      if (auto flushed = writer_.flush(); !flushed) return flushed;
      if (auto on = interruption::check(); !on) return on;
      meter_.tick();
    }
    return {};
  }

  // What was read is in the file, or went on: only then is it given back.
  Tried<void> settle() {
    const Tried<void> flushed = writer_.flush();
    if (flushed || tee_) reader_.release();
    half_done_ = !flushed;
    return flushed;
  }

  bool is_topic() const noexcept { return core::is_broadcast(reader_.shape().kind); }

  RingReader reader_;
  std::optional<RingWriter> tee_;
  RecordingWriter writer_;
  Meter& meter_;
  std::uint64_t missed_ = 0;
  bool half_done_ = false;      // of the last message, or of those since the last settle()
  bool writer_closed_ = false;  // or died
  std::uint8_t end_flags_ = 0;
};

Tried<void> record(const RecordOptions& options, Meter& meter) {
  const Patience patience(options.wait_s
                              ? std::optional(std::chrono::duration<double>(*options.wait_s))
                              : std::nullopt);
  Tried<RingReader> reader = open_reader(options, patience, meter);
  if (!reader) return tl::unexpected(reader.error());
  const core::RingShape shape = reader->shape();
  Tried<RecordingWriter> writer =
      RecordingWriter::create(options.recording, options.name, shape, meter);
  std::optional<RingWriter> tee;
  if (writer && !options.tee.empty()) {
    Result<RingWriter> made = RingWriter::create(options.tee, shape, interruption::has_come);
    if (!made) {
      writer = give_up(kFailed, "--tee: " + made.error().message);
      if (auto on = interruption::check(); !on) writer = tl::unexpected(on.error());
    }
    if (made) tee.emplace(std::move(*made));
  }
  if (!writer) {
    reader->leave();  // nothing was taken: another reader may come
    return tl::unexpected(writer.error());
  }
  return Recorder(std::move(*reader), std::move(tee), std::move(*writer), meter).run(options.count);
}

int record_command(const RecordOptions& options) {
  if (options.name == options.tee) {
    return complain("--tee must name another ring than the recorded one", kUsage);
  }
  if (options.recording.file == "-" && options.recording.rotate_bytes != 0) {
    return complain("--rotate needs a file, not standard output", kUsage);
  }
  interruption::watch();
  Meter meter(options.progress);
  const Tried<void> done = record(options, meter);
  meter.finish();
  return done ? int{kDone} : complain(done.error());
}

}  // namespace

void add_record(Command program) {
  const auto options = std::make_shared<RecordOptions>();
  Command command = program.add("record", "what comes through a ring, into a file");
  command.option("NAME", options->name, "of the ring: a-z, 0-9, '.', '_' and '-'").required();
  command.option("-o,--output", options->recording.file, "the file; - is standard output")
      .required()
      .not_empty()
      .takes("FILE");
  command
      .option(
          "--rotate",
          [options](const std::string& text) -> std::string {
            constexpr std::uint64_t kSmallest = 4096;
            const std::optional<std::uint64_t> size = size_of_text(text);
            if (!size || *size < kSmallest) return "'" + text + "' is no size from 4K on";
            options->recording.rotate_bytes = *size;
            return {};
          },
          "after so many bytes, also with K, M or G, go on in FILE with 1, 2, ... in its name")
      .takes("SIZE");
  command
      .option(
          "--compress",
          [options](const std::string& how) -> std::string {
            if (how != "zstd") return "'" + how + "' is none of: zstd";
            options->recording.compress = true;
            return {};
          },
          "zstd; what reads recordings finds it out by itself")
      .takes("HOW");
  command.flag("--overwrite", options->recording.overwrite, "files that are there already");
  command.option("--tee", options->tee, "pass each message on into this ring, which is made alike")
      .takes("NAME");
  command.option("--count", options->count, "stop after so many messages").positive().takes("N");
  command.option("--wait", options->wait_s, "how long a ring may take to come, in seconds")
      .not_negative()
      .takes("SECONDS");
  command.flag("--progress", options->progress, "total and rate, on stderr");
  command.footer(kExamples);
  command.runs([options] { return record_command(*options); });
}

}  // namespace ringbell::tools
