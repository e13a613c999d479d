#include "tools/doctor/file_system.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>

namespace ringbell::bench {
namespace {

struct Type {
  std::uint32_t magic;
  const char* name;
  bool in_memory = false;
};

constexpr std::uint32_t kXfs = 0x58465342;  // not in linux/magic.h
constexpr std::uint32_t kZfs = 0x2fc12fc1;
constexpr std::array kTypes{
    Type{TMPFS_MAGIC, "tmpfs", true},
    Type{RAMFS_MAGIC, "ramfs", true},
    Type{HUGETLBFS_MAGIC, "hugetlbfs", true},
    Type{EXT4_SUPER_MAGIC, "ext4"},
    Type{kXfs, "xfs"},
    Type{BTRFS_SUPER_MAGIC, "btrfs"},
    Type{kZfs, "zfs"},
    Type{OVERLAYFS_SUPER_MAGIC, "overlayfs"},
    Type{NFS_SUPER_MAGIC, "nfs"},
    Type{FUSE_SUPER_MAGIC, "fuse"},
    Type{V9FS_MAGIC, "9p"},
};

}  // namespace

std::optional<FileSystem> file_system_of(const std::string& path) {
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0) return std::nullopt;
  const auto magic = static_cast<std::uint32_t>(status.f_type);
  const auto block = static_cast<std::uint64_t>(status.f_bsize);
  FileSystem found{.type = fmt::format("type {:#x}", magic),
                   .in_memory = false,
                   .bytes = status.f_blocks * block,
                   .free_bytes = status.f_bavail * block};
  const auto* const type = std::find_if(kTypes.begin(), kTypes.end(),
                                        [&](const Type& one) { return one.magic == magic; });
  if (type == kTypes.end()) return found;
  found.type = type->name;
  found.in_memory = type->in_memory;
  return found;
}

}  // namespace ringbell::bench
