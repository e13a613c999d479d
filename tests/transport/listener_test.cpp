// Listener and connect(): two sides that mean well, in one process and in two.
#include <array>
#include <chrono>
#include <csignal>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/open_files.hpp>
#include <tests/support/text_messages.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using test::ChildProcess;
using test::receive_text;
using test::send_text;
using test::Signal;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Timeout kPatience = 20s;

struct Pair {
  Connection listener;
  Connection connector;
};

Pair connect_pair(Listener& listener, const std::string& name, ConnectOptions options = {}) {
  options.timeout = kPatience;
  auto connecting = std::async(std::launch::async, [&] { return connect(name, options).value(); });
  std::optional<Connection> accepted = listener.accept(kPatience).value();
  return {std::move(*accepted), connecting.get()};
}

class ListenerTest : public ::testing::TestWithParam<Place> {
 protected:
  test::TemporaryNameFolder folder;
  // Abstract names are the machine's: each test has its own.
  std::string name = "test." + std::to_string(::getpid());
};

INSTANTIATE_TEST_SUITE_P(EveryPlace, ListenerTest,
                         ::testing::Values(Place::folder, Place::abstract), [](const auto& place) {
                           return place.param == Place::folder ? "Folder" : "Abstract";
                         });

TEST_P(ListenerTest, MessagesGoBothWays) {
  for (const DoorbellKind doorbell : {DoorbellKind::futex, DoorbellKind::eventfd}) {
    Listener listener = Listener::open(name, {.place = GetParam(), .doorbell = doorbell}).value();
    Pair pair = connect_pair(listener, name, {.place = GetParam()});
    EXPECT_EQ(pair.connector.sender.channel().region().doorbell(), doorbell);
    for (int i = 0; i < 100; ++i) {
      const std::string there = "there " + std::to_string(i);
      const std::string back = "back " + std::to_string(i);
      ASSERT_TRUE(send_text(pair.connector.sender, there));
      EXPECT_EQ(receive_text(pair.listener.receiver), there);
      ASSERT_TRUE(send_text(pair.listener.sender, back));
      EXPECT_EQ(receive_text(pair.connector.receiver), back);
    }
  }
}

TEST_P(ListenerTest, BothSidesKnowWhomTheyTalkTo) {
  Listener listener = Listener::open(name, {.place = GetParam()}).value();
  const Pair pair = connect_pair(listener, name, {.place = GetParam()});
  for (const Connection* side : {&pair.listener, &pair.connector}) {
    EXPECT_EQ(side->peer.pid, ::getpid());
    EXPECT_EQ(side->peer.uid, ::geteuid());
    EXPECT_FALSE(side->peer_is_gone());
    EXPECT_EQ(side->sender.channel().region().doorbell(), DoorbellKind::eventfd);
  }
}

TEST_P(ListenerTest, SecondListenerLearnsWhoHasTheName) {
  const Listener listener = Listener::open(name, {.place = GetParam()}).value();
  const Result<Listener> second = Listener::open(name, {.place = GetParam()});
  ASSERT_FALSE(second);
  EXPECT_EQ(code_of(second), ErrorCode::busy);
  EXPECT_THAT(message_of(second), HasSubstr("in use by pid " + std::to_string(::getpid())));
}

TEST_P(ListenerTest, NameIsFreeAfterItsListener) {
  for (int i = 0; i < 3; ++i) {
    const Result<Listener> listener = Listener::open(name, {.place = GetParam()});
    ASSERT_TRUE(listener) << listener.error().message;
  }
  EXPECT_THAT(folder.files(), IsEmpty());
}

TEST_P(ListenerTest, NameOfKilledListenerIsTakenOver) {
  Signal listening;
  ChildProcess child = ChildProcess::fork([&] {
    const Result<Listener> listener = Listener::open(name, {.place = GetParam()});
    listening.tell();
    ::pause();
    return 0;
  });
  ASSERT_TRUE(listening.wait());
  EXPECT_FALSE(Listener::open(name, {.place = GetParam()})) << "it lives";
  child.kill_now();
  Result<Listener> listener = Listener::open(name, {.place = GetParam()});
  ASSERT_TRUE(listener) << listener.error().message;
  connect_pair(*listener, name, {.place = GetParam()});
}

TEST_P(ListenerTest, ConnectWaitsForTheListener) {
  auto connecting = std::async(std::launch::async, [&] {
    return connect(name, {.place = GetParam(), .timeout = kPatience});
  });
  EXPECT_EQ(connecting.wait_for(30ms), std::future_status::timeout);
  Listener listener = Listener::open(name, {.place = GetParam()}).value();
  EXPECT_TRUE(listener.accept(kPatience).value());
  EXPECT_TRUE(connecting.get());
}

TEST_P(ListenerTest, ConnectSaysThatNobodyListens) {
  const Result<Connection> connection = connect(name, {.place = GetParam(), .timeout = 20ms});
  ASSERT_FALSE(connection);
  EXPECT_EQ(code_of(connection), ErrorCode::not_found);
  EXPECT_THAT(message_of(connection), HasSubstr(name));
}

TEST_P(ListenerTest, ConnectGivesUpOnOneThatDoesNotAccept) {
  const Listener listener = Listener::open(name, {.place = GetParam()}).value();
  const Result<Connection> connection = connect(name, {.place = GetParam(), .timeout = 50ms});
  ASSERT_FALSE(connection);
  EXPECT_EQ(code_of(connection), ErrorCode::timed_out);
}

TEST_P(ListenerTest, AcceptGivesUpInTime) {
  Listener listener = Listener::open(name, {.place = GetParam()}).value();
  EXPECT_FALSE(listener.accept(Timeout::zero()).value());
  EXPECT_FALSE(listener.accept(20ms).value());
  EXPECT_EQ(listener.refused(), 0U);
}

TEST_P(ListenerTest, PeersInOtherProcessesComeAllAtOnce) {
  constexpr int kPeers = 8;
  Listener listener = Listener::open(name, {.place = GetParam()}).value();
  std::vector<ChildProcess> children;
  children.reserve(kPeers);
  for (int i = 0; i < kPeers; ++i) {
    children.push_back(ChildProcess::fork([&] {
      Result<Connection> connection = connect(name, {.place = GetParam(), .timeout = kPatience});
      if (!connection) return 1;
      const std::string mine = "I am " + std::to_string(::getpid());
      if (!send_text(connection->sender, mine)) return 2;
      return receive_text(connection->receiver) == mine ? 0 : 3;
    }));
  }
  std::vector<Connection> connections;
  for (int i = 0; i < kPeers; ++i) {
    std::optional<Connection> connection = listener.accept(kPatience).value();
    ASSERT_TRUE(connection);
    const std::string said = receive_text(connection->receiver);
    EXPECT_EQ(said, "I am " + std::to_string(connection->peer.pid));
    EXPECT_TRUE(send_text(connection->sender, said));
    connections.push_back(std::move(*connection));
  }
  for (ChildProcess& child : children) EXPECT_EQ(child.wait(), 0);
}

TEST_P(ListenerTest, ConnectionsOutliveTheListener) {
  std::optional<Listener> listener(Listener::open(name, {.place = GetParam()}).value());
  Pair pair = connect_pair(*listener, name, {.place = GetParam()});
  listener.reset();
  ASSERT_TRUE(send_text(pair.connector.sender, "still here"));
  EXPECT_EQ(receive_text(pair.listener.receiver), "still here");
  EXPECT_FALSE(pair.connector.peer_is_gone());
}

TEST_P(ListenerTest, OrderlyEndIsToldToTheOtherSide) {
  Listener listener = Listener::open(name, {.place = GetParam()}).value();
  std::optional<Pair> pair(connect_pair(listener, name, {.place = GetParam()}));
  ASSERT_TRUE(send_text(pair->connector.sender, "last words"));
  { const Connection gone = std::move(pair->connector); }
  EXPECT_EQ(receive_text(pair->listener.receiver), "last words");
  EXPECT_EQ(receive_text(pair->listener.receiver), "error: closed");
  EXPECT_TRUE(pair->listener.peer_is_gone());
}

TEST_P(ListenerTest, NothingIsLeftAfterwards) {
  const auto before = test::open_files();
  {
    Listener listener = Listener::open(name, {.place = GetParam()}).value();
    const Pair pair = connect_pair(listener, name, {.place = GetParam()});
  }
  EXPECT_EQ(test::open_files(), before);
  EXPECT_THAT(folder.files(), IsEmpty());
}

// No slice ends within this test: only the socket can have told.
TEST_P(ListenerTest, SleeperLearnsAtOnceThatItsPeerDied) {
  const WaitOptions sleepy{.spin_budget = 0ns, .longest_sleep = 1h};
  Listener listener = Listener::open(name, {.place = GetParam(), .wait = sleepy}).value();
  for (const bool in_order : {false, true}) {
    Signal go;
    ChildProcess child = ChildProcess::fork([&] {
      Connection connection = connect(name, {.place = GetParam(), .timeout = kPatience}).value();
      (void)go.wait();
      if (!in_order) ::raise(SIGKILL);
      return 0;
    });
    std::optional<Connection> connection = listener.accept(kPatience).value();
    ASSERT_TRUE(connection);
    auto receiving = std::async(std::launch::async,
                                [&] { return receive_text(connection->receiver, kForever); });
    EXPECT_EQ(receiving.wait_for(20ms), std::future_status::timeout);
    go.tell();
    EXPECT_EQ(receiving.get(), in_order ? "error: closed" : "error: peer_dead");
    EXPECT_TRUE(child.wait());
    EXPECT_TRUE(connection->peer_is_gone());
  }
}

class FolderListenerTest : public ::testing::Test {
 protected:
  test::TemporaryNameFolder folder;
};

TEST_F(FolderListenerTest, OnlyTheSocketStandsInTheFolder) {
  const Listener listener = Listener::open("orders").value();
  EXPECT_THAT(folder.files(), ElementsAre("orders.sock"));
}

TEST_F(FolderListenerTest, ConnectorMayChooseHowItIsWoken) {
  Listener listener = Listener::open("orders", {.doorbell = DoorbellKind::eventfd}).value();
  const Pair pair = connect_pair(listener, "orders", {.doorbell = DoorbellKind::futex});
  EXPECT_EQ(pair.listener.sender.channel().region().doorbell(), DoorbellKind::futex);
  EXPECT_EQ(pair.connector.sender.channel().region().doorbell(), DoorbellKind::futex);
}

// How connecting to it ends. It is refused there, or on this side.
Error refusal_of(Listener& listener, ConnectOptions options) {
  auto connecting = std::async(std::launch::async, [&] { return connect("orders", options); });
  while (connecting.wait_for(0s) != std::future_status::ready) (void)listener.accept(5ms);
  const Result<Connection> made = connecting.get();
  EXPECT_FALSE(made);
  return made ? Error{} : made.error();
}

TEST_F(FolderListenerTest, ListenerMayInsistOnItsDoorbell) {
  Listener listener =
      Listener::open("orders", {.doorbell = DoorbellKind::futex, .insists_on_doorbell = true})
          .value();
  const Error refused = refusal_of(listener, {.doorbell = DoorbellKind::eventfd});
  EXPECT_EQ(refused.code, ErrorCode::unsupported) << refused.message;
  EXPECT_EQ(listener.refused(), 1U);
  const Pair pair = connect_pair(listener, "orders", {.doorbell = DoorbellKind::futex});
  const Pair other = connect_pair(listener, "orders");
  EXPECT_EQ(other.connector.sender.channel().region().doorbell(), DoorbellKind::futex);
}

// Whichever it is, and whether it was said or is what the listener rings by of itself.
TEST_F(FolderListenerTest, ListenerThatInsistsGivesNoOtherDoorbell) {
  using Kind = std::optional<DoorbellKind>;
  for (const Kind own : {Kind(), Kind(DoorbellKind::eventfd), Kind(DoorbellKind::futex)}) {
    const DoorbellKind given = own.value_or(DoorbellKind::eventfd);
    Listener listener =
        Listener::open("orders", {.doorbell = own, .insists_on_doorbell = true}).value();
    for (const Kind asked : {Kind(), Kind(DoorbellKind::eventfd), Kind(DoorbellKind::futex),
                             Kind(DoorbellKind::none)}) {
      if (asked && *asked != given) {
        const Error refused = refusal_of(listener, {.doorbell = asked});
        EXPECT_EQ(refused.code, ErrorCode::unsupported) << refused.message;
        continue;
      }
      const Pair pair = connect_pair(listener, "orders", {.doorbell = asked});
      for (const Connection* const side : {&pair.listener, &pair.connector}) {
        EXPECT_EQ(side->sender.channel().region().doorbell(), given);
        EXPECT_EQ(side->receiver.channel().region().doorbell(), given);
      }
    }
  }
}

TEST_F(FolderListenerTest, ConnectorSpinsOnlyIfItSaysSo) {
  Listener listener = Listener::open("orders", {.doorbell = DoorbellKind::none}).value();
  const Error refused = refusal_of(listener, {});
  EXPECT_EQ(refused.code, ErrorCode::unsupported) << refused.message;
  const Pair asked = connect_pair(listener, "orders", {.doorbell = DoorbellKind::none});
  EXPECT_EQ(asked.connector.sender.channel().region().doorbell(), DoorbellKind::none);
  connect_pair(listener, "orders", {.wait = {.kind = WaitOptions::Kind::spin}});
}

TEST_F(FolderListenerTest, ChannelsHaveTheSizeThatTheListenerChose) {
  Listener listener = Listener::open("orders", {.channel = {.capacity_bytes = 8192}}).value();
  const Pair pair = connect_pair(listener, "orders");
  for (const Connection* side : {&pair.listener, &pair.connector}) {
    EXPECT_EQ(side->sender.channel().region().geometry().capacity_bytes, 8192U);
    EXPECT_EQ(side->receiver.channel().region().geometry().capacity_bytes, 8192U);
  }
}

TEST_F(FolderListenerTest, BadNamesAndOptionsAreRefused) {
  EXPECT_EQ(code_of(Listener::open("../orders")), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(connect("Orders")), ErrorCode::invalid_argument);
  Listener listener = Listener::open("orders", {.channel = {.capacity_bytes = 1}}).value();
  auto connecting =
      std::async(std::launch::async, [] { return connect("orders", {.timeout = kPatience}); });
  EXPECT_EQ(code_of(listener.accept(kPatience)), ErrorCode::invalid_argument);
  EXPECT_FALSE(connecting.get());
}

TEST_F(FolderListenerTest, FileInTheWayIsNotRemoved) {
  ASSERT_EQ(::mkdir((folder.path() + "/orders.sock").c_str(), 0700), 0);
  const Result<Listener> listener = Listener::open("orders");
  ASSERT_FALSE(listener);
  EXPECT_THAT(message_of(listener), HasSubstr("no socket"));
  EXPECT_THAT(folder.files(), ElementsAre("orders.sock"));
}

// Two that find the same dead listener must not both take its place.
TEST_F(FolderListenerTest, OfManyThatTakeTheNameOneWins) {
  constexpr int kRivals = 8;
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    {  // a dead one's socket
      const FileDescriptor dead = unix_socket::create().value();
      ASSERT_TRUE(unix_socket::bind(dead.get(), {folder.path() + "/orders.sock"}).value());
    }
    Signal go;
    Signal stop;
    std::vector<ChildProcess> rivals;
    rivals.reserve(kRivals);
    std::vector<Signal> tried(kRivals);
    for (int i = 0; i < kRivals; ++i) {
      rivals.push_back(ChildProcess::fork([&, i] {
        (void)go.wait();
        const Result<Listener> listener = Listener::open("orders");
        tried[static_cast<std::size_t>(i)].tell();
        (void)stop.wait();
        if (listener) return 0;
        return code_of(listener) == ErrorCode::busy ? 1 : 2;
      }));
    }
    for (int i = 0; i < kRivals; ++i) go.tell();
    for (const Signal& one : tried) EXPECT_TRUE(one.wait());
    for (int i = 0; i < kRivals; ++i) stop.tell();
    int winners = 0;
    for (ChildProcess& rival : rivals) {
      const std::optional<int> status = rival.wait();
      EXPECT_THAT(status, ::testing::AnyOf(0, 1));
      if (status == 0) ++winners;
    }
    EXPECT_EQ(winners, 1);
    EXPECT_THAT(folder.files(), IsEmpty());
  }
}

// --- limits and the end -------------------------------------------------------------------------

std::vector<FileDescriptor> knock(const test::TemporaryNameFolder& folder, std::size_t times) {
  std::vector<FileDescriptor> peers;
  while (peers.size() < times) {
    peers.push_back(unix_socket::create().value());
    EXPECT_EQ(unix_socket::connect(peers.back().get(), {folder.path() + "/orders.sock"}).value(),
              unix_socket::Reached::yes);
  }
  return peers;
}

TEST_F(FolderListenerTest, OldestOfTooManySilentPeersIsDropped) {
  constexpr std::size_t kMost = 64;
  Listener listener = Listener::open("orders", {.handshake_timeout = 1h}).value();
  const std::vector<FileDescriptor> peers = knock(folder, kMost);
  while (listener.accept(10ms).value()) {
  }
  EXPECT_EQ(listener.refused(), 0U) << "their time is not up, and so many may be there";
  const std::vector<FileDescriptor> one_more = knock(folder, 1);
  for (int i = 0; i < 1000 && listener.refused() == 0; ++i) {
    EXPECT_FALSE(listener.accept(10ms).value());
  }
  ASSERT_EQ(listener.refused(), 1U);
  EXPECT_EQ(listener.last_refusal()->code, ErrorCode::no_place);
  EXPECT_TRUE(unix_socket::is_hung_up(peers[0].get()));
  EXPECT_FALSE(unix_socket::is_hung_up(peers[1].get()));
}

// The child's copies of the objects are destroyed as the parent's will be.
TEST_F(FolderListenerTest, ChildOfForkTakesNothingFromItsParent) {
  std::optional<Listener> listener(Listener::open("orders").value());
  ChildProcess child = ChildProcess::fork([&] {
    listener.reset();
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_THAT(folder.files(), ElementsAre("orders.sock"));
  connect_pair(*listener, "orders");
  listener.reset();
  EXPECT_THAT(folder.files(), IsEmpty());
}

TEST_F(FolderListenerTest, SocketOfAnotherByNowStays) {
  std::optional<Listener> first(Listener::open("orders").value());
  ASSERT_EQ(::unlink((folder.path() + "/orders.sock").c_str()), 0);  // by hand
  const Listener second = Listener::open("orders").value();
  first.reset();
  EXPECT_THAT(folder.files(), ElementsAre("orders.sock"));
}

TEST_F(FolderListenerTest, WaitOptionsReachBothEndsOfBothSides) {
  const WaitOptions spin{.kind = WaitOptions::Kind::spin};
  Listener listener = Listener::open("orders", {.wait = spin}).value();
  const Pair pair = connect_pair(listener, "orders");
  EXPECT_EQ(code_of(pair.listener.sender.waitable_fd()), ErrorCode::unsupported);
  EXPECT_EQ(code_of(pair.listener.receiver.waitable_fd()), ErrorCode::unsupported);
  EXPECT_TRUE(pair.connector.sender.waitable_fd());
  EXPECT_TRUE(pair.connector.receiver.waitable_fd());
  const Pair other = connect_pair(listener, "orders", {.wait = spin});
  EXPECT_EQ(code_of(other.connector.sender.waitable_fd()), ErrorCode::unsupported);
  EXPECT_EQ(code_of(other.connector.receiver.waitable_fd()), ErrorCode::unsupported);
}

TEST_F(FolderListenerTest, ChannelsOfOtherMemoryAreRefused) {
  const auto refused =
      Listener::open("orders", {.channel = {.memory = {.backing = Backing::system_v}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(code_of(refused), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace ringbell
