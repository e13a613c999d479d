// Users of one group, the folder that it shares, and user namespaces in which some of them are
// unknown. All for root.
#pragma once

#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>
#include <string>

#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/transport/base/error.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell::test {

inline constexpr gid_t kGroup = 61000;
inline constexpr uid_t kFirst = 61001;
inline constexpr uid_t kSecond = 61002;
inline constexpr uid_t kThird = 61003;

// For a child of fork(): it is that user from here on, for good, a member of the group or not.
// False: it may not.
[[nodiscard]] inline bool become_user(uid_t user, bool is_member = true) noexcept {
  const gid_t group = kGroup;
  const gid_t main = is_member ? kGroup : user;
  return ::setgroups(is_member ? 1 : 0, &group) == 0 && ::setresgid(main, main, main) == 0 &&
         ::setresuid(user, user, user) == 0 &&
         ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;  // forgotten with the old user
}

// $RINGBELL_DIR while it lives: it belongs to root, and the group shares it.
class GroupFolder : public TemporaryNameFolder {
 public:
  GroupFolder() { give_to(0); }
  void give_to(uid_t owner) const {
    EXPECT_EQ(::chown(path().c_str(), owner, kGroup), 0);
    set_mode(02770);
  }
  void set_mode(mode_t mode) const { EXPECT_EQ(::chmod(path().c_str(), mode), 0); }
};

// A child of fork() as that user, which ends with 100 if it cannot be.
template <class Body>
[[nodiscard]] ChildProcess as_user(uid_t user, Body&& body, bool is_member = true) {
  return ChildProcess::fork([&]() -> int {
    if (!become_user(user, is_member)) return 100;
    return body();
  });
}

// The same in a user namespace of its own, in which `first` is user `inside`, `first + 1` the next,
// and so on, `known` of them, and the group is group 0. `more`: other lines of the map. It ends
// with 100 if there can be none.
template <class Body>
[[nodiscard]] ChildProcess as_user_in_namespace(uid_t user, uid_t first, unsigned known,
                                                Body&& body, uid_t inside = 0,
                                                const std::string& more = {}) {
  Signal entered;
  Signal mapped;
  ChildProcess child = ChildProcess::fork([&]() -> int {
    if (!become_user(user) || ::unshare(CLONE_NEWUSER) != 0) return 100;
    entered.tell();
    if (!mapped.wait()) return 100;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return body();
  });
  if (entered.wait(std::chrono::seconds(20))) {
    const std::string folder = "/proc/" + std::to_string(child.pid());
    std::ofstream(folder + "/uid_map") << inside << ' ' << first << ' ' << known << '\n' << more;
    std::ofstream(folder + "/gid_map") << "0 " << kGroup << " 1\n";
    mapped.tell();
  }
  return child;
}

// A test with such a folder. Skipped unless root runs it.
class UsersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become other users";
    folder.emplace();
  }
  [[nodiscard]] std::string path_of(const std::string& file) const {
    return folder->path() + "/" + file;
  }

  std::optional<GroupFolder> folder;
};

// What came of a call, as the status of a process: the code of its Error, or that there was none.
inline constexpr int kNoError = 99;
template <class T>
int status_of(const Result<T>& made) {
  return made ? kNoError : static_cast<int>(*code_of(made));
}
constexpr int refused_with(ErrorCode code) { return static_cast<int>(code); }

}  // namespace ringbell::test
