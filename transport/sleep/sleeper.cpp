#include <ringbell/transport/sleep/sleeper.hpp>

#include <utility>

#include <ringbell/transport/sleep/membarrier.hpp>

namespace ringbell {

using core::HardwareAtomics;
using core::SharedParking;

Sleeper::Sleeper(core::DoorbellKind kind, const WaitOptions& wait) noexcept
    : parker_(wait, kind == core::DoorbellKind::futex), doorbell_(kind) {}

Result<int> Sleeper::waitable_fd(std::uint32_t& word) {
  if (!parker_.waiter().sleeps()) {
    return fail(ErrorCode::unsupported,
                "this endpoint never sleeps: the ring has no doorbell or WaitOptions::kind is "
                "spin; create it with DoorbellKind::futex, and park");
  }
  if (!loop_bell_) {
    Result<std::unique_ptr<LoopBell>> started = LoopBell::start(word, slice());
    if (!started) return tl::unexpected(std::move(started.error()));
    loop_bell_ = std::move(*started);
  }
  return loop_bell_->fd();
}

std::uint32_t Sleeper::announce(std::uint32_t& word) const noexcept {
  return SharedParking<>::park(word, parker_.can_barrier(), [] { membarrier::heavy_barrier(); });
}

bool Sleeper::says(const std::uint32_t& word, std::uint32_t parked) noexcept {
  constexpr core::Edge kBell{"share.K"};
  return HardwareAtomics::load(word, std::memory_order_relaxed, kBell) == parked;
}

void Sleeper::ring(std::uint32_t& word) const noexcept {
  SharedParking<>::ring(word, [&] {
    parker_.rang();
    doorbell_.wake(word);
  });
}

}  // namespace ringbell
