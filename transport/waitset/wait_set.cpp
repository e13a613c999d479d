#include <ringbell/transport/waitset/wait_set.hpp>

#include <utility>

#include <ringbell/transport/waitset/wait_set_state.hpp>

namespace ringbell {
namespace {

// Errors: invalid_argument, if the set was moved from or is the copy of a child of fork().
Result<void> check(const WaitSetState* state) {
  if (state == nullptr) return fail(ErrorCode::invalid_argument, "this WaitSet was moved from");
  if (state->is_of_this_process()) return {};
  return fail(ErrorCode::invalid_argument,
              "this WaitSet is the parent's: a child of fork() makes its own");
}

}  // namespace

WaitSet::WaitSet(std::unique_ptr<WaitSetState> state) noexcept : state_(std::move(state)) {}
WaitSet::WaitSet(WaitSet&&) noexcept = default;
WaitSet& WaitSet::operator=(WaitSet&&) noexcept = default;
WaitSet::~WaitSet() = default;

Result<WaitSet> WaitSet::create(const WaitSetOptions& options) {
  Result<std::unique_ptr<WaitSetState>> state = WaitSetState::create(options);
  if (!state) return tl::unexpected(std::move(state.error()));
  return WaitSet(std::move(*state));
}

Result<WaitSet::Id> WaitSet::add(std::unique_ptr<WaitedEnd> end) {
  if (Result<void> usable = check(state_.get()); !usable) {
    return tl::unexpected(std::move(usable.error()));
  }
  return state_->add(std::move(end));
}

Result<WaitSet::Id> WaitSet::add(int fd, unsigned events) {
  if (Result<void> usable = check(state_.get()); !usable) {
    return tl::unexpected(std::move(usable.error()));
  }
  return state_->add(fd, events);
}

Result<WaitSet::Id> WaitSet::add_timer(Timeout first, Timeout interval) {
  if (Result<void> usable = check(state_.get()); !usable) {
    return tl::unexpected(std::move(usable.error()));
  }
  return state_->add_timer(first, interval);
}

void WaitSet::remove(Id id) noexcept {
  if (state_ && state_->is_of_this_process()) state_->remove(id);
}

bool WaitSet::contains(Id id) const noexcept { return state_ && state_->contains(id); }

std::size_t WaitSet::size() const noexcept { return state_ ? state_->size() : 0; }

Result<std::span<const WaitSet::Event>> WaitSet::wait(Timeout timeout) {
  if (Result<void> usable = check(state_.get()); !usable) {
    return tl::unexpected(std::move(usable.error()));
  }
  return state_->wait(timeout);
}

void WaitSet::interrupt() noexcept {
  if (state_) state_->interrupt();
}

Stats WaitSet::stats() const noexcept { return state_ ? state_->stats() : Stats{}; }

}  // namespace ringbell
