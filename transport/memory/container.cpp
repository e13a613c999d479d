#include <ringbell/transport/memory/container.hpp>

#include <algorithm>
#include <fstream>
#include <limits>
#include <vector>

#include <ringbell/transport/base/control_groups.hpp>

namespace ringbell::memory::container {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

constexpr std::uint64_t minus(std::uint64_t from, std::uint64_t what) noexcept {
  return from > what ? from - what : 0;
}

std::uint64_t plus(std::uint64_t a, std::uint64_t b) noexcept {
  return a > kUnlimited - b ? kUnlimited : a + b;
}

// "max", and what is no number or not there, is no limit.
std::uint64_t limit_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  return file >> number ? number : kUnlimited;
}

std::uint64_t number_in(const std::string& path) {
  const std::uint64_t number = limit_in(path);
  return number == kUnlimited ? 0 : number;
}

// The sum of these lines of a file of lines "name number".
std::uint64_t sum_in(const std::string& path, const std::vector<std::string>& names) {
  std::ifstream file(path);
  std::uint64_t sum = 0;
  std::string name;
  for (std::uint64_t number = 0; file >> name >> number;) {
    if (std::find(names.begin(), names.end(), name) != names.end()) sum += number;
  }
  return sum;
}

struct Names {
  const char* limit;
  const char* usage;
  const char* swap_limit;  // of version 1: of memory and swap together
  const char* swap_usage;
};
constexpr Names kVersion1{"/memory.limit_in_bytes", "/memory.usage_in_bytes",
                          "/memory.memsw.limit_in_bytes", "/memory.memsw.usage_in_bytes"};
constexpr Names kVersion2{"/memory.max", "/memory.current", "/memory.swap.max",
                          "/memory.swap.current"};

// What one group leaves. `swap_bytes`: what may still be swapped out, by it and all above it.
Room room_of(const std::string& folder, bool version_1, std::uint64_t& swap_bytes) {
  const Names& names = version_1 ? kVersion1 : kVersion2;
  // File pages and what can be dropped from caches make room by themselves.
  const std::uint64_t cache =
      version_1
          ? sum_in(folder + "/memory.stat", {"total_inactive_file", "total_active_file"})
          : sum_in(folder + "/memory.stat", {"inactive_file", "active_file", "slab_reclaimable"});
  const auto left = [&](const char* limit_name, const char* usage_name, std::uint64_t reclaimed) {
    const std::uint64_t limit = limit_in(folder + limit_name);
    if (limit == kUnlimited) return limit;
    return minus(limit, minus(number_in(folder + usage_name), reclaimed));
  };
  Room room{.bytes = left(names.limit, names.usage, cache),
            .limit_bytes = limit_in(folder + names.limit),
            .file = folder + names.limit};
  if (version_1) {
    room.bytes = plus(room.bytes, swap_bytes);
    const std::uint64_t both = left(names.swap_limit, names.swap_usage, cache);
    if (both < room.bytes)
      room = {both, limit_in(folder + names.swap_limit), folder + names.swap_limit};
  } else {
    swap_bytes = std::min(swap_bytes, left(names.swap_limit, names.swap_usage, 0));
    room.bytes = plus(room.bytes, swap_bytes);
  }
  return room;
}

// "SwapFree:   1024 kB"
std::uint64_t free_swap(const std::string& root) {
  std::ifstream lines(root + "/proc/meminfo");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("SwapFree:")) return std::stoull(line.substr(9)) * 1024;
  }
  return 0;
}

}  // namespace

std::optional<Room> least_room(const std::string& root) {
  const std::optional<ControlGroups> groups = ControlGroups::of("memory", root);
  if (!groups) return std::nullopt;
  std::uint64_t swap_bytes = free_swap(root);
  std::optional<Room> least;
  for (const std::string& place : groups->places()) {
    const Room room = room_of(groups->mount + place, groups->version_1, swap_bytes);
    if (room.limit_bytes != kUnlimited && (!least || room.bytes < least->bytes)) least = room;
  }
  return least;
}

}  // namespace ringbell::memory::container
