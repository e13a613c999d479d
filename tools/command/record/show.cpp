// `ringbell show FILE`: what a recording has, a line for each message.
#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <ringbell/transport/ends/sized.hpp>

#include "bridge/rings/ring_reader.hpp"
#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"
#include "tools/command/quantity.hpp"
#include "tools/command/record/recording_reader.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  ringbell show ticks.pcap               time since the first message, position, size, first bytes
  ringbell show --json ticks.pcap | jq -r 'select(.size > 1000) | .position'
  ringbell record ticks -o - | ringbell show -

Exit status: 0; 4 the recording was cut, after what is shown; 1 anything else.)";

struct ShowOptions {
  std::string file;
  std::uint64_t count = UINT64_MAX;
  bool json = false;
};

std::string date_of(std::uint64_t unix_ns) {
  const auto seconds = static_cast<std::time_t>(unix_ns / 1'000'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:09}Z", std::string_view(text.data(), size), unix_ns % 1'000'000'000);
}

std::string preview_of(std::span<const std::byte> bytes) {
  constexpr std::size_t kShown = 32;
  std::string text;
  for (const std::byte byte : bytes.first(std::min(bytes.size(), kShown))) {
    const auto letter = static_cast<char>(byte);
    text += letter >= ' ' && letter <= '~' ? letter : '.';
  }
  return bytes.size() > kShown ? text + " ..." : text;
}

std::string hex_of(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

class Printer {
 public:
  Printer(const RecordingReader& recording, bool json) : recording_(recording), json_(json) {}

  void head() const {
    const core::RingShape& shape = recording_.shape();
    const char* const kind = bridge::name_of(shape.kind);
    if (json_) {
      return line({{"ring", recording_.ring()},
                   {"kind", kind},
                   {"capacity_bytes", shape.capacity_bytes},
                   {"slots", shape.slot_count}});
    }
    fmt::print("{}, a {} of {}\n", recording_.ring(), kind,
               core::has_records(shape.kind)
                   ? bytes_text(shape.capacity_bytes)
                   : fmt::format("{} messages of up to {} bytes", shape.slot_count,
                                 sized::message_bytes(shape.message_bytes)));
  }

  void packet(const RecordingReader::Packet& packet) {
    switch (packet.header.kind) {
      case PacketKind::begin:
        return;
      case PacketKind::missed:
        return missed(copied_front<std::uint64_t>(packet.payload).value_or(0));
      case PacketKind::message:
        return message(packet);
      case PacketKind::end:
        return end(packet);
    }
  }

 private:
  static void line(const nlohmann::ordered_json& json) {
    fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }

  void missed(std::uint64_t count) const {
    if (json_) return line({{"missed", count}});
    fmt::print("            {} missed\n", count);
  }

  void message(const RecordingReader::Packet& packet) {
    if (!begin_ns_) {
      begin_ns_ = packet.unix_ns;
      if (!json_) fmt::print("from {}\n", date_of(packet.unix_ns));
    }
    const bool again = (packet.header.flags & kRedelivered) != 0;
    const auto after = static_cast<std::int64_t>(packet.unix_ns - *begin_ns_);
    if (json_) {
      nlohmann::ordered_json json{{"unix_ns", packet.unix_ns},
                                  {"position", packet.header.position},
                                  {"lane", packet.header.lane},
                                  {"size", packet.payload.size()},
                                  {"hex", hex_of(packet.payload)}};
      if (again) json["redelivered"] = true;
      return line(json);
    }
    const std::string lane = recording_.shape().kind == core::RingKind::fan_in
                                 ? fmt::format("  lane {}", packet.header.lane)
                                 : "";
    fmt::print("{:>16.9f}  {:>10}{}  {:>7} bytes  {}{}\n", static_cast<double>(after) / 1e9,
               packet.header.position, lane, packet.payload.size(), preview_of(packet.payload),
               again ? "  (again)" : "");
  }

  void end(const RecordingReader::Packet& packet) const {
    const bool died = (packet.header.flags & kWriterDied) != 0;
    if (json_) return line({{"messages", recording_.messages()}, {"writer_died", died}});
    fmt::print("{} message{}{}\n", recording_.messages(), recording_.messages() == 1 ? "" : "s",
               died ? "; then the ring's writer died" : "");
  }

  const RecordingReader& recording_;
  bool json_;
  std::optional<std::uint64_t> begin_ns_;
};

Tried<void> show(const ShowOptions& options) {
  Tried<RecordingReader> recording = RecordingReader::open(options.file);
  if (!recording) return tl::unexpected(recording.error());
  Printer printer(*recording, options.json);
  printer.head();
  while (recording->messages() < options.count) {
    if (auto on = interruption::check(); !on) return on;
    const Tried<std::optional<RecordingReader::Packet>> packet = recording->next();
    if (!packet) return tl::unexpected(packet.error());
    if (!*packet) break;
    printer.packet(**packet);
  }
  return {};
}

}  // namespace

void add_show(Command program) {
  const auto options = std::make_shared<ShowOptions>();
  Command command = program.add("show", "what a recording has");
  command.option("FILE", options->file, "that `ringbell record` wrote; - is standard input")
      .required()
      .not_empty();
  command.option("--count", options->count, "stop after so many messages").positive().takes("N");
  command.flag("--json", options->json, "as JSON Lines, with all bytes");
  command.footer(kExamples);
  command.runs([options] {
    interruption::watch();
    const Tried<void> shown = show(*options);
    return shown ? int{kDone} : complain(shown.error());
  });
}

}  // namespace ringbell::tools
