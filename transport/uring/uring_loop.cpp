#include <ringbell/transport/uring/uring_loop.hpp>

#include <algorithm>
#include <cassert>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/uring/uring_operation.hpp>
#include <ringbell/transport/uring/uring_stream.hpp>
#include <ringbell/transport/uring/uring_watch.hpp>

namespace ringbell {

namespace {

// A request that goes on just while it is cancelled is cancelled again after so long.
constexpr std::chrono::milliseconds kCancelAgain{20};

}  // namespace

// --- UringState ----------------------------------------------------------------------------------

UringState::UringState(Uring uring, const UringOptions& options) noexcept
    : uring_(std::move(uring)), options_(options), next_look_(Clock::now()) {
  options_.longest_sleep = std::clamp<std::chrono::nanoseconds>(
      options.longest_sleep, std::chrono::milliseconds(1), std::chrono::hours(1));
}

// What the kernel has done until it lets go still counts: bytes that were read are committed.
UringState::~UringState() {
  stopping_ = true;
  for (;;) {
    for (const auto& [ticket, operation] : operations_) {
      operation->cancel();
      wake(*operation);
    }
    give_turns();
    std::erase_if(operations_, [](const auto& entry) { return entry.second->is_deletable(); });
    if (operations_.empty()) return;
    const Result<void> waited = uring_.submit_and_wait(kCancelAgain);
    if (!waited) return;  // closing the ring cancels what is left
    take_completions();
  }
}

Result<std::size_t> UringState::turn(Timeout timeout) {
  assert(calls_ == 0);  // not from within a callback
  take_completions();
  if (Clock::now() >= next_look_) look_after_peers();
  call_what_is_due();
  give_turns();
  const bool asleep = !std::exchange(busy_, false);
  const Result<void> waited = uring_.submit_and_wait(asleep ? longest_sleep(timeout) : Timeout(0));
  if (waited && asleep) {
    take_completions();
    call_what_is_due();
    give_turns();
  }
  busy_ = false;
  const std::size_t calls = std::exchange(calls_, 0);
  if (!waited) return tl::unexpected(waited.error());
  return calls;
}

Timeout UringState::longest_sleep(Timeout timeout) const {
  const Clock::time_point now = Clock::now();
  Clock::time_point end = operations_.empty() ? kNever : next_look_;
  if (!times_.empty()) end = std::min(end, times_.begin()->first.first);
  return std::clamp<Timeout>(end - now, Timeout::zero(), std::max(timeout, Timeout::zero()));
}

void UringState::take_completions() {
  while (const std::optional<Uring::Completion> completion = uring_.next()) complete(*completion);
}

void UringState::complete(const Uring::Completion& completion) {
  const Ticket ticket = completion.tag / UringOperation::kParts;
  const auto found = operations_.find(ticket);
  if (found == operations_.end()) return;
  busy_ = true;
  UringOperation& operation = *found->second;
  if (!completion.more) operation.request_ended();
  if (!operation.is_over()) {
    operation.completed(static_cast<unsigned>(completion.tag % UringOperation::kParts),
                        completion.result, completion.more);
  } else if (completion.more) {
    operation.cancel();
  }
  drop_if_over(ticket);
}

void UringState::drop_if_over(Ticket ticket) {
  const auto found = operations_.find(ticket);
  if (found != operations_.end() && found->second->is_deletable()) operations_.erase(found);
}

void UringState::wake(UringOperation& operation) noexcept {
  awake_.splice(awake_.end(), operation.asleep_);
}

// Each that is awake, once; one that still has something to do then stands in awake_ again.
void UringState::give_turns() {
  for (std::size_t left = awake_.size(); left > 0; --left) {
    const Ticket ticket = awake_.front();
    const auto found = operations_.find(ticket);
    if (found == operations_.end()) {
      awake_.pop_front();
      continue;
    }
    UringOperation& operation = *found->second;
    operation.asleep_.splice(operation.asleep_.end(), awake_, awake_.begin());
    busy_ = true;
    if (!operation.is_over()) operation.turn();
    drop_if_over(ticket);
  }
}

void UringState::call_what_is_due() {
  if (times_.empty()) return;
  const Clock::time_point now = Clock::now();
  while (!times_.empty() && times_.begin()->first.first <= now) {
    UringLoop::OnTime on_time = std::move(times_.begin()->second);
    times_.erase(times_.begin());
    busy_ = true;
    call(on_time);
  }
}

void UringState::look_after_peers() {
  std::vector<Ticket> tickets;
  tickets.reserve(operations_.size());
  next_look_ = end_of(options_.longest_sleep);
  for (const auto& [ticket, operation] : operations_) tickets.push_back(ticket);
  for (const Ticket ticket : tickets) {  // callbacks may cancel some
    const auto found = operations_.find(ticket);
    if (found != operations_.end() && !found->second->is_over()) found->second->look_after_peer();
    drop_if_over(ticket);
  }
}

UringState::Ticket UringState::after(Timeout time, UringLoop::OnTime on_time) {
  const SteadyTime due = end_of(time);
  const Ticket ticket = ++last_ticket_;
  times_.emplace(std::pair(due, ticket), std::move(on_time));
  return ticket;
}

void UringState::cancel(Ticket ticket) noexcept {
  const auto found = operations_.find(ticket);
  if (found != operations_.end()) {
    if (!found->second->is_over()) found->second->cancel();
    wake(*found->second);
    return;
  }
  std::erase_if(times_, [&](const auto& entry) { return entry.first.second == ticket; });
}

// --- UringLoop -----------------------------------------------------------------------------------

UringLoop::UringLoop(std::unique_ptr<UringState> state) noexcept : state_(std::move(state)) {}
UringLoop::UringLoop(UringLoop&&) noexcept = default;
UringLoop& UringLoop::operator=(UringLoop&&) noexcept = default;
UringLoop::~UringLoop() = default;

Result<UringLoop> UringLoop::create(const UringOptions& options) {
  Result<Uring> uring = Uring::create(options.entries);
  if (!uring) return tl::unexpected(std::move(uring.error()));
  if (options.futex_wait && !uring->can_wait_on_futex()) {
    return fail(ErrorCode::unsupported,
                "io_uring cannot wait on a futex here: that takes Linux 6.7; create the channels "
                "with DoorbellKind::eventfd and the loop without futex_wait");
  }
  return UringLoop(std::make_unique<UringState>(std::move(*uring), options));
}

Result<UringLoop::Ticket> UringLoop::watch(Receiver& receiver, OnBell on_bell) {
  Result<BellSleep> sleep = BellSleep::on(bell_of(receiver), state_->options().futex_wait);
  if (!sleep) return tl::unexpected(std::move(sleep.error()));
  return state_->start<WatchOperation>(std::move(*sleep), std::move(on_bell));
}

Result<UringLoop::Ticket> UringLoop::watch(Sender& sender, std::uint32_t size_bytes,
                                           OnBell on_bell) {
  assert(size_bytes > 0 && size_bytes <= sender.max_record_bytes());
  Result<BellSleep> sleep =
      BellSleep::on(bell_of(sender, size_bytes), state_->options().futex_wait);
  if (!sleep) return tl::unexpected(std::move(sleep.error()));
  return state_->start<WatchOperation>(std::move(*sleep), std::move(on_bell));
}

UringLoop::Ticket UringLoop::poll(int fd, unsigned events, OnPoll on_poll) {
  return state_->start<PollOperation>(fd, events, std::move(on_poll));
}

UringLoop::Ticket UringLoop::after(Timeout time, OnTime on_time) {
  return state_->after(time, std::move(on_time));
}

Result<UringLoop::Ticket> UringLoop::read_into(Sender& sender, int fd, const StreamOptions& options,
                                               OnEnd on_end) {
  return ReadOperation::start(*state_, sender, fd, options, std::move(on_end));
}

Result<UringLoop::Ticket> UringLoop::write_from(Receiver& receiver, int fd,
                                                const StreamOptions& options, OnEnd on_end) {
  return WriteOperation::start(*state_, receiver, fd, options, std::move(on_end));
}

void UringLoop::cancel(Ticket ticket) noexcept { state_->cancel(ticket); }

Result<std::size_t> UringLoop::turn(Timeout timeout) { return state_->turn(timeout); }

Result<void> UringLoop::run() {
  while (!state_->idle() && !state_->take_stop()) {
    const Result<std::size_t> turned = state_->turn(kForever);
    if (!turned) return tl::unexpected(turned.error());
  }
  return {};
}

void UringLoop::stop() noexcept { state_->stop(); }

std::uint64_t UringLoop::missed_rings() const noexcept { return state_->missed_rings(); }

}  // namespace ringbell
