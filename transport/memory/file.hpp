// Files: on a disk, where they outlive all processes; on a tmpfs such as /dev/shm (POSIX shared
// memory) or on a hugetlbfs, where they are memory with a name.
//
// A file gets its name when it is complete: it is never opened half made, and a creator that dies
// before leaves nothing. Its size cannot be sealed: a process that may write to it can truncate it,
// and every process that maps it then takes SIGBUS. So a file is taken only if it belongs to this
// user or root and no other user may write to it, unless the caller trusts them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/memory/options.hpp>
#include <ringbell/transport/memory/reserve.hpp>

namespace ringbell::memory::file {

// The path of a POSIX shared memory object: what shm_open(3) opens on Linux. Errors:
// invalid_argument, if the name is empty or has a '/' in it, but for the first character.
[[nodiscard]] Result<std::string> posix_shm_path(const std::string& name);

// The name that a file has before it is published where the file system has no files without a name
// (O_TMPFILE), or /proc is not mounted. Taken away with this. Move-only.
class RINGBELL_API TemporaryName {
 public:
  TemporaryName() noexcept = default;
  explicit TemporaryName(std::string path) noexcept : path_(std::move(path)) {}
  TemporaryName(TemporaryName&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryName& operator=(TemporaryName&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;
  ~TemporaryName();

 private:
  std::string path_{};
};

// Whether a file of this name, in whatever folder, is such a one.
[[nodiscard]] bool is_temporary(std::string_view name) noexcept;

struct NewFile {
  FileDescriptor file;
  TemporaryName name;
};

// A file that no process can find by name, or by a temporary one only, without content, in the
// folder of `path`, with this mode whatever the umask. Errors: permission, system.
[[nodiscard]] Result<NewFile> create(const std::string& path, mode_t mode);

// small_page(), or the page size of a hugetlbfs. Errors: unsupported, for other huge pages than 2
// MiB.
[[nodiscard]] Result<std::uint32_t> page_bytes(int fd);

// Makes it so long, zeroed, and reserves all of it. Errors: no_space, unsupported, cancelled,
// system.
[[nodiscard]] Result<void> reserve(int fd, std::uint64_t bytes, const std::string& path,
                                   const GiveUp& give_up);

// Gives it its name, for good: the folder is on the disk too when this returns. Errors: system, if
// there is a file of that name; permission.
[[nodiscard]] Result<void> publish(int fd, const std::string& path);

// The same without a sync, relative to a folder that is open; a temporary name goes. False: the
// name is taken.
[[nodiscard]] Result<bool> link(int fd, int folder_fd, const std::string& name);

// Opens a file by its name; no symbolic link is followed. Errors: permission, system.
[[nodiscard]] Result<FileDescriptor> open(const std::string& path, Access access);

// Takes the name away; a process that has the file open keeps it. Errors: permission, system.
[[nodiscard]] Result<void> remove(const std::string& path);

}  // namespace ringbell::memory::file
