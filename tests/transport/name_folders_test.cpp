// A login shell and a service of one user find each other's names: the one has XDG_RUNTIME_DIR, the
// other has not.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/names/name_folders.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/private_mounts.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using test::ChildProcess;
using test::Signal;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The name is one of a kind: it may stand beside those of other programs of this user.
class NameFoldersTest : public ::testing::Test {
 public:
  NameFoldersTest() { ::unsetenv("RINGBELL_DIR"); }
  ~NameFoldersTest() override {
    as_service();
    for (const char* suffix : {".ring", ".sock"}) fs::remove(shared + "/" + name + suffix);
    std::error_code ignored;
    if (!shared_was_there) fs::remove(shared, ignored);
  }
  NameFoldersTest(const NameFoldersTest&) = delete;
  NameFoldersTest& operator=(const NameFoldersTest&) = delete;

 protected:
  void as_shell() const { ::setenv("XDG_RUNTIME_DIR", runtime.path().c_str(), 1); }
  static void as_service() { ::unsetenv("XDG_RUNTIME_DIR"); }
  [[nodiscard]] bool is_in_shared() const { return fs::exists(shared + "/" + name + ".ring"); }
  [[nodiscard]] bool is_in_runtime() const {
    return fs::exists(runtime.path() + "/ringbell/" + name + ".ring");
  }

  test::TemporaryNameFolder runtime;
  std::string shared = "/dev/shm/ringbell-" + std::to_string(::geteuid());
  bool shared_was_there = fs::exists(shared);
  std::string name = "folders-test-" + std::to_string(::getpid());
};

TEST_F(NameFoldersTest, OpenFindsWhatAProcessWithoutARuntimeFolderMade) {
  as_service();
  Sender sender = Sender::create(name).value();
  as_shell();
  Receiver receiver = Receiver::open(name, 0ns).value();
  const QueueReceiver other = QueueReceiver::create(name + "-q").value();
  EXPECT_TRUE(sender.send(std::as_bytes(std::span("x", 1))).value());
  EXPECT_TRUE(receiver.peek_for(1s).value());
  EXPECT_TRUE(is_in_shared());
}

TEST_F(NameFoldersTest, CreateMakesNoSecondRingOfANameThatLivesInAnotherFolder) {
  as_service();
  const Sender sender = Sender::create(name).value();
  as_shell();
  const Result<Sender> second = Sender::create(name);
  ASSERT_FALSE(second);
  EXPECT_EQ(code_of(second), ErrorCode::busy);
  EXPECT_THAT(message_of(second), HasSubstr("pid " + std::to_string(::getpid())));
  const Receiver receiver = Receiver::create(name).value();  // joins it
  EXPECT_EQ(receiver.peer(), PeerState::alive);
  EXPECT_FALSE(is_in_runtime());
}

TEST_F(NameFoldersTest, RingOfADeadProcessIsReplacedWhereItIs) {
  as_service();
  ChildProcess child = ChildProcess::fork([&]() -> int {
    const Receiver receiver = Receiver::create(name, {.capacity_bytes = 4096}).value();
    ::_exit(0);
  });
  ASSERT_EQ(child.wait(), 0);
  as_shell();
  const Sender sender = Sender::create(name, {.capacity_bytes = 8192}).value();
  EXPECT_TRUE(is_in_shared());
  EXPECT_FALSE(is_in_runtime());
  as_service();
  EXPECT_TRUE(Receiver::open(name, 0ns));
}

TEST_F(NameFoldersTest, NotFoundSaysWhereItLooked) {
  as_shell();
  for (const Error& error : {Sender::open(name, 0ns).error(), Client::open(name, 0ns).error(),
                             connect(name, {.timeout = 0ns}).error()}) {
    EXPECT_EQ(error.code, ErrorCode::not_found);
    EXPECT_THAT(error.message, AllOf(HasSubstr(runtime.path() + "/ringbell"), HasSubstr(shared)));
  }
}

TEST_F(NameFoldersTest, ListenersAreFoundAndNamedOnce) {
  as_service();
  Listener listener = Listener::open(name).value();
  as_shell();
  const Result<Listener> second = Listener::open(name);
  ASSERT_FALSE(second);
  EXPECT_EQ(code_of(second), ErrorCode::busy);
  ChildProcess child = ChildProcess::fork([&] { return connect(name, {.timeout = 10s}) ? 0 : 1; });
  EXPECT_TRUE(listener.accept(10s).value());
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(NameFoldersTest, LookingMakesNoFolder) {
  as_shell();
  EXPECT_TRUE(names::list());
  EXPECT_TRUE(names::remove_dead(std::vector<names::Entry>{}));
  EXPECT_FALSE(Receiver::open(name, 0ns));
  EXPECT_FALSE(fs::exists(runtime.path() + "/ringbell"));
}

TEST_F(NameFoldersTest, NamesOfAllFoldersAreListed) {
  as_service();
  const Sender one = Sender::create(name).value();
  as_shell();
  const Sender two = Sender::create(name + "-2").value();
  std::vector<std::string> folders;
  const std::vector<names::Entry> all = names::list().value();
  for (const names::Entry& entry : all) {
    if (entry.name.starts_with(name)) folders.push_back(entry.folder);
  }
  EXPECT_THAT(folders, ::testing::ElementsAre(shared, runtime.path() + "/ringbell"));
}

TEST_F(NameFoldersTest, FolderThatIsChosenIsTheOnlyOne) {
  as_service();
  const Sender sender = Sender::create(name).value();
  ::setenv("RINGBELL_DIR", runtime.path().c_str(), 1);
  EXPECT_EQ(code_of(Receiver::open(name, 0ns)), ErrorCode::not_found);
  ::unsetenv("RINGBELL_DIR");
}

// --- Where /run/user/UID can be had: mounts of the child's own -----------------------------------

enum Outcome : int { kFine = 0, kNoMounts = 9, kNoFolder = 10, kNotOne = 11, kNotFound = 12 };

int with_run_user(int (*body)()) {
  if (!test::make_mounts_private() || !test::mount_over("/run", "tmpfs", "mode=755") ||
      !test::mount_over("/dev/shm", "tmpfs", "mode=1777")) {
    return kNoMounts;
  }
  const std::string usual = "/run/user/" + std::to_string(::geteuid());
  fs::create_directories(usual);
  return ::chmod(usual.c_str(), 0700) == 0 ? body() : kNoFolder;
}

void expect_fine(int (*body)()) {
  ChildProcess child = ChildProcess::fork([&] { return with_run_user(body); });
  const std::optional<int> outcome = child.wait();
  if (outcome == kNoMounts) GTEST_SKIP() << "this user may not mount";
  EXPECT_EQ(outcome, kFine);
}

void as_shell_of_user() {
  ::setenv("XDG_RUNTIME_DIR", ("/run/user/" + std::to_string(::geteuid())).c_str(), 1);
}

TEST_F(NameFoldersTest, ServiceFindsWhatAShellMade) {
  expect_fine([]() -> int {
    as_shell_of_user();
    const Sender sender = Sender::create("orders").value();
    ::unsetenv("XDG_RUNTIME_DIR");
    return Receiver::open("orders", 0ns) ? kFine : kNotFound;
  });
}

TEST_F(NameFoldersTest, OneOfManyInTwoFoldersMakesTheName) {
  expect_fine([]() -> int {
    constexpr int kRounds = 30;
    constexpr int kRivals = 4;
    for (int round = 0; round < kRounds; ++round) {
      Signal go;
      Signal tried;
      Signal stop;
      std::vector<ChildProcess> rivals;
      for (int i = 0; i < kRivals; ++i) {
        rivals.push_back(ChildProcess::fork([&, i] {
          i % 2 == 0 ? as_shell_of_user() : static_cast<void>(::unsetenv("XDG_RUNTIME_DIR"));
          (void)go.wait();
          const Result<Sender> sender = Sender::create("orders");
          tried.tell();
          (void)stop.wait();
          return sender ? 1 : 0;
        }));
      }
      for (int i = 0; i < kRivals; ++i) go.tell();
      for (int i = 0; i < kRivals; ++i) (void)tried.wait();
      for (int i = 0; i < kRivals; ++i) stop.tell();
      int made = 0;
      for (ChildProcess& rival : rivals) made += rival.wait().value_or(100);
      if (made != 1) return kNotOne;
    }
    return kFine;
  });
}

TEST_F(NameFoldersTest, OtherFolderThatIsOpenToOthersIsPassedOver) {
  expect_fine([]() -> int {
    as_shell_of_user();
    { const Sender sender = Sender::create("orders").value(); }
    const std::string usual = "/run/user/" + std::to_string(::geteuid()) + "/ringbell";
    if (::chmod(usual.c_str(), 0777) != 0) return kNoFolder;
    ::unsetenv("XDG_RUNTIME_DIR");
    return Sender::create("orders") ? kFine : kNotFound;
  });
}

// A lock that is taken twice by one process would be waited for in vain.
TEST_F(NameFoldersTest, OneFolderUnderTwoPathsIsOne) {
  expect_fine([]() -> int {
    const std::string usual = "/run/user/" + std::to_string(::geteuid());
    fs::create_directory_symlink(usual, "/run/link");
    ::setenv("XDG_RUNTIME_DIR", "/run/link", 1);
    const auto before = std::chrono::steady_clock::now();
    const bool made = Sender::create("orders").has_value();
    const bool once = names::list().value().size() <= 1;
    return made && once && std::chrono::steady_clock::now() - before < 4s ? kFine : kNotOne;
  });
}

}  // namespace
}  // namespace ringbell
