// Which frames of physical memory stand behind addresses of this process: /proc/self/pagemap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::test {

inline constexpr std::size_t kFrameBytes = 4096;

// The number of the frame of each page; empty if this user may not know (CAP_SYS_ADMIN) or if a
// page is not in the page table.
[[nodiscard]] inline std::vector<std::uint64_t> page_frames(const std::byte* base,
                                                            std::size_t bytes) {
  constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
  constexpr std::uint64_t kFrame = (std::uint64_t{1} << 55) - 1;
  std::vector<std::uint64_t> frames(bytes / kFrameBytes);
  const FileDescriptor pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  const std::size_t size = frames.size() * sizeof frames[0];
  const auto at = reinterpret_cast<std::uintptr_t>(base) / kFrameBytes * sizeof frames[0];
  if (::pread(pagemap.get(), frames.data(), size, static_cast<off_t>(at)) !=
      static_cast<ssize_t>(size)) {
    return {};
  }
  for (std::uint64_t& frame : frames) {
    if ((frame & kPresent) == 0 || (frame & kFrame) == 0) return {};
    frame &= kFrame;
  }
  return frames;
}

}  // namespace ringbell::test
