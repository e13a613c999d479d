// Colours, for a terminal.
#pragma once

#include <string_view>

namespace ringbell::tools {

// Whether to colour what goes to `fd`: a terminal, and neither NO_COLOR is set (no-color.org) nor
// TERM=dumb.
[[nodiscard]] bool wants_colour(int fd);

// Escape sequences, or nothing at all.
class Colours {
 public:
  explicit Colours(bool on) noexcept : on_(on) {}

  [[nodiscard]] std::string_view red() const noexcept { return on_ ? "\x1b[31m" : ""; }
  [[nodiscard]] std::string_view yellow() const noexcept { return on_ ? "\x1b[33m" : ""; }
  [[nodiscard]] std::string_view green() const noexcept { return on_ ? "\x1b[32m" : ""; }
  [[nodiscard]] std::string_view dim() const noexcept { return on_ ? "\x1b[2m" : ""; }
  [[nodiscard]] std::string_view bold() const noexcept { return on_ ? "\x1b[1m" : ""; }
  [[nodiscard]] std::string_view plain() const noexcept { return on_ ? "\x1b[0m" : ""; }

 private:
  bool on_;
};

}  // namespace ringbell::tools
