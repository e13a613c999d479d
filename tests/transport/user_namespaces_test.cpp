// Users of two user namespaces, in which an id that is not mapped is any user's: it is trusted with
// nothing, neither as a folder's, a file's, a peer's nor a listener's.
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/base/known_ids.hpp>
#include <ringbell/transport/connect/handshake.hpp>
#include <ringbell/transport/names/name_folder.hpp>
#include <ringbell/transport/names/names.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/group_users.hpp>
#include <tests/support/private_mounts.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::as_user;
using test::as_user_in_namespace;
using test::ChildProcess;
using test::kFirst;
using test::kGroup;
using test::kNoError;
using test::kSecond;
using test::kThird;
using test::refused_with;
using test::Signal;
using test::status_of;

constexpr Timeout kPatience = 20s;
constexpr uid_t kUnmapped = 65534;
const MemoryOptions kForGroup{.mode = 0660};

using UserNamespacesTest = test::UsersTest;

// The first user in a namespace in which it has the id of those that are not mapped.
template <class Body>
ChildProcess as_user_of_unmapped_id(Body&& body) {
  return as_user_in_namespace(kFirst, kFirst, 1, std::forward<Body>(body), kUnmapped);
}

TEST_F(UserNamespacesTest, FirstNamespaceKnowsEachUser) {
  std::ifstream map("/proc/self/uid_map");
  std::string inside, outside, count;
  if (!(map >> inside >> outside >> count) || count != "4294967295") {
    GTEST_SKIP() << "this is another namespace";
  }
  EXPECT_TRUE(is_one_user(0));
  EXPECT_TRUE(is_one_user(kUnmapped));
  EXPECT_TRUE(is_one_group(kUnmapped));
}

TEST_F(UserNamespacesTest, UnmappedUserIsNobodyInParticular) {
  ChildProcess child = as_user_in_namespace(kFirst, kFirst, 1, [] {
    if (::geteuid() != 0) return 100;
    const bool told = is_one_user(0) && is_one_user(kFirst) && !is_one_user(kUnmapped) &&
                      !is_one_group(kUnmapped);
    return told ? 0 : 1;
  });
  const std::optional<int> status = child.wait();
  if (status == 100) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

// Nor where the namespace knows root, as root, and no other.
TEST_F(UserNamespacesTest, UnmappedUserIsNobodyInParticularBesideRootEither) {
  ChildProcess child = as_user_in_namespace(kFirst, 0, 1, [] {
    if (::geteuid() != kUnmapped) return 100;
    return is_one_user(0) && !is_one_user(kUnmapped) ? 0 : 1;
  });
  const std::optional<int> status = child.wait();
  if (status == 100) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

// Two namespaces, in each of which both users are known.
TEST_F(UserNamespacesTest, UsersOfTwoNamespacesShareAName) {
  folder->give_to(kFirst);
  Signal made;
  Signal used;
  ChildProcess maker = as_user_in_namespace(kFirst, kFirst, 2, [&] {
    const Result<Sender> sender = Sender::create("orders", {.memory = kForGroup});
    made.tell();
    if (!sender) return 1;
    return used.wait() ? 0 : 2;
  });
  if (!made.wait(20s)) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(as_user_in_namespace(kSecond, kFirst, 2,
                                 [] {
                                   if (::geteuid() != 1) return 1;
                                   return status_of(Receiver::open("orders", kPatience));
                                 })
                .wait(),
            kNoError);
  used.tell();
  EXPECT_EQ(maker.wait(), 0);
}

TEST_F(UserNamespacesTest, FolderOfAnUnmappedUserIsRefused) {
  ChildProcess child = as_user_in_namespace(kFirst, kFirst, 1, [] {
    const Result<NameFolder> refused = NameFolder::open();
    if (refused) return 1;
    return message_of(refused).find("belongs to uid 65534") != std::string::npos ? 0 : 2;
  });
  const std::optional<int> status = child.wait();
  if (status == 100) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

TEST_F(UserNamespacesTest, FolderOfAnUnmappedGroupIsRefused) {
  ASSERT_EQ(::chown(folder->path().c_str(), kFirst, kGroup + 1), 0);
  folder->set_mode(02770);
  ChildProcess child = as_user_in_namespace(kFirst, kFirst, 1, [] {
    const Result<NameFolder> refused = NameFolder::open();
    if (code_of(refused) != ErrorCode::permission) return 1;
    return message_of(refused).find("the group of the folder") != std::string::npos ? 0 : 2;
  });
  const std::optional<int> status = child.wait();
  if (status == 100) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

// What this user may not open is in use, unless it is a file that the table of locks has not.
TEST_F(UserNamespacesTest, WhatIsClosedToThisUserIsInUseIfNothingSaysOtherwise) {
  EXPECT_FALSE(NameFolder::open().value().trust(-1).trust_others) << "there is no such file";
  std::ofstream(path_of("file.ring")) << "x";
  ASSERT_EQ(::chmod(path_of("file.ring").c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo(path_of("fifo.ring").c_str(), 0600), 0);
  const auto alive = [](const std::string& name) {
    const std::vector<names::Entry> entries = names::list().value();
    for (const names::Entry& entry : entries) {
      if (entry.name == name) return entry.is_closed ? int{entry.alive} : 2;
    }
    return 3;
  };
  EXPECT_EQ(as_user(kFirst, [&] { return alive("file") * 10 + alive("fifo"); }).wait(), 1);
  ChildProcess blind = ChildProcess::fork([&] {
    if (!test::make_mounts_private() || !test::mount_over("/proc", "tmpfs", "size=4k")) return 100;
    return test::become_user(kFirst) ? alive("file") : 100;
  });
  const std::optional<int> status = blind.wait();
  if (status == 100) GTEST_SKIP() << "/proc cannot be hidden here";
  EXPECT_EQ(status, 1) << "without /proc/locks";
}

// Nor is it taken for this user where this user itself has the id that stands for all others.
TEST_F(UserNamespacesTest, UserOfTheUnmappedIdIsNotTakenForAllOthers) {
  ChildProcess child =
      as_user_of_unmapped_id([] { return NameFolder::open().has_value() ? 1 : 0; });
  const std::optional<int> status = child.wait();
  if (status == 100) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

TEST_F(UserNamespacesTest, FileOfAnUnmappedUserIsNotTrusted) {
  folder->give_to(kFirst);
  std::optional<Sender> sender;
  {
    // Root may use the folder of another user as one of its group's.
    folder->give_to(0);
    sender.emplace(Sender::create("orders", {.memory = kForGroup}).value());
    folder->give_to(kFirst);
  }
  const std::string path = path_of("orders.ring");
  const auto open = [] {
    return as_user_in_namespace(kFirst, kFirst, 2,
                                [] { return status_of(Receiver::open("orders", 0s)); })
        .wait();
  };
  ASSERT_EQ(::chown(path.c_str(), kThird, kGroup), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0660), 0);
  const std::optional<int> status = open();
  if (status == 100) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, refused_with(ErrorCode::permission));
  ASSERT_EQ(::chown(path.c_str(), kSecond, kGroup), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0660), 0);
  EXPECT_EQ(open(), kNoError) << "this one is known";
}

TEST_F(UserNamespacesTest, UnmappedUserIsNeverAllowed) {
  folder->give_to(kFirst);
  Signal listens;
  ChildProcess listening = as_user_in_namespace(kFirst, kFirst, 1, [&] {
    const Result<Listener> wrong =
        Listener::open("talks", {.place = Place::group, .also_allowed = {kUnmapped}});
    if (wrong || code_of(wrong) != ErrorCode::invalid_argument) return 1;
    Result<Listener> listener = Listener::open("talks", {.place = Place::group});
    if (!listener) return 2;
    listens.tell();
    while (listener->refused() == 0) {
      if (listener->accept(1ms).value()) return 3;
    }
    return listener->last_refusal()->message.find("uid 65534") != std::string::npos ? 0 : 4;
  });
  if (!listens.wait(20s)) {
    EXPECT_EQ(listening.wait(), 100);
    GTEST_SKIP() << "no user namespaces here";
  }
  folder->give_to(0);
  EXPECT_EQ(
      as_user(kSecond,
              [] {
                return status_of(connect("talks", {.place = Place::group, .listener_uid = kFirst}));
              })
          .wait(),
      refused_with(ErrorCode::permission));
  EXPECT_EQ(listening.wait(), 0);
}

// Nor where the listener itself has the id that stands for all others.
TEST_F(UserNamespacesTest, AnUnmappedPeerIsNotTakenForThisUser) {
  const std::string name = "test." + std::to_string(::getpid());
  Signal listens;
  ChildProcess listening = as_user_of_unmapped_id([&] {
    Result<Listener> listener = Listener::open(name, {.place = Place::abstract});
    if (!listener) return 1;
    listens.tell();
    while (listener->refused() == 0) {
      if (listener->accept(1ms).value()) return 2;
    }
    return listener->last_refusal()->code == ErrorCode::permission ? 0 : 3;
  });
  if (!listens.wait(20s)) GTEST_SKIP() << "no user namespaces here";
  const FileDescriptor stranger = unix_socket::create().value();
  EXPECT_EQ(unix_socket::connect(stranger.get(), abstract_address(kUnmapped, name)).value(),
            unix_socket::Reached::yes);
  EXPECT_EQ(listening.wait(), 0);
}

// The same with root known beside it, whose folder a group shares.
template <class Body>
ChildProcess as_user_of_unmapped_id_beside_root(Body&& body) {
  return as_user_in_namespace(kFirst, kFirst, 1, std::forward<Body>(body), kUnmapped, "0 0 1\n");
}

// A folder keeps strangers out only if it is of one user, whatever the listener calls its place.
TEST_F(UserNamespacesTest, AnUnmappedPeerIsNotTakenForThisUserInAFolderOfAGroupEither) {
  Signal listens;
  ChildProcess listening = as_user_of_unmapped_id_beside_root([&] {
    ::umask(0);
    Result<Listener> listener = Listener::open("talks", {.place = Place::folder});
    if (!listener) return 1;
    listens.tell();
    while (listener->refused() == 0) {
      if (listener->accept(1ms).value()) return 2;
    }
    return listener->last_refusal()->code == ErrorCode::permission ? 0 : 3;
  });
  if (!listens.wait(20s)) {
    EXPECT_EQ(listening.wait(), 100);
    GTEST_SKIP() << "no user namespaces here";
  }
  EXPECT_EQ(
      as_user(kSecond,
              [&] {
                const FileDescriptor stranger = unix_socket::create().value();
                const auto reached = unix_socket::connect(stranger.get(), {path_of("talks.sock")});
                if (reached != unix_socket::Reached::yes) return 1;
                (void)handshake::send(stranger.get(), handshake::greeting(handshake::Kind::hello));
                (void)unix_socket::wait_readable(stranger.get(), kPatience);
                return 0;
              })
          .wait(),
      0);
  EXPECT_EQ(listening.wait(), 0);
}

TEST_F(UserNamespacesTest, NorIsAListenerThere) {
  Signal listens;
  Signal end;
  ChildProcess listening = as_user(kSecond, [&] {
    ::umask(0);
    const FileDescriptor door = unix_socket::create().value();
    if (!unix_socket::bind(door.get(), {path_of("talks.sock")}).value()) return 1;
    if (!unix_socket::listen(door.get(), 1)) return 2;
    listens.tell();
    return end.wait() ? 0 : 3;
  });
  ASSERT_TRUE(listens.wait(20s));
  ChildProcess child = as_user_of_unmapped_id_beside_root([] {
    const Result<Connection> refused = connect("talks", {.place = Place::folder, .timeout = 1s});
    if (refused || code_of(refused) != ErrorCode::permission) return 1;
    return message_of(refused).find("does not map") != std::string::npos ? 0 : 2;
  });
  const std::optional<int> status = child.wait();
  end.tell();
  EXPECT_EQ(listening.wait(), 0);
  if (status == 100) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

TEST_F(UserNamespacesTest, ConnectorKnowsNoListenerThatIsUnmapped) {
  const std::string name = "test." + std::to_string(::getpid());
  const FileDescriptor door = unix_socket::create().value();
  ASSERT_TRUE(unix_socket::bind(door.get(), abstract_address(kUnmapped, name)).value());
  ASSERT_TRUE(unix_socket::listen(door.get(), 1));
  ChildProcess child = as_user_in_namespace(kFirst, kFirst, 1, [&] {
    const Result<Connection> refused =
        connect(name, {.place = Place::abstract, .listener_uid = kUnmapped});
    if (refused || code_of(refused) != ErrorCode::permission) return 1;
    return message_of(refused).find("does not map") != std::string::npos ? 0 : 2;
  });
  const std::optional<int> status = child.wait();
  if (status == 100) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ringbell
