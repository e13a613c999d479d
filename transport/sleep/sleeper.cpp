#include <ringbell/transport/sleep/sleeper.hpp>

#include <utility>

#include <unistd.h>

#include <ringbell/transport/sleep/membarrier.hpp>
#include <ringbell/transport/sleep/priority.hpp>

namespace ringbell {

using core::HardwareAtomics;
using core::SharedParking;

namespace {

// Fences that find none to ring cost in all about what the barriers do that are run when they are
// borrowed anew: some nanoseconds against one or two microseconds. A prime, so that of several
// words that are rung in turn each has its turn.
constexpr std::uint32_t kFencesForABarrier = 251;

using Order = SharedParking<>::Order;

}  // namespace

Sleeper::Sleeper(core::DoorbellKind kind, const WaitOptions& wait) noexcept
    : parker_(wait, kind == core::DoorbellKind::futex),
      order_(!parker_.can_barrier()        ? Order::fences
             : wait.fence_below_bytes == 0 ? Order::barrier
                                           : Order::loan),
      doorbell_(kind) {}

void Sleeper::interrupt() noexcept {
  parker_.interrupt([&] { SharedParking<>::ring(*word_, [&] { doorbell_.wake(*word_); }); });
}

Result<int> Sleeper::waitable_fd() {
  if (!parker_.waiter().sleeps()) {
    return fail(ErrorCode::unsupported,
                "this endpoint never sleeps: the ring has no doorbell or WaitOptions::kind is "
                "spin; create it with DoorbellKind::futex, and park");
  }
  if (!loop_bell_) {
    Result<std::unique_ptr<LoopBell>> started = LoopBell::start(*word_, slice());
    if (!started) return tl::unexpected(std::move(started.error()));
    loop_bell_ = std::move(*started);
  }
  return loop_bell_->fd();
}

SleepingPlace Sleeper::sleeping_word() noexcept {
  const bool sleeps = parker_.waiter().sleeps();
  sleeps_on_word_ = sleeps;
  return {.kind = sleeps ? core::DoorbellKind::futex : core::DoorbellKind::none,
          .fd = -1,
          .word = word_,
          .parked = parked_};
}

std::uint32_t Sleeper::announce() const noexcept {
  return SharedParking<>::park(*word_, order_, [] { return membarrier::heavy_barrier(); });
}

bool Sleeper::is_still(std::uint32_t parked) const noexcept {
  return SharedParking<>::is_still(*word_, parked);
}

// While there is none but this side there may be one that has no other CPU on which to start.
bool Sleeper::keeps_one_off() const noexcept {
  constexpr core::Edge kLook{"participant.S"};
  const auto self = priority::RealTime::of_this_thread();
  if (!self) return false;
  const auto own_pid = static_cast<std::uint32_t>(::getpid());
  int own = 0;
  int others = 0;
  for (const core::ParticipantLine& line : participants_) {
    if (HardwareAtomics::load(line.state, std::memory_order_relaxed, kLook) !=
        std::uint32_t(core::SideState::open)) {
      continue;
    }
    const std::uint32_t pid = HardwareAtomics::load(line.pid, std::memory_order_relaxed, kLook);
    if (self->keeps_off_cpu(pid)) return true;
    ++(pid == own_pid ? own : others);
  }
  return others == 0 && own < 2;
}

void Sleeper::ring(std::uint32_t& word) const noexcept {
  count_ring(word, SharedParking<>::ring(word, [&] { doorbell_.wake(word); }));
}

void Sleeper::ring_one(std::uint32_t& word) const noexcept {
  count_ring(word,
             SharedParking<>::ring_one(
                 word, [&] { return doorbell_.wake_one(word); }, [&] { doorbell_.wake(word); }));
}

void Sleeper::count_ring(std::uint32_t& word, bool rung) const noexcept {
  if (rung) return parker_.rang();
  if (++fences_in_vain_ % kFencesForABarrier == 0) SharedParking<>::take_fences_back(word);
}

}  // namespace ringbell
