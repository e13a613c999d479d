// Descriptors that the library makes, or receives from a peer, are closed by exec(): a program that
// is started meanwhile gets no ring, no lock and no doorbell.
#include <filesystem>
#include <future>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <fcntl.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/uring/uring_loop.hpp>

#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;

constexpr Timeout kPatience = 20s;

std::set<int> open_now() {
  std::set<int> fds;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    fds.insert(std::stoi(entry.path().filename()));
  }
  std::erase_if(fds, [](int fd) { return ::fcntl(fd, F_GETFD) < 0; });  // the loop's own
  return fds;
}

class CloseOnExecTest : public ::testing::Test {
 protected:
  // At least `count` descriptors are new, and each of them is close-on-exec.
  void expect_all_of(std::size_t count) const {
    std::size_t found = 0;
    for (const int fd : open_now()) {
      if (before.count(fd) != 0) continue;
      ++found;
      EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC)
          << fd << " is " << std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd));
    }
    EXPECT_GE(found, count);
  }

  test::TemporaryNameFolder folder;
  std::set<int> before = open_now();
};

TEST_F(CloseOnExecTest, ChannelAndBothEnds) {
  Channel channel = Channel::create({.doorbell = core::DoorbellKind::eventfd}).value();
  const Receiver receiver = Receiver::attach(channel.fds()).value();
  const Sender sender = Sender::open(std::move(channel)).value();
  expect_all_of(2 * 3 + 2);  // memory and two bells for each side, and a lock
}

TEST_F(CloseOnExecTest, EndsByName) {
  const Sender sender = Sender::create("orders").value();
  const Receiver receiver = Receiver::open("orders").value();
  expect_all_of(2 * 3);  // memory, lock and folder
  const QueueSender puts = QueueSender::create("jobs").value();
  const QueueReceiver takes = QueueReceiver::open("jobs").value();
  expect_all_of(4 * 3);
}

TEST_F(CloseOnExecTest, NamedMemory) {
  const std::string file = folder.path() + "/memory";
  const Channel made =
      Channel::create({.memory = {.backing = Backing::file, .name = file}}).value();
  const Channel opened = Channel::open(Backing::file, file).value();
  expect_all_of(2);
}

TEST_F(CloseOnExecTest, MemoryWithACard) {
  const Channel channel = Channel::create({.memory = {.backing = Backing::system_v}}).value();
  expect_all_of(1);
}

TEST_F(CloseOnExecTest, ListenerAndConnection) {
  Listener listener = Listener::open("orders").value();
  expect_all_of(4);  // socket, epoll, a spare one and folder
  auto connecting =
      std::async(std::launch::async, [] { return connect("orders", {.timeout = kPatience}); });
  const std::optional<Connection> accepted = listener.accept(kPatience).value();
  const Result<Connection> connected = connecting.get();
  ASSERT_TRUE(accepted && connected);
  expect_all_of(4 + 2 * 6);  // for each: a socket twice, four bells
}

TEST_F(CloseOnExecTest, RingsOfMany) {
  for (const auto policy : {TopicOptions::Policy::lossless, TopicOptions::Policy::lossy}) {
    Topic topic = Topic::create({.policy = policy}).value();
    Subscriber subscriber = Subscriber::open(Topic::attach(topic.fds()).value()).value();
    const Publisher publisher = Publisher::open(std::move(topic)).value();
    ASSERT_TRUE(subscriber.waitable_fd());
    expect_all_of(4);
  }
}

TEST_F(CloseOnExecTest, RingOfIoUring) {
  const Result<UringLoop> loop = UringLoop::create();
  if (!loop) GTEST_SKIP() << loop.error().message;
  expect_all_of(1);
}

TEST_F(CloseOnExecTest, QuickWake) {
  Channel channel = Channel::create().value();
  const std::size_t of_channel = open_now().size() - before.size();
  const Sender sender = Sender::open(std::move(channel), {.quick_wake = true}).value();
  if (sender.quick_wake_refusal()) GTEST_SKIP() << sender.quick_wake_refusal()->message;
  expect_all_of(of_channel + 2);  // the lock, and the device
}

}  // namespace
}  // namespace ringbell
