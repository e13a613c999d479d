#include <ringbell/transport/sleep/waiter.hpp>

#include <ctime>
#include <new>
#include <utility>

#include <sched.h>

#include <ringbell/transport/sleep/priority.hpp>

namespace ringbell {

Waiter::Waiter(const WaitOptions& options, bool may_sleep) noexcept
    : spin_budget_(options.spin_budget),
      yield_budget_(options.spin_budget > Timeout::zero()),
      slice_(slice_of(options.longest_sleep)),
      sleeps_(may_sleep && options.kind == WaitOptions::Kind::park),
      may_sleep_(may_sleep),
      yields_(options.yield),
      is_real_time_(priority::RealTime::of_this_thread().has_value()) {
  if (options.within_quota) quota_ = CpuQuota::of_this_process();
  may_give_way_ = is_real_time_ || quota_ != nullptr;
  if (!options.quick_wake) return;
  try {
    if (Result<QuickWake> held = QuickWake::hold()) {
      quick_wake_ = std::move(*held);
    } else {
      quick_wake_refusal_ = std::move(held.error());
    }
  } catch (const std::bad_alloc&) {  // it was refused, and there is no memory to say why
    quick_wake_refusal_.emplace(Error{.code = ErrorCode::no_space, .message = {}});
  }
}

bool Waiter::ask_quota(Clock::time_point now) noexcept { return quota_->is_used_up(now); }

void Waiter::judge(bool keeps_peer_off, Clock::time_point now) noexcept {
  keeps_peer_off_ = keeps_peer_off;
  gives_way_ = keeps_peer_off_ || is_over_quota(now);
  may_give_way_ = is_real_time_ || keeps_peer_off_ || quota_ != nullptr;
}

void Waiter::give_cpu_away() noexcept { ::sched_yield(); }

void Waiter::nap() noexcept {
  constexpr timespec kNap{.tv_sec = 0, .tv_nsec = 50'000};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &kNap, nullptr);
}

}  // namespace ringbell
