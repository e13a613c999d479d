// An event loop in one thread: what is to be done when an end, a descriptor or a time is ready, or
// a signal comes. It is a WaitSet (wait_set.hpp, whose rules hold) with a handler for each member.
//
//   Loop loop = Loop::create().value();
//   loop.on(orders, [&] { orders.receive(buffer, 0ns) ... }).value();
//   loop.on(server, [&] { server.serve(answer, 1, 0ns) ... }).value();
//   loop.on(fd, [&](const Loop::Event& event) { ... event.events ... }).value();
//   loop.on_signal(SIGINT).value();
//   loop.run().value();
//
// A handler is called again and again while its member is ready: it takes something, or removes the
// member. If nothing is left to take and nothing will come (WaitSet::What: closed, dead, failed),
// it is called once more, and removed.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <version>

#include <poll.h>

#ifdef __cpp_lib_jthread
#include <stop_token>
#endif

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/waitset/wait_set.hpp>

namespace ringbell {

class RINGBELL_API Loop {
 public:
  using Id = WaitSet::Id;
  using Event = WaitSet::Event;
  using Handler = std::function<void(const Event&)>;

  // Errors: as WaitSet::create().
  [[nodiscard]] static Result<Loop> create(const WaitSetOptions& options = {});

  Loop(Loop&&) noexcept;
  Loop& operator=(Loop&&) noexcept;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  // Calls no handler, and gives the signals back to this thread.
  ~Loop();

  // Each calls `handler` when it is ready. A handler takes the Event, or nothing. It may add and
  // remove anything, its own member too, and call stop(); not turn() and run(). Errors: as
  // WaitSet::add().
  template <class End, class F>
  requires std::is_class_v<End>
  [[nodiscard]] Result<Id> on(End& end, F handler) {
    return put([&](WaitSet& set) { return set.add(end); }, wrap(std::move(handler)));
  }
  // A Sender or Contributor: while there is room for a record of this size.
  template <class End, class F>
  requires std::is_class_v<End>
  [[nodiscard]] Result<Id> on(End& end, std::size_t size_bytes, F handler) {
    return put([&](WaitSet& set) { return set.add(end, size_bytes); }, wrap(std::move(handler)));
  }
  // A descriptor: while it is readable, or has one of `events` (POLLIN and the like).
  template <class F>
  [[nodiscard]] Result<Id> on(int fd, F handler) {
    return on(fd, POLLIN, std::move(handler));
  }
  template <class F>
  [[nodiscard]] Result<Id> on(int fd, unsigned events, F handler) {
    return put([&](WaitSet& set) { return set.add(fd, events); }, wrap(std::move(handler)));
  }
  // Once, when the time is over; or after each.
  template <class F>
  [[nodiscard]] Result<Id> after(Timeout time, F handler) {
    return put([&](WaitSet& set) { return set.add_timer(time); }, wrap(std::move(handler)));
  }
  template <class F>
  [[nodiscard]] Result<Id> every(Timeout interval, F handler) {
    return put([&](WaitSet& set) { return set.add_timer(interval, interval); },
               wrap(std::move(handler)));
  }
  // Each time the signal has come, in this thread and outside of any signal handler; if it has
  // several handlers here, each is called. It is blocked in this thread until removed: call this
  // before other threads are started, so that they have it blocked, too. One that is sent to this
  // very thread (raise(), pthread_kill()) comes at once, unless an end of the loop is slept on by a
  // futex: then with the next event, or after WaitOptions::longest_sleep. Errors: invalid_argument,
  // if it cannot be blocked; system.
  template <class F>
  [[nodiscard]] Result<Id> on_signal(int signal, F handler) {
    return on_signal_do(signal, wrap(std::move(handler)), true);
  }
  // The same, to stop the loop. It alone does not keep run() going.
  [[nodiscard]] Result<Id> on_signal(int signal);

  // Its handler is called no more. An id that is none: nothing happens.
  void remove(Id id) noexcept;

  // Waits up to `timeout` until something is ready, calls its handlers, and returns how many. 0:
  // time is up, or stop(). Errors: as WaitSet::wait(), but not cancelled.
  [[nodiscard]] Result<std::size_t> turn(Timeout timeout = kForever);
  // Turns until stop(), or until there is nothing left to wait for.
  [[nodiscard]] Result<void> run();
#ifdef __cpp_lib_jthread  // libc++ has none before 20
  // The same, until a stop is requested.
  [[nodiscard]] Result<void> run(const std::stop_token& stop);
#endif
  // Ends run(), the next one if none is under way. From a handler, another thread, or a signal
  // handler: async-signal-safe.
  void stop() noexcept;

 private:
  struct State;
  explicit Loop(std::unique_ptr<State> state) noexcept;

  template <class F>
  [[nodiscard]] static Handler wrap(F handler) {
    if constexpr (std::invocable<F&, const Event&>) {
      return handler;
    } else {
      return [handler = std::move(handler)](const Event&) mutable { handler(); };
    }
  }
  [[nodiscard]] Result<Id> put(const std::function<Result<Id>(WaitSet&)>& add, Handler handler);
  [[nodiscard]] Result<Id> on_signal_do(int signal, Handler handler, bool keeps_running);

  std::unique_ptr<State> state_;
};

}  // namespace ringbell
