#include <ringbell/transport/memory/container.hpp>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

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

// Where the hierarchy that limits memory is mounted, and this process's place in it.
struct Hierarchy {
  bool version_1;
  std::string mount;
  std::string group;  // "" or "/a/b"
};

bool has_word(const std::string& list, const std::string& word) {
  return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

// A line of /proc/self/cgroup: "4:memory:/a/b", or "0::/a/b" of version 2.
std::optional<std::string> group_of(const std::string& root, bool version_1) {
  std::ifstream lines(root + "/proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version_1 ? has_word(controllers, "memory") : controllers.empty()) {
      return line.substr(second + 1);
    }
  }
  return std::nullopt;
}

// A line of /proc/self/mountinfo:
//   34 30 0:31 /docker/1 /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
std::optional<Hierarchy> hierarchy(const std::string& root, bool version_1) {
  const std::optional<std::string> group = group_of(root, version_1);
  if (!group) return std::nullopt;
  std::ifstream lines(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line.substr(0, dash));
    std::istringstream after(line.substr(dash + 3));
    std::string skipped, top, mount, type, options;
    before >> skipped >> skipped >> skipped >> top >> mount;
    after >> type >> skipped >> options;
    if (type != (version_1 ? "cgroup" : "cgroup2")) continue;
    if (version_1 && !has_word(options, "memory")) continue;
    if (top == "/") top.clear();
    // A group that is not below what is mounted is another namespace's: what is mounted limits it.
    const bool below = group->starts_with(top) && group->find("/..") == std::string::npos;
    std::string place = below ? group->substr(top.size()) : "";
    while (place.ends_with('/')) place.pop_back();
    return Hierarchy{version_1, root + mount, place};
  }
  return std::nullopt;
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
  std::optional<Hierarchy> in = hierarchy(root, true);
  if (!in) in = hierarchy(root, false);
  if (!in) return std::nullopt;
  std::uint64_t swap_bytes = free_swap(root);
  std::optional<Room> least;
  // From the top down: "", "/a", "/a/b".
  for (std::size_t end = 0; end != std::string::npos;) {
    const Room room = room_of(in->mount + in->group.substr(0, end), in->version_1, swap_bytes);
    if (room.limit_bytes != kUnlimited && (!least || room.bytes < least->bytes)) least = room;
    end = end == in->group.size() ? std::string::npos
                                  : std::min(in->group.find('/', end + 1), in->group.size());
  }
  return least;
}

}  // namespace ringbell::memory::container
