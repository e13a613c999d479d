// Operations of UringLoop that wait: for a bell, and for a descriptor.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include <ringbell/transport/ends/endpoint.hpp>
#include <ringbell/transport/uring/uring_operation.hpp>

namespace ringbell {

// An endpoint and what is waited for on it, as a loop sees them.
struct UringBell {
  // Whether it is there; an Error: it will not come (closed, corrupt).
  std::function<Result<bool>()> look;
  std::function<bool()> arm;  // as Receiver::arm()
  std::function<void()> disarm;
  std::function<PeerState()> peer;
  std::function<SleepingPlace()> place;
};

[[nodiscard]] UringBell bell_of(Receiver& receiver);
[[nodiscard]] UringBell bell_of(Sender& sender, std::uint32_t size_bytes);

// Sleeping on a bell: one request, of an operation that keeps one part number for it.
class BellSleep {
 public:
  // Errors: unsupported, if the loop cannot sleep on such a bell.
  [[nodiscard]] static Result<BellSleep> on(UringBell bell, bool futex_wait);

  [[nodiscard]] const UringBell& bell() const noexcept { return bell_; }
  [[nodiscard]] bool asleep() const noexcept { return asleep_; }
  [[nodiscard]] bool requested() const noexcept { return requested_; }

  // Arms the bell. True: asleep, and the operation's completed() will tell. False: look again.
  // `ask(place)` asks for the request if none is under way.
  template <class Ask>
  [[nodiscard]] bool sleep(Ask&& ask) {
    asleep_ = bell_.arm();
    if (asleep_ && !std::exchange(requested_, true)) ask(bell_.place());
    return asleep_;
  }
  // The request has news.
  void rang(bool more) noexcept {
    asleep_ = false;
    requested_ = more;
  }
  void wake() noexcept { asleep_ = false; }
  void disarm() {
    asleep_ = false;
    bell_.disarm();
  }

 private:
  explicit BellSleep(UringBell bell) noexcept : bell_(std::move(bell)) {}

  UringBell bell_;
  bool asleep_ = false;
  bool requested_ = false;
};

class WatchOperation final : public UringOperation {
 public:
  WatchOperation(UringState& loop, Ticket ticket, BellSleep sleep, UringLoop::OnBell on_bell)
      : UringOperation(loop, ticket), sleep_(std::move(sleep)), on_bell_(std::move(on_bell)) {}

  void turn() override;
  void completed(unsigned part, std::int32_t result, bool more) override;
  void look_after_peer() override;
  void cancel() override;

 private:
  void end(const Result<void>& result);

  BellSleep sleep_;
  UringLoop::OnBell on_bell_;
};

class PollOperation final : public UringOperation {
 public:
  PollOperation(UringState& loop, Ticket ticket, int fd, unsigned events, UringLoop::OnPoll on_poll)
      : UringOperation(loop, ticket), fd_(fd), events_(events), on_poll_(std::move(on_poll)) {}

  void turn() override;
  void completed(unsigned part, std::int32_t result, bool more) override;
  void cancel() override;

 private:
  int fd_;
  unsigned events_;
  UringLoop::OnPoll on_poll_;
};

}  // namespace ringbell
