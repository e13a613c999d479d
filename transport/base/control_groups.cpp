#include <ringbell/transport/base/control_groups.hpp>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <utility>

#include <fmt/format.h>

namespace ringbell {
namespace {

bool has_word(std::string_view list, std::string_view word) {
  return fmt::format(",{},", list).find(fmt::format(",{},", word)) != std::string::npos;
}

// `membership`: /proc/self/cgroup, of lines such as "4:memory:/a/b", or "0::/a/b" of version 2.
std::optional<std::string> group_of(const std::string& membership, std::string_view controller,
                                    bool version_1) {
  std::istringstream lines(membership);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version_1 ? has_word(controllers, controller) : controllers.empty()) {
      return line.substr(second + 1);
    }
  }
  return std::nullopt;
}

// A line of /proc/self/mountinfo:
//   34 30 0:31 /docker/1 /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
std::optional<ControlGroups> groups_in(const std::string& root, const std::string& membership,
                                       std::string_view controller, bool version_1) {
  const std::optional<std::string> group = group_of(membership, controller, version_1);
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
    if (version_1 && !has_word(options, controller)) continue;
    if (top == "/") top.clear();
    // A group that is not below what is mounted is another namespace's: what is mounted limits it.
    const bool below = group->starts_with(top) && group->find("/..") == std::string::npos;
    std::string place = below ? group->substr(top.size()) : "";
    while (place.ends_with('/')) place.pop_back();
    return ControlGroups{version_1, root + mount, place};
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> ControlGroups::places() const {
  std::vector<std::string> all{""};
  for (std::size_t end = 0; end < group.size();) {
    end = std::min(group.find('/', end + 1), group.size());
    all.push_back(group.substr(0, end));
  }
  return all;
}

std::optional<ControlGroups> ControlGroups::of(std::string_view controller,
                                               const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::string membership;
  std::getline(file, membership, '\0');  // all of it; an iterator would throw where reading fails
  // Every end that opens asks, and a container has hundreds of mounts: what was found holds for as
  // long as the process stays where it is.
  thread_local std::pair<std::string, std::string> place;
  thread_local std::map<std::string, ControlGroups, std::less<>> found;
  if (place != std::pair(root, membership)) {
    found.clear();
    place = {root, membership};
  }
  if (const auto known = found.find(controller); known != found.end()) return known->second;
  std::optional<ControlGroups> groups = groups_in(root, membership, controller, true);
  if (!groups) groups = groups_in(root, membership, controller, false);
  if (groups) found.emplace(controller, *groups);
  return groups;
}

}  // namespace ringbell
