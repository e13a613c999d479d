#include <ringbell/transport/waitset/wait_set_state.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include <unistd.h>

#include <ringbell/core/atomics.hpp>
#include <ringbell/transport/base/probes.hpp>

namespace ringbell {
namespace {

using core::HardwareAtomics;

// Edge B: what was stored before bell_ was counted is seen after it was read (release/acquire).
constexpr core::Edge kBell{"waitset.B"};
// An end's bell word, relaxed as in parking.hpp: the condition has its own edges.
constexpr core::Edge kWord{"park.K"};

constexpr std::size_t kMostWordEnds = futex::kMostWords - 1;  // one is bell_
constexpr std::uint32_t kLooksPerPoll = 64;                   // while it spins
constexpr Timeout kNap = std::chrono::milliseconds(5);

WaitSet::What what_of(WaitedEnd::Found found) noexcept {
  using Found = WaitedEnd::Found;
  switch (found) {
    case Found::closed:
      return WaitSet::What::closed;
    case Found::dead:
      return WaitSet::What::dead;
    case Found::failed:
      return WaitSet::What::failed;
    default:
      return WaitSet::What::ready;
  }
}

// Whether it is not slept on as it was when it was armed: it was rung, or a waiting call took the
// announcement back, or it stands on another ring by now, whose `parked` is 0.
bool is_rung(WaitedEnd& end, const SleepingPlace& armed) {
  const SleepingPlace now = end.place();
  return now.word != armed.word || now.parked != armed.parked ||
         HardwareAtomics::load(*now.word, std::memory_order_relaxed, kWord) != armed.parked;
}

}  // namespace

struct WaitSetState::Everything {
  WaitSetState& set;

  [[nodiscard]] static bool closed() noexcept { return false; }
  [[nodiscard]] Waited ask() const {
    set.look_after_peers();
    return Waited::ready;
  }
  [[nodiscard]] static bool is_kept_off() noexcept { return false; }
  template <class Ready>
  [[nodiscard]] bool sleep(Ready&& ready, Parker::Clock::time_point until) const {
    return set.parker_.park(ready, until, *this);
  }

  [[nodiscard]] std::uint32_t announce() const { return set.arm_all(); }
  [[nodiscard]] bool stay_awake() const noexcept { return set.look_at_descriptors(); }
  void on(std::uint32_t seen, Timeout longest) const { set.sleep(seen, longest); }
  // look_after_peers() counts what was missed.
  [[nodiscard]] static bool is_still(std::uint32_t /*seen*/) noexcept { return false; }
};

WaitSetState::WaitSetState(const WaitSetOptions& options) noexcept
    : parker_(options.wait, true),
      next_look_(Parker::Clock::now() + parker_.waiter().slice()),
      most_words_(futex::can_sleep_on_any() ? std::min(options.words, kMostWordEnds) : 0),
      owner_pid_(::getpid()) {}

Result<std::unique_ptr<WaitSetState>> WaitSetState::create(const WaitSetOptions& options) {
  std::unique_ptr<WaitSetState> state(new WaitSetState(options));
  Result<std::unique_ptr<DescriptorWatch>> watch = DescriptorWatch::create(state->bell_);
  if (!watch) return tl::unexpected(std::move(watch.error()));
  state->watch_ = std::move(*watch);
  return state;
}

bool WaitSetState::is_of_this_process() const noexcept { return ::getpid() == owner_pid_; }

Result<void> WaitSetState::start_thread_if_mixed(std::size_t words, bool has_descriptors) {
  if (words == 0 || !has_descriptors) return {};
  return watch_->start_thread();
}

Result<void> WaitSetState::register_end(End& end) {
  end.place = end.end->place();
  if (end.place.kind == core::DoorbellKind::none) {
    return fail(ErrorCode::unsupported,
                "this end never sleeps: the ring has no doorbell or WaitOptions::kind is spin; "
                "create it with a doorbell, and park");
  }
  if (end.place.kind == core::DoorbellKind::futex && word_ends_ < most_words_) {
    Result<void> started = start_thread_if_mixed(word_ends_ + 1, !watch_->empty());
    if (started) ++word_ends_;
    return started;
  }
  const Result<int> fd = end.end->waitable_fd();
  if (!fd) return tl::unexpected(fd.error());
  if (Result<void> started = start_thread_if_mixed(word_ends_, true); !started) return started;
  if (Result<void> added = watch_->add(*fd, EPOLLIN, end.id); !added) return added;
  end.fd = *fd;
  return {};
}

Result<WaitSet::Id> WaitSetState::add(std::unique_ptr<WaitedEnd> waited) {
  auto end = std::make_unique<End>();
  end->id = last_id_ + 1;
  end->end = std::move(waited);
  if (const Result<void> registered = register_end(*end); !registered) {
    return tl::unexpected(registered.error());
  }
  ends_.push_back(std::move(end));
  return ++last_id_;
}

Result<WaitSet::Id> WaitSetState::add(int fd, unsigned events) {
  if (const Result<void> started = start_thread_if_mixed(word_ends_, true); !started) {
    return tl::unexpected(started.error());
  }
  const Id id = last_id_ + 1;
  readable_.reserve(DescriptorWatch::kAtOnce);  // look_at_descriptors() must not allocate
  descriptors_.push_back({.id = id, .fd = fd});
  if (const Result<void> added = watch_->add(fd, events, id); !added) {
    descriptors_.pop_back();
    return tl::unexpected(added.error());
  }
  return last_id_ = id;
}

WaitSet::Id WaitSetState::add_timer(Timeout first, Timeout interval) {
  timers_.push_back({.id = ++last_id_,
                     .due = ringbell::end_of(std::max(first, Timeout::zero())),
                     .interval = std::max(interval, Timeout::zero())});
  return last_id_;
}

WaitSetState::End* WaitSetState::end_of_id(Id id) noexcept {
  const auto found = std::lower_bound(ends_.begin(), ends_.end(), id,
                                      [](const auto& end, Id sought) { return end->id < sought; });
  return found != ends_.end() && (*found)->id == id ? found->get() : nullptr;
}

bool WaitSetState::contains(Id id) const noexcept {
  const auto is_it = [id](const auto& member) { return member.id == id; };
  return std::any_of(ends_.begin(), ends_.end(), [&](const auto& end) { return is_it(*end); }) ||
         std::any_of(descriptors_.begin(), descriptors_.end(), is_it) ||
         std::any_of(timers_.begin(), timers_.end(), is_it);
}

std::size_t WaitSetState::size() const noexcept {
  return ends_.size() + descriptors_.size() + timers_.size();
}

void WaitSetState::remove(Id id) noexcept {
  if (End* const end = end_of_id(id)) {
    if (end->fd >= 0) {
      watch_->remove(end->fd);
    } else {
      --word_ends_;
    }
    end->end->disarm();
    std::erase_if(ends_, [id](const auto& each) { return each->id == id; });
    return;
  }
  std::erase_if(descriptors_, [&](const Descriptor& descriptor) {
    if (descriptor.id != id) return false;
    watch_->remove(descriptor.fd);
    return true;
  });
  std::erase_if(timers_, [id](const Timer& timer) { return timer.id == id; });
}

// --- Looking -------------------------------------------------------------------------------------

bool WaitSetState::arm(End& end) {
  end.is_armed = end.end->arm();
  if (!end.is_armed) return false;
  end.place = end.end->place();
  // A socket whose other end is gone stays readable.
  if (std::exchange(end.was_readable, false) && end.end->peer() == PeerState::dead) {
    end.found = Found::dead;
  }
  return true;
}

void WaitSetState::look_at(End& end) {
  if (end.is_armed && !is_rung(*end.end, end.place)) return;
  end.is_armed = false;
  end.found = end.end->look();
  if (end.found != Found::unknown) return;
  end.found = Found::nothing;
  if (!arm(end)) end.found = end.end->refused();
}

void WaitSetState::look_at_all() {
  for (const std::unique_ptr<End>& each : ends_) {
    End& end = *each;
    const bool was_dead = std::exchange(end.found, Found::nothing) == Found::dead;
    look_at(end);
    if (end.found != Found::nothing) continue;
    end.found = end.end->look_again();
    if (end.found != Found::nothing || !was_dead) continue;
    if (end.end->peer() == PeerState::dead) end.found = Found::dead;
  }
  readable_.clear();
  (void)look_at_descriptors();
}

bool WaitSetState::anything() {
  if (!readable_.empty()) return true;
  for (const std::unique_ptr<End>& end : ends_) {
    if (end->found == Found::nothing) look_at(*end);
    if (end->found != Found::nothing) return true;
  }
  if (++looks_ % kLooksPerPoll != 0) return false;
  (void)look_at_descriptors();
  return !readable_.empty();
}

bool WaitSetState::look_at_descriptors() noexcept {
  if (watch_->empty()) return false;
  readable_.clear();
  const std::span<const epoll_event> found = watch_->look();
  for (const epoll_event& event : found) {
    if (End* const end = end_of_id(event.data.u64)) {
      end->is_armed = false;
      end->was_readable = true;
    } else {
      readable_.push_back(
          {.id = event.data.u64, .what = WaitSet::What::ready, .events = event.events});
    }
  }
  return !found.empty();
}

// --- Sleeping ------------------------------------------------------------------------------------

// S1, for those that are not armed. REQUIRES: !anything().
std::uint32_t WaitSetState::arm_all() {
  const std::uint32_t seen = HardwareAtomics::load(bell_, std::memory_order_acquire, kBell);  // B
  for (const std::unique_ptr<End>& end : ends_) {
    end->naps = false;
    assert(end->found == Found::nothing);
    if (end->is_armed || arm(*end)) continue;
    end->found = end->end->refused();
    end->naps = end->found == Found::nothing && !arm(*end);
  }
  return seen;
}

void WaitSetState::sleep(std::uint32_t seen, Timeout longest) {
  words_.assign(1, {.word = &bell_, .parked = seen});
  for (const std::unique_ptr<End>& end : ends_) {
    if (end->naps) {
      longest = std::min(longest, kNap);
    } else if (end->fd < 0) {  // rung since, even in vain: the word is another one (S1)
      words_.push_back({.word = end->place.word, .parked = end->place.parked});
    }
  }
  RINGBELL_PROBE(park, &bell_, seen, longest.count());
  const bool polls = !watch_->empty();
  const bool has_words = words_.size() > 1;
  if (polls && has_words) watch_->order();
  if (has_words) {
    futex::sleep_on_any(words_, end_of(longest));
  } else if (polls) {
    watch_->sleep(longest);
  } else {
    futex_.sleep(bell_, seen, longest);
  }
  RINGBELL_PROBE(woke, &bell_, seen);
  if (polls) (void)look_at_descriptors();
}

// S3. REQUIRES: !anything().
void WaitSetState::look_after_peers() {
  const SteadyTime now = Parker::Clock::now();
  if (now < next_look_) return;
  const std::chrono::nanoseconds slice = parker_.waiter().slice();
  next_look_ = now + slice;
  for (const std::unique_ptr<End>& each : ends_) {
    End& end = *each;
    end.end->slice_is_over(slice);
    assert(end.found == Found::nothing);
    const bool was_armed = std::exchange(end.is_armed, false) && !is_rung(*end.end, end.place);
    if (arm(end)) {
      if (end.end->peer() == PeerState::dead) end.found = Found::dead;
      continue;
    }
    end.found = end.end->refused();
    if (was_armed && end.found == Found::ready && !is_rung(*end.end, end.place)) ++missed_rings_;
  }
}

SteadyTime WaitSetState::next_due() const noexcept {
  SteadyTime due = kNever;
  for (const Timer& timer : timers_) due = std::min(due, timer.due);
  return due;
}

Result<std::span<const WaitSet::Event>> WaitSetState::wait(Timeout timeout) {
  events_.clear();
  const bool waits = timeout > Timeout::zero();
  const SteadyTime until = waits ? std::min(end_of(timeout), next_due()) : SteadyTime{};
  look_at_all();
  const Waited waited = parker_.waiter().wait_until([&] { return anything(); }, Everything{*this},
                                                    waits ? left_until(until) : Timeout::zero());
  if (waited == Waited::cancelled) return fail_interrupted();
  collect();
  return std::span<const Event>(events_);
}

// Without memory for all of them none is told: a time that is told is over.
void WaitSetState::collect() {
  events_.reserve(size());
  for (const std::unique_ptr<End>& end : ends_) {
    if (end->found == Found::nothing) continue;
    events_.push_back({.id = end->id, .what = what_of(end->found), .events = 0});
  }
  events_.insert(events_.end(), readable_.begin(), readable_.end());
  if (!timers_.empty()) collect_timers();
}

void WaitSetState::collect_timers() {
  const SteadyTime now = Parker::Clock::now();
  for (Timer& timer : timers_) {
    if (timer.due > now) continue;
    events_.push_back({.id = timer.id});
    if (timer.interval > Timeout::zero()) {
      timer.due = end_of(timer.due, timer.interval * ((now - timer.due) / timer.interval + 1));
    }
  }
  std::erase_if(timers_, [now](const Timer& timer) { return timer.due <= now; });
}

void WaitSetState::interrupt() noexcept {
  if (!is_of_this_process()) return;
  parker_.interrupt([&] {
    HardwareAtomics::fetch_add(bell_, 1U, std::memory_order_release, kBell);  // B
    futex_.wake(bell_);
    watch_->wake();
  });
}

Stats WaitSetState::stats() const noexcept {
  Stats stats = parker_.stats();
  stats.missed_rings = missed_rings_;
  return stats;
}

}  // namespace ringbell
