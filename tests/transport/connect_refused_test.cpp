// connect() and Listener::open() where something else has the name, there is no room, or the kernel
// refuses a call.
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/connect/handshake.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_system_call.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/group_users.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/open_files.hpp>
#include <tests/support/refusing_child.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using handshake::Greeting;
using handshake::Kind;
using test::ChildProcess;
using test::expect_well;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Timeout kPatience = 20s;
constexpr int kNoFilter = test::kNoFilterHere;

// A socket of another type than ringbell's at a path.
FileDescriptor make_stream_socket(const std::string& path) {
  FileDescriptor made{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(::bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(made.get(), 1), 0);
  return made;
}

class ConnectRefusedTest : public ::testing::Test {
 protected:
  [[nodiscard]] FileDescriptor bind_at(const unix_socket::Address& address) const {
    FileDescriptor made = unix_socket::create().value();
    EXPECT_TRUE(unix_socket::bind(made.get(), address).value());
    return made;
  }
  [[nodiscard]] std::string path() const { return folder.path() + "/orders.sock"; }

  test::TemporaryNameFolder folder;
  std::string name = "refused-test-" + std::to_string(::getpid());
};

// --- what has the name ---------------------------------------------------------------------------

TEST_F(ConnectRefusedTest, SocketOfAnotherTypeIsAnErrorAndStays) {
  const FileDescriptor other = make_stream_socket(path());
  EXPECT_EQ(errno_of(connect("orders", {.timeout = kPatience})), EPROTOTYPE);
  EXPECT_EQ(errno_of(Listener::open("orders")), EPROTOTYPE);
  EXPECT_THAT(folder.files(), ElementsAre("orders.sock"));
}

TEST_F(ConnectRefusedTest, AbstractNameThatDoesNotListenOrCannotBeAskedIsNotTaken) {
  const FileDescriptor silent = bind_at(abstract_address(::geteuid(), name));
  const ListenerOptions options{.place = Place::abstract};
  EXPECT_EQ(code_of(Listener::open(name, options)), ErrorCode::busy);
  expect_well(ChildProcess::fork([&] {
    if (!test::deny_system_call(SYS_connect, EACCES)) return kNoFilter;
    return errno_of(Listener::open(name, options)) == EACCES ? 0 : 1;
  }));
}

TEST_F(ConnectRefusedTest, ListenerWithTooManyAtItsDoorIsSaidToHaveThem) {
  const FileDescriptor door = bind_at({path()});
  ASSERT_TRUE(unix_socket::listen(door.get(), 1));
  std::vector<FileDescriptor> waiting;
  for (unix_socket::Reached reached{}; reached != unix_socket::Reached::later;) {
    waiting.push_back(unix_socket::create().value());
    reached = unix_socket::connect(waiting.back().get(), {path()}).value();
    ASSERT_LT(waiting.size(), 100U);
  }
  for (const Timeout timeout : {Timeout(0), Timeout(20ms)}) {
    const Result<Connection> refused = connect("orders", {.timeout = timeout});
    EXPECT_EQ(code_of(refused), ErrorCode::timed_out);
    EXPECT_THAT(message_of(refused), HasSubstr("too many peers"));
  }
  const Result<Listener> second = Listener::open("orders");
  EXPECT_EQ(code_of(second), ErrorCode::busy);
  EXPECT_THAT(message_of(second), HasSubstr("too busy"));
}

// --- a listener that announces another channel ---------------------------------------------------

TEST_F(ConnectRefusedTest, ChannelOfAnotherAlignmentOrDoorbellThanAnnouncedIsRefused) {
  const FileDescriptor door = bind_at({path()});
  ASSERT_TRUE(unix_socket::listen(door.get(), 5));
  const Channel one = Channel::create({.capacity_bytes = 4096}).value();
  const Channel two = Channel::create({.capacity_bytes = 4096}).value();
  const ChannelOptions silent{.capacity_bytes = 4096, .doorbell = DoorbellKind::none};
  const Channel three = Channel::create(silent).value();
  const auto answer = [&](std::uint32_t alignment, int memory, int other) {
    auto connecting =
        std::async(std::launch::async, [] { return connect("orders", {.timeout = kPatience}); });
    EXPECT_TRUE(unix_socket::wait_readable(door.get(), kPatience));
    const std::optional<FileDescriptor> peer = unix_socket::accept(door.get()).value();
    Greeting welcome = handshake::greeting(Kind::welcome);
    welcome.doorbell = std::uint32_t(DoorbellKind::futex);
    welcome.descriptors = handshake::kWithoutBells;
    welcome.to_listener = welcome.to_connector = {4096, alignment, 0};
    EXPECT_TRUE(handshake::send(peer->get(), welcome, std::array<int, 2>{memory, other}));
    return code_of(connecting.get());
  };
  EXPECT_EQ(answer(64, one.fds().memory, two.fds().memory), ErrorCode::corrupt);
  EXPECT_EQ(answer(8, three.fds().memory, two.fds().memory), ErrorCode::corrupt);
}

// --- a guest that was dropped --------------------------------------------------------------------

TEST_F(ConnectRefusedTest, GuestThatReadsWhatItWasToldIsForgottenThoughItStays) {
  Listener listener = Listener::open("orders", {.handshake_timeout = 200ms}).value();
  const FileDescriptor guest = unix_socket::create().value();
  ASSERT_EQ(unix_socket::connect(guest.get(), {path()}).value(), unix_socket::Reached::yes);
  ASSERT_TRUE(handshake::send(guest.get(), handshake::greeting(Kind::hello)));
  while (listener.refused() == 0) ASSERT_FALSE(listener.accept(5ms).value());
  const auto before = test::open_files();
  std::array<std::byte, sizeof(Greeting)> bytes{};
  int messages = 0;
  for (;; ++messages) {
    const auto said = unix_socket::receive(guest.get(), bytes, handshake::kMostDescriptors);
    if (!said || !*said) break;
  }
  if (messages != 2) GTEST_SKIP() << "it was late before it was welcomed";
  for (int i = 0; i < 5; ++i) ASSERT_FALSE(listener.accept(1ms).value());
  EXPECT_EQ(test::open_files(), before - 1);
}

// --- two folders of names ------------------------------------------------------------------------

class TwoFoldersTest : public ConnectRefusedTest {
 protected:
  TwoFoldersTest() {
    ::unsetenv("RINGBELL_DIR");
    ::unsetenv("XDG_RUNTIME_DIR");
  }
  ~TwoFoldersTest() override {
    ::unsetenv("XDG_RUNTIME_DIR");
    std::filesystem::remove(shared + "/" + name + ".sock");
    std::error_code ignored;
    if (!shared_was_there) std::filesystem::remove(shared, ignored);
  }
  void as_shell() const { ::setenv("XDG_RUNTIME_DIR", folder.path().c_str(), 1); }

  std::string shared = "/dev/shm/ringbell-" + std::to_string(::geteuid());
  bool shared_was_there = std::filesystem::exists(shared);
};

TEST_F(TwoFoldersTest, ListenerLearnsOfOneInTheOtherFolderAndTakesTheNameOfADeadOne) {
  std::optional<Listener> service = Listener::open(name).value();
  as_shell();
  EXPECT_EQ(code_of(Listener::open(name)), ErrorCode::busy);
  service.reset();
  const std::string there = shared + "/" + name + ".sock";
  {
    const FileDescriptor stream = make_stream_socket(there);
    EXPECT_EQ(errno_of(Listener::open(name)), EPROTOTYPE) << "it may be in use";
  }
  const Result<Listener> shell = Listener::open(name);
  EXPECT_TRUE(shell) << message_of(shell);
  EXPECT_TRUE(std::filesystem::exists(there)) << "the next one there takes it over";
}

TEST_F(TwoFoldersTest, ConnectorTakesTheFirstOfTwo) {
  as_shell();
  Listener listener = Listener::open(name).value();
  std::filesystem::create_directory(shared);
  std::filesystem::permissions(shared, std::filesystem::perms::owner_all);
  auto connecting =
      std::async(std::launch::async, [&] { return connect(name, {.timeout = kPatience}); });
  EXPECT_TRUE(listener.accept(kPatience).value());
  EXPECT_TRUE(connecting.get());
}

// --- calls that the kernel refuses ---------------------------------------------------------------

TEST_F(ConnectRefusedTest, LeftoverThatCannotBeRemovedIsAnError) {
  { const FileDescriptor dead = bind_at({path()}); }
  expect_well(ChildProcess::fork([] {
    if (!test::deny_system_call(SYS_unlinkat, EACCES)) return kNoFilter;
    return errno_of(Listener::open("orders")) == EACCES ? 0 : 1;
  }));
  EXPECT_THAT(folder.files(), ElementsAre("orders.sock"));
}

// As if another program had removed it and taken the name in between.
TEST_F(ConnectRefusedTest, NameThatIsTakenAtOnceIsInUse) {
  { const FileDescriptor dead = bind_at({path()}); }
  expect_well(ChildProcess::fork([] {
    if (!test::deny_system_call(SYS_unlinkat, ENOENT)) return kNoFilter;
    return code_of(Listener::open("orders")) == ErrorCode::busy ? 0 : 1;
  }));
}

// Of these only a lack of descriptors turns the peer away.
TEST_F(ConnectRefusedTest, PeerThatCannotBeAcceptedWaits) {
  for (const int refused : {ENOMEM, ENFILE}) {
    expect_well(ChildProcess::fork([&] {
      Result<Listener> listener = Listener::open("orders");
      const FileDescriptor peer = unix_socket::create().value();
      if (unix_socket::connect(peer.get(), {path()}) != unix_socket::Reached::yes) return 1;
      if (!test::deny_system_call(SYS_accept4, refused)) return kNoFilter;
      if (errno_of(listener->accept(kPatience)) != refused) return 2;
      return listener->refused() == 0 && !unix_socket::is_hung_up(peer.get()) ? 0 : 3;
    }));
  }
}

// --- a group's folder ----------------------------------------------------------------------------

using GroupRefusedTest = test::UsersTest;

TEST_F(GroupRefusedTest, SocketThatCannotBeOpenedToTheGroupIsRemoved) {
  for (const int refused : {EPERM, ENOENT}) {
    expect_well(ChildProcess::fork([&] {
      if (!test::deny_system_call(SYS_chmod, refused)) return kNoFilter;
      const Result<Listener> listener = Listener::open("orders", {.place = Place::group});
      if (errno_of(listener) != refused) return 1;
      const bool names_proc = message_of(listener).find("/proc") != std::string::npos;
      return names_proc == (refused == ENOENT) ? 0 : 2;
    }));
    EXPECT_THAT(folder->files(), IsEmpty());
  }
}

TEST_F(GroupRefusedTest, SocketOfAnotherTypeIsNoQuestionOfPermission) {
  const FileDescriptor other = make_stream_socket(path_of("orders.sock"));
  EXPECT_EQ(errno_of(connect("orders", {.place = Place::group, .timeout = 0s})), EPROTOTYPE);
}

}  // namespace
}  // namespace ringbell
