// Names beside forks, beside a process that was stopped in the folder's lock, and beside those that
// come while others are removed.
#include <chrono>
#include <csignal>
#include <future>
#include <string>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::Signal;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Timeout kNoWait = Timeout::zero();

// A process that outlives the one that forks it, until `end`, and keeps all that it inherited.
void leave_a_child(const Signal& end) {
  const Signal began;
  if (::fork() == 0) {
    began.tell();
    (void)end.wait();
    ::_exit(0);
  }
  (void)began.wait();
}

class NamesAndForksTest : public ::testing::Test {
 protected:
  test::TemporaryNameFolder folder_;
};

TEST_F(NamesAndForksTest, ListenersChildDoesNotKeepItsName) {
  for (const Place place : {Place::folder, Place::abstract}) {
    const Signal end;
    const std::string name = "talks" + std::to_string(::getpid());
    ChildProcess parent = ChildProcess::fork([&] {
      const Result<Listener> listener = Listener::open(name, {.place = place});
      if (!listener) return 2;
      leave_a_child(end);
      ::raise(SIGKILL);
      return 3;
    });
    EXPECT_EQ(parent.wait(), -SIGKILL);
    EXPECT_EQ(code_of(connect(name, {.place = place, .timeout = kNoWait})), ErrorCode::not_found);
    EXPECT_TRUE(Listener::open(name, {.place = place}));
    end.tell();
  }
}

TEST_F(NamesAndForksTest, ConnectedProcessesChildDoesNotHideItsDeath) {
  const Signal end;
  Listener listener = Listener::open("talks").value();
  ChildProcess parent = ChildProcess::fork([&] {
    Result<Connection> mine = connect("talks");
    if (!mine) return 2;
    leave_a_child(end);
    ::raise(SIGKILL);
    return 3;
  });
  Connection theirs = std::move(*listener.accept(test::kPatience).value());
  EXPECT_EQ(parent.wait(), -SIGKILL);
  EXPECT_TRUE(theirs.peer_is_gone());
  end.tell();
}

TEST_F(NamesAndForksTest, ChildThatEndsLeavesItsParentsListenerAndFolderAlone) {
  Listener listener = Listener::open("talks").value();
  const Sender sender = Sender::create("feed").value();
  EXPECT_EQ(ChildProcess::fork([&] {
              { const Listener copy = std::move(listener); }
              return 0;
            }).wait(),
            0);
  EXPECT_THAT(folder_.files(), ElementsAre("feed.ring", "talks.sock"));
  ChildProcess peer = ChildProcess::fork([] { return connect("talks") ? 0 : 2; });
  EXPECT_TRUE(listener.accept(test::kPatience).value());
  EXPECT_EQ(peer.wait(), 0);
}

TEST_F(NamesAndForksTest, OnlyWhatWasShownIsRemoved) {
  const auto leave_behind = [](const std::string& name) {
    const int status = ChildProcess::fork([&] {
                         const Sender sender = Sender::create(name).value();
                         ::raise(SIGKILL);
                         return 0;
                       })
                           .wait()
                           .value_or(0);
    ASSERT_EQ(status, -SIGKILL);
  };
  leave_behind("first");
  leave_behind("second");
  const std::vector<names::Entry> shown = names::list().value();
  ASSERT_EQ(shown.size(), 2U);
  leave_behind("later");
  ASSERT_EQ(
      ::rename((folder_.path() + "/later.ring").c_str(), (folder_.path() + "/second.ring").c_str()),
      0)
      << "another file under a name that was shown";
  leave_behind("third");
  const std::vector<names::Entry> removed = names::remove_dead(shown).value();
  ASSERT_EQ(removed.size(), 1U);
  EXPECT_EQ(removed[0].name, "first");
  EXPECT_THAT(folder_.files(), ElementsAre("second.ring", "third.ring"));
}

// Held by a process that does nothing, as one that was stopped would.
TEST_F(NamesAndForksTest, StoppedHolderOfTheLockIsNamedAndWaitedForOnce) {
  std::vector<Sender> senders;
  for (const char* const name : {"a", "b", "c", "d"}) {
    senders.push_back(Sender::create(name).value());
  }
  const Signal held;
  const Signal end;
  ChildProcess holder = ChildProcess::fork([&] {
    const FileDescriptor folder{::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY)};
    if (::flock(folder.get(), LOCK_EX) != 0) return 2;
    held.tell();
    return end.wait() ? 0 : 3;
  });
  ASSERT_TRUE(held.wait());
  auto creating = std::async(std::launch::async, [] { return Sender::create("e"); });
  const auto start = std::chrono::steady_clock::now();
  senders.clear();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s) << "5 s, and not for each";
  const Result<Sender> refused = creating.get();
  EXPECT_EQ(code_of(refused), ErrorCode::busy);
  EXPECT_THAT(message_of(refused), HasSubstr("pid " + std::to_string(holder.pid())));
  end.tell();
  EXPECT_EQ(holder.wait(), 0);
  EXPECT_EQ(names::remove_dead().value().size(), 4U);
}

TEST_F(NamesAndForksTest, LockOfTheFolderIsNotSharedWithAChild) {
  const Signal end;
  ChildProcess parent = ChildProcess::fork([&] {
    const Result<NameFolder> folder = NameFolder::open();
    const Result<NameFolder::Lock> lock = folder->lock();
    leave_a_child(end);
    return lock ? 0 : 2;
  });
  EXPECT_EQ(parent.wait(), 0);
  EXPECT_TRUE(Sender::create("feed"));
  end.tell();
}

TEST_F(NamesAndForksTest, TooManySubscribersAreToldWhatToDo) {
  const Topic topic =
      Topic::create({.policy = TopicOptions::Policy::lossless, .subscribers = 1}).value();
  const Subscriber first = Subscriber::open(Topic::attach(topic.fds()).value()).value();
  const Error refused = Subscriber::open(Topic::attach(topic.fds()).value()).error();
  EXPECT_EQ(refused.code, ErrorCode::no_place);
  EXPECT_THAT(refused.message, HasSubstr("TopicOptions::subscribers"));
  EXPECT_THAT(refused.message, ::testing::Not(HasSubstr("more participants")));
}

}  // namespace
}  // namespace ringbell
