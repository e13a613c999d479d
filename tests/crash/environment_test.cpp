// Peers that are not dead although they look like it, and machines that have run out of something:
// no hang, no wrong "dead", nothing lost.
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/private_mounts.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::Signal;
using Clock = std::chrono::steady_clock;

constexpr WaitOptions kWait{.longest_sleep = 10ms};
constexpr auto kLong = 20s;
constexpr std::uint32_t kBytes = 500;

std::vector<std::byte> message(std::uint64_t number) {
  std::vector<std::byte> bytes(kBytes);
  test::write_message(bytes, number);
  return bytes;
}

bool take(Receiver& receiver, std::uint64_t number) {
  const auto got = receiver.peek_for(kLong);
  if (!got || !*got) return false;
  if ((*got)->size() != kBytes || !test::is_message(**got, number)) return false;
  receiver.release();
  return true;
}

// Until it is killed.
int send_for_ever(const ChannelFds& fds, std::uint64_t count = UINT64_MAX) {
  Result<Sender> sender = Sender::attach(fds, kWait);
  if (!sender) return 2;
  for (std::uint64_t number = 0; number < count; ++number) {
    if (sender->send(message(number), kLong) != true) return 3;
  }
  return 0;
}

class EnvironmentTest : public ::testing::Test {
 protected:
  Channel channel_ = Channel::create({.capacity_bytes = 4096}).value();
};

// --- stopped -------------------------------------------------------------------------------------

TEST_F(EnvironmentTest, StoppedPeerIsNotDead) {
  const Channel other = Channel::create({.capacity_bytes = 4096}).value();
  const Signal there;
  ChildProcess sending = ChildProcess::fork([&] { return send_for_ever(channel_.fds()); });
  ChildProcess receiving = ChildProcess::fork([&] {
    Result<Receiver> receiver = Receiver::attach(other.fds(), kWait);
    if (!receiver) return 2;
    for (std::uint64_t number = 0; take(*receiver, number); ++number) {
      if (number == 0) there.tell();
    }
    return 3;
  });
  Receiver receiver = Receiver::attach(channel_.fds(), kWait).value();
  Sender sender = Sender::attach(other.fds(), kWait).value();
  std::uint64_t read = 0;
  ASSERT_TRUE(take(receiver, read++));
  std::uint64_t sent = 0;
  ASSERT_EQ(sender.send(message(sent++), kLong), true);
  ASSERT_TRUE(there.wait());
  for (const ChildProcess* const child : {&sending, &receiving}) ::kill(child->pid(), SIGSTOP);

  const Clock::time_point start = Clock::now();
  for (;; ++read) {
    const auto got = receiver.peek_for(1s);
    ASSERT_TRUE(got) << got.error().message;
    if (!*got) break;
    ASSERT_TRUE(test::is_message(**got, read));
    receiver.release();
  }
  for (;; ++sent) {
    const auto went = sender.send(message(sent), 1s);
    ASSERT_TRUE(went) << went.error().message;
    if (!*went) break;
  }
  EXPECT_GE(Clock::now() - start, 2s);
  EXPECT_LT(Clock::now() - start, 10s);

  for (const ChildProcess* const child : {&sending, &receiving}) ::kill(child->pid(), SIGCONT);
  for (const std::uint64_t end = read + 100; read < end; ++read) ASSERT_TRUE(take(receiver, read));
  for (const std::uint64_t end = sent + 100; sent < end; ++sent) {
    ASSERT_EQ(sender.send(message(sent), kLong), true);
  }
}

// --- clocks --------------------------------------------------------------------------------------

// The wall clock cannot be set for one process alone; but nothing here waits by it (steady_clocks
// in tests/structure looks), and no time is told to another process, as a peer shows whose clock is
// days ahead, in a time namespace.
TEST_F(EnvironmentTest, PeerWhoseClockIsDaysAheadIsAPeerLikeAnother) {
  const Signal done;
  ChildProcess outer = ChildProcess::fork([&] {
    if (::unshare(CLONE_NEWTIME) != 0) return 77;
    const int offsets = ::open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
    constexpr std::string_view kDaysAhead = "monotonic 1000000 0\nboottime 1000000 0\n";
    if (offsets < 0 || ::write(offsets, kDaysAhead.data(), kDaysAhead.size()) < 0) return 77;
    ChildProcess inner = ChildProcess::fork([&] { return send_for_ever(channel_.fds(), 200); });
    return inner.wait().value_or(4);
  });
  Receiver receiver = Receiver::attach(channel_.fds(), kWait).value();
  const auto first = receiver.peek_for(3s);
  if (first && !*first) {
    ASSERT_EQ(outer.wait(), 77);
    GTEST_SKIP() << "no time namespace can be made here";
  }
  for (std::uint64_t number = 0; number < 200; ++number) ASSERT_TRUE(take(receiver, number));
  EXPECT_EQ(code_of(receiver.peek_for(kLong)), ErrorCode::closed);
  EXPECT_EQ(outer.wait(), 0);
}

// --- fork and exec -------------------------------------------------------------------------------

// Says its pid, and sleeps; what forked it dies.
struct Orphan {
  pid_t pid = 0;
  int ends[2] = {-1, -1};

  Orphan() { EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0); }
  Orphan(const Orphan&) = delete;
  Orphan& operator=(const Orphan&) = delete;
  ~Orphan() {
    if (pid > 0) ::kill(pid, SIGKILL);
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void tell(pid_t orphan) const {
    [[maybe_unused]] const ssize_t put = ::write(ends[1], &orphan, sizeof orphan);
  }
  bool learn() { return ::read(ends[0], &pid, sizeof pid) == sizeof pid && pid > 0; }
};

TEST_F(EnvironmentTest, ChildOfForkDoesNotKeepItsParentAlive) {
  Orphan orphan;
  ChildProcess parent = ChildProcess::fork([&] {
    Result<Sender> sender = Sender::attach(channel_.fds(), kWait);
    if (!sender) return 2;
    if (sender->send(message(0), kLong) != true) return 3;
    const pid_t child = ::fork();
    if (child == 0) {
      while (true) ::pause();
    }
    orphan.tell(child);
    while (true) ::pause();
  });
  ASSERT_TRUE(orphan.learn());
  Receiver receiver = Receiver::attach(channel_.fds(), kWait).value();
  ASSERT_TRUE(take(receiver, 0));
  ASSERT_TRUE(receiver.peek_for(50ms).has_value()) << "its parent lives";
  parent.kill_now();
  const auto end = receiver.peek_for(kLong);
  ASSERT_FALSE(end);
  EXPECT_EQ(code_of(end), ErrorCode::peer_dead);
  EXPECT_TRUE(Sender::attach(channel_.fds(), kWait)) << "the child keeps its parent's role";
}

TEST_F(EnvironmentTest, ChildThatExecsHasNothingOfItsParent) {
  Orphan orphan;
  ChildProcess parent = ChildProcess::fork([&] {
    Result<Sender> sender = Sender::attach(channel_.fds(), {.quick_wake = true});
    if (!sender) return 2;
    if (sender->send(message(0), kLong) != true) return 3;
    const pid_t child = ::vfork();  // no handler of fork runs
    if (child == 0) {
      ::execl("/bin/sleep", "sleep", "100", nullptr);
      ::_exit(127);
    }
    orphan.tell(child);
    while (true) ::pause();
  });
  ASSERT_TRUE(orphan.learn());
  namespace fs = std::filesystem;
  for (const fs::path& fd : fs::directory_iterator(fmt::format("/proc/{}/fd", orphan.pid))) {
    std::error_code closed;  // the loader's own, since it was listed
    const std::string target = fs::read_symlink(fd, closed).string();
    if (closed) continue;
    EXPECT_THAT(target, ::testing::Not(::testing::HasSubstr("memfd:ringbell"))) << fd;
    EXPECT_THAT(target, ::testing::Not(::testing::HasSubstr("cpu_dma_latency"))) << fd;
  }
  Receiver receiver = Receiver::attach(channel_.fds(), kWait).value();
  ASSERT_TRUE(take(receiver, 0));
  parent.kill_now();
  EXPECT_EQ(code_of(receiver.peek_for(kLong)), ErrorCode::peer_dead);
}

// --- namespaces ----------------------------------------------------------------------------------

TEST_F(EnvironmentTest, PidNamespaceHidesNeitherLifeNorDeath) {
  Orphan inner;
  ChildProcess outer = ChildProcess::fork([&] {
    if (::unshare(CLONE_NEWPID) != 0) {
      inner.tell(-1);
      return 77;
    }
    // Pid 1 there; and this process, its parent, has pids that it cannot see.
    const pid_t child = ::fork();
    if (child == 0) ::_exit(send_for_ever(channel_.fds()));
    inner.tell(child);
    int status = 0;
    ::waitpid(child, &status, 0);
    return 0;
  });
  if (!inner.learn()) {
    ASSERT_EQ(outer.wait(), 77);
    GTEST_SKIP() << "no pid namespace can be made here";
  }
  Receiver receiver = Receiver::attach(channel_.fds(), kWait).value();
  std::uint64_t read = 0;
  for (; read < 100; ++read) ASSERT_TRUE(take(receiver, read));
  ::kill(inner.pid, SIGSTOP);
  for (;; ++read) {
    const auto got = receiver.peek_for(100ms);
    ASSERT_TRUE(got) << "taken for dead: " << got.error().message;
    if (!*got) break;
    receiver.release();
  }
  ::kill(inner.pid, SIGKILL);
  const auto end = receiver.peek_for(kLong);
  ASSERT_FALSE(end);
  EXPECT_EQ(code_of(end), ErrorCode::peer_dead);
  EXPECT_EQ(outer.wait(), 0);
  inner.pid = 0;
}

// --- nothing left --------------------------------------------------------------------------------

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// A channel and both its ends, from nothing, with so many descriptors to be had.
std::string open_all(core::DoorbellKind doorbell) {
  const Result<Channel> channel = Channel::create({.capacity_bytes = 4096, .doorbell = doorbell});
  if (!channel) return message_of(channel);
  Result<Sender> sender = Sender::attach(channel->fds());
  if (!sender) return message_of(sender);
  Result<Receiver> receiver = Receiver::attach(channel->fds());
  if (!receiver) return message_of(receiver);
  return sender->try_send(message(1)) && take(*receiver, 1) ? "" : "it does not work";
}

TEST_F(EnvironmentTest, EveryWantOfDescriptorsIsAnErrorAndLeavesNone) {
  ChildProcess child = ChildProcess::fork([&] {
    for (const auto doorbell : {core::DoorbellKind::futex, core::DoorbellKind::eventfd}) {
      const std::size_t before = open_descriptors();
      bool worked = false;
      for (rlim_t more = 0; more < 40 && !worked; ++more) {
        // Descriptors are the lowest free ones, so this is how many more there can be.
        const int lowest_free = ::dup(0);
        ::close(lowest_free);
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        const rlim_t usual = limit.rlim_cur;
        limit.rlim_cur = static_cast<rlim_t>(lowest_free) + more;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        const std::string trouble = open_all(doorbell);
        limit.rlim_cur = usual;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        worked = trouble.empty();
        if (!worked && trouble.find("Too many open files") == std::string::npos) {
          std::fprintf(stderr, "%zu more: %s\n", static_cast<std::size_t>(more), trouble.c_str());
          return 2;
        }
        if (open_descriptors() != before) return 3;
      }
      if (!worked) return 4;
    }
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
}

// What each of them says that makes something under the name "new".
std::vector<Error> make_all() {
  std::vector<Error> errors;
  const auto note = [&](const auto& made) {
    errors.push_back(made ? Error{.code = ErrorCode::busy, .message = "it was made"}
                          : made.error());
  };
  note(Sender::create("new"));
  note(Receiver::create("new"));
  note(QueueSender::create("new"));
  note(Publisher::create("new"));
  note(Contributor::create("new"));
  note(Server::create("new"));
  return errors;
}

std::size_t files_in(const std::string& folder) {
  const std::filesystem::directory_iterator all(folder);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// Writes until there is no room for another byte.
void fill_disk(const char* path) {
  const FileDescriptor file(::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::array<char, 4096> page{};
  while (::write(file.get(), page.data(), page.size()) > 0) {
  }
}

TEST_F(EnvironmentTest, FullDiskIsAnErrorThatLeavesNothingAndStopsNobody) {
  ChildProcess child = ChildProcess::fork([] {
    if (!test::make_mounts_private()) return 77;
    if (!test::mount_over("/dev/shm", "tmpfs", "size=2m")) return 77;
    ::setenv("RINGBELL_DIR", "/dev/shm/names", 1);
    Result<Sender> sender = Sender::create("old");
    Result<Receiver> receiver = Receiver::open("old");
    if (!sender || !receiver) return 2;
    fill_disk("/dev/shm/filler");
    const std::size_t descriptors = open_descriptors();
    for (const Error& error : make_all()) {
      if (error.code == ErrorCode::no_space) continue;
      std::fprintf(stderr, "%s: %s\n", name_of(error.code), error.message.c_str());
      return 3;
    }
    if (open_descriptors() != descriptors || files_in("/dev/shm/names") != 1) return 4;
    // The ring's pages were reserved: all of them can be written, several times around.
    for (std::uint64_t number = 0; number < 2000; ++number) {
      if (sender->send(message(number), kLong) != true || !take(*receiver, number)) return 5;
    }
    ::unlink("/dev/shm/filler");
    return Sender::create("new") ? 0 : 6;
  });
  const std::optional<int> status = child.wait();
  if (status == 77) GTEST_SKIP() << "nothing can be mounted here";
  EXPECT_EQ(status, 0);
}

TEST_F(EnvironmentTest, DiskThatTakesNoMoreFilesRefusesNamesAndNothingElse) {
  ChildProcess child = ChildProcess::fork([] {
    if (!test::make_mounts_private()) return 77;
    if (!test::mount_over("/dev/shm", "tmpfs", "size=8m,nr_inodes=3")) return 77;
    ::setenv("RINGBELL_DIR", "/dev/shm/names", 1);
    Result<Sender> sender = Sender::create("old");
    Result<Receiver> receiver = Receiver::open("old");
    if (!sender || !receiver) return 2;
    const std::size_t descriptors = open_descriptors();
    std::vector<Error> errors = make_all();
    const Result<Listener> listener = Listener::open("new");
    errors.push_back(listener ? Error{.code = ErrorCode::busy, .message = "it listens"}
                              : listener.error());
    for (const Error& error : errors) {
      if (error.code == ErrorCode::no_space) continue;
      std::fprintf(stderr, "%s: %s\n", name_of(error.code), error.message.c_str());
      return 3;
    }
    if (open_descriptors() != descriptors || files_in("/dev/shm/names") != 1) return 4;
    return sender->send(message(0), kLong) == true && take(*receiver, 0) ? 0 : 5;
  });
  const std::optional<int> status = child.wait();
  if (status == 77) GTEST_SKIP() << "nothing can be mounted here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ringbell
