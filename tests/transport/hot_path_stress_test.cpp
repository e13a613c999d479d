// Nothing stands in the way of a message: no system call, no allocation, no page fault, in a
// million messages through each end, polled and spinning, once the memory is prefaulted. On a
// machine that is busy with other things, where two threads seldom run at a time, in as many as
// there was time for.
//
// A child process does it, behind a filter that lets no system call through. It tells by shared
// memory how far it is; its page faults are read from outside. It cannot even end, so it is killed.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <new>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <gtest/gtest.h>

#include <tests/support/child_process.hpp>
#include <tests/support/cpus.hpp>
#include <tests/support/prefaulted_ends.hpp>
#include <tests/support/sanitizers.hpp>

namespace ringbell {
namespace {

struct Report;
Report* report = nullptr;
thread_local bool may_allocate = true;

void tell_of_allocation() noexcept;

}  // namespace
}  // namespace ringbell

// The allocator, for the whole program: it tells of what a thread asks for that may not.
#if !RINGBELL_SANITIZED
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* old, std::size_t bytes);

void* telling_malloc(std::size_t bytes) __asm__("malloc");
void* telling_calloc(std::size_t count, std::size_t bytes) __asm__("calloc");
void* telling_realloc(void* old, std::size_t bytes) __asm__("realloc");

void* telling_malloc(std::size_t bytes) {
  ringbell::tell_of_allocation();
  return __libc_malloc(bytes);
}
void* telling_calloc(std::size_t count, std::size_t bytes) {
  ringbell::tell_of_allocation();
  return __libc_calloc(count, bytes);
}
void* telling_realloc(void* old, std::size_t bytes) {
  ringbell::tell_of_allocation();
  return __libc_realloc(old, bytes);
}
}
#endif

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using namespace test::prefaulted;

constexpr std::uint64_t kMessages = 1'000'000;
constexpr std::uint64_t kFewest = 10'000;
constexpr std::uint64_t kWarmUp = 1000;  // for pages of data and stack; the ring is larger

// What the child tells.
struct Report {
  std::atomic<int> armed = 0;  // threads that are behind the filter
  std::atomic<bool> go = false;
  std::atomic<int> done = 0;  // threads that are through
  // By each thread.
  std::array<std::atomic<std::uint64_t>, 2> moved{};
  std::atomic<long> system_call = -1;   // the first that was tried
  std::atomic<int> allocations = 0;     // that were tried
  std::atomic<std::uint64_t> wrong{0};  // messages that were not as sent, or did not come
};

void tell_of_allocation() noexcept {
  if (!may_allocate) ++report->allocations;
}

void on_system_call(int /*signal*/, siginfo_t* about, void* /*context*/) {
  report->system_call = about->si_syscall;
  for (;;) {  // to return would be one more
  }
}

// From now on this thread makes no system call, but for one that it is `allowed`, with this second
// argument.
bool forbid_all(std::optional<std::pair<long, std::uint32_t>> allowed) {
  const auto number = static_cast<std::uint32_t>(allowed ? allowed->first : -1);
  const std::uint32_t argument = allowed ? allowed->second : 0;
  std::array program{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
  };
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  struct sigaction action {};
  action.sa_sigaction = on_system_call;
  action.sa_flags = SA_SIGINFO;
  return ::sigaction(SIGSYS, &action, nullptr) == 0 &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

[[noreturn]] void stay() {
  ++report->done;
  for (;;) {
  }
}

template <class Ends>
constexpr std::optional<std::pair<long, std::uint32_t>> allowed_to() {
  if constexpr (requires { Ends::kAllowed; }) return Ends::kAllowed;
  return std::nullopt;
}

// --- the runs ------------------------------------------------------------------------------------

void arm(std::optional<std::pair<long, std::uint32_t>> allowed) {
  if (!forbid_all(allowed)) ++report->wrong;
  may_allocate = false;
  ++report->armed;
  while (!report->go) {
  }
}

// One thread, in turn: each call finds what it wants at once. (One that finds nothing asks after
// the other side, once in 4096 times.)
template <class Ends>
int polled() {
  Ends ends;
  std::uint64_t number = 0;
  const auto move = [&](std::uint64_t until) {
    for (; number < until; ++number) {
      if (!ends.send(number, 0ns)) ++report->wrong;
      if (!ends.receive(number, 0ns)) ++report->wrong;
    }
  };
  move(kWarmUp);
  arm(std::nullopt);
  move(kWarmUp + kMessages);
  stay();
}

// Two threads, each of which waits for the other.
template <class Ends>
int spinning() {
  Ends ends;
  std::atomic<int> warm = 0;
  const auto run = [&](std::atomic<std::uint64_t>& moved, auto&& one) {
    for (std::uint64_t number = 0; number < kWarmUp; ++number) {
      if (!one(number)) ++report->wrong;
    }
    ++warm;
    while (warm != 2) {
    }
    arm(allowed_to<Ends>());
    for (std::uint64_t number = kWarmUp; number < kWarmUp + kMessages; ++number) {
      if (!one(number)) ++report->wrong;
      moved.store(number - kWarmUp + 1, std::memory_order_relaxed);
    }
    stay();
  };
  std::thread receives(
      [&] { run(report->moved[0], [&](std::uint64_t i) { return ends.receive(i, kForever); }); });
  run(report->moved[1], [&](std::uint64_t i) { return ends.send(i, kForever); });
  return 0;
}

// Maps the pages of this process's code: what runs once in a lap would fault later.
void map_code() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::string access;
    std::istringstream(line) >> std::hex >> begin >> dash >> end >> access;
    if (access != "r-xp" || line.find('/') == std::string::npos) continue;
    for (; begin < end; begin += 4096) (void)*reinterpret_cast<const volatile char*>(begin);
  }
}

// Minor and major faults of a process.
std::uint64_t faults_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 7; ++i) fields >> skipped;
  std::uint64_t minor = 0;
  std::uint64_t major = 0;
  fields >> minor >> skipped >> major;
  return minor + major;
}

class HotPath : public ::testing::Test {
 protected:
  void SetUp() override {
    if (test::kSanitized) GTEST_SKIP() << "a sanitizer makes system calls of its own";
    void* const shared = ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    report = new (shared) Report;
  }
  void TearDown() override {
    if (report != nullptr) ::munmap(std::exchange(report, nullptr), sizeof(Report));
  }

  static bool comes_to(const std::atomic<int>& count, int wanted,
                       std::chrono::seconds patience = 60s) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (count != wanted) {
      if (report->system_call >= 0 || std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }

  // `threads` of it end in stay().
  template <class Work>
  static void expect_nothing(Work&& work, int threads) {
    test::ChildProcess child = test::ChildProcess::fork([&] {
      map_code();
      return work();
    });
    ASSERT_TRUE(comes_to(report->armed, threads))
        << "system call " << report->system_call << " while it was set up";
    const std::uint64_t before = faults_of(child.pid());
    report->go = true;
    const auto enough = [] { return report->moved[0] >= kFewest && report->moved[1] >= kFewest; };
    bool done = comes_to(report->done, threads, 30s);
    if (!done && !enough()) done = comes_to(report->done, threads, 60s);  // a busy machine
    EXPECT_EQ(report->system_call, -1);
    EXPECT_TRUE(done || enough()) << report->moved[0] << " and " << report->moved[1] << " messages";
    EXPECT_EQ(faults_of(child.pid()) - before, 0U) << "page faults";
    EXPECT_EQ(report->allocations, 0);
    EXPECT_EQ(report->wrong, 0U);
  }
};

template <class Ends>
class HotPathOf : public HotPath {};

using AllEnds = ::testing::Types<ChannelEnds, CopyingChannelEnds, QueueEnds, LosslessEnds,
                                 LossyEnds, CollectorEnds, ServiceEnds>;
struct EndsNames {
  template <class Ends>
  static std::string GetName(int /*index*/) {
    if (std::is_same_v<Ends, ChannelEnds>) return "ChannelInPlace";
    if (std::is_same_v<Ends, CopyingChannelEnds>) return "Channel";
    if (std::is_same_v<Ends, QueueEnds>) return "Queue";
    if (std::is_same_v<Ends, LosslessEnds>) return "LosslessTopic";
    if (std::is_same_v<Ends, LossyEnds>) return "LossyTopic";
    return std::is_same_v<Ends, CollectorEnds> ? "Collector" : "Service";
  }
};
TYPED_TEST_SUITE(HotPathOf, AllEnds, EndsNames);

TYPED_TEST(HotPathOf, PolledMakesNoSystemCallNoAllocationAndNoPageFault) {
  TestFixture::expect_nothing(polled<TypeParam>, 1);
}

TYPED_TEST(HotPathOf, SpinningMakesNoSystemCallNoAllocationAndNoPageFault) {
  if (test::usable_cpus().size() < 2) GTEST_SKIP() << "two threads that spin need two CPUs";
  TestFixture::expect_nothing(spinning<TypeParam>, 2);
}

// The checks themselves.
TEST_F(HotPath, ASystemCallIsNoticed) {
  const test::ChildProcess child = test::ChildProcess::fork([] {
    if (!forbid_all(std::nullopt)) return 1;
    ::syscall(SYS_getppid);
    return 0;
  });
  EXPECT_FALSE(comes_to(report->done, 1));
  EXPECT_EQ(report->system_call, SYS_getppid);
}

TEST_F(HotPath, AnAllocationIsNoticed) {
  may_allocate = false;
  const std::vector<int>* volatile made = new std::vector<int>(3);
  may_allocate = true;
  delete made;
  EXPECT_GE(report->allocations, 1);
}

TEST_F(HotPath, APageFaultIsNoticed) {
  const std::uint64_t before = faults_of(::getpid());
  void* const fresh =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(fresh, MAP_FAILED);
  *static_cast<volatile char*>(fresh) = 1;
  EXPECT_GT(faults_of(::getpid()), before);
  ::munmap(fresh, 4096);
}

}  // namespace
}  // namespace ringbell
