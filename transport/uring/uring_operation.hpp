// The inside of UringLoop: what it runs (operations), and what operations ask of it.
//
// An operation sleeps until the kernel completes one of its requests or another operation wakes it;
// it then gets one turn(). It is deleted when it is over and none of its requests is under way any
// more.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/uring/uring.hpp>
#include <ringbell/transport/uring/uring_loop.hpp>

namespace ringbell {

class UringOperation;

class UringState {
 public:
  using Ticket = UringLoop::Ticket;
  using Clock = std::chrono::steady_clock;

  UringState(Uring uring, const UringOptions& options) noexcept;
  UringState(const UringState&) = delete;
  UringState& operator=(const UringState&) = delete;
  ~UringState();

  [[nodiscard]] Uring& uring() noexcept { return uring_; }
  [[nodiscard]] const UringOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::uint64_t missed_rings() const noexcept { return missed_rings_; }
  [[nodiscard]] bool idle() const noexcept { return operations_.empty() && times_.empty(); }

  // Takes an operation in and wakes it; without memory there is none.
  template <class Kind, class... Arguments>
  Ticket start(Arguments&&... arguments) {
    const Ticket ticket = ++last_ticket_;
    auto operation = std::make_unique<Kind>(*this, ticket, std::forward<Arguments>(arguments)...);
    wake(*operations_.emplace(ticket, std::move(operation)).first->second);
    return ticket;
  }
  // It gets its turn before the loop sleeps. Needs no memory.
  void wake(UringOperation& operation) noexcept;
  Ticket after(Timeout time, UringLoop::OnTime on_time);
  void cancel(Ticket ticket) noexcept;

  // Every callback goes through here.
  template <class Callback, class... Arguments>
  void call(Callback& callback, Arguments&&... arguments) {
    if (stopping_) return;
    ++calls_;
    callback(std::forward<Arguments>(arguments)...);
  }
  [[nodiscard]] bool is_stopping() const noexcept { return stopping_; }
  void stop() noexcept { stopped_ = true; }
  [[nodiscard]] bool take_stop() noexcept { return std::exchange(stopped_, false); }
  void missed_a_ring() noexcept { ++missed_rings_; }

  [[nodiscard]] Result<std::size_t> turn(Timeout timeout);

 private:
  void take_completions();
  void complete(const Uring::Completion& completion);
  void call_what_is_due();
  void give_turns();
  void look_after_peers();
  void drop_if_over(Ticket ticket);
  [[nodiscard]] Timeout longest_sleep(Timeout timeout) const;

  Uring uring_;
  UringOptions options_;
  Ticket last_ticket_ = 0;
  std::unordered_map<Ticket, std::unique_ptr<UringOperation>> operations_;
  std::list<Ticket> awake_;
  std::map<std::pair<Clock::time_point, Ticket>, UringLoop::OnTime> times_;
  Clock::time_point next_look_;  // after peers
  std::size_t calls_ = 0;        // in this turn
  bool busy_ = false;            // this turn had something to do
  std::uint64_t missed_rings_ = 0;
  bool stopped_ = false;   // by stop()
  bool stopping_ = false;  // the loop is being destroyed
};

class UringOperation {
 public:
  using Ticket = UringLoop::Ticket;

  // Its requests are told apart by numbers below this.
  static constexpr unsigned kParts = 64;

  UringOperation(UringState& loop, Ticket ticket) : loop_(loop), ticket_(ticket) {}
  UringOperation(const UringOperation&) = delete;
  UringOperation& operator=(const UringOperation&) = delete;
  virtual ~UringOperation() = default;

  // Does all that can be done now.
  virtual void turn() = 0;
  // The kernel has news of a request.
  virtual void completed(unsigned part, std::int32_t result, bool more) = 0;
  // Called now and then: a bell does not ring for a peer's death.
  virtual void look_after_peer() {}
  // Starts to end it. May be called again: a request that just went on is not met by a cancel.
  virtual void cancel() = 0;

  // It calls back no more, and touches neither endpoint nor memory.
  [[nodiscard]] bool is_over() const noexcept { return over_; }
  [[nodiscard]] bool is_deletable() const noexcept { return over_ && under_way_ == 0; }
  void request_ended() noexcept { --under_way_; }

 protected:
  // Names a request that is about to be asked for.
  [[nodiscard]] std::uint64_t begin(unsigned part) noexcept {
    ++under_way_;
    return tag_of(part);
  }
  void cancel_request(unsigned part) { loop_.uring().cancel(tag_of(part)); }
  void ask_for_bell(const SleepingPlace& place, unsigned part);
  void wake() noexcept { loop_.wake(*this); }
  void over() noexcept { over_ = true; }
  [[nodiscard]] UringState& loop() noexcept { return loop_; }

 private:
  friend class UringState;
  [[nodiscard]] std::uint64_t tag_of(unsigned part) const noexcept {
    return ticket_ * kParts + part;
  }

  UringState& loop_;
  Ticket ticket_;
  std::list<Ticket> asleep_{ticket_};  // or in the loop's list of those that are awake
  unsigned under_way_ = 0;
  bool over_ = false;
};

}  // namespace ringbell
