// Listener and connect() between two users, which need not trust each other: how they are woken.
#include <array>
#include <chrono>
#include <csignal>
#include <future>
#include <optional>
#include <string>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/connect/handshake.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/other_user.hpp>
#include <tests/support/text_messages.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using test::ChildProcess;
using test::receive_text;
using test::send_text;

constexpr Timeout kPatience = 20s;
constexpr int kBySocket = 100;

// Any holder of an eventfd can fill it: with others it stands for sockets.
TEST(ListenerForOthersTest, OtherUsersAreWokenByFutexOrBySocketsAndNeverByEventfds) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const std::string name = "test." + std::to_string(::getpid());
  const auto given_to_other = [&](std::optional<DoorbellKind> by_listener,
                                  std::optional<DoorbellKind> asked, bool insists = false) {
    Listener listener = Listener::open(name, {.place = Place::abstract,
                                              .doorbell = by_listener,
                                              .insists_on_doorbell = insists,
                                              .also_allowed = {test::kOtherUser}})
                            .value();
    ChildProcess child = ChildProcess::fork([&] {
      if (!test::become_other_user()) return 100;
      const Result<Connection> made = connect(
          name,
          {.place = Place::abstract, .timeout = kPatience, .listener_uid = 0, .doorbell = asked});
      if (!made) return code_of(made) == ErrorCode::unsupported ? 50 : 60;
      const auto doorbell = static_cast<int>(made->sender.channel().region().doorbell());
      struct stat bell {};
      const bool is_socket = ::fstat(made->sender.channel().fds().space_bell, &bell) == 0 &&
                             ::fstat(made->receiver.channel().fds().data_bell, &bell) == 0 &&
                             S_ISSOCK(bell.st_mode);
      return is_socket ? doorbell + kBySocket : doorbell;
    });
    // Until it has a connection, or was refused.
    for (int i = 0; i < 5000 && listener.refused() == 0; ++i) {
      if (listener.accept(1ms).value()) break;
    }
    return child.wait();
  };
  EXPECT_EQ(given_to_other({}, {}), static_cast<int>(DoorbellKind::futex));
  EXPECT_EQ(given_to_other({}, DoorbellKind::futex), static_cast<int>(DoorbellKind::futex));
  constexpr int kSockets = static_cast<int>(DoorbellKind::eventfd) + kBySocket;
  EXPECT_EQ(given_to_other({}, DoorbellKind::eventfd), kSockets);
  EXPECT_EQ(given_to_other(DoorbellKind::eventfd, {}), kSockets);
  EXPECT_EQ(given_to_other(DoorbellKind::futex, DoorbellKind::eventfd, true), 50);
}

TEST(ListenerForOthersTest, MessagesGoBothWaysBySocketsAndADeathIsKnownAtOnce) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const std::string name = "test." + std::to_string(::getpid());
  const WaitOptions sleepy{.spin_budget = 0ns, .longest_sleep = 1h};
  Listener listener = Listener::open(name, {.place = Place::abstract,
                                            .doorbell = DoorbellKind::eventfd,
                                            .also_allowed = {test::kOtherUser},
                                            .wait = sleepy})
                          .value();
  ChildProcess child = ChildProcess::fork([&] {
    if (!test::become_other_user()) return 100;
    Result<Connection> made = connect(
        name, {.place = Place::abstract, .timeout = kPatience, .listener_uid = 0, .wait = sleepy});
    if (!made) return 101;
    for (int i = 0; i < 50; ++i) {
      const std::string said = receive_text(made->receiver);
      if (!send_text(made->sender, said + "!")) return 102;
    }
    (void)receive_text(made->receiver);
    ::raise(SIGKILL);
    return 103;
  });
  std::optional<Connection> connection = listener.accept(kPatience).value();
  ASSERT_TRUE(connection);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(send_text(connection->sender, std::to_string(i)));
    ASSERT_EQ(receive_text(connection->receiver), std::to_string(i) + "!");
  }
  auto receiving =
      std::async(std::launch::async, [&] { return receive_text(connection->receiver, kForever); });
  ASSERT_TRUE(send_text(connection->sender, "the end"));
  EXPECT_EQ(receiving.get(), "error: peer_dead");
  EXPECT_EQ(child.wait(), -SIGKILL);
}

TEST(ListenerForOthersTest, ConnectorRefusesEventfdsOfAnotherUsersListener) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const std::string name = "test." + std::to_string(::getpid());
  ChildProcess child = ChildProcess::fork([&] {
    if (!test::become_other_user()) return 100;
    const FileDescriptor door = unix_socket::create().value();
    if (!unix_socket::bind(door.get(), abstract_address(test::kOtherUser, name)).value())
      return 101;
    if (!unix_socket::listen(door.get(), 1)) return 102;
    if (!unix_socket::wait_readable(door.get(), kPatience)) return 103;
    const FileDescriptor peer = std::move(*unix_socket::accept(door.get()).value());
    const ChannelOptions options{.capacity_bytes = 4096, .doorbell = DoorbellKind::eventfd};
    const Channel there = Channel::create(options).value();
    const Channel back = Channel::create(options).value();
    handshake::Greeting welcome = handshake::greeting(handshake::Kind::welcome);
    welcome.doorbell = std::uint32_t(DoorbellKind::eventfd);
    welcome.descriptors = handshake::kWithEventfds;
    welcome.to_listener = welcome.to_connector = {4096, 8, 0};
    const ChannelFds a = there.fds();
    const ChannelFds b = back.fds();
    const std::array<int, 6> all{a.memory, a.data_bell, a.space_bell,
                                 b.memory, b.data_bell, b.space_bell};
    if (!handshake::send(peer.get(), welcome, all)) return 104;
    while (!unix_socket::is_hung_up(peer.get())) ::usleep(1000);
    return 0;
  });
  const Result<Connection> made = connect(
      name, {.place = Place::abstract, .timeout = kPatience, .listener_uid = test::kOtherUser});
  ASSERT_FALSE(made);
  EXPECT_EQ(code_of(made), ErrorCode::unsupported) << made.error().message;
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace ringbell
