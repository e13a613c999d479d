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
  ringbell recv --device /dev/ringbell0        those that a kernel's driver writes, as --raw

What is written has the form in which it was sent, unless --bytes, --lines or --messages says
otherwise. With --raw a program's messages are received: the stream ends when its sender closes.
Exit status: 0 the whole stream came; 3 no sender came within --wait; 4 the sender died or stopped
before the end; 6 likewise, and the stream of another sender follows, which the next recv gets, or
this one with --next; 141 standard output was closed; 1 anything else.)";

struct ReceiveOptions {
  std::optional<std::string> name;
  std::string device;
  StreamOptions stream;
  bool next = false;
};

// Waits in slices, so that an interruption is noticed.
Tried<Receiver> open_receiver(const ReceiveOptions& options, const Patience& patience,
                              Meter& meter) {
  if (!options.device.empty()) {  // its sender is there, or there is none
    Result<Receiver> receiver = Receiver::open_device(options.device);
    if (!receiver) return give_up(receiver.error());
    return std::move(*receiver);
  }
  for (;;) {
    Result<Receiver> receiver = Receiver::open(*options.name, patience.slice(false));
    if (receiver) return std::move(*receiver);
    if (receiver.error().code != ErrorCode::not_found) return give_up(receiver.error());
    const Tried<void> on = patience.after_slice(
        false, "no sender came in time; start `ringbell send` with the same name", meter);
    if (!on) return tl::unexpected(on.error());
  }
}

// One stream, whole, and with --next those that were cut before it. A receiver that owes its sender
// nothing leaves: a sender that has come since then waits for the next one.
int receive(const ReceiveOptions& options) {
  interruption::watch();
  enlarge_if_pipe(STDOUT_FILENO);
  Meter meter(options.stream.progress);
  const Patience patience(options.stream.wait());
  int status = kDone;
  for (;;) {
    Tried<Receiver> receiver = open_receiver(options, patience, meter);
    if (!receiver) return complain(receiver.error());
    const bool framed = !options.stream.raw && options.device.empty();
    StreamReader reader(*receiver, patience, meter, framed);
    for (;;) {
      const Tried<bool> received =
          pump_out(reader, {STDOUT_FILENO, options.stream.shape, options.stream.count}, meter);
      const bool nothing = received && !*received;
      const bool next = !received && received.error().status == kCutBefore && options.next;
      if (!next && reader.sender_is_done()) receiver->leave();
      if (nothing) break;
      meter.finish();
      if (received) return status;
      complain(received.error());
      status = received.error().status;
      if (!next) return status;
    }
  }
}

}  // namespace

void add_receive(Command program) {
  const auto options = std::make_shared<ReceiveOptions>();
  Command command = program.add("recv", "from a channel to standard output");
  command.option(
      "NAME",
      [options](const std::string& name) {
        options->name = name;
        return std::string();
      },
      "of the channel: a-z, 0-9, '.', '_' and '-'");
  command.option("--device", options->device, "or a driver's ring: its messages, as with --raw")
      .takes("PATH");
  add_stream_options(command, options->stream, "how long a sender may take to come, in seconds");
  command.flag("--next", options->next,
               "after a stream that was cut short, go on with the one that follows it");
  command.footer(kExamples);
  command.runs([options] {
    if (options->name.has_value() != options->device.empty()) {
      return complain(Failure{kUsage, "recv takes the NAME of a channel, or --device"});
    }
    return receive(*options);
  });
}

}  // namespace ringbell::tools
