#include "tools/command/look/lost.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/names/name_folder.hpp>

namespace ringbell::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kRing = ".ring";

std::optional<pid_t> pid_of(const std::string& file) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(file.data(), file.data() + file.size(), pid);
  if (error != std::errc() || end != file.data() + file.size()) return std::nullopt;
  return pid;
}

// As the kernel tells it of an open file: no link is left in it.
std::string true_path(const std::string& folder) {
  std::error_code failed;
  const fs::path path = fs::weakly_canonical(folder, failed);
  return failed ? folder : path.string();
}

// Of "FOLDER/NAME.ring (deleted)": the name, and which folder that is.
std::optional<std::pair<std::string, std::string>> name_and_folder(
    std::string_view link, const std::vector<std::string>& folders) {
  if (!link.ends_with(kDeleted)) return std::nullopt;
  link.remove_suffix(kDeleted.size());
  for (const std::string& folder : folders) {
    if (!link.starts_with(folder + "/")) continue;
    std::string_view file = link.substr(folder.size() + 1);
    if (!file.ends_with(kRing)) continue;
    file.remove_suffix(kRing.size());
    if (check_name(file)) return std::pair(std::string(file), folder);
  }
  return std::nullopt;
}

using Place = std::pair<dev_t, ino_t>;

struct Had {
  std::string name;
  std::string folder;
  std::string path;
  FileDescriptor file;  // of O_PATH: the process may put something else there meanwhile
};

// What the path leads to, if it is a ring's file that stood in that folder: a process of another
// user calls its files as it likes, and opening a device does something to it.
FileDescriptor removed_file(const std::string& path, const std::string& folder, uid_t user) {
  FileDescriptor opened{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  struct stat file {};
  struct stat there {};
  if (!opened || ::fstat(opened.get(), &file) != 0 || ::stat(folder.c_str(), &there) != 0)
    return {};
  const bool is_of_group = (there.st_mode & S_IRWXG) != 0 && file.st_gid == there.st_gid;
  const bool is_one = S_ISREG(file.st_mode) && file.st_nlink == 0 && file.st_dev == there.st_dev &&
                      (file.st_uid == user || is_of_group);
  return is_one ? std::move(opened) : FileDescriptor();
}

// What one process has of them.
void look_at_descriptors(pid_t pid, const std::vector<std::string>& folders, uid_t user,
                         std::map<Place, Had>& found) {
  std::error_code failed;
  for (fs::directory_iterator fd(fmt::format("/proc/{}/fd", pid), failed), end;
       !failed && fd != end; fd.increment(failed)) {
    std::error_code gone;
    const fs::path link = fs::read_symlink(fd->path(), gone);
    const auto name = name_and_folder(link.native(), folders);
    if (!name) continue;
    FileDescriptor opened = removed_file(fd->path(), name->second, user);
    struct stat file {};
    if (!opened || ::fstat(opened.get(), &file) != 0) continue;
    found.try_emplace({file.st_dev, file.st_ino},
                      Had{name->first, name->second, fd->path(), std::move(opened)});
  }
}

bool is_in_use(const RingFacts& ring) {
  return std::any_of(ring.sides.begin(), ring.sides.end(), [](const Side& side) {
    return side.alive && side.state == core::SideState::open;
  });
}

}  // namespace

std::vector<LostRing> lost_rings(uid_t user) {
  Result<std::vector<std::string>> folders = NameFolder::candidates(user);
  if (!folders) return {};
  for (std::string& folder : *folders) folder = true_path(folder);
  std::vector<pid_t> pids;
  std::error_code failed;
  for (fs::directory_iterator entry("/proc", failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (const std::optional<pid_t> pid = pid_of(entry->path().filename())) pids.push_back(*pid);
  }
  std::sort(pids.begin(), pids.end());
  std::map<Place, Had> found;
  for (const pid_t pid : pids) look_at_descriptors(pid, *folders, user, found);
  std::vector<LostRing> rings;
  for (auto& [place, had] : found) {
    Tried<RingFacts> facts = look_at(fmt::format("/proc/self/fd/{}", had.file.get()), user);
    if (!facts || !is_in_use(*facts)) continue;
    facts->name = std::move(had.name);
    facts->path = std::move(had.path);
    rings.push_back({std::move(*facts), std::move(had.folder)});
  }
  std::stable_sort(rings.begin(), rings.end(), [](const LostRing& one, const LostRing& other) {
    return one.facts.name < other.facts.name;
  });
  return rings;
}

}  // namespace ringbell::tools
