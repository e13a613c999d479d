// Names in a folder that a group of users shares, and listeners there: what each user may do.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/base/unix_socket.hpp>
#include <ringbell/transport/names/name_folder.hpp>
#include <ringbell/transport/names/names.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/group_users.hpp>
#include <tests/support/shared_pages.hpp>
#include <tests/support/stepped_process.hpp>
#include <tests/support/text_messages.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::as_user;
using test::ChildProcess;
using test::kFirst;
using test::kGroup;
using test::kNoError;
using test::kSecond;
using test::kThird;
using test::receive_text;
using test::refused_with;
using test::send_text;
using test::Signal;
using test::status_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Timeout kPatience = 20s;
const MemoryOptions kForGroup{.mode = 0660};

class GroupOfUsersTest : public test::UsersTest {
 protected:
  // What `make` returns is held by the first user while `use` runs as the second one.
  template <class Make>
  void expect_shared(Make&& make, const std::function<int()>& use) const {
    Signal made;
    Signal used;
    ChildProcess maker = as_user(kFirst, [&] {
      auto end = make();
      if (!end) return 1;
      made.tell();
      return used.wait() ? 0 : 2;
    });
    ASSERT_TRUE(made.wait()) << "it was not made";
    EXPECT_EQ(as_user(kSecond, use).wait(), 0);
    used.tell();
    EXPECT_EQ(maker.wait(), 0);
    EXPECT_THAT(folder->files(), IsEmpty());
  }
};

TEST_F(GroupOfUsersTest, ChannelGoesFromOneUserToAnother) {
  Signal made;
  ChildProcess sending = as_user(kFirst, [&] {
    Result<Sender> sender = Sender::create("orders", {.memory = kForGroup});
    if (!sender) return 1;
    made.tell();
    for (int i = 0; i < 1000; ++i) {
      const std::string text = std::to_string(i);
      if (!sender->send(std::as_bytes(std::span(text)), kPatience).value_or(false)) return 2;
    }
    return 0;
  });
  ASSERT_TRUE(made.wait());
  ChildProcess receiving = as_user(kSecond, [&] {
    Result<Receiver> receiver = Receiver::open("orders", kPatience);
    if (!receiver) return 1;
    for (int i = 0; i < 1000; ++i) {
      if (receive_text(*receiver) != std::to_string(i)) return 2;
    }
    return receive_text(*receiver) == "error: closed" ? 0 : 3;
  });
  EXPECT_EQ(receiving.wait(), 0);
  EXPECT_EQ(sending.wait(), 0);
  EXPECT_THAT(folder->files(), IsEmpty()) << "the last one took the name away";
}

TEST_F(GroupOfUsersTest, EachKindOfRingIsShared) {
  expect_shared([] { return QueueReceiver::create("a", {.memory = kForGroup}); },
                [] { return QueueSender::open("a", kPatience) ? 0 : 1; });
  for (const auto policy : {TopicOptions::Policy::lossless, TopicOptions::Policy::lossy}) {
    expect_shared([&] { return Publisher::create("a", {.policy = policy, .memory = kForGroup}); },
                  [] {
                    const Result<Subscriber> subscriber = Subscriber::open("a");
                    return subscriber && subscriber->peer() == PeerState::alive ? 0 : 1;
                  });
  }
  expect_shared([] { return Collector::create("a", {.memory = kForGroup}); },
                [] { return Contributor::open("a", kPatience) ? 0 : 1; });
  expect_shared([] { return Server::create("a", {.memory = kForGroup}); },
                [] { return Client::open("a", kPatience) ? 0 : 1; });
  expect_shared([] { return StateWriter::create("a", {.memory = kForGroup}); },
                [] { return StateReader::open("a", kPatience) ? 0 : 1; });
}

TEST_F(GroupOfUsersTest, RingIsItsMakersAloneUnlessItsModeSaysOtherwise) {
  Signal done;
  Signal made;
  ChildProcess maker = as_user(kFirst, [&] {
    const Result<Sender> sender = Sender::create("orders");
    made.tell();
    return sender && done.wait() ? 0 : 1;
  });
  ASSERT_TRUE(made.wait());
  EXPECT_EQ(as_user(kSecond,
                    [] {
                      const Result<Receiver> receiver = Receiver::open("orders", 0s);
                      if (receiver) return 1;
                      if (message_of(receiver).find("0660") == std::string::npos) return 2;
                      return static_cast<int>(*code_of(receiver));
                    })
                .wait(),
            refused_with(ErrorCode::permission));
  done.tell();
  EXPECT_EQ(maker.wait(), 0);
}

TEST_F(GroupOfUsersTest, UserOutsideOfTheGroupIsKeptOut) {
  const auto outside = [](const std::function<int()>& body) {
    return as_user(kThird, body, false).wait();
  };
  EXPECT_EQ(outside([] { return status_of(Sender::create("orders")); }),
            refused_with(ErrorCode::permission));
  EXPECT_EQ(outside([] { return status_of(connect("orders", {.place = Place::group})); }),
            refused_with(ErrorCode::permission));
}

TEST_F(GroupOfUsersTest, NextUserTakesThePlaceOfADeadOne) {
  Signal made;
  ChildProcess sending = as_user(kFirst, [&] {
    Sender sender = Sender::create("orders", {.memory = kForGroup}).value();
    (void)send_text(sender, "one");
    made.tell();
    ::pause();
    return 0;
  });
  ASSERT_TRUE(made.wait());
  sending.kill_now();
  ChildProcess next = as_user(kSecond, [] {
    const std::vector<names::Entry> dead = names::list().value();
    if (dead.size() != 1 || dead[0].name != "orders" || dead[0].alive) return 1;
    Result<Sender> sender = Sender::create("orders", {.memory = kForGroup});
    if (!sender || !send_text(*sender, "two")) return 2;
    Receiver receiver = Receiver::open("orders", kPatience).value();
    if (receive_text(receiver) != "one") return 3;
    return receive_text(receiver) == "two" ? 0 : 4;
  });
  EXPECT_EQ(next.wait(), 0);
}

// --- what is trusted ----------------------------------------------------------------------------

TEST_F(GroupOfUsersTest, FolderMustBelongToRootOrToTheUser) {
  folder->give_to(kFirst);
  EXPECT_EQ(as_user(kFirst, [] { return Sender::create("orders") ? 0 : 1; }).wait(), 0);
  EXPECT_EQ(as_user(kSecond,
                    [] {
                      const Result<NameFolder> refused = NameFolder::open();
                      if (refused) return 1;
                      const std::string why = message_of(refused);
                      return why.find("must belong to root") != std::string::npos ? 0 : 2;
                    })
                .wait(),
            0);
}

TEST_F(GroupOfUsersTest, OnlyTheModeOfAGroupsFolderSaysThatItIsOne) {
  for (const mode_t mode : {0770U, 02771U, 02775U, 02777U, 02750U, 0750U, 02760U}) {
    folder->set_mode(mode);
    const Result<NameFolder> refused = NameFolder::open();
    ASSERT_FALSE(refused) << mode;
    EXPECT_EQ(code_of(refused), ErrorCode::permission);
    EXPECT_THAT(message_of(refused), HasSubstr("2770"));
  }
  for (const auto& [mode, group] :
       {std::pair{02770U, std::optional(kGroup)}, std::pair{02700U, std::optional<gid_t>()}}) {
    folder->set_mode(mode);
    EXPECT_EQ(NameFolder::open().value().group(), group);
  }
}

TEST_F(GroupOfUsersTest, FileThatIsOpenToAllOrOfAnotherGroupIsNotTrusted) {
  const Sender sender = Sender::create("orders", {.memory = kForGroup}).value();
  const std::string path = path_of("orders.ring");
  const auto open = [] {
    return as_user(kSecond, [] { return status_of(Receiver::open("orders", 0s)); }).wait();
  };
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_EQ(open(), refused_with(ErrorCode::permission));
  ASSERT_EQ(::chown(path.c_str(), kFirst, kSecond), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_EQ(open(), refused_with(ErrorCode::permission));
  ASSERT_EQ(::chown(path.c_str(), kFirst, kGroup), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0660), 0);
  EXPECT_EQ(open(), kNoError) << "as it was";
}

// The records of one that is dead outlive a file whose mode was changed.
TEST_F(GroupOfUsersTest, FileThatIsNotTrustedIsNotReplaced) {
  std::optional<Sender> sender(Sender::create("orders", {.memory = kForGroup}).value());
  ASSERT_EQ(sender->send(std::as_bytes(std::span("kept")), 0s), true);
  const std::string path = path_of("orders.ring");
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  sender.reset();
  EXPECT_EQ(
      as_user(kSecond, [] { return status_of(Sender::create("orders", {.memory = kForGroup})); })
          .wait(),
      refused_with(ErrorCode::permission));
  ASSERT_EQ(::chmod(path.c_str(), 0660), 0);
  EXPECT_GT(Receiver::open("orders", 0s).value().lag(), 0U);
}

TEST_F(GroupOfUsersTest, ModeForAGroupIsRefusedInAPrivateFolder) {
  folder->set_mode(0700);
  const auto refused = [](const auto& made) {
    return !made && code_of(made) == ErrorCode::invalid_argument;
  };
  EXPECT_TRUE(refused(Sender::create("a", {.memory = kForGroup})));
  EXPECT_TRUE(refused(QueueSender::create("a", {.memory = kForGroup})));
  EXPECT_TRUE(refused(StateWriter::create("a", {.memory = kForGroup})));
  EXPECT_THAT(folder->files(), IsEmpty());
}

// --- listeners ----------------------------------------------------------------------------------

TEST_F(GroupOfUsersTest, ListenerThereIsReachedByThoseThatItNames) {
  Signal listens;
  ChildProcess listening = as_user(kFirst, [&] {
    ::umask(0077);
    Result<Listener> listener =
        Listener::open("talks", {.place = Place::group, .also_allowed = {kSecond}});
    if (!listener) return 1;
    listens.tell();
    std::optional<Connection> connection = listener->accept(kPatience).value();
    if (!connection || connection->peer.uid != kSecond) return 2;
    if (receive_text(connection->receiver) != "hello") return 3;
    if (!send_text(connection->sender, "you too")) return 4;
    if (receive_text(connection->receiver) != "error: closed") return 5;
    while (listener->refused() == 0) {
      if (listener->accept(1ms).value()) return 6;
    }
    return listener->last_refusal()->code == ErrorCode::permission ? 0 : 7;
  });
  ASSERT_TRUE(listens.wait());
  struct stat socket {};
  ASSERT_EQ(::stat(path_of("talks.sock").c_str(), &socket), 0);
  EXPECT_EQ(socket.st_mode & 07777, 0660U);
  EXPECT_EQ(socket.st_gid, kGroup);
  const ConnectOptions options{.place = Place::group, .timeout = kPatience, .listener_uid = kFirst};
  EXPECT_EQ(as_user(kSecond,
                    [&] {
                      Result<Connection> made = connect("talks", options);
                      if (!made || made->peer.uid != kFirst) return 1;
                      if (!send_text(made->sender, "hello")) return 2;
                      return receive_text(made->receiver) == "you too" ? 0 : 3;
                    })
                .wait(),
            0);
  EXPECT_EQ(as_user(kThird, [&] { return status_of(connect("talks", options)); }).wait(),
            refused_with(ErrorCode::permission));
  EXPECT_EQ(listening.wait(), 0);
}

// The socket of a listener that has not opened it to its group yet, or died before it did.
TEST_F(GroupOfUsersTest, ConnectorWaitsUntilTheSocketIsOpenToTheGroup) {
  Signal made;
  Signal refused;
  ChildProcess listening = as_user(kFirst, [&] {
    ::umask(0077);
    const FileDescriptor early = unix_socket::create().value();
    if (!unix_socket::bind(early.get(), {.name = path_of("talks.sock")}).value()) return 1;
    made.tell();
    if (!refused.wait()) return 2;
    std::this_thread::sleep_for(100ms);  // in which the other comes
    Listener listener =
        Listener::open("talks", {.place = Place::group, .also_allowed = {kSecond}}).value();
    return listener.accept(kPatience).value() ? 0 : 3;
  });
  ASSERT_TRUE(made.wait());
  ChildProcess connecting = as_user(kSecond, [&] {
    ConnectOptions options{.place = Place::group, .timeout = 0s, .listener_uid = kFirst};
    if (code_of(connect("talks", options)) != ErrorCode::permission) return 1;
    refused.tell();
    options.timeout = kPatience;
    return status_of(connect("talks", options));
  });
  EXPECT_EQ(connecting.wait(), test::kNoError);
  EXPECT_EQ(listening.wait(), 0);
}

// Before each system call of the connector, and behind each: between its call and its look at the
// mode, too.
TEST_F(GroupOfUsersTest, ConnectorIsNotRefusedByASocketThatIsOpenedThisMoment) {
  constexpr std::size_t kStops = 100;  // it has tried twice by then
  const std::string path = path_of("talks.sock");
  test::SharedPages pages(4096);
  auto* const status = pages.take<int>();
  for (std::size_t opened_at = 0; opened_at < kStops; ++opened_at) {
    const FileDescriptor socket = unix_socket::create().value();
    EXPECT_TRUE(unix_socket::bind(socket.get(), {.name = path}).value());
    EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
    EXPECT_EQ(::chown(path.c_str(), kFirst, kGroup), 0);
    ASSERT_EQ(::seteuid(kFirst), 0);  // as the kernel names the listener
    EXPECT_TRUE(unix_socket::listen(socket.get(), 1));
    ASSERT_EQ(::seteuid(0), 0);
    test::SteppedProcess connecting(
        [] { (void)test::become_user(kSecond); },
        [&] {
          *status = status_of(connect(
              "talks", {.place = Place::group, .timeout = kPatience, .listener_uid = kFirst}));
        });
    if (connecting.is_forbidden()) GTEST_SKIP() << connecting.trouble();
    for (std::size_t stop = 0; stop < opened_at; ++stop) connecting.step_to_system_call();
    ASSERT_EQ(::chmod(path.c_str(), 0660), 0);
    std::atomic<bool> is_over = false;
    std::thread hangs_up([&] {
      pollfd there{.fd = socket.get(), .events = POLLIN, .revents = 0};
      while (!is_over) {
        if (::poll(&there, 1, 1) == 1) (void)unix_socket::accept(socket.get());
      }
    });
    while (!connecting.is_over() && connecting.trouble().empty()) connecting.step_to_system_call();
    is_over = true;
    hangs_up.join();
    ASSERT_EQ(connecting.trouble(), "");
    ASSERT_EQ(*status, refused_with(ErrorCode::peer_dead)) << "opened at stop " << opened_at;
    ASSERT_EQ(::unlink(path.c_str()), 0);
  }
}

TEST_F(GroupOfUsersTest, ConnectorExpectsTheUserThatItNames) {
  Listener listener =
      Listener::open("talks", {.place = Place::group, .also_allowed = {kSecond}}).value();
  EXPECT_EQ(
      as_user(kSecond,
              [] {
                return status_of(connect("talks", {.place = Place::group, .listener_uid = kFirst}));
              })
          .wait(),
      refused_with(ErrorCode::permission));
}

TEST_F(GroupOfUsersTest, PlaceOfAGroupNeedsAFolderThatOneShares) {
  folder->set_mode(0700);
  const Result<Listener> listener = Listener::open("talks", {.place = Place::group});
  ASSERT_FALSE(listener);
  EXPECT_EQ(code_of(listener), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(listener), HasSubstr("install -d -m 2770"));
  const Result<Connection> connection =
      connect("talks", {.place = Place::group, .timeout = kPatience});
  ASSERT_FALSE(connection);
  EXPECT_EQ(code_of(connection), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(connection), HasSubstr("RINGBELL_DIR"));
}

TEST_F(GroupOfUsersTest, UsersThatCannotComeAreNotAllowedInSilence) {
  const Result<Listener> refused = Listener::open("talks", {.also_allowed = {0, kFirst}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(code_of(refused), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(refused), HasSubstr("uid 61001"));
  EXPECT_THAT(message_of(refused), HasSubstr("Place::group"));
  EXPECT_TRUE(Listener::open("talks", {.also_allowed = {0}})) << "this user itself";
}

TEST_F(GroupOfUsersTest, MemberKnowsOfARingThatItMayNotOpenWhetherItIsInUse) {
  Signal made;
  ChildProcess maker = as_user(kFirst, [&] {
    Result<Sender> sender = Sender::create("mine");  // of mode 0600
    if (!sender || !sender->try_send(std::array<std::byte, 8>{})) return 1;
    made.tell();
    ::pause();
    return 2;
  });
  ASSERT_TRUE(made.wait());
  const auto seen = [&](bool alive) {
    return as_user(kSecond,
                   [&] {
                     const auto all = names::list();
                     if (!all || all->size() != 1) return 1;
                     const names::Entry& entry = all->front();
                     if (entry.name != "mine" || !entry.is_closed || entry.inode == 0) return 2;
                     const auto removed = names::remove_dead();
                     if (!removed || !removed->empty()) return 3;
                     return entry.alive == alive ? 0 : 4;
                   })
        .wait();
  };
  EXPECT_EQ(seen(true), 0);
  maker.kill_now();
  EXPECT_EQ(seen(false), 0);
  EXPECT_EQ(names::remove_dead().value().size(), 1U) << "root may open it";
}

// --- root looks ---------------------------------------------------------------------------------

TEST_F(GroupOfUsersTest, RootListsTheNamesOfAnotherUser) {
  Signal made;
  Signal done;
  folder->set_mode(0700);
  ASSERT_EQ(::chown(folder->path().c_str(), kFirst, kFirst), 0);
  ChildProcess maker = as_user(kFirst, [&] {
    const Result<Sender> sender = Sender::create("orders");
    made.tell();
    return sender && done.wait() ? 0 : 1;
  });
  ASSERT_TRUE(made.wait());
  EXPECT_EQ(code_of(names::list()), ErrorCode::permission);
  const std::vector<names::Entry> all = names::list_of(kFirst).value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].name, "orders");
  EXPECT_TRUE(all[0].alive);
  EXPECT_EQ(as_user(kSecond, [] { return status_of(names::list_of(kFirst)); }).wait(),
            refused_with(ErrorCode::permission));
  done.tell();
  EXPECT_EQ(maker.wait(), 0);
}

}  // namespace
}  // namespace ringbell
