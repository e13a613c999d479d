// On what kind of file system something is: pages of memory, or of a disk, which the kernel writes
// back behind its users.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ringbell::bench {

struct FileSystem {
  std::string type;  // "tmpfs", "ext4"; for people
  bool in_memory = false;
  std::uint64_t bytes = 0;  // 0: without a limit, or it does not say
  std::uint64_t free_bytes = 0;
};

// Nothing: there is no such file or folder.
[[nodiscard]] std::optional<FileSystem> file_system_of(const std::string& path);

}  // namespace ringbell::bench
