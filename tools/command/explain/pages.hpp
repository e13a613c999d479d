// What the kernel says of this process's memory: /proc/self/smaps, /proc/self/pagemap, getrusage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace ringbell::explain {

inline constexpr std::size_t kPage = 4096;

// One mapping, a VMA of the kernel's.
struct Area {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::string permissions;                    // "rw-s"
  std::string path;                           // as /proc/self/maps has it
  std::map<std::string, std::string> fields;  // of smaps, without " kB"; "VmFlags": "rd wr sh"

  [[nodiscard]] std::uint64_t kilobytes(const std::string& field) const;
};

// Those that begin within these addresses; none if /proc is not to be had.
[[nodiscard]] std::vector<Area> areas_within(const std::byte* base, std::size_t bytes);

// What pagemap says of one page.
struct PageEntry {
  bool present = false;
  bool swapped = false;
  std::uint64_t frame = 0;  // 0: hidden, for this user or for this kind of mapping

  friend bool operator==(const PageEntry&, const PageEntry&) = default;
};
// One for each page; none if pagemap cannot be read.
[[nodiscard]] std::vector<PageEntry> page_entries(const std::byte* base, std::size_t bytes);

// Page faults of this process so far.
[[nodiscard]] std::uint64_t page_faults() noexcept;
// How many it takes to write a byte to each page, or to read one.
[[nodiscard]] std::uint64_t faults_of_writing(std::byte* base, std::size_t bytes) noexcept;
[[nodiscard]] std::uint64_t faults_of_reading(const std::byte* base, std::size_t bytes) noexcept;

// A mapping of one's own, unmapped at the end. `base` is null where mmap(2) refused.
class Pages {
 public:
  Pages(std::size_t bytes, int protection, int flags, int fd = -1) noexcept;
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages();

  [[nodiscard]] std::byte* base() const noexcept { return base_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] explicit operator bool() const noexcept { return base_ != nullptr; }

 private:
  std::byte* base_;
  std::size_t bytes_;
};

}  // namespace ringbell::explain
