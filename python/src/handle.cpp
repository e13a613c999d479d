#include "python/src/handle.hpp"

#include <cerrno>
#include <cmath>

#include <pthread.h>

#include "python/src/in_hand.hpp"

namespace ringbell::python {
namespace {

std::uint64_t fork_count = 0;

}  // namespace

Result<void> count_forks() {
  errno = ::pthread_atfork(nullptr, nullptr, [] { ++fork_count; });
  if (errno != 0) return fail_errno("pthread_atfork() failed");
  return {};
}

std::uint64_t forks() noexcept { return fork_count; }

Timeout timeout_of(const py::object& seconds) {
  if (seconds.is_none()) return kForever;
  const double value = PyFloat_AsDouble(seconds.ptr());
  if (value == -1.0 && PyErr_Occurred() != nullptr) throw py::error_already_set();
  if (std::isnan(value)) raise("invalid_argument", "a timeout is a number of seconds or None");
  if (value <= 0) return Timeout::zero();
  constexpr double kNanoseconds = 1e9;
  if (value >= static_cast<double>(kForever.count()) / kNanoseconds) return kForever;
  return Timeout(static_cast<Timeout::rep>(std::ceil(value * kNanoseconds)));
}

void Handle::refuse() {
  if (!is_own()) {
    raise(misuse::kForked,
          "this end belongs to the process that opened it; a child of fork() opens its own");
  }
  if (in_use_) {
    raise(misuse::kInUse, "another call of this end is under way, in another thread or below this");
  }
  finish_close();
  raise(misuse::kEndClosed, "this end is closed");
}

void Handle::refuse_in_hand() {
  raise("invalid_argument", "a message or room is in hand: give it back first");
}

void Handle::close() {
  if (is_closed()) return;
  close_asked_ = true;
  if (in_use_) {
    interrupt();
  } else {
    finish_close();
  }
}

// What close() was asked for while a call was under way, or just now.
void Handle::finish_close() {
  if (!std::exchange(close_asked_, false)) return;
  if (in_hand_ != nullptr) in_hand_->put_down();
  closed_ = true;
  if (leave_set_) std::exchange(leave_set_, nullptr)();
  drop();
}

void Handle::is_unused_again() noexcept {
  in_use_ = false;
  dropped_.clear();
}

void Handle::look_up() {
  in_use_ = true;  // a signal's handler may call this very end
  const int interrupted = PyErr_CheckSignals();
  is_unused_again();
  finish_close();
  if (interrupted != 0) throw py::error_already_set();
  if (closed_) raise(misuse::kEndClosed, "this end was closed while this call waited");
}

}  // namespace ringbell::python
