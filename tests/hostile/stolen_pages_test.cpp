// What a peer can do with the descriptors that it was given, rather than with the bytes: to the
// file's size, its seals and its pages, and to the eventfds.
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/core/parking.hpp>
#include <ringbell/transport/ends/receiver.hpp>
#include <ringbell/transport/ends/sender.hpp>

#include <tests/hostile/walled_bytes.hpp>
#include <tests/support/child_process.hpp>

namespace ringbell::hostile {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using test::ChildProcess;

constexpr auto kSoon = 20s;  // for what takes microseconds

class StolenPagesTest : public testing::Test {
 protected:
  [[nodiscard]] int fd() const noexcept { return channel_.region().fd(); }
  [[nodiscard]] off_t size() const noexcept { return ::lseek(fd(), 0, SEEK_END); }

  Channel channel_ = Channel::create({.capacity_bytes = 64UL * 1024}).value();
};

TEST_F(StolenPagesTest, FileNeitherShrinksNorGrows) {
  const off_t before = size();
  for (const off_t bytes : {off_t{0}, off_t{1}, before - 4096, before + 4096}) {
    EXPECT_NE(::ftruncate(fd(), bytes), 0) << bytes;
    EXPECT_EQ(errno, EPERM);
  }
  EXPECT_NE(::fallocate(fd(), 0, 0, before + 1), 0);
  EXPECT_NE(::fallocate(fd(), FALLOC_FL_COLLAPSE_RANGE, 0, 4096), 0);
  const std::string path = "/proc/self/fd/" + std::to_string(fd());
  const FileDescriptor again(::open(path.c_str(), O_RDWR | O_TRUNC | O_CLOEXEC));
  EXPECT_EQ(size(), before);
}

// Sealed against writing, the ring would be at its end; sealed against what else may come, too.
TEST_F(StolenPagesTest, NobodyAddsASeal) {
  for (const int seal : {F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_SEAL}) {
    EXPECT_NE(::fcntl(fd(), F_ADD_SEALS, seal), 0) << seal;
    EXPECT_EQ(errno, EPERM);
  }
  EXPECT_TRUE(Channel::attach(channel_.fds()));
}

// Pages can be taken away from under both sides (no seal forbids it to a process that may write):
// they come back zeroed when they are touched. That is data lost, but no signal.
TEST_F(StolenPagesTest, HolesLoseMessagesAndNothingElse) {
  const WalledBytes memory(sizeof(std::atomic<bool>), 64, Against::left_wall);
  auto* const stop = new (memory.data()) std::atomic<bool>(false);
  auto thief = ChildProcess::fork([&] {
    for (int i = 0; !*stop; ++i) {
      // The control lines now and then: the reader's position goes, too.
      const off_t from = i % 64 == 0 ? 4096 : 8192;
      if (::fallocate(fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, size() - from) != 0) {
        return 1;
      }
    }
    return 0;
  });
  auto victim = ChildProcess::fork([&] {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    const auto end = std::chrono::steady_clock::now() + 300ms;
    while (std::chrono::steady_clock::now() < end) {
      Result<Sender> sender = Sender::attach(channel_.fds());
      Result<Receiver> receiver = Receiver::attach(channel_.fds());
      if (!sender || !receiver) continue;
      const std::vector<std::byte> message(100);
      std::array<std::byte, 4096> into{};
      for (int i = 0; i < 1000; ++i) {
        const Result<bool> put = sender->send(message, 0ns);
        if (!put) break;
        sent += *put ? 1 : 0;
        const auto got = receiver->receive(into, 0ns);
        if (!got) break;
        received += *got ? 1 : 0;
      }
    }
    std::printf("%llu messages sent, %llu received\n", static_cast<unsigned long long>(sent),
                static_cast<unsigned long long>(received));
    return sent > 0 ? 0 : 1;
  });
  EXPECT_EQ(victim.wait(), 0);
  *stop = true;
  EXPECT_EQ(thief.wait(), 0);
}

// Status flags belong to the open file, which both sides share: O_NONBLOCK can be taken away.
class HostageBellTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kFull = UINT64_MAX - 1;

  static void make_blocking(int fd) {
    ASSERT_EQ(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
  }

  Channel channel_ =
      Channel::create({.capacity_bytes = 4096, .doorbell = DoorbellKind::eventfd}).value();
  Sender sender_ = Sender::attach(channel_.fds()).value();
  Receiver receiver_ = Receiver::attach(channel_.fds()).value();
};

TEST_F(HostageBellTest, FullBlockingBellDoesNotHoldTheRingerUp) {
  const int bell = channel_.fds().data_bell;
  ASSERT_EQ(::write(bell, &kFull, sizeof kFull), static_cast<ssize_t>(sizeof kFull));
  make_blocking(bell);
  channel_.region().spsc_control().data_bell.word = core::Parking<>::kParked;
  auto victim =
      ChildProcess::fork([&] { return sender_.try_send(std::vector<std::byte>(8)) ? 0 : 1; });
  EXPECT_EQ(victim.wait(kSoon), 0);
}

// Another process empties the bell between a sleeper's poll and its read; no ring comes after that.
TEST_F(HostageBellTest, BlockingBellDoesNotKeepASleeperAsleep) {
  const int bell = channel_.fds().data_bell;
  make_blocking(bell);
  std::vector<ChildProcess> victims;
  victims.reserve(4);
  for (int i = 0; i < 4; ++i) {
    victims.push_back(ChildProcess::fork([&] {
      const std::uint32_t& word = channel_.region().spsc_control().data_bell.word;
      for (int sleep = 0; sleep < 200; ++sleep) channel_.data_bell().sleep(word, 0, 1ms);
      return 0;
    }));
  }
  const std::uint64_t one = 1;
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(::write(bell, &one, sizeof one), static_cast<ssize_t>(sizeof one));
    ::usleep(100);
  }
  for (ChildProcess& victim : victims) EXPECT_EQ(victim.wait(kSoon), 0);
}

}  // namespace
}  // namespace ringbell::hostile
