// The table of descriptors in docs/guide.md: how many of this process each end keeps open.
#include <chrono>
#include <csignal>
#include <future>
#include <optional>
#include <string>
#include <utility>

#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/open_files.hpp>
#include <tests/support/other_user.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using test::ChildProcess;
using test::copy_of;
using test::open_files;

constexpr Timeout kPatience = 20s;

// What `open` returns keeps so many open.
template <class Open>
std::ptrdiff_t taken_by(Open&& open) {
  const std::ptrdiff_t before = open_files();
  const auto end = open();
  EXPECT_TRUE(end) << end.error().message;
  return open_files() - before;
}

class DescriptorsTest : public ::testing::Test {
 protected:
  test::TemporaryNameFolder folder_;
};

TEST_F(DescriptorsTest, OfAnEndOfAChannel) {
  const Channel futex = Channel::create().value();
  const Channel eventfd = Channel::create({.doorbell = DoorbellKind::eventfd}).value();
  EXPECT_EQ(taken_by([&] { return Sender::attach(futex.fds()); }), 2);
  EXPECT_EQ(taken_by([&] { return Receiver::attach(futex.fds()); }), 2);
  EXPECT_EQ(taken_by([&] { return Sender::attach(eventfd.fds()); }), 4);
  EXPECT_EQ(taken_by([&] { return Receiver::attach(eventfd.fds()); }), 4);
  EXPECT_EQ(taken_by([&] { return Receiver::create("orders"); }), 3);
}

TEST_F(DescriptorsTest, OfAnEndOfARingOfMany) {
  const Region queue = Region::create(QueueOptions{}.region()).value();
  const Region lanes = Region::create(CollectorOptions{}.region()).value();
  const Region calls = Region::create(ServiceOptions{}.region()).value();
  const auto open = [](const Region& ring, auto opens) {
    const std::ptrdiff_t before = open_files();
    auto end = opens(copy_of(ring)).value();
    const std::ptrdiff_t taken = open_files() - before;
    EXPECT_TRUE(end.waitable_fd());
    EXPECT_EQ(open_files() - before - taken, 1) << "waitable_fd()";
    return taken;
  };
  EXPECT_EQ(open(queue, [](Region ring) { return QueueSender::open(std::move(ring)); }), 2);
  EXPECT_EQ(open(queue, [](Region ring) { return QueueReceiver::open(std::move(ring)); }), 2);
  EXPECT_EQ(open(lanes, [](Region ring) { return Contributor::open(std::move(ring)); }), 2);
  EXPECT_EQ(open(lanes, [](Region ring) { return Collector::open(std::move(ring)); }), 2);
  EXPECT_EQ(open(calls, [](Region ring) { return Client::open(std::move(ring)); }), 2);
  EXPECT_EQ(open(calls, [](Region ring) { return Server::open(std::move(ring)); }), 2);
  EXPECT_EQ(taken_by([&] { return QueueSender::create("work"); }), 3);
  EXPECT_EQ(taken_by([&] { return Server::create("adder"); }), 3);
}

TEST_F(DescriptorsTest, OfAnEndOfATopic) {
  for (const bool lossy : {false, true}) {
    const TopicOptions options{.policy = lossy ? TopicOptions::Policy::lossy
                                               : TopicOptions::Policy::lossless};
    const std::ptrdiff_t expected = lossy ? 3 : 2;
    EXPECT_EQ(taken_by([&] { return Publisher::open(Topic::create(options).value()); }), expected);
    const Topic topic = Topic::create(options).value();
    EXPECT_EQ(taken_by([&] { return Subscriber::open(Topic::attach(topic.fds()).value()); }),
              expected);
    const std::string name = lossy ? "prices" : "trades";
    const std::ptrdiff_t before = open_files();
    const Publisher publisher = Publisher::create(name, options).value();
    EXPECT_EQ(open_files() - before, 3);
    EXPECT_EQ(taken_by([&] { return Subscriber::open(name); }), expected + 1);
  }
}

// Each side in a process of its own, which counts its own.
std::ptrdiff_t taken_by_connection(DoorbellKind doorbell, bool of_other_user) {
  const std::string name = "test." + std::to_string(::getpid());
  Listener listener = Listener::open(name, {.place = Place::abstract,
                                            .doorbell = doorbell,
                                            .also_allowed = {test::kOtherUser}})
                          .value();
  const uid_t listeners = ::geteuid();
  ChildProcess child = ChildProcess::fork([&]() -> int {
    if (of_other_user && !test::become_other_user()) return 100;
    const std::ptrdiff_t before = open_files();
    const Result<Connection> made =
        connect(name, {.place = Place::abstract,
                       .timeout = kPatience,
                       .listener_uid = listeners,
                       .wait = {.kind = doorbell == DoorbellKind::none ? WaitOptions::Kind::spin
                                                                       : WaitOptions::Kind::park}});
    return made ? static_cast<int>(open_files() - before) : 101;
  });
  const std::ptrdiff_t before = open_files();
  const std::optional<Connection> connection = listener.accept(kPatience).value();
  const std::ptrdiff_t here = open_files() - before;
  const std::optional<int> there = child.wait();
  EXPECT_TRUE(connection);
  EXPECT_EQ(there, here);
  return here;
}

TEST_F(DescriptorsTest, OfAConnectionAreSixAtMost) {
  EXPECT_EQ(taken_by_connection(DoorbellKind::none, false), 2);
  EXPECT_EQ(taken_by_connection(DoorbellKind::futex, false), 2);
  EXPECT_EQ(taken_by_connection(DoorbellKind::eventfd, false), 6);
}

TEST_F(DescriptorsTest, OfAConnectionBetweenTwoUsersAreSixAtMost) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  EXPECT_EQ(taken_by_connection(DoorbellKind::futex, true), 2);
  EXPECT_EQ(taken_by_connection(DoorbellKind::eventfd, true), 6);
}

TEST_F(DescriptorsTest, OfASetAndALoop) {
  EXPECT_EQ(taken_by([] { return WaitSet::create(); }), 2);
  EXPECT_EQ(taken_by([] {
              Result<Loop> loop = Loop::create();
              EXPECT_TRUE(loop->on_signal(SIGUSR1));
              return loop;
            }),
            3);
}

TEST_F(DescriptorsTest, OfAListener) {
  EXPECT_EQ(taken_by([&] { return Listener::open("orders"); }), 4);
  EXPECT_EQ(taken_by([&] { return Listener::open("orders", {.place = Place::abstract}); }), 3);
}

}  // namespace
}  // namespace ringbell
