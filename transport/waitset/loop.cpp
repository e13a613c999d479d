#include <ringbell/transport/waitset/loop.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <ringbell/core/atomics.hpp>
#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/base/no_cancellation.hpp>

namespace ringbell {
namespace {

using core::HardwareAtomics;

// Edge E: what was stored before stop() is seen after run() (release/acquire).
constexpr core::Edge kStop{"loop.E"};

// How many BlockedSignals of this thread want a signal blocked, and whether it was before them.
struct Blocked {
  std::size_t count = 0;
  bool was_blocked = false;
};
thread_local std::array<Blocked, NSIG> blocked_here{};

// A signal that comes as a descriptor: blocked in the thread that made it until the last of that
// thread is gone.
class BlockedSignal {
 public:
  // Errors: invalid_argument, if it is none that can be blocked; system.
  [[nodiscard]] static Result<std::unique_ptr<BlockedSignal>> block(int signal) {
    sigset_t alone;
    ::sigemptyset(&alone);
    if (signal == SIGKILL || signal == SIGSTOP || ::sigaddset(&alone, signal) != 0) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("signal {} cannot be waited for", signal));
    }
    FileDescriptor fd{::signalfd(-1, &alone, SFD_NONBLOCK | SFD_CLOEXEC)};
    if (!fd) return fail_errno("signalfd failed", "raise the limit of open files (ulimit -n)");
    return std::make_unique<BlockedSignal>(std::move(fd), signal, alone);
  }
  BlockedSignal(FileDescriptor fd, int signal, const sigset_t& alone) noexcept
      : fd_(std::move(fd)), signal_(signal), alone_(alone) {
    Blocked& here = blocked_here.at(static_cast<std::size_t>(signal));
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &alone_, &before);
    if (here.count++ == 0) here.was_blocked = ::sigismember(&before, signal) == 1;
  }
  BlockedSignal(const BlockedSignal&) = delete;
  BlockedSignal& operator=(const BlockedSignal&) = delete;
  ~BlockedSignal() {
    Blocked& here = blocked_here.at(static_cast<std::size_t>(signal_));
    if (here.count == 0 || --here.count > 0) return;
    if (!here.was_blocked) ::pthread_sigmask(SIG_UNBLOCK, &alone_, nullptr);
  }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] int number() const noexcept { return signal_; }
  [[nodiscard]] bool has_come(const sigset_t& pending) const noexcept {
    return is_told_ || ::sigismember(&pending, signal_) == 1;
  }
  // Another one of this signal has read it: it came for this one, too.
  void tell() noexcept { is_told_ = true; }
  // What came of a look. told: another one had read it.
  enum class Taken : std::uint8_t { nothing, told, read };
  [[nodiscard]] Taken take() noexcept {
    if (std::exchange(is_told_, false)) return Taken::told;
    const NoCancellation whole;
    signalfd_siginfo info{};
    return ::read(fd_.get(), &info, sizeof info) == sizeof info ? Taken::read : Taken::nothing;
  }

 private:
  FileDescriptor fd_;
  int signal_;
  sigset_t alone_;
  bool is_told_ = false;
};

}  // namespace

struct Loop::State {
  struct Member {
    std::shared_ptr<Handler> handler;  // kept while it runs: it may remove itself
    std::unique_ptr<BlockedSignal> signal = {};
    bool keeps_running = true;
  };

  State(WaitSet made, Timeout longest)
      : set(std::move(made)), slice(std::max<Timeout>(longest, std::chrono::milliseconds(1))) {}

  [[nodiscard]] bool is_idle() const noexcept {
    return std::none_of(members.begin(), members.end(),
                        [](const auto& each) { return each.second.keeps_running; });
  }
  [[nodiscard]] bool take_stop() noexcept {
    return HardwareAtomics::exchange(stopped, 0U, std::memory_order_acquire, kStop) != 0;  // E
  }
  void remove(Id id) noexcept {
    set.remove(id);
    members.erase(id);
  }
  // False: it was removed by another handler of this turn.
  bool call(const Event& event) {
    const auto found = members.find(event.id);
    if (found == members.end()) return false;
    const std::shared_ptr<Handler> handler = found->second.handler;
    const RemovedIfOver whether_it_throws_or_not{*this, event};
    (*handler)(event);
    return true;
  }
  struct RemovedIfOver {
    State& own;
    const Event& event;

    // A time that came once is in the set no more.
    ~RemovedIfOver() {
      if (event.what != WaitSet::What::ready || !own.set.contains(event.id)) own.remove(event.id);
    }
  };

  [[nodiscard]] bool has_signals() const noexcept {
    return std::any_of(members.begin(), members.end(),
                       [](const auto& each) { return each.second.signal != nullptr; });
  }
  // Signals that have come and were not told: only the thread that one was sent to finds its
  // descriptor readable, and the one that polls for a set with words is another.
  void add_missed_signals() {
    sigset_t pending;
    if (::sigpending(&pending) != 0) return;
    for (const auto& [id, member] : members) {
      if (!member.signal || !member.signal->has_come(pending)) continue;
      if (std::any_of(due.begin(), due.end(), [own = id](auto& each) { return each.id == own; })) {
        continue;
      }
      due.push_back({.id = id, .what = WaitSet::What::ready, .events = POLLIN});
    }
  }
  // Takes a signal for the member of `taker`. It comes once, and is for each member that has it:
  // the others are told in this turn, too. False: it has not come.
  [[nodiscard]] bool take_signal(BlockedSignal& taker) {
    const BlockedSignal::Taken taken = taker.take();
    if (taken != BlockedSignal::Taken::read) return taken == BlockedSignal::Taken::told;
    for (const auto& [id, member] : members) {
      if (member.signal && member.signal.get() != &taker &&
          member.signal->number() == taker.number()) {
        member.signal->tell();
      }
    }
    add_missed_signals();
    return true;
  }
  // What is due: false, if the time is up or the loop stopped.
  [[nodiscard]] Result<bool> wait(Timeout timeout) {
    // What a handler that threw has left: what is still so is told again, but a time comes once.
    std::erase_if(due, [&](const Event& event) {
      return set.contains(event.id) || !members.contains(event.id);
    });
    const bool slices = has_signals();
    const SteadyTime end = end_of(timeout);
    for (Timeout left = timeout;; left = left_until(end)) {
      if (slices) add_missed_signals();
      const Timeout longest = !due.empty() ? Timeout::zero()
                              : slices     ? std::min(left, slice)
                                           : left;
      const Result<std::span<const Event>> ready = set.wait(longest);
      if (!ready && ready.error().code == ErrorCode::cancelled) return false;
      if (!ready) return tl::unexpected(ready.error());
      for (const Event& event : *ready) {
        std::erase_if(due, [&](const Event& each) { return each.id == event.id; });
        due.push_back(event);
      }
      if (slices) add_missed_signals();
      if (!due.empty()) return true;
      if (left <= longest) return false;
    }
  }

  WaitSet set;
  Timeout slice;
  std::map<Id, Member> members;
  std::deque<Event> due;  // told, and not called yet
  std::uint32_t stopped = 0;
};

Loop::Loop(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Loop::Loop(Loop&&) noexcept = default;
Loop& Loop::operator=(Loop&&) noexcept = default;
Loop::~Loop() = default;

Result<Loop> Loop::create(const WaitSetOptions& options) {
  Result<WaitSet> set = WaitSet::create(options);
  if (!set) return tl::unexpected(std::move(set.error()));
  return Loop(std::make_unique<State>(std::move(*set), options.wait.longest_sleep));
}

Result<Loop::Id> Loop::put(const std::function<Result<Id>(WaitSet&)>& add, Handler handler) {
  if (!state_) return fail(ErrorCode::invalid_argument, "this Loop was moved from");
  Result<Id> added = add(state_->set);
  if (added) {
    state_->members.emplace(
        *added, State::Member{.handler = std::make_shared<Handler>(std::move(handler))});
  }
  return added;
}

Result<Loop::Id> Loop::on_signal_do(int signal, Handler handler, bool keeps_running) {
  Result<std::unique_ptr<BlockedSignal>> blocked = BlockedSignal::block(signal);
  if (!blocked) return tl::unexpected(std::move(blocked.error()));
  BlockedSignal* const coming = blocked->get();
  State* const state = state_.get();
  const auto take = [state, coming, handler = std::move(handler)](const Event& event) {
    if (state->take_signal(*coming)) handler(event);
  };
  Result<Id> added = on(coming->fd(), take);
  if (!added) return added;
  State::Member& member = state_->members.at(*added);
  member.signal = std::move(*blocked);
  member.keeps_running = keeps_running;
  return added;
}

Result<Loop::Id> Loop::on_signal(int signal) {
  State* const state = state_.get();
  const auto stop = [state](const Event&) {
    HardwareAtomics::store(state->stopped, 1U, std::memory_order_release, kStop);  // E
  };
  return on_signal_do(signal, stop, false);
}

void Loop::remove(Id id) noexcept {
  if (state_) state_->remove(id);
}

Result<std::size_t> Loop::turn(Timeout timeout) {
  if (!state_) return fail(ErrorCode::invalid_argument, "this Loop was moved from");
  State& state = *state_;
  const Result<bool> ready = state.wait(timeout);
  if (!ready) return tl::unexpected(ready.error());
  std::size_t called = 0;
  while (*ready && !state.due.empty()) {
    const Event event = state.due.front();
    state.due.pop_front();
    called += state.call(event) ? 1 : 0;
  }
  return called;
}

Result<void> Loop::run() {
  if (!state_) return fail(ErrorCode::invalid_argument, "this Loop was moved from");
  while (!state_->take_stop() && !state_->is_idle()) {
    const Result<std::size_t> turned = turn();
    if (!turned) return tl::unexpected(turned.error());
  }
  return {};
}

#ifdef __cpp_lib_jthread
Result<void> Loop::run(const std::stop_token& stop) {
  const std::stop_callback stopping(stop, [this]() noexcept { this->stop(); });
  return run();
}
#endif

void Loop::stop() noexcept {
  if (!state_) return;
  HardwareAtomics::store(state_->stopped, 1U, std::memory_order_release, kStop);  // E
  state_->set.interrupt();
}

}  // namespace ringbell
