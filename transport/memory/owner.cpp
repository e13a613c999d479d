#include <ringbell/transport/memory/owner.hpp>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringbell::memory {

Result<void> check_owner(const std::string& what, uid_t owner, mode_t mode, bool trust_others) {
  const uid_t self = ::geteuid();
  if (owner != self && owner != 0 && !trust_others) {
    return fail(ErrorCode::permission,
                fmt::format("{} belongs to user {}, not to this one ({}) or root; it is attached "
                            "only with AttachOptions::trust_others",
                            what, owner, self));
  }
  if ((mode & (S_IWGRP | S_IWOTH)) != 0 && !trust_others) {
    return fail(ErrorCode::permission,
                fmt::format("{} may be written by others than its owner (mode {:o}); chmod 600, or "
                            "attach with AttachOptions::trust_others",
                            what, mode & 0777U));
  }
  return {};
}

}  // namespace ringbell::memory
