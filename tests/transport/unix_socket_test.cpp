// The calls on UNIX sockets: what they do at the edges, where a connection never comes.
#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/transport/base/unix_socket.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace ringbell
