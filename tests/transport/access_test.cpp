// Another user can neither open a channel, nor connect, nor ring, nor take a name first.
#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/other_user.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::kOtherUser;
using test::Signal;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Timeout kPatience = 20s;
constexpr int kNotTheOtherUser = 100;

class AccessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  }
  // What `body` returns when the other user runs it; 0 is what the tests want to see.
  [[nodiscard]] static ChildProcess start_other_user(const std::function<int()>& body) {
    return ChildProcess::fork(
        [&] { return test::become_other_user() ? body() : kNotTheOtherUser; });
  }
  static void expect_of_other_user(const std::function<int()>& body) {
    EXPECT_EQ(start_other_user(body).wait(), 0);
  }
  [[nodiscard]] std::string inside(const std::string& file) const {
    return folder.path() + "/" + file;
  }

  test::TemporaryNameFolder folder;
  std::string name = "test." + std::to_string(::getpid());  // abstract names are the machine's
};

// --- coming in ----------------------------------------------------------------------------------

TEST_F(AccessTest, OtherUserCannotOpenAChannelByName) {
  const Sender sender = Sender::create("orders").value();
  const std::string file = inside("orders.ring");
  expect_of_other_user([&] {
    if (code_of(Receiver::open("orders", 10ms)) != ErrorCode::permission) return 1;
    if (code_of(Sender::create("orders")) != ErrorCode::permission) return 2;
    if (code_of(names::list()) != ErrorCode::permission) return 3;
    if (code_of(names::remove_dead()) != ErrorCode::permission) return 4;
    if (::open(file.c_str(), O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES) return 5;
    return ::unlink(file.c_str()) == 0 || errno != EACCES ? 6 : 0;
  });
}

// The file's own mode keeps others out, too, should the folder be opened to them.
TEST_F(AccessTest, FileItselfIsItsOwners) {
  const Sender sender = Sender::create("orders").value();
  const std::string file = inside("orders.ring");
  ASSERT_EQ(::chmod(folder.path().c_str(), 0777), 0);
  expect_of_other_user([&] {
    if (::open(file.c_str(), O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES) return 1;
    return ::open(file.c_str(), O_RDWR | O_CLOEXEC) >= 0 || errno != EACCES ? 2 : 0;
  });
}

TEST_F(AccessTest, OtherUserCannotTakeMemoryOrBellsFromTheProcess) {
  const Channel channel = Channel::create({.doorbell = core::DoorbellKind::eventfd}).value();
  const pid_t owner = ::getpid();
  const std::array<int, 3> descriptors = {channel.fds().memory, channel.fds().data_bell,
                                          channel.fds().space_bell};
  expect_of_other_user([&] {
    const auto process = static_cast<int>(::syscall(SYS_pidfd_open, owner, 0U));
    for (const int fd : descriptors) {
      const std::string path = "/proc/" + std::to_string(owner) + "/fd/" + std::to_string(fd);
      if (::open(path.c_str(), O_RDWR | O_CLOEXEC) >= 0) return 1;
      if (::syscall(SYS_pidfd_getfd, process, fd, 0U) >= 0) return 2;
    }
    return 0;
  });
}

TEST_F(AccessTest, OtherUserCannotReachAListenerInTheFolder) {
  Listener listener = Listener::open("orders").value();
  const std::string file = inside("orders.sock");
  expect_of_other_user([&] {
    if (code_of(connect("orders", {.timeout = 10ms})) != ErrorCode::permission) return 1;
    const FileDescriptor socket = unix_socket::create().value();
    const auto reached = unix_socket::connect(socket.get(), {file});
    return reached || code_of(reached) != ErrorCode::permission ? 2 : 0;
  });
  EXPECT_FALSE(listener.accept(Timeout::zero()).value());
  EXPECT_EQ(listener.refused(), 0U);
}

TEST_F(AccessTest, ListenerTurnsOtherUsersAway) {
  Listener listener = Listener::open(name, {.place = Place::abstract}).value();
  ChildProcess child = start_other_user([&] {
    const Result<Connection> connection =
        connect(name, {.place = Place::abstract, .timeout = kPatience, .listener_uid = 0});
    if (connection) return 1;
    return code_of(connection) == ErrorCode::permission ? 0 : 2;
  });
  for (int i = 0; i < 1000 && listener.refused() == 0; ++i) {
    EXPECT_FALSE(listener.accept(10ms).value());
  }
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(listener.refused(), 1U);
  EXPECT_EQ(listener.last_refusal()->code, ErrorCode::permission);
  EXPECT_THAT(listener.last_refusal()->message, HasSubstr("uid 65534"));
}

TEST_F(AccessTest, ListenerLetsInWhomItsUserNamed) {
  ListenerOptions options{.place = Place::abstract};
  options.also_allowed = {1, kOtherUser};
  Listener listener = Listener::open(name, options).value();
  ChildProcess child = start_other_user([&] {
    Result<Connection> connection =
        connect(name, {.place = Place::abstract, .timeout = kPatience, .listener_uid = 0});
    if (!connection) return 1;
    if (connection->peer.uid != 0) return 2;
    const auto message = connection->receiver.peek_for(kPatience);
    return message && *message && (*message)->size() == 8 ? 0 : 3;
  });
  std::optional<Connection> connection = listener.accept(kPatience).value();
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->peer.uid, kOtherUser);
  EXPECT_EQ(connection->peer.pid, child.pid());
  EXPECT_TRUE(connection->sender.try_send(std::array<std::byte, 8>{}));
  EXPECT_EQ(child.wait(), 0);
}

// --- being there first --------------------------------------------------------------------------

// A folder like /dev/shm: every user may add to it, and remove only what is its own.
class SquatterTest : public AccessTest {
 protected:
  void SetUp() override {
    AccessTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(::chmod(folder.path().c_str(), 01777), 0);
    ::setenv("RINGBELL_DIR", inside("names").c_str(), 1);
  }
  static void expect_refused(const std::string& says) {
    for (const Error& error :
         {Sender::create("orders").error(), Receiver::open("orders", Timeout::zero()).error(),
          Listener::open("orders").error(),
          connect("orders", {.timeout = Timeout::zero()}).error()}) {
      EXPECT_EQ(error.code, ErrorCode::permission) << error.message;
      EXPECT_THAT(error.message, HasSubstr(says));
    }
  }
};

TEST_F(SquatterTest, FolderOfAnotherUserIsNotUsed) {
  const std::string path = inside("names");
  expect_of_other_user([&] { return ::mkdir(path.c_str(), 0700); });
  expect_refused("belongs to uid 65534");
  ASSERT_EQ(::chmod(path.c_str(), 0777), 0);
  expect_refused("belongs to uid 65534");
  EXPECT_TRUE(std::filesystem::is_empty(path));
}

TEST_F(SquatterTest, LinkOfAnotherUserIsNotFollowed) {
  const std::string path = inside("names");
  const std::string own = inside("own");
  ASSERT_EQ(::mkdir(own.c_str(), 0700), 0);
  expect_of_other_user([&] { return ::symlink(own.c_str(), path.c_str()); });
  expect_refused("symbolic link");
  EXPECT_TRUE(std::filesystem::is_empty(own));
}

TEST_F(SquatterTest, FileOfAnotherUserIsNoFolder) {
  const std::string path = inside("names");
  expect_of_other_user([&] { return std::ofstream(path) ? 0 : 1; });
  expect_refused("not a folder");
}

TEST_F(SquatterTest, OurFolderCannotBeFilledOrRenamedByAnotherUser) {
  const Sender sender = Sender::create("orders").value();
  const std::string path = inside("names");
  const std::string aside = inside("aside");
  expect_of_other_user([&] {
    if (std::ofstream(path + "/market.ring")) return 1;
    if (::rename(path.c_str(), aside.c_str()) == 0) return 2;
    return ::rmdir(path.c_str()) == 0 ? 3 : 0;
  });
  EXPECT_TRUE(Receiver::open("orders", Timeout::zero()));
}

TEST_F(AccessTest, AbstractNameTakenByAnotherUserDeceivesNobody) {
  Signal listening;
  Signal done;
  ChildProcess squatter = start_other_user([&] {
    const FileDescriptor socket = unix_socket::create().value();
    const std::string ours = "ringbell/0/" + name;
    if (!unix_socket::bind(socket.get(), {ours, true}).value_or(false)) return 1;
    if (!unix_socket::listen(socket.get(), 5)) return 2;
    listening.tell();
    return done.wait() ? 0 : 3;
  });
  ASSERT_TRUE(listening.wait());
  const Error met = connect(name, {.place = Place::abstract, .timeout = kPatience}).error();
  EXPECT_EQ(met.code, ErrorCode::permission);
  EXPECT_THAT(met.message, HasSubstr("uid 65534"));
  const Error taken = Listener::open(name, {.place = Place::abstract}).error();
  EXPECT_EQ(taken.code, ErrorCode::busy);
  EXPECT_THAT(taken.message, HasSubstr("pid " + std::to_string(squatter.pid()) + " of uid 65534"));
  done.tell();
  EXPECT_EQ(squatter.wait(), 0);
}

}  // namespace
}  // namespace ringbell
