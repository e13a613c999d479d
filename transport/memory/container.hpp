// What the limits of this process's container leave: its control group's, and those of all that it
// is in, of version 1 or 2. Memory beyond them is no failed call but SIGKILL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ringbell::memory::container {

struct Room {
  std::uint64_t bytes;        // that may still be taken: free, swap included, or file cache
  std::uint64_t limit_bytes;  // of the control group
  std::string file;           // that says so
};

// The least that any of the limits leaves. Nothing: there is no limit, or /proc and /sys do not
// tell. `root`: for tests, a folder with a fabricated proc and sys in it.
[[nodiscard]] std::optional<Room> least_room(const std::string& root = "");

}  // namespace ringbell::memory::container
