// Children of a test in which the kernel refuses some call (deny_system_call.hpp): what they find
// is their exit status.
#pragma once

#include <optional>

#include <gtest/gtest.h>

#include <tests/support/child_process.hpp>

namespace ringbell::test {

inline constexpr int kNoFilterHere = 77;  // such a child's status, if nothing can be refused

// 0 is well.
inline void expect_well(ChildProcess child) {
  const std::optional<int> status = child.wait();
  if (status == kNoFilterHere) GTEST_SKIP() << "no seccomp filter can be installed here";
  EXPECT_EQ(status, 0);
}

}  // namespace ringbell::test
