// The processes that map a file: /proc/*/maps names them, their smaps say what they have of it.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tools/command/look/facts.hpp"

namespace ringbell::tools {
namespace {

namespace fs = std::filesystem;

// As maps prints device and inode: "fd:00 1234".
std::string place_of(const struct stat& about) {
  return fmt::format("{:02x}:{:02x} {}", major(about.st_dev), minor(about.st_dev), about.st_ino);
}

// "7f00-7f01 rw-s 00000000 fd:00 1234   /path": whether that is a mapping of the place.
bool maps(const std::string& line, const std::string& place) {
  std::istringstream words(line);
  std::string range;
  std::string rights;
  std::string offset;
  std::string device;
  std::string inode;
  words >> range >> rights >> offset >> device >> inode;
  return device + " " + inode == place;
}

std::optional<int> number_of(const std::string& name) {
  int number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

// "Rss:   12 kB" adds its bytes to `into` if the line begins with `key`.
void add_field(const std::string& line, const std::string& key, std::uint64_t& into) {
  if (!line.starts_with(key)) return;
  constexpr std::uint64_t kKibibyte = 1024;
  std::istringstream value(line.substr(key.size()));
  std::uint64_t kibibytes = 0;
  if (value >> kibibytes) into += kibibytes * kKibibyte;
}

bool is_heading(const std::string& line) {
  const std::size_t space = line.find(' ');
  return space != std::string::npos && line.find('-') < space;
}

// Nothing: it does not map it, or may not be looked at.
std::optional<MappedBy> mapping_of(int pid, const std::string& place) {
  const fs::path folder = fs::path("/proc") / std::to_string(pid);
  std::ifstream mappings(folder / "maps");
  bool found = false;
  for (std::string line; !found && std::getline(mappings, line);) found = maps(line, place);
  if (!found) return std::nullopt;

  MappedBy by{.pid = pid,
              .command = {},
              .resident_bytes = 0,
              .swapped_bytes = 0,
              .page_bytes = 0,
              .huge_bytes = 0};
  std::ifstream(folder / "comm") >> by.command;
  std::ifstream details(folder / "smaps");
  bool ours = false;
  for (std::string line; std::getline(details, line);) {
    if (is_heading(line)) {
      ours = maps(line, place);
    } else if (ours) {
      std::uint64_t page_bytes = 0;
      add_field(line, "KernelPageSize:", page_bytes);
      by.page_bytes = std::max(by.page_bytes, page_bytes);
      add_field(line, "Rss:", by.resident_bytes);
      add_field(line, "Swap:", by.swapped_bytes);
      add_field(line, "ShmemPmdMapped:", by.huge_bytes);
      add_field(line, "FilePmdMapped:", by.huge_bytes);
      add_field(line, "Shared_Hugetlb:", by.huge_bytes);
    }
  }
  return by;
}

}  // namespace

std::vector<MappedBy> who_maps(const RingFile& ring) {
  std::vector<MappedBy> all;
  struct stat about {};
  if (::fstat(ring.file.get(), &about) != 0) return all;
  const std::string place = place_of(about);
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::optional<int> pid = number_of(entry->path().filename());
    if (!pid) continue;
    if (std::optional<MappedBy> by = mapping_of(*pid, place)) all.push_back(std::move(*by));
  }
  std::sort(all.begin(), all.end(),
            [](const MappedBy& one, const MappedBy& other) { return one.pid < other.pid; });
  return all;
}

}  // namespace ringbell::tools
