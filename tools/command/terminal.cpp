#include "tools/command/terminal.hpp"

#include <cstdlib>
#include <string_view>

#include <unistd.h>

namespace ringbell::tools {

bool wants_colour(int fd) {
  const char* const no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* const term = std::getenv("TERM");
  if (term != nullptr && std::string_view(term) == "dumb") return false;
  return ::isatty(fd) == 1;
}

}  // namespace ringbell::tools
