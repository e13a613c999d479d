#include <ringbell/transport/sleep/sleeper.hpp>

#include <utility>

#include <ringbell/transport/sleep/membarrier.hpp>

namespace ringbell {

using core::HardwareAtomics;
using core::SharedParking;

Sleeper::Sleeper(core::DoorbellKind kind, const WaitOptions& wait) noexcept
    : waiter_(wait, kind == core::DoorbellKind::futex),
      doorbell_(kind),
      rings_(kind == core::DoorbellKind::futex),
      can_barrier_(membarrier::can_issue()),
      must_fence_(!membarrier::register_process()) {}

Result<int> Sleeper::waitable_fd(std::uint32_t& word) {
  if (!waiter_.sleeps()) {
    return fail(ErrorCode::unsupported,
                "this endpoint never sleeps: the ring has no doorbell or WaitOptions::kind is "
                "spin; create it with DoorbellKind::futex, and park");
  }
  if (!loop_bell_) {
    Result<std::unique_ptr<LoopBell>> started = LoopBell::start(word, waiter_.slice());
    if (!started) return tl::unexpected(std::move(started.error()));
    loop_bell_ = std::move(*started);
  }
  return loop_bell_->fd();
}

std::uint32_t Sleeper::announce(std::uint32_t& word) const noexcept {
  return SharedParking<>::park(word, can_barrier_, [] { membarrier::heavy_barrier(); });
}

void Sleeper::sleep_on(const std::uint32_t& word, std::uint32_t parked,
                       Clock::time_point until) const noexcept {
  const Timeout longest = until - Clock::now();
  if (longest > longest.zero()) doorbell_.sleep(word, parked, longest);
}

bool Sleeper::slept_through(const std::uint32_t& word, std::uint32_t parked,
                            Clock::time_point until) noexcept {
  constexpr core::Edge kBell{"share.K"};
  return HardwareAtomics::load(word, std::memory_order_relaxed, kBell) == parked &&
         Clock::now() >= until;
}

void Sleeper::ring(std::uint32_t& word) const noexcept {
  SharedParking<>::ring(word, [&] {
    ++rings_given_;
    doorbell_.wake(word);
  });
}

}  // namespace ringbell
