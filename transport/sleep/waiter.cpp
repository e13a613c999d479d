#include <ringbell/transport/sleep/waiter.hpp>

#include <utility>

#include <sched.h>

namespace ringbell {

Waiter::Waiter(const WaitOptions& options, bool may_sleep) noexcept
    : spin_budget_(options.spin_budget),
      slice_(std::clamp<std::chrono::nanoseconds>(
          options.longest_sleep, std::chrono::milliseconds(1), std::chrono::hours(1))),
      sleeps_(may_sleep && options.kind == WaitOptions::Kind::park),
      yields_(options.yield) {
  if (!options.quick_wake) return;
  if (Result<QuickWake> held = QuickWake::hold()) {
    quick_wake_ = std::move(*held);
  } else {
    quick_wake_refusal_ = std::move(held.error());
  }
}

void Waiter::give_cpu_away() noexcept { ::sched_yield(); }

}  // namespace ringbell
