#include "tools/command/stream/options.hpp"

#include "tools/command/quantity.hpp"

namespace ringbell::tools {

void add_stream_options(CLI::App& command, StreamOptions& options, const std::string& wait_help) {
  // CLI11 holds flags that exclude each other by pointers to one another.
  const auto add_shape = [&](const char* flag, Shape shape, const char* help) {
    return command.add_flag_callback(
        flag, [&options, shape] { options.shape = shape; }, help);
  };
  CLI::Option* const bytes = add_shape("--bytes", Shape::bytes, "a stream of bytes");
  CLI::Option* const lines = add_shape("--lines", Shape::lines, "each line is a message");
  CLI::Option* const messages =
      add_shape("--messages", Shape::messages,
                "each message has its length in front: four bytes, little endian");
  bytes->excludes(lines)->excludes(messages);
  lines->excludes(messages);
  command.add_option("--count", options.count, "stop after so many messages, or bytes of --bytes")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command
      .add_option_function<double>(
          "--wait",
          [&options](double seconds) { options.wait = std::chrono::duration<double>(seconds); },
          wait_help)
      ->check(CLI::NonNegativeNumber)
      ->type_name("SECONDS");
  command.add_flag("--progress", options.progress, "total, rate and time left, on stderr");
  command.add_flag("--raw", options.raw, "plain messages, as programs send and receive them");
}

CLI::Option* add_capacity(CLI::App& command, std::uint64_t& capacity_bytes) {
  constexpr std::uint64_t kSmallest = 4096;
  constexpr std::uint64_t kLargest = 1UL << 40;
  return command
      .add_option_function<std::string>(
          "--capacity",
          [&capacity_bytes](const std::string& text) {
            const std::optional<std::uint64_t> size = size_of_text(text);
            if (!size || *size < kSmallest || *size > kLargest) {
              throw CLI::ValidationError("--capacity", "'" + text + "' is no size from 4K to 1T");
            }
            capacity_bytes = *size;
          },
          "of the ring, in bytes, also with K, M or G (default: 2M)")
      ->type_name("SIZE");
}

}  // namespace ringbell::tools
