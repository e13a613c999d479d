// What a handle has found in shared memory that no ringbell stores there.
//
// Handles of rings are witnesses. The first such find makes one corrupt() for good: it does no harm
// to its own process any more, and nothing useful either; what else that means, the handle says.
#pragma once

#include <cstdint>

namespace ringbell::core {

struct Finding {
  const char* field = nullptr;  // as layout.hpp has it; nullptr: nothing was found
  std::uint64_t value = 0;      // what stood there
};

class Witness {
 public:
  // The peer, or one of them, stored something impossible. Stays so.
  [[nodiscard]] bool corrupt() const noexcept { return finding_.field != nullptr; }
  // The first that was seen of it, for people.
  [[nodiscard]] const Finding& finding() const noexcept { return finding_; }

 protected:
  Witness() = default;

  void saw(const char* field, std::uint64_t value) noexcept {
    if (!corrupt()) finding_ = {field, value};
  }
  void saw(const Finding& finding) noexcept { saw(finding.field, finding.value); }

 private:
  Finding finding_{};
};

}  // namespace ringbell::core
