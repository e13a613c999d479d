// The backings and page sizes that are compared.
#pragma once

#include <string>
#include <vector>

#include <ringbell/transport/memory/options.hpp>

namespace ringbell::bench {

struct Setup {
  const char* name = "";  // of the backing, as in the rows
  MemoryOptions memory;
};

// Regular files go to `folder`. Names are this process's own and meant to be removed at once.
[[nodiscard]] std::vector<Setup> backing_setups(const std::string& folder);

[[nodiscard]] constexpr const char* name_of(HugePages huge_pages) noexcept {
  return huge_pages == HugePages::never    ? "never"
         : huge_pages == HugePages::prefer ? "prefer"
                                           : "require";
}

}  // namespace ringbell::bench
