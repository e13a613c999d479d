#include "bench/backings/setups.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace ringbell::bench {

std::vector<Setup> backing_setups(const std::string& folder) {
  const std::string name = fmt::format("ringbell-backings-{}", ::getpid());
  std::vector<Setup> setups;
  const auto add = [&](const char* title, Backing backing, std::string where,
                       HugePages huge_pages) {
    MemoryOptions memory{.backing = backing, .name = std::move(where)};
    memory.huge_pages = huge_pages;
    setups.push_back({title, std::move(memory)});
  };
  for (const HugePages huge_pages : {HugePages::never, HugePages::prefer, HugePages::require}) {
    add("memfd", Backing::memfd, "", huge_pages);
    add("system_v", Backing::system_v, "", huge_pages);
    if (huge_pages == HugePages::require) continue;  // they have no hugetlb pages
    add("posix_shm", Backing::posix_shm, name, huge_pages);
    add("file", Backing::file, fmt::format("{}/{}", folder, name), huge_pages);
    add("anonymous", Backing::anonymous, "", huge_pages);
  }
  return setups;
}

}  // namespace ringbell::bench
