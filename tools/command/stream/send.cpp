// `ringbell send NAME`: standard input into the channel of that name.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"
#include "tools/command/standard_streams.hpp"
#include "tools/command/stream/bytes_io.hpp"
#include "tools/command/stream/options.hpp"
#include "tools/command/stream/pump_in.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  tar c photos | ringbell send backup          and elsewhere: ringbell recv backup | tar x
  ringbell send --progress disk < disk.img     with total, rate and time left
  ringbell send --lines --count 10 log < log   the first ten lines, a message each
  ringbell send --wait 5 orders < orders.txt   gives up if no receiver comes within 5 s

The name may be waited for: `ringbell recv` can be started before or after. `send` ends when the
receiver has taken everything, and removes the name.
Exit status: 0 all was taken; 3 no receiver came within --wait; 4 the receiver died or stopped
before the end; 1 anything else.)";

struct SendOptions {
  std::string name;
  StreamOptions stream;
  std::uint64_t capacity_bytes = kStreamCapacity;
  bool for_group = false;
};

constexpr mode_t kModeForGroup = 0660;

int send(const SendOptions& options) {
  interruption::watch();
  if (auto open = standard_streams::require_input(); !open) return complain(open.error());
  ChannelOptions shape;
  shape.capacity_bytes = options.capacity_bytes;
  shape.record_alignment = 64;
  if (options.for_group) shape.memory.mode = kModeForGroup;
  shape.memory.give_up = interruption::has_come;
  Result<Sender> sender = Sender::create(options.name, shape);
  if (auto on = interruption::check(); !on) return complain(on.error());
  if (!sender) return complain(sender.error().message);

  enlarge_if_pipe(STDIN_FILENO);
  Meter meter(options.stream.progress);
  const Patience patience(options.stream.wait());
  StreamWriter writer(*sender, patience, meter, !options.stream.raw);
  const PumpIn input{STDIN_FILENO, options.stream.shape.value_or(Shape::bytes),
                     options.stream.count};
  const Tried<void> sent = pump_in(input, writer, meter);
  meter.finish();
  return sent ? int{kDone} : complain(sent.error());
}

}  // namespace

void add_send(Command program) {
  const auto options = std::make_shared<SendOptions>();
  Command command = program.add("send", "standard input into a channel");
  command.option("NAME", options->name, "of the channel: a-z, 0-9, '.', '_' and '-'").required();
  add_stream_options(command, options->stream, "how long a receiver may take to come, in seconds");
  add_capacity(command, options->capacity_bytes);
  command.flag("--group", options->for_group,
               "other users of the group may receive, in a folder of names that it shares");
  command.footer(kExamples);
  command.runs([options] { return send(*options); });
}

}  // namespace ringbell::tools
