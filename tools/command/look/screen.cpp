#include "tools/command/look/screen.hpp"

#include <cstddef>
#include <sstream>

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace ringbell::tools {
namespace {

constexpr const char* kSecondScreen = "\x1b[?1049h\x1b[?25l";  // and no cursor
constexpr const char* kFirstScreen = "\x1b[?25h\x1b[?1049l";
constexpr const char* kHome = "\x1b[H";
constexpr const char* kClearLine = "\x1b[K";
constexpr const char* kClearBelow = "\x1b[J";

std::size_t rows() noexcept {
  constexpr std::size_t kUsual = 24;
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  return known ? size.ws_row : kUsual;
}

}  // namespace

Screen::Screen() {
  if (::isatty(STDOUT_FILENO) != 1 || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
  live_ = true;
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  fmt::print("{}", kSecondScreen);
}

Screen::~Screen() {
  if (!live_) return;
  fmt::print("{}", kFirstScreen);
  std::fflush(stdout);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void Screen::show(const std::string& text) const {
  if (!live_) {
    fmt::print("{}", text);
    std::fflush(stdout);
    return;
  }
  std::string drawn = kHome;
  std::istringstream lines(text);
  std::size_t left = rows();
  for (std::string line; left > 0 && std::getline(lines, line); --left) {
    drawn += line + kClearLine;
    if (left > 1) drawn += "\r\n";
  }
  fmt::print("{}{}", drawn, kClearBelow);
  std::fflush(stdout);
}

std::optional<char> Screen::key(std::chrono::milliseconds timeout) const {
  pollfd keyboard{live_ ? STDIN_FILENO : -1, POLLIN, 0};
  if (::poll(&keyboard, 1, static_cast<int>(timeout.count())) <= 0) return std::nullopt;
  char key = 0;
  return ::read(STDIN_FILENO, &key, 1) == 1 ? std::optional(key) : std::nullopt;
}

}  // namespace ringbell::tools
