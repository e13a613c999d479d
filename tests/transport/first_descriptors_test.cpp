// A program that has closed some of its first three descriptors, as daemons do: what it later
// writes to standard output must reach no region, lock or socket of the library's.
#include <csignal>
#include <future>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/base/sign_of_life.hpp>
#include <ringbell/transport/uring/uring_loop.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;

constexpr Timeout kPatience = 20s;

// One of the eight combinations: bit N says that descriptor N is closed.
struct Closed {
  unsigned bits;

  void close_them() const {
    for (int fd = 0; fd < kFirstOwnDescriptor; ++fd) {
      if ((bits >> fd & 1U) != 0) ::close(fd);
    }
  }
  [[nodiscard]] bool still() const {
    for (int fd = 0; fd < kFirstOwnDescriptor; ++fd) {
      if ((bits >> fd & 1U) != 0 && ::fcntl(fd, F_GETFD) != -1) return false;
    }
    return true;
  }
};

// 0, or which ends took a number that they must not.
int open_each_kind(const Closed& closed) {
  for (const auto backing : {Backing::memfd, Backing::file, Backing::system_v}) {
    Channel channel = Channel::create({.doorbell = core::DoorbellKind::eventfd,
                                       .memory = {.backing = backing, .name = "/dev/shm/"}})
                          .value();
    const Receiver receiver = Receiver::attach(channel.fds()).value();
    const Sender sender = Sender::open(std::move(channel), {.quick_wake = true}).value();
    if (!closed.still()) return 1;
  }
  {
    const Sender sender = Sender::create("orders").value();
    const Receiver receiver = Receiver::open("orders").value();
    if (!closed.still()) return 2;
  }
  for (const auto policy : {TopicOptions::Policy::lossless, TopicOptions::Policy::lossy}) {
    Topic topic = Topic::create({.policy = policy}).value();
    Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
    const Publisher publisher = Publisher::open(std::move(topic)).value();
    if (!subscriber.waitable_fd() || !closed.still()) return 3;
  }
  {
    Listener listener = Listener::open("orders").value();
    auto connecting =
        std::async(std::launch::async, [] { return connect("orders", {.timeout = kPatience}); });
    const std::optional<Connection> accepted = listener.accept(kPatience).value();
    const Result<Connection> connected = connecting.get();
    if (!accepted || !connected || !closed.still()) return 4;
  }
  const Result<UringLoop> loop = UringLoop::create();
  return closed.still() ? 0 : 5;
}

// Both ends of a ring of many, by name, and what other loops wait on, where they wait.
template <class Maker, class Finder>
bool open_both(const Closed& closed, const char* name) {
  Maker maker = Maker::create(name).value();
  Finder finder = Finder::open(name, kPatience).value();
  const bool never_waits = std::is_same_v<Maker, StateWriter>;
  return finder.waitable_fd() && (never_waits || maker.waitable_fd()) && closed.still();
}

// As open_each_kind().
int open_each_of_many(const Closed& closed) {
  if (!open_both<QueueSender, QueueReceiver>(closed, "jobs")) return 6;
  if (!open_both<Collector, Contributor>(closed, "logs")) return 7;
  if (!open_both<Server, Client>(closed, "sums")) return 8;
  if (!open_both<StateWriter, StateReader>(closed, "config")) return 9;
  State state = State::create().value();
  const StateReader reader = StateReader::open(State::attach(state.fds()).value()).value();
  const StateWriter writer = StateWriter::open(std::move(state)).value();
  return closed.still() ? 0 : 10;
}

// A loop on an end, a descriptor, a time and a signal, which sleeps by itself and by threads.
int wait_on_each(const Closed& closed) {
  for (const std::size_t words : {127U, 0U}) {
    Collector collector = Collector::create("logs").value();
    const FileDescriptor bell{::eventfd(0, EFD_CLOEXEC)};
    Loop loop = Loop::create({.words = words}).value();
    const bool waits = loop.on(collector, [] {}) && loop.on(bell.get(), [] {}) &&
                       loop.on_signal(SIGUSR2) && loop.after(1ms, [] {});
    if (!waits || !loop.turn(kPatience) || !closed.still()) return 11;
  }
  const Result<FileDescriptor> self = open_process(::getpid());
  return self && closed.still() ? 0 : 12;
}

class FirstDescriptorsTest : public ::testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(EachCombination, FirstDescriptorsTest, ::testing::Range(0U, 8U));

TEST_P(FirstDescriptorsTest, NoEndTakesTheirNumbers) {
  const test::TemporaryNameFolder folder;
  const Closed closed{GetParam()};
  ChildProcess child = ChildProcess::fork([&] {
    closed.close_them();
    for (const auto open : {open_each_kind, open_each_of_many, wait_on_each}) {
      if (const int wrong = open(closed); wrong != 0) return wrong;
    }
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(AboveStandardTest, NoDescriptorStaysNone) { EXPECT_EQ(above_standard(-1), -1); }

}  // namespace
}  // namespace ringbell
