// Another user, for tests of what it may open.
#pragma once

#include <csignal>

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace ringbell::test {

inline constexpr uid_t kOtherUser = 65534;

// For a child of fork(): it is that user from here on, for good. False: it may not.
[[nodiscard]] inline bool become_other_user() noexcept {
  return ::setgroups(0, nullptr) == 0 && ::setresgid(kOtherUser, kOtherUser, kOtherUser) == 0 &&
         ::setresuid(kOtherUser, kOtherUser, kOtherUser) == 0 &&
         ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;  // forgotten with the old user
}

}  // namespace ringbell::test
