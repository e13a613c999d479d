#include "tools/command/explain/pages.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::explain {
namespace {

// "7f00-7f10 rw-s 00000000 00:01 1043   /memfd:ringbell (deleted)", or nothing: a line of fields.
bool parse_first_line(const std::string& line, Area& area) {
  std::istringstream words(line);
  std::string offset;
  std::string device;
  std::string inode;
  char dash = 0;
  words >> std::hex >> area.begin >> dash >> area.end;
  if (!words || dash != '-') return false;
  words >> area.permissions >> offset >> device >> inode >> std::ws;
  std::getline(words, area.path);
  return true;
}

}  // namespace

std::uint64_t Area::kilobytes(const std::string& field) const {
  const auto found = fields.find(field);
  return found == fields.end() ? 0 : std::strtoull(found->second.c_str(), nullptr, 10);
}

std::vector<Area> areas_within(const std::byte* base, std::size_t bytes) {
  const auto first = reinterpret_cast<std::uintptr_t>(base);
  std::vector<Area> found;
  bool inside = false;
  std::ifstream smaps("/proc/self/smaps");
  for (std::string line; std::getline(smaps, line);) {
    if (Area area; parse_first_line(line, area)) {
      inside = area.begin >= first && area.begin < first + bytes;
      if (inside) found.push_back(std::move(area));
    } else if (const std::size_t colon = line.find(':'); inside && colon != std::string::npos) {
      const std::size_t from = line.find_first_not_of(' ', colon + 1);
      std::string value = from == std::string::npos ? "" : line.substr(from);
      if (const std::size_t unit = value.find(" kB"); unit != std::string::npos) value.resize(unit);
      while (!value.empty() && value.back() == ' ') value.pop_back();
      found.back().fields[line.substr(0, colon)] = std::move(value);
    }
  }
  return found;
}

std::vector<PageEntry> page_entries(const std::byte* base, std::size_t bytes) {
  constexpr std::uint64_t kPresent = std::uint64_t{1} << 63U;
  constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62U;
  constexpr std::uint64_t kFrame = (std::uint64_t{1} << 55U) - 1;
  std::vector<std::uint64_t> words(bytes / kPage);
  const FileDescriptor pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  const std::size_t size = words.size() * sizeof words[0];
  const auto at = reinterpret_cast<std::uintptr_t>(base) / kPage * sizeof words[0];
  if (::pread(pagemap.get(), words.data(), size, static_cast<off_t>(at)) !=
      static_cast<ssize_t>(size)) {
    return {};
  }
  std::vector<PageEntry> entries;
  entries.reserve(words.size());
  for (const std::uint64_t word : words) {
    const bool present = (word & kPresent) != 0;
    entries.push_back({present, (word & kSwapped) != 0, present ? word & kFrame : 0});
  }
  return entries;
}

std::uint64_t page_faults() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_minflt + usage.ru_majflt);
}

// The middle of each page: ringbell's own fields stand elsewhere in those that are not data.
std::uint64_t faults_of_writing(std::byte* base, std::size_t bytes) noexcept {
  volatile std::byte* const first = base;
  const std::uint64_t before = page_faults();
  for (std::size_t at = kPage / 2; at < bytes; at += kPage) first[at] = std::byte{0};
  return page_faults() - before;
}

std::uint64_t faults_of_reading(const std::byte* base, std::size_t bytes) noexcept {
  const volatile std::byte* const first = base;
  const std::uint64_t before = page_faults();
  for (std::size_t at = kPage / 2; at < bytes; at += kPage) (void)first[at];
  return page_faults() - before;
}

Pages::Pages(std::size_t bytes, int protection, int flags, int fd) noexcept : bytes_(bytes) {
  void* const got = ::mmap(nullptr, bytes, protection, flags, fd, 0);
  base_ = got == MAP_FAILED ? nullptr : static_cast<std::byte*>(got);
}

Pages::~Pages() {
  if (base_ != nullptr) ::munmap(base_, bytes_);
}

}  // namespace ringbell::explain
