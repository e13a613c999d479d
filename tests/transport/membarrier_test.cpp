// What the parking protocol asks of the kernel, and what a child of fork() inherits.
#include <optional>
#include <string_view>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/transport/sleep/membarrier.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_membarrier.hpp>

namespace ringbell {
namespace {

using test::ChildProcess;

// Since Linux 6.3; older headers do not name it.
constexpr int kGetRegistrations = 1 << 9;

long registrations() { return ::syscall(SYS_membarrier, kGetRegistrations, 0U, 0); }

bool is_registered() { return (registrations() & MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) != 0; }

TEST(MembarrierTest, RegisteringTwiceIsFine) {
  if (!membarrier::can_issue()) GTEST_SKIP() << "no membarrier on this machine";
  EXPECT_TRUE(membarrier::register_process());
  EXPECT_TRUE(membarrier::register_process());
  membarrier::heavy_barrier();
}

TEST(MembarrierTest, RegistrationIsInheritedOverFork) {
  if (registrations() < 0) GTEST_SKIP() << "this kernel does not tell registrations";
  ASSERT_TRUE(membarrier::register_process());
  ASSERT_TRUE(is_registered());
  ChildProcess child = ChildProcess::fork([] {
    // A grandchild too: the copy of a copy.
    ChildProcess grandchild = ChildProcess::fork([] { return is_registered() ? 0 : 1; });
    return is_registered() && grandchild.wait() == 0 ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(MembarrierTest, DeniedMembarrierIsNoticed) {
  // The answers are remembered, so the program starts anew, beneath the filter.
  ChildProcess child = ChildProcess::fork([] {
    if (!test::deny_membarrier()) return 77;
    ::execl("/proc/self/exe", "child", "denied", nullptr);
    return 127;
  });
  const std::optional<int> status = child.wait();
  if (status == 77) GTEST_SKIP() << "no seccomp filter can be installed here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ringbell

// Started anew with "denied", this program says whether it noticed.
int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "denied") {
    const bool any = ringbell::membarrier::can_issue() || ringbell::membarrier::register_process();
    return any ? 1 : 0;
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
