#include "tools/command/stream/options.hpp"

#include "tools/command/quantity.hpp"

namespace ringbell::tools {

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
