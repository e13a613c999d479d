// The calling side of a CallLine. Invariants and edges: call_line.hpp.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/call_fate.hpp>
#include <ringbell/core/call_line.hpp>
#include <ringbell/core/call_memory.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// The calling side. Not thread-safe; move-only; the memory must outlive it. Once corrupt(), no call
// ends any more.
template <AtomicsPolicy Atomics>
class CallLine<Atomics>::Caller : public Witness {
 public:
  // Takes the line over from a caller that is gone. What that one had called for is served, and the
  // answer dropped.
  explicit Caller(const CallMemory& memory) noexcept : memory_(memory) {
    assert(memory.buffer_bytes <= CallState::kMaxSizeBytes);
    const CallState state(Atomics::load(memory_.cell->state, std::memory_order_acquire, kServed));
    generation_ = state.generation();
    abandoned_ = state.is_under_way();
    (void)(leave(CallState::kServing, CallState::kCancelled) || hand_back(CallState::kCancelled));
  }

  Caller(Caller&&) noexcept = default;
  Caller& operator=(Caller&&) noexcept = default;
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  ~Caller() = default;

  // Room for a request, uninitialised; the response before it is gone. A span without data: not
  // now, the server has not yet answered a call that was abandoned. REQUIRES: no call is under way;
  // size_bytes <= max_message_bytes().
  [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes) noexcept {
    assert(!waiting_ && !has_more() && size_bytes <= memory_.max_message_bytes());
    if (abandoned_ && !has_room()) [[unlikely]]
      return {};
    request_bytes_ = size_bytes;
    return {place(memory_, memory_.request_buffer, size_bytes), size_bytes};
  }

  // Hands the request over. REQUIRES: a request was claimed.
  void call() noexcept {
    assert(request_bytes_ != kNoMessage);
    const CallState request(CallState::kRequest, ++generation_, request_bytes_);
    Atomics::store(memory_.cell->state, request.word(), std::memory_order_release, kCall);
    request_bytes_ = kNoMessage;
    waiting_ = true;
  }

  // Whether the call has come to its end, or to a part: response() has what it gave, or failed() or
  // over() is true. REQUIRES: call() or a true answered() before.
  [[nodiscard]] bool answered() noexcept {
    if (waiting_ && look()) waiting_ = false;
    return !waiting_;
  }

  // Whether claim() would find room: no call is under way, and none that was abandoned.
  [[nodiscard]] bool has_room() noexcept {
    if (waiting_ || has_more()) return false;
    if (abandoned_ && look()) {
      abandoned_ = ended_ == CallState::kPart;  // a call of the caller before, begun after it went
      if (abandoned_) ended_ = CallState::kIdle;
      if (abandoned_) (void)hand_back(CallState::kCancelled);
    }
    return !abandoned_;
  }
  // Whether a call is under way: not yet seen to be answered.
  [[nodiscard]] bool waiting() const noexcept { return waiting_; }

  // In place, until the next claim() or next(). A span without data if there is none.
  [[nodiscard]] std::span<const std::byte> response() const noexcept {
    if (ended_ != CallState::kResponse && ended_ != CallState::kPart) return {};
    return {place(memory_, memory_.response_buffer, response_bytes_), response_bytes_};
  }

  // The response is a part, and the call goes on with next(), or is given up with abandon().
  [[nodiscard]] bool has_more() const noexcept { return !waiting_ && ended_ == CallState::kPart; }
  // Gives the response back; answered() waits for the next part. True: the server has the line
  // again, tell it. False: the call has come to its end, over() or failed(), or the line is
  // corrupt(). REQUIRES: answered().
  bool next() noexcept {
    assert(!waiting_);
    if (ended_ == CallState::kResponse) ended_ = CallState::kIdle;
    if (ended_ != CallState::kPart) return false;
    waiting_ = hand_back(CallState::kServing);
    if (waiting_) return true;
    const CallState state(Atomics::load(memory_.cell->state, std::memory_order_acquire, kServed));
    if (state.is_under_way() || state.phase() == CallState::kIdle) {
      saw(kStateField, state.word());  // I6: no server leaves a part for that
    }
    waiting_ = !accept(state);
    if (ended_ == CallState::kResponse) ended_ = CallState::kIdle;  // it was the last one
    return false;
  }

  // The call has ended, without a message or with one that was given back.
  [[nodiscard]] bool over() const noexcept { return ended_ == CallState::kIdle; }
  // The server died with the call begun, or dropped it. What it had done of it is not known.
  [[nodiscard]] bool failed() const noexcept {
    return ended_ == CallState::kFailed || ended_ == CallState::kDropped;
  }
  // Which of the two.
  [[nodiscard]] bool dropped() const noexcept { return ended_ == CallState::kDropped; }

  // The number of the last call, counted by all callers that the line has had.
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }

  // Gives up waiting, and says what becomes of the call: withdrawn, the server has not begun it and
  // will not; maybe_served, it has begun; served, the answer has just come: response() has it;
  // none, no call was under way.
  CallFate abandon() noexcept {
    if (!waiting_ && !has_more()) return CallFate::none;
    waiting_ = false;
    ended_ = CallState::kIdle;
    if (leave(CallState::kRequest, CallState::kIdle)) return CallFate::withdrawn;  // I4
    abandoned_ = true;
    if (leave(CallState::kServing, CallState::kCancelled)) return CallFate::maybe_served;  // I5
    if (hand_back(CallState::kCancelled)) return CallFate::maybe_served;
    return has_room() && !failed() ? CallFate::served : CallFate::maybe_served;
  }

  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return memory_.max_message_bytes();
  }

 private:
  // Whether the line is the caller's again.
  [[nodiscard]] bool look() noexcept {
    const CallState state(Atomics::load(memory_.cell->state, std::memory_order_acquire, kServed));
    return !state.is_servers() && accept(state);
  }
  // Takes in what the server has left. False: it is not of this call, or impossible.
  bool accept(CallState state) noexcept {
    const bool answered =
        state.phase() == CallState::kResponse || state.phase() == CallState::kPart;
    if (corrupt() || state.generation() != generation_ ||
        (answered && state.size_bytes() > memory_.max_message_bytes())) {
      saw(kStateField, state.word());  // I3
      return false;
    }
    ended_ = state.phase();
    response_bytes_ = answered ? state.size_bytes() : 0;
    return true;
  }

  // From a phase of this caller's own call to another. False: it stands in another phase.
  bool leave(CallState::Phase from, CallState::Phase to,
             std::memory_order order = std::memory_order_relaxed, Edge edge = kWithdraw) noexcept {
    std::uint64_t word = Atomics::load(memory_.cell->state, std::memory_order_relaxed, kWithdraw);
    const CallState state(word);
    if (state.phase() != from || state.generation() != generation_) return false;
    return Atomics::compare_exchange(memory_.cell->state, word,
                                     CallState(to, generation_, 0).word(), order,
                                     std::memory_order_relaxed, edge);  // W, N
  }
  // The line with a part in it.
  bool hand_back(CallState::Phase to) noexcept {
    return leave(CallState::kPart, to, std::memory_order_release, kNext);  // I6
  }

  CallMemory memory_;
  std::uint32_t generation_ = 0;
  std::uint32_t request_bytes_ = kNoMessage;  // claimed
  std::uint32_t response_bytes_ = 0;
  bool waiting_ = false;
  bool abandoned_ = false;  // the server has the line; its answer will be dropped
  CallState::Phase ended_ = CallState::kResponse;  // of the last call: how
};

}  // namespace ringbell::core
