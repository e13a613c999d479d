// What every end is in Python, whatever it does: it belongs to the process that opened it, one call
// of it is under way at a time, and at most one message, or room for one, is in hand.
//
// Invariants
//   I1  No call reaches the end in C++ after close(), in a child of fork(), or while another call
//       of the same end waits: check() comes first in each.
//   I2  The mapping lives as long as an object that can lead to its bytes: what is in hand keeps
//       the end alive, each buffer keeps what is in hand alive, and close() refuses while there are
//       buffers.
//   I3  Bytes in hand are given back only when nothing looks at them any more (in_hand.hpp).
//   I4  The GIL is not held while a call waits or copies long messages; `in_use_` is set then.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <pybind11/pybind11.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/timeout.hpp>
#include <ringbell/transport/ends/record_time.hpp>

#include "python/src/errors.hpp"

namespace ringbell::python {

namespace py = pybind11;

class InHand;

// How often a call that waits looks for signals (Ctrl-C).
inline constexpr Timeout kSlice = std::chrono::milliseconds(50);
// Longer copies are made without the GIL.
inline constexpr std::size_t kLongBytes = std::size_t{32} * 1024;

// Seconds, or None: for ever. Less than 0 is 0. Raises: InvalidArgumentError, if it is no number.
[[nodiscard]] Timeout timeout_of(const py::object& seconds);

// How many forks lie between the process that loaded this module and this one, once they are
// counted. Errors: system.
[[nodiscard]] Result<void> count_forks();
[[nodiscard]] std::uint64_t forks() noexcept;

// Without the GIL while it lives. A daemon thread ends in its destructor, by unwinding, if the
// interpreter has ended meanwhile.
class NoGil {
 public:
  NoGil() noexcept : state_(PyEval_SaveThread()) {}
  NoGil(const NoGil&) = delete;
  NoGil& operator=(const NoGil&) = delete;
  ~NoGil() noexcept(false) { PyEval_RestoreThread(state_); }

 private:
  PyThreadState* state_;
};

class Handle {
 public:
  Handle() noexcept : born_(forks()) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  virtual ~Handle() = default;

  // Raises: ForkError, InUseError, EndClosedError.
  void check() {
    if (born_ != forks() || in_use_ || closed_ || close_asked_) [[unlikely]]
      refuse();
  }
  // The same, and InvalidArgumentError if a message or room is in hand.
  void check_empty_handed() {
    check();
    if (in_hand_ != nullptr) [[unlikely]]
      refuse_in_hand();
  }
  [[nodiscard]] bool is_own() const noexcept { return born_ == forks(); }
  [[nodiscard]] bool is_closed() const noexcept { return closed_ || close_asked_ || !is_own(); }
  [[nodiscard]] bool in_use() const noexcept { return in_use_; }
  // Of close() while it was in use: closes it now. Raises: ViewsError.
  void close_if_asked() {
    if (!in_use_) finish_close();
  }
  // For what belongs to an end and may be asked when the end is closed, or a parent's. Raises:
  // InUseError.
  void check_not_in_use() {
    if (is_own() && in_use_) [[unlikely]]
      refuse();
  }
  // A WaitSet that this end stands in: `leave` takes it out, before it is closed. nullptr: it is in
  // none any more.
  void set_leave_set(std::function<void()> leave) noexcept { leave_set_ = std::move(leave); }
  [[nodiscard]] bool is_in_set() const noexcept { return leave_set_ != nullptr; }
  // What belongs to the end, as a Ticket, goes now, or as soon as no call of the end is under way.
  void drop_when_unused(std::shared_ptr<void> what) {
    if (is_own() && in_use_) dropped_.push_back(std::move(what));
  }

  // Room in hand is given up; a message in hand is not given back. A call that waits in another
  // thread ends and closes the end. Nothing happens if it is closed. Raises: ViewsError.
  void close();

  // While it lives no call of these ends may begin. REQUIRES: check() of each.
  class InUse {
   public:
    explicit InUse(std::vector<Handle*> handles) : handles_(std::move(handles)) {
      for (Handle* const handle : handles_) handle->in_use_ = true;
    }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;
    ~InUse() {
      for (Handle* const handle : handles_) handle->is_unused_again();
    }

   private:
    std::vector<Handle*> handles_;
  };

  // Without the GIL while it lives; no other call of the end may begin.
  class Released {
   public:
    explicit Released(Handle& handle) noexcept : in_use_(handle) {}

   private:
    struct OneInUse {
      explicit OneInUse(Handle& end) noexcept : handle(end) { handle.in_use_ = true; }
      OneInUse(const OneInUse&) = delete;
      OneInUse& operator=(const OneInUse&) = delete;
      ~OneInUse() { handle.is_unused_again(); }
      Handle& handle;
    };

    OneInUse in_use_;
    NoGil no_gil_;  // ends first
  };

  // Calls attempt(how long it may wait), which returns a Result of something that is empty or false
  // if the time is up, until it is not, or `timeout` is over. A `long_one` copies much.
  template <class Attempt>
  [[nodiscard]] auto wait(Timeout timeout, Attempt&& attempt, bool long_one = false) {
    if (!long_one) {
      auto now = value_or_raise(attempt(Timeout::zero()));
      if (now || timeout <= Timeout::zero()) return now;
    }
    const SteadyTime end = end_of(timeout);
    for (Timeout left = timeout;; left = left_until(end)) {
      auto got = [&] {
        const Released released(*this);
        return attempt(std::min(left, kSlice));
      }();
      if (!got && close_asked_) refuse();
      auto value = value_or_raise(std::move(got));
      if (value || left <= kSlice) return value;
      look_up();
    }
  }

  // Ends the wait under way, or the next one. Also while the end is in use, but not once it is
  // dropped.
  virtual void interrupt() noexcept = 0;

  // What becomes of what is in hand. REQUIRES: is_own() and not is_closed().
  virtual bool commit(std::size_t /*size_bytes*/) { return false; }
  virtual void abort() {}
  virtual bool release() { return false; }
  // Of the message in hand. Nothing: its ring has none.
  [[nodiscard]] virtual std::optional<UserHeader> user_header() { return {}; }

  [[nodiscard]] InHand* in_hand() const noexcept { return in_hand_; }
  void set_in_hand(InHand* what) noexcept { in_hand_ = what; }

 protected:
  // Destroys the end.
  virtual void drop() noexcept = 0;

 private:
  [[noreturn]] void refuse();
  [[noreturn]] static void refuse_in_hand();
  void finish_close();
  void is_unused_again() noexcept;
  // Between two slices of a wait: signals, and close() by their handlers or another thread.
  void look_up();

  std::uint64_t born_;
  InHand* in_hand_ = nullptr;
  std::vector<std::shared_ptr<void>> dropped_;
  std::function<void()> leave_set_;
  bool in_use_ = false;
  bool closed_ = false;
  bool close_asked_ = false;
};

}  // namespace ringbell::python
