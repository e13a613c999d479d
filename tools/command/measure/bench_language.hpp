// `ringbell bench --lang`: what a program in that language measures, in place of a KIND.
#pragma once

#include <string>

namespace ringbell::tools {

struct OtherLanguage {
  std::string name;
  bool quick = false;

  [[nodiscard]] bool is_asked_for() const noexcept { return quick || !name.empty(); }
};

// Returns only if it cannot be started: the exit status.
[[nodiscard]] int measure_in(const OtherLanguage& language);

}  // namespace ringbell::tools
