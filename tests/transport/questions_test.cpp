// What many ends ask the kernel, counted: which ends live, and which place is free. What each asks
// must not grow with their number.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <future>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

constexpr std::uint32_t kMostNumbers = 256;

// About locks on the bytes of regions, in all threads of this program.
struct Questions {
  std::array<std::atomic<std::uint64_t>, kMostNumbers> about{};  // F_OFD_GETLK, by number
};
Questions questions;

void note(int command, const struct flock* range) noexcept {
  if (command == F_OFD_GETLK && range->l_start < off_t{kMostNumbers}) {
    ++questions.about.at(static_cast<std::size_t>(range->l_start));
  }
}

}  // namespace
}  // namespace ringbell

// The C library's, for the whole program: it notes what is asked.
extern "C" int fcntl(int fd, int command, ...) {
  va_list more;
  va_start(more, command);
  void* const argument = va_arg(more, void*);
  va_end(more);
  if (command == F_OFD_GETLK) {
    ringbell::note(command, static_cast<const struct flock*>(argument));
  }
  return static_cast<int>(::syscall(SYS_fcntl, fd, command, argument));
}

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;
using Clock = std::chrono::steady_clock;

Region new_queue(std::uint32_t participants) {
  return Region::create(
             QueueOptions{.messages = 16, .message_bytes = 64, .participants = participants}
                 .region())
      .value();
}

// All wait, in slices, while nothing comes.
TEST(QuestionsTest, ACrowdThatWaitsAsksAfterEachOnceInASlice) {
  constexpr std::uint32_t kEnds = 48;
  constexpr auto kSlice = 100ms;
  constexpr auto kTime = 1s;
  const Region queue = new_queue(kEnds);
  std::vector<QueueReceiver> ends;
  for (std::uint32_t i = 0; i < kEnds; ++i) {
    const WaitOptions wait{.spin_budget = 0ns, .longest_sleep = kSlice};
    ends.push_back(QueueReceiver::open(copy_of(queue), wait).value());
  }
  const auto all_about = [] {
    return std::vector<std::uint64_t>(questions.about.begin(), questions.about.begin() + kEnds);
  };
  const std::vector<std::uint64_t> before = all_about();
  const Clock::time_point begin = Clock::now();
  std::vector<std::future<bool>> crowd;
  for (QueueReceiver& end : ends) {
    crowd.push_back(
        std::async(std::launch::async, [&] { return end.peek_for(kTime).value().has_value(); }));
  }
  for (std::future<bool>& end : crowd) EXPECT_FALSE(end.get());
  const auto slices = static_cast<std::uint64_t>((Clock::now() - begin) / kSlice);
  std::vector<std::uint64_t> asked = all_about();
  for (std::uint32_t number = 0; number < kEnds; ++number) asked[number] -= before[number];
  std::sort(asked.begin(), asked.end());
  EXPECT_LE(asked.back(), slices + 3);
  // But for one that asks after all the others each time: it does not ask after itself.
  EXPECT_GE(asked[1], 5U);
}

}  // namespace
}  // namespace ringbell
