// What only this process and its children see mounted.
#pragma once

#include <string>

#include <sched.h>
#include <sys/mount.h>

namespace ringbell::test {

// From here on mounts are private. False: this user may not.
[[nodiscard]] inline bool make_mounts_private() noexcept {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

// A file system such as "tmpfs" over a folder. REQUIRES: mounts are private.
[[nodiscard]] inline bool mount_over(const std::string& folder, const char* type,
                                     const char* options) noexcept {
  return ::mount("none", folder.c_str(), type, MS_NOSUID | MS_NODEV, options) == 0;
}

}  // namespace ringbell::test
