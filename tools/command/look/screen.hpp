// The terminal as a screen that is drawn again and again, and gives single keys.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <termios.h>

namespace ringbell::tools {

// While one lives the terminal shows its second screen and sends keys at once; afterwards it is as
// it was. Where stdin or stdout is no terminal it changes nothing and gives no keys.
class Screen {
 public:
  Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  Screen(Screen&&) = delete;
  Screen& operator=(Screen&&) = delete;
  ~Screen();

  [[nodiscard]] bool live() const noexcept { return live_; }

  // The lines that fit, in place of what was there. Without a terminal: `text` as it is.
  void show(const std::string& text) const;

  // The key that comes within `timeout`; nothing: none did, or a signal came.
  [[nodiscard]] std::optional<char> key(std::chrono::milliseconds timeout) const;

 private:
  termios before_{};
  bool live_ = false;
};

}  // namespace ringbell::tools
