// The calls on UNIX sockets: what they do at the edges, where a connection never comes.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/transport/base/unix_socket.hpp>

#include <tests/support/all_descriptors.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/deny_system_call.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using test::ChildProcess;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::array<std::byte, 4> kBytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};

struct Ends {
  FileDescriptor one;
  FileDescriptor other;
};

Ends pair_of_sockets() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

// The kernel then tells of the reset first, once.
TEST(UnixSocketTest, WhatWasSentBeforeAHangUpComesFirst) {
  Ends ends = pair_of_sockets();
  ASSERT_TRUE(unix_socket::send(ends.one.get(), kBytes, {}));    // never read
  ASSERT_TRUE(unix_socket::send(ends.other.get(), kBytes, {}));  // before it hangs up
  ends.other = FileDescriptor{};
  std::array<std::byte, 4> got{};
  const auto received = unix_socket::receive(ends.one.get(), got, 0);
  ASSERT_TRUE(received) << received.error().message;
  ASSERT_TRUE(*received);
  EXPECT_EQ(got, kBytes);
  EXPECT_EQ(code_of(unix_socket::receive(ends.one.get(), got, 0)), ErrorCode::peer_dead);
}

TEST(UnixSocketTest, NothingThereIsNothing) {
  const Ends ends = pair_of_sockets();
  std::array<std::byte, 4> got{};
  EXPECT_FALSE(unix_socket::receive(ends.one.get(), got, 0).value());
  EXPECT_FALSE(unix_socket::wait_readable(ends.one.get(), Timeout::zero()));
}

TEST(UnixSocketTest, SendingToAClosedEndIsPeerDeadAndNoSignal) {
  Ends ends = pair_of_sockets();
  ends.other = FileDescriptor{};
  EXPECT_EQ(code_of(unix_socket::send(ends.one.get(), kBytes, {})), ErrorCode::peer_dead);
  EXPECT_TRUE(unix_socket::is_hung_up(ends.one.get()));
}

TEST(UnixSocketTest, LongerMessagesAreCorruptAndNotCutShort) {
  const Ends ends = pair_of_sockets();
  ASSERT_TRUE(unix_socket::send(ends.other.get(), kBytes, {}));
  std::array<std::byte, 3> short_by_one{};
  EXPECT_EQ(code_of(unix_socket::receive(ends.one.get(), short_by_one, 0)), ErrorCode::corrupt);
}

TEST(UnixSocketTest, MoreDescriptorsThanAskedForAreCorrupt) {
  const Ends ends = pair_of_sockets();
  const FileDescriptor gift(::eventfd(0, EFD_CLOEXEC));
  const std::vector<int> gifts(3, gift.get());
  ASSERT_TRUE(unix_socket::send(ends.other.get(), kBytes, gifts));
  std::array<std::byte, 4> got{};
  EXPECT_EQ(code_of(unix_socket::receive(ends.one.get(), got, 2)), ErrorCode::corrupt);
  ASSERT_TRUE(unix_socket::send(ends.other.get(), kBytes, gifts));
  EXPECT_EQ(unix_socket::receive(ends.one.get(), got, 3).value()->descriptors.size(), 3U);
}

TEST(UnixSocketTest, DescriptorsForWhichThereIsNoNumberAreThisProcessesFault) {
  const Ends ends = pair_of_sockets();
  const FileDescriptor gift(::eventfd(0, EFD_CLOEXEC));
  ASSERT_TRUE(unix_socket::send(ends.other.get(), kBytes, std::vector<int>(6, gift.get())));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = static_cast<rlim_t>(gift.get()) + 2, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  std::array<std::byte, 4> got{};
  const auto received = unix_socket::receive(ends.one.get(), got, 6);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(received);
  EXPECT_EQ(code_of(received), ErrorCode::system);
  EXPECT_THAT(message_of(received), HasSubstr("ulimit -n"));
}

TEST(UnixSocketTest, WhatIsTakenIsClosedOnExecAndNeverBlocks) {
  const unix_socket::Address address{.name = "ringbell-unix-socket-test", .abstract = true};
  const FileDescriptor listening = unix_socket::create().value();
  ASSERT_TRUE(unix_socket::bind(listening.get(), address).value());
  ASSERT_TRUE(unix_socket::listen(listening.get(), 1));
  const FileDescriptor one = unix_socket::create().value();
  ASSERT_EQ(unix_socket::connect(one.get(), address), unix_socket::Reached::yes);
  const FileDescriptor other = unix_socket::accept(listening.get()).value().value();
  for (const FileDescriptor* const socket : {&listening, &one, &other}) {
    EXPECT_EQ(::fcntl(socket->get(), F_GETFD), FD_CLOEXEC);
    EXPECT_NE(::fcntl(socket->get(), F_GETFL) & O_NONBLOCK, 0);
  }
  const std::vector<int> gifts{listening.get()};
  ASSERT_TRUE(unix_socket::send(one.get(), kBytes, gifts));
  std::array<std::byte, 4> got{};
  const auto received = unix_socket::receive(other.get(), got, 1);
  ASSERT_TRUE(received && *received);
  EXPECT_EQ(::fcntl((*received)->descriptors.at(0).get(), F_GETFD), FD_CLOEXEC);
}

TEST(UnixSocketTest, AddressesThatAreTooLongAreRefused) {
  const FileDescriptor socket = unix_socket::create().value();
  constexpr std::size_t kRoom = 108;  // sockaddr_un::sun_path, with a zero
  const unix_socket::Address longest{.name = std::string(kRoom - 1, 'x'), .abstract = true};
  const unix_socket::Address longer{.name = std::string(kRoom, 'x'), .abstract = true};
  EXPECT_EQ(code_of(unix_socket::bind(socket.get(), longer)), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(unix_socket::connect(socket.get(), longer)), ErrorCode::invalid_argument);
  EXPECT_TRUE(unix_socket::is_bound(longer)) << "a doubt";
  EXPECT_TRUE(unix_socket::bind(socket.get(), longest).value());
}

TEST(UnixSocketTest, FullBacklogIsLaterAndNoListenerIsNobody) {
  const test::TemporaryNameFolder folder;
  const unix_socket::Address address{folder.path() + "/socket"};
  const FileDescriptor listening = unix_socket::create().value();
  const auto reached = [&](std::vector<FileDescriptor>& kept) {
    kept.push_back(unix_socket::create().value());
    return unix_socket::connect(kept.back().get(), address).value();
  };
  std::vector<FileDescriptor> kept;
  EXPECT_EQ(reached(kept), unix_socket::Reached::none);  // no file
  ASSERT_TRUE(unix_socket::bind(listening.get(), address).value());
  EXPECT_EQ(reached(kept), unix_socket::Reached::none);  // bound, and does not listen
  ASSERT_TRUE(unix_socket::listen(listening.get(), 1));
  EXPECT_EQ(reached(kept), unix_socket::Reached::yes);
  unix_socket::Reached last = unix_socket::Reached::yes;
  for (int i = 0; i < 10 && last == unix_socket::Reached::yes; ++i) last = reached(kept);
  EXPECT_EQ(last, unix_socket::Reached::later);
}

TEST(UnixSocketTest, EachWayToHaveNoPeerIsPeerDead) {
  const FileDescriptor alone = unix_socket::create().value();
  EXPECT_EQ(code_of(unix_socket::send(alone.get(), kBytes, {})), ErrorCode::peer_dead);
  std::array<std::byte, 4> got{};
  EXPECT_EQ(code_of(unix_socket::receive(alone.get(), got, 0)), ErrorCode::system)
      << "it never had one";
  Ends ends = pair_of_sockets();
  ASSERT_TRUE(unix_socket::send(ends.one.get(), kBytes, {}));
  ends.other = FileDescriptor{};  // with that unread: the kernel tells of a reset, once
  EXPECT_EQ(code_of(unix_socket::send(ends.one.get(), kBytes, {})), ErrorCode::peer_dead);
  EXPECT_EQ(code_of(unix_socket::send(ends.one.get(), kBytes, {})), ErrorCode::peer_dead);
}

TEST(UnixSocketTest, TellsWhetherALivingSocketIsBound) {
  const test::TemporaryNameFolder folder;
  const unix_socket::Address address{folder.path() + "/socket"};
  EXPECT_FALSE(unix_socket::is_bound(address)) << "no file";
  {
    const FileDescriptor socket = unix_socket::create().value();
    ASSERT_TRUE(unix_socket::bind(socket.get(), address).value());
    EXPECT_TRUE(unix_socket::is_bound(address));
  }
  EXPECT_FALSE(unix_socket::is_bound(address)) << "only the file is left";
  const unix_socket::Address other{folder.path() + "/datagrams"};
  const FileDescriptor datagrams(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(unix_socket::bind(datagrams.get(), other).value());
  EXPECT_TRUE(unix_socket::is_bound(other)) << "a doubt";
}

TEST(UnixSocketTest, OneThatListensIsNoneOfAPair) {
  const auto both = unix_socket::pair().value();
  EXPECT_TRUE(unix_socket::is_one_of_pair(both.first.get()));
  const FileDescriptor listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const unix_socket::Address address{.name = "ringbell-unix-socket-test", .abstract = true};
  ASSERT_TRUE(unix_socket::bind(listening.get(), address).value());
  EXPECT_TRUE(unix_socket::is_one_of_pair(listening.get()));
  ASSERT_TRUE(unix_socket::listen(listening.get(), 1));
  EXPECT_FALSE(unix_socket::is_one_of_pair(listening.get()));
}

// A socket that is told of its peer's ids has them beside the descriptors.
TEST(UnixSocketTest, DescriptorsAreFoundAmongWhatElseTheKernelTells) {
  const Ends ends = pair_of_sockets();
  const int yes = 1;
  ASSERT_EQ(::setsockopt(ends.one.get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes), 0);
  const FileDescriptor gift(::eventfd(0, EFD_CLOEXEC));
  ASSERT_TRUE(unix_socket::send(ends.other.get(), kBytes, std::vector<int>(2, gift.get())));
  std::array<std::byte, 4> got{};
  EXPECT_EQ(unix_socket::receive(ends.one.get(), got, 16).value()->descriptors.size(), 2U);
}

TEST(UnixSocketTest, AcceptingWhereNothingListensIsAnError) {
  const FileDescriptor socket = unix_socket::create().value();
  const auto accepted = unix_socket::accept(socket.get());
  EXPECT_EQ(code_of(accepted), ErrorCode::system);
  EXPECT_THAT(message_of(accepted), Not(HasSubstr("ulimit"))) << "which would not help";
}

TEST(UnixSocketTest, InAChildOfForkEachCallFails) {
  const auto ends = unix_socket::pair().value();
  EXPECT_EQ(ChildProcess::fork([&] {
              const int copy = ends.first.get();
              std::array<std::byte, 4> got{};
              if (code_of(unix_socket::send(copy, kBytes, {})) != ErrorCode::system) return 1;
              if (code_of(unix_socket::receive(copy, got, 0)) != ErrorCode::system) return 2;
              // What is not known is not told as the peer's death, and nothing is waited for.
              return !unix_socket::is_hung_up(copy) && unix_socket::all_read(copy) ? 0 : 3;
            }).wait(),
            0);
  EXPECT_FALSE(unix_socket::is_hung_up(ends.first.get()));
}

// Also where the kernel gives two of the first three, of which one has no other number to go to.
TEST(UnixSocketTest, APairTakesTwoDescriptorsOrNone) {
  EXPECT_EQ(ChildProcess::fork([] {
              std::vector<FileDescriptor> taken = test::all_descriptors();
              const auto is_refused = [] {
                const auto ends = unix_socket::pair();
                return code_of(ends) == ErrorCode::system && errno_of(ends) == EMFILE &&
                       message_of(ends).find("ulimit -n") != std::string::npos;
              };
              if (!is_refused()) return 1;
              taken.pop_back();
              if (!is_refused()) return 2;
              ::close(STDIN_FILENO);
              ::close(STDOUT_FILENO);
              if (!is_refused()) return 3;
              for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) {
                if (::fcntl(fd, F_GETFD) != -1) return 4;
              }
              taken.pop_back();
              return unix_socket::pair() ? 0 : 5;
            }).wait(),
            0);
}

// Limits that are not this process's own.
TEST(UnixSocketTest, ErrorsSayWhichLimitTheyMean) {
  constexpr int kCannot = 77;
  const Ends ends = pair_of_sockets();
  const std::optional<int> status =
      ChildProcess::fork([&] {
        if (!test::deny_system_call(SYS_accept4, ENFILE)) return kCannot;
        if (!test::deny_system_call(SYS_sendmsg, ETOOMANYREFS)) return kCannot;
        const auto accepted = unix_socket::accept(ends.one.get());
        if (errno_of(accepted) != ENFILE) return 1;
        if (message_of(accepted).find("ulimit -n") == std::string::npos) return 2;
        const auto sent = unix_socket::send(ends.one.get(), kBytes, std::array{ends.other.get()});
        if (code_of(sent) != ErrorCode::system) return 3;
        return message_of(sent).find("under way") != std::string::npos ? 0 : 4;
      }).wait();
  if (status == kCannot) GTEST_SKIP() << "no seccomp filter can be installed here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ringbell
