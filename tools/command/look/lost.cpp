#include "tools/command/look/lost.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

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

// What a process has open of a folder of names that no name leads to.
struct Lost {
  std::string name;
  std::string folder;
  bool is_removed;  // else it was renamed, and `name` is the file's name by now
};

// Of "FOLDER/NAME.ring" the name, if it is one.
std::optional<std::string> name_of_ring(std::string_view file) {
  if (!file.ends_with(kRing)) return std::nullopt;
  file.remove_suffix(kRing.size());
  return check_name(file) ? std::optional(std::string(file)) : std::nullopt;
}

// Or it was set aside, or is being made.
bool is_in_its_place(const std::string& file) {
  return name_of_ring(file) || (file.ends_with(".past") && check_name(file)) ||
         file.starts_with(".ringbell-");
}

// A process calls its files as it likes, and this goes to a terminal.
std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char letter) { return letter < ' ' || letter > '~'; }, '?');
  return text;
}

// `link` is "FOLDER/NAME.ring (deleted)", or of a file that was renamed there "FOLDER/FILE".
std::optional<Lost> lost_by(std::string_view link, const std::vector<std::string>& folders) {
  const bool is_removed = link.ends_with(kDeleted);
  if (is_removed) link.remove_suffix(kDeleted.size());
  for (const std::string& folder : folders) {
    if (!link.starts_with(folder + "/")) continue;
    const std::string file(link.substr(folder.size() + 1));
    if (is_removed) {
      std::optional<std::string> name = name_of_ring(file);
      if (name) return Lost{std::move(*name), folder, true};
    } else if (!is_in_its_place(file)) {
      return Lost{printable(file), folder, false};
    }
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
FileDescriptor file_of(const std::string& path, const Lost& lost, uid_t user) {
  FileDescriptor opened{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  struct stat file {};
  struct stat there {};
  if (!opened || ::fstat(opened.get(), &file) != 0 || ::stat(lost.folder.c_str(), &there) != 0)
    return {};
  const bool is_of_group = (there.st_mode & S_IRWXG) != 0 && file.st_gid == there.st_gid;
  const bool is_one = S_ISREG(file.st_mode) && (file.st_nlink == 0) == lost.is_removed &&
                      file.st_dev == there.st_dev && (file.st_uid == user || is_of_group);
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
    std::optional<Lost> lost = lost_by(link.native(), folders);
    if (!lost) continue;
    FileDescriptor opened = file_of(fd->path(), *lost, user);
    struct stat file {};
    if (!opened || ::fstat(opened.get(), &file) != 0) continue;
    found.try_emplace(
        {file.st_dev, file.st_ino},
        Had{std::move(lost->name), std::move(lost->folder), fd->path(), std::move(opened)});
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
