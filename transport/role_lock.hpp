// Liveness: who plays a role is known by a lock that the kernel drops however the process dies.
//
// Each role has a byte of the region's file. Whoever plays it holds an OFD lock on that byte, taken
// on an open file description of its own (the file reopened through /proc/self/fd), close-on-exec.
// A zombie does not keep it, a reused pid does not fake it, another pid namespace does not confuse
// it. A child of fork() shares the description and so keeps the lock alive after its parent's
// death, until it execs, exits, or closes it.
#pragma once

#include <cstdint>

#include <ringbell/transport/error.hpp>
#include <ringbell/transport/export.hpp>
#include <ringbell/transport/file_descriptor.hpp>

namespace ringbell {

enum class Role : std::uint8_t { writer = 0, reader = 1 };

class RINGBELL_API RoleLock {
 public:
  // Errors: busy, if somebody holds the role; system.
  [[nodiscard]] static Result<RoleLock> take(int region_fd, Role role);

  // Whether anybody else holds `role` now. One system call. An error counts as held: a doubt never
  // declares anybody dead.
  [[nodiscard]] bool is_held(Role role) const noexcept;

 private:
  explicit RoleLock(FileDescriptor file) noexcept;

  FileDescriptor file_;
};

}  // namespace ringbell
