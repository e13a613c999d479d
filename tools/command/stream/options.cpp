#include "tools/command/stream/options.hpp"

#include "tools/command/quantity.hpp"

namespace ringbell::tools {

void add_stream_options(Command command, StreamOptions& options, const std::string& wait_help) {
  const auto add_shape = [&](const char* flag, Shape shape, const char* help) {
    return command.flag(
        flag, [&options, shape] { options.shape = shape; }, help);
  };
  Option bytes = add_shape("--bytes", Shape::bytes, "a stream of bytes");
  Option lines = add_shape("--lines", Shape::lines, "each line is a message");
  const Option messages =
      add_shape("--messages", Shape::messages,
                "each message has its length in front: four bytes, little endian");
  bytes.excludes(lines).excludes(messages);
  lines.excludes(messages);
  command.option("--count", options.count, "stop after so many messages, or bytes of --bytes")
      .positive()
      .takes("N");
  command.option("--wait", options.wait_s, wait_help).not_negative().takes("SECONDS");
  command.flag("--progress", options.progress, "total, rate and time left, on stderr");
  command.flag("--raw", options.raw, "plain messages, as programs send and receive them");
}

void add_capacity(Command command, std::uint64_t& capacity_bytes) {
  constexpr std::uint64_t kSmallest = 4096;
  constexpr std::uint64_t kLargest = 1UL << 40;
  command
      .option(
          "--capacity",
          [&capacity_bytes](const std::string& text) -> std::string {
            const std::optional<std::uint64_t> size = size_of_text(text);
            if (!size || *size < kSmallest || *size > kLargest) {
              return "'" + text + "' is no size from 4K to 1T";
            }
            capacity_bytes = *size;
            return {};
          },
          "of the ring, in bytes, also with K, M or G (default: 2M)")
      .takes("SIZE");
}

}  // namespace ringbell::tools
