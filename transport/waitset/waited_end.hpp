// Any end as a WaitSet sees it.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <tuple>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/timeout.hpp>
#include <ringbell/transport/sleep/event_loop.hpp>

namespace ringbell {

// An end that sleeps, or one that does so for a message of a size (`Size` is a std::size_t).
template <class End, class... Size>
concept Waitable = requires(End& end, Size... size) {
  { end.arm(size...) } -> std::same_as<bool>;
  end.disarm();
  end.interrupt();
};

class WaitedEnd {
 public:
  // What a look at an end finds.
  enum class Found : std::uint8_t {
    nothing,
    unknown,  // only arm() can tell
    ready,    // a call would give something at once
    closed,   // nothing, and nothing will come: the peer has closed,
    dead,     //   or died
    failed,   //   or the ring is of no use (corrupt, evicted): a call has the Error
  };

  WaitedEnd() = default;
  WaitedEnd(const WaitedEnd&) = delete;
  WaitedEnd& operator=(const WaitedEnd&) = delete;
  virtual ~WaitedEnd() = default;

  // Announces nothing. A message of a queue may come into this end's hand by it.
  [[nodiscard]] virtual Found look() = 0;
  // Why arm() was false. Nothing: it is so for a moment, as between two rings of a name.
  [[nodiscard]] virtual Found refused() = 0;
  // What there is although an armed end was not rung, by what this side did: a message was held,
  // and is no more; the call under way was given up.
  [[nodiscard]] virtual Found look_again() = 0;
  // As the end's own.
  [[nodiscard]] virtual bool arm() = 0;
  virtual void disarm() = 0;
  // What arm() sleeps on: of a channel's end as it is, of the others from this call on.
  [[nodiscard]] virtual SleepingPlace place() = 0;
  [[nodiscard]] virtual Result<int> waitable_fd() = 0;
  // PeerState::alive, if it waits for none in particular. A system call.
  [[nodiscard]] virtual PeerState peer() = 0;
  virtual void slice_is_over(std::chrono::nanoseconds slice) = 0;
};

template <class End, class... Size>
requires Waitable<End, Size...>
class WaitedEndOf final : public WaitedEnd {
 public:
  explicit WaitedEndOf(End& end, Size... size) : end_(end), size_(size...) {}

  [[nodiscard]] Found look() override {
    if constexpr (kTellsErrors) {
      return found(look_by_call());
    } else {
      const Found again = look_again();
      return again == Found::nothing ? Found::unknown : again;
    }
  }
  [[nodiscard]] Found refused() override {
    if (kTellsErrors) return look();
    if (const Found again = look_again(); again != Found::nothing) return again;
    if (peer() == PeerState::closed) return Found::closed;
    return kCalls ? Found::nothing : Found::ready;
  }
  [[nodiscard]] Found look_again() override {
    if constexpr (requires { end_.unhold(); }) {
      return end_.peek() ? Found::ready : Found::nothing;
    } else if constexpr (kCalls) {
      return found(end_.is_ready());
    } else {
      return Found::nothing;
    }
  }
  [[nodiscard]] bool arm() override {
    return std::apply([&](Size... size) { return end_.arm(size...); }, size_);
  }
  void disarm() override { end_.disarm(); }
  [[nodiscard]] SleepingPlace place() override {
    if constexpr (requires { end_.sleeping_word(); }) {
      return end_.sleeping_word();
    } else {
      return end_.sleeping_place();
    }
  }
  [[nodiscard]] Result<int> waitable_fd() override { return end_.waitable_fd(); }
  [[nodiscard]] PeerState peer() override {
    if constexpr (requires { end_.peer(); }) {
      return end_.peer();
    } else {
      return PeerState::alive;
    }
  }
  void slice_is_over(std::chrono::nanoseconds slice) override {
    if constexpr (requires { end_.slice_is_over(slice); }) end_.slice_is_over(slice);
  }

 private:
  static constexpr Timeout kNow = Timeout::zero();
  static constexpr bool kPeeks = requires(End & end) { end.peek_for(kNow); };
  static constexpr bool kServes = requires(End & end) { end.request_for(kNow); };
  static constexpr bool kObserves = requires(End & end) { end.wait_any_changed(kNow); };
  static constexpr bool kSubscribes = requires(End & end) { end.has_message_for(kNow); };
  static constexpr bool kCalls = requires(End & end) { end.is_ready(); };
  static constexpr bool kTellsErrors = kPeeks || kServes || kObserves || kSubscribes;

  [[nodiscard]] auto look_by_call() requires(kTellsErrors) {
    if constexpr (kSubscribes) {
      return end_.has_message_for(kNow);
    } else if constexpr (kPeeks) {
      return end_.peek_for(kNow);
    } else if constexpr (kServes) {
      return end_.request_for(kNow);
    } else {
      return end_.wait_any_changed(kNow);
    }
  }
  // A bool that is false says the same as an optional without a value.
  template <class T>
  [[nodiscard]] static Found found(const Result<T>& result) noexcept {
    if (result) return *result ? Found::ready : Found::nothing;
    switch (result.error().code) {
      case ErrorCode::closed:
        return Found::closed;
      case ErrorCode::peer_dead:
        return Found::dead;
      default:
        return Found::failed;
    }
  }

  End& end_;
  std::tuple<Size...> size_;
};

}  // namespace ringbell
