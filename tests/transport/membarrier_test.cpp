// What the parking protocol asks of the kernel, and what a child of fork() inherits.
#include <optional>
#include <string>
#include <vector>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/transport/sleep/membarrier.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/child_program.hpp>
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

// Whether a program that starts beneath the filter notices.
const bool kDenied = test::add_child_part("denied", [](const std::vector<std::string>&) {
  return membarrier::can_issue() || membarrier::register_process() ? 1 : 0;
});

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
