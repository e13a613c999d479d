// What a name may be, and which folders are trusted with them.
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/transport/names/name_folder.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/private_mounts.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::Signal;
using ::testing::HasSubstr;

void expect_refused(ErrorCode code, const std::string& says) {
  const Result<NameFolder> folder = NameFolder::open();
  ASSERT_FALSE(folder) << "opened " << folder->path();
  EXPECT_EQ(name_of(code_of(folder)), std::string(name_of(code))) << folder.error().message;
  EXPECT_THAT(message_of(folder), HasSubstr(says));
}

class NameFolderTest : public ::testing::Test {
 protected:
  // Makes `path` the folder that is chosen.
  static void choose(const std::string& path) { ::setenv("RINGBELL_DIR", path.c_str(), 1); }
  [[nodiscard]] std::string inside(const std::string& name) const {
    return folder.path() + "/" + name;
  }

  test::TemporaryNameFolder folder;
};

TEST(NameTest, NamesOfTheseLettersAreValid) {
  for (const char* name : {"a", "orders", "0", "a-b_c.d", "market.data-7", "_x", "-x", "x."}) {
    EXPECT_TRUE(check_name(name)) << name;
  }
  EXPECT_TRUE(check_name(std::string(kMaxNameBytes, 'x')));
}

TEST(NameTest, OtherNamesAreRefused) {
  using namespace std::string_view_literals;
  for (const std::string_view name :
       {""sv, "."sv, ".."sv, ".hidden"sv, "a..b"sv, "x.."sv, "/"sv, "a/b"sv, "../x"sv, "Orders"sv,
        "a b"sv, "a\n"sv, "a\0b"sv, "\0"sv, "\xc3\xa4"sv, "a*"sv, "%s"sv, "a:b"sv, "a~"sv}) {
    const Result<void> checked = check_name(name);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(code_of(checked), ErrorCode::invalid_argument);
  }
  EXPECT_FALSE(check_name(std::string(kMaxNameBytes + 1, 'x')));
}

TEST_F(NameFolderTest, MissingFolderIsMadeForItsUserAlone) {
  choose(inside("new"));
  const Result<NameFolder> made = NameFolder::open();
  ASSERT_TRUE(made) << made.error().message;
  struct stat status {};
  ASSERT_EQ(::stat(inside("new").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700U);
  EXPECT_TRUE(NameFolder::open()) << "a second time";
}

TEST_F(NameFolderTest, RuntimeFolderOfTheUserComesNext) {
  ::unsetenv("RINGBELL_DIR");
  ::setenv("XDG_RUNTIME_DIR", folder.path().c_str(), 1);
  const Result<NameFolder> made = NameFolder::open();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->path(), inside("ringbell"));
}

TEST_F(NameFolderTest, RuntimeFolderOfAnotherUserIsLeftAlone) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a folder of another user";
  const bool was_there = std::filesystem::exists("/dev/shm/ringbell-0");
  ASSERT_EQ(::chown(folder.path().c_str(), 65534, 65534), 0);
  ::unsetenv("RINGBELL_DIR");
  ::setenv("XDG_RUNTIME_DIR", folder.path().c_str(), 1);
  const Result<NameFolder> made = NameFolder::open();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->path(), "/dev/shm/ringbell-0");
  EXPECT_FALSE(std::filesystem::exists(inside("ringbell")));
  if (!was_there) ::rmdir("/dev/shm/ringbell-0");
}

TEST_F(NameFolderTest, RuntimeFolderThatIsNoAbsolutePathIsPassedOver) {
  ::unsetenv("RINGBELL_DIR");
  ::setenv("XDG_RUNTIME_DIR", ".", 1);
  const auto paths = NameFolder::candidates(::geteuid()).value();
  EXPECT_EQ(paths.front(), "/dev/shm/ringbell-" + std::to_string(::geteuid()));
}

TEST_F(NameFolderTest, RelativePathIsRefused) {
  choose("here");
  expect_refused(ErrorCode::invalid_argument, "absolute");
}

TEST_F(NameFolderTest, SymbolicLinkIsRefused) {
  ASSERT_EQ(::mkdir(inside("real").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("real", inside("link").c_str()), 0);
  choose(inside("link"));
  expect_refused(ErrorCode::permission, "symbolic link");
  choose(inside("link///"));
  expect_refused(ErrorCode::permission, "symbolic link");
  ASSERT_EQ(::symlink("nowhere", inside("dangling").c_str()), 0);
  choose(inside("dangling"));
  expect_refused(ErrorCode::permission, "symbolic link");
}

TEST_F(NameFolderTest, WhatIsNoFolderIsRefused) {
  std::ofstream(inside("file")) << "x";
  choose(inside("file"));
  expect_refused(ErrorCode::permission, "not a folder");
}

TEST_F(NameFolderTest, FolderThatOthersMayEnterIsRefused) {
  for (const mode_t mode : {0755U, 0750U, 0701U, 0720U, 01777U}) {
    ASSERT_EQ(::chmod(folder.path().c_str(), mode), 0);
    expect_refused(ErrorCode::permission, "chmod 700");
  }
}

TEST_F(NameFolderTest, FolderOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a folder of another user";
  ASSERT_EQ(::chown(folder.path().c_str(), 65534, 65534), 0);
  expect_refused(ErrorCode::permission, "belongs to uid 65534");
}

TEST_F(NameFolderTest, FolderThatCannotBeMadeIsNamed) {
  choose(inside("missing/folder"));
  expect_refused(ErrorCode::system, inside("missing/folder"));
}

TEST_F(NameFolderTest, FilesAreReachedWhateverBecomesOfThePath) {
  const Result<NameFolder> opened = NameFolder::open();
  ASSERT_TRUE(opened) << opened.error().message;
  const std::string moved = folder.path() + "-moved";
  ASSERT_EQ(::rename(folder.path().c_str(), moved.c_str()), 0);
  std::ofstream(opened->path_of("there")) << "x";
  EXPECT_TRUE(std::filesystem::exists(moved + "/there"));
  ASSERT_EQ(::rename(moved.c_str(), folder.path().c_str()), 0);
}

TEST_F(NameFolderTest, OneProcessHoldsTheLockAtATime) {
  const Result<NameFolder> ours = NameFolder::open();
  ASSERT_TRUE(ours) << ours.error().message;
  Signal waiting;
  Signal locked;
  std::optional<Result<NameFolder::Lock>> held(ours->lock());
  ASSERT_TRUE(*held);
  ChildProcess child = ChildProcess::fork([&] {
    const Result<NameFolder> theirs = NameFolder::open();
    waiting.tell();
    const auto lock = theirs->lock();
    if (lock) locked.tell();
    return lock ? 0 : 1;
  });
  ASSERT_TRUE(waiting.wait());
  EXPECT_FALSE(locked.wait(50ms));
  held.reset();
  EXPECT_TRUE(locked.wait());
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(NameFolderTest, LockDiesWithItsHolder) {
  Signal locked;
  ChildProcess child = ChildProcess::fork([&] {
    const Result<NameFolder> theirs = NameFolder::open();
    const auto lock = theirs->lock();
    locked.tell();
    ::pause();
    return 0;
  });
  ASSERT_TRUE(locked.wait());
  child.kill_now();
  const Result<NameFolder> ours = NameFolder::open();
  ASSERT_TRUE(ours);
  EXPECT_TRUE(ours->lock());
}

TEST_F(NameFolderTest, LockThatIsHeldTooLongIsBusy) {
  const Result<NameFolder> ours = NameFolder::open();
  const Result<NameFolder> again = NameFolder::open();
  // Locks of another kind, which are not the ones that are waited for.
  flock other{.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1, .l_pid = 0};
  const FileDescriptor path{::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  ASSERT_EQ(::fcntl(path.get(), F_SETLK, &other), 0);
  const auto held = ours->lock();
  other.l_start = 2;
  ASSERT_EQ(::fcntl(path.get(), F_SETLK, &other), 0);
  ChildProcess child = ChildProcess::fork([&] {  // where /proc tells nothing
    if (!test::make_mounts_private() || !test::mount_over("/proc", "tmpfs", "size=4k")) return 77;
    const std::string said = message_of(again->lock());
    return said.find("another process holds the lock") != said.npos ? 0 : 1;
  });
  const auto start = std::chrono::steady_clock::now();
  const auto refused = again->lock();
  const auto waited = std::chrono::steady_clock::now() - start;
  ASSERT_FALSE(refused);
  EXPECT_EQ(code_of(refused), ErrorCode::busy);
  EXPECT_THAT(message_of(refused), HasSubstr("is it stopped?"));
  EXPECT_THAT(message_of(refused), HasSubstr("pid " + std::to_string(::getpid()) + " holds"));
  EXPECT_THAT(child.wait(), ::testing::AnyOf(0, 77)) << "77: only root may hide /proc";
  EXPECT_GE(waited, 5s);
}

}  // namespace
}  // namespace ringbell
