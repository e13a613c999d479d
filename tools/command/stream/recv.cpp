// `ringbell recv NAME`: what comes through the channel of that name to standard output.
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"
#include "tools/command/stream/bytes_io.hpp"
#include "tools/command/stream/options.hpp"
#include "tools/command/stream/pump_out.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  ringbell recv backup | tar x                 and elsewhere: tar c photos | ringbell send backup
  ringbell recv --progress disk > disk.img     with total, rate and time left
  ringbell recv --count 1 log                  one message, then stop
  ringbell recv --wait 5 orders                gives up if no sender comes within 5 s
  ringbell recv --raw --lines orders           the messages of a program, a line each

What is written has the form in which it was sent, unless --bytes, --lines or --messages says
otherwise. With --raw a program's messages are received: the stream ends when its sender closes.
Exit status: 0 the whole stream came; 3 nobody came within --wait; 4 the sender died or stopped
before the end; 141 standard output was closed; 1 anything else.)";

struct ReceiveOptions {
  std::string name;
  StreamOptions stream;
};

// Waits in slices, so that an interruption is noticed.
Tried<Receiver> open_receiver(const ReceiveOptions& options, const Patience& patience,
                              Meter& meter) {
  for (;;) {
    Result<Receiver> receiver = Receiver::open(options.name, patience.slice(false));
    if (receiver) return std::move(*receiver);
    if (receiver.error().code != ErrorCode::not_found) return give_up(receiver.error());
    const Tried<void> on = patience.after_slice(
        false, "no sender came in time; start `ringbell send` with the same name", meter);
    if (!on) return tl::unexpected(on.error());
  }
}

int receive(const ReceiveOptions& options) {
  interruption::watch();
  Meter meter(options.stream.progress);
  const Patience patience(options.stream.wait);
  Tried<Receiver> receiver = open_receiver(options, patience, meter);
  if (!receiver) return complain(receiver.error());

  enlarge_if_pipe(STDOUT_FILENO);
  StreamReader reader(*receiver, patience, meter, !options.stream.raw);
  const Tried<void> received =
      pump_out(reader, {STDOUT_FILENO, options.stream.shape, options.stream.count}, meter);
  meter.finish();
  return received ? int{kDone} : complain(received.error());
}

}  // namespace

void add_receive(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ReceiveOptions>();
  CLI::App* const command = app.add_subcommand("recv", "from a channel to standard output");
  command->add_option("NAME", options->name, "of the channel: a-z, 0-9, '.', '_' and '-'")
      ->required();
  add_stream_options(*command, options->stream, "how long a sender may take to come, in seconds");
  command->footer(kExamples);
  command->callback([options, &action] { action = [options] { return receive(*options); }; });
}

}  // namespace ringbell::tools
