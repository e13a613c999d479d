// The serving side of a CallLine, and a request that is answered later. Invariants and edges:
// call_line.hpp.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/call_line.hpp>
#include <ringbell/core/call_memory.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// The serving side. Not thread-safe; move-only; the memory must outlive it. Once corrupt(), nothing
// is served any more.
template <AtomicsPolicy Atomics>
class CallLine<Atomics>::Server : public Witness {
 public:
  // Takes the line over from a server that is gone, and fails the call that it had begun.
  explicit Server(const CallMemory& memory) noexcept : memory_(memory) {
    assert(memory.buffer_bytes <= CallState::kMaxSizeBytes);
    std::uint64_t word = Atomics::load(memory_.cell->state, std::memory_order_relaxed, kRelaxed);
    if (CallState(word).phase() == CallState::kPart &&
        leave_part(memory_, word, CallState::kFailed)) {
      return;
    }
    const CallState state(word);
    if (!state.is_begun()) return;
    const CallState failed(CallState::kFailed, state.generation(), 0);
    Atomics::store(memory_.cell->state, failed.word(), std::memory_order_release, kServed);
  }

  Server(Server&&) noexcept = default;
  Server& operator=(Server&&) noexcept = default;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() = default;

  // Whether there is a call that has not been begun. Begins none.
  [[nodiscard]] bool is_called() const noexcept {
    const CallState state(Atomics::load(memory_.cell->state, std::memory_order_relaxed, kRelaxed));
    return state.phase() == CallState::kRequest;
  }
  // Whether there is a call that has not been answered, begun or not.
  [[nodiscard]] bool is_asked() const noexcept {
    return CallState(Atomics::load(memory_.cell->state, std::memory_order_relaxed, kRelaxed))
        .is_under_way();
  }

  // The request, in place, and from now on this server's to answer; or a span without data: not
  // now. The same request again until respond(). The bytes stay in shared memory: copy what must
  // not change after a check.
  [[nodiscard]] std::span<const std::byte> request() noexcept {
    if (request_bytes_ == kNoMessage) {
      const CallState state(Atomics::load(memory_.cell->state, std::memory_order_acquire, kCall));
      if (state.phase() != CallState::kRequest) return {};
      if (corrupt() || state.size_bytes() > memory_.max_message_bytes()) {
        saw(kStateField, state.word());  // I3
        return {};
      }
      const CallState serving(CallState::kServing, state.generation(), state.size_bytes());
      std::uint64_t word = state.word();
      if (!Atomics::compare_exchange(memory_.cell->state, word, serving.word(),
                                     std::memory_order_relaxed, std::memory_order_relaxed,
                                     kWithdraw)) [[unlikely]]  // I2, I4
        return {};
      Atomics::compiler_fence();
      generation_ = state.generation();
      request_bytes_ = state.size_bytes();
    }
    return {place(memory_, memory_.request_buffer, request_bytes_), request_bytes_};
  }

  // Room for the response, uninitialised. Where both are short it is where the request is: have
  // what is needed of that before writing. REQUIRES: a request is being served;
  // size_bytes <= max_message_bytes().
  [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes) noexcept {
    assert(request_bytes_ != kNoMessage && size_bytes <= memory_.max_message_bytes());
    response_bytes_ = size_bytes;
    return {place(memory_, memory_.response_buffer, size_bytes), size_bytes};
  }

  // Hands the response over. REQUIRES: it was claimed.
  void respond() noexcept {
    assert(response_bytes_ != kNoMessage);
    const CallState response(CallState::kResponse, generation_, response_bytes_);
    Atomics::store(memory_.cell->state, response.word(), std::memory_order_release, kServed);
    request_bytes_ = kNoMessage;
    response_bytes_ = kNoMessage;
  }

  // Whether the caller has given up the call that is being served: no process waits for its answer.
  // A hint: the call is this server's to answer all the same. REQUIRES: a request is being served.
  [[nodiscard]] bool is_cancelled() const noexcept { return CallLine::is_cancelled(memory_); }

  // Takes the request out of this handle, which is ready for the line's next one. REQUIRES: a
  // request is being served.
  [[nodiscard]] Taken take() noexcept {
    assert(request_bytes_ != kNoMessage);
    response_bytes_ = kNoMessage;
    return Taken(memory_, generation_, std::exchange(request_bytes_, kNoMessage));
  }

  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return memory_.max_message_bytes();
  }

 private:
  CallMemory memory_;
  std::uint32_t generation_ = 0;
  std::uint32_t request_bytes_ = kNoMessage;   // of the call that is being served
  std::uint32_t response_bytes_ = kNoMessage;  // claimed
};

// A request that its server answers later, on whatever thread: it shares nothing with the Server
// but the line. Not thread-safe; the memory must outlive it, and the line have no next server.
template <AtomicsPolicy Atomics>
class CallLine<Atomics>::Taken {
 public:
  // In place; the rest as in Server. REQUIRES of each: neither respond() nor drop() before.
  [[nodiscard]] std::span<const std::byte> request() const noexcept {
    return {place(memory_, memory_.request_buffer, request_bytes_), request_bytes_};
  }
  [[nodiscard]] bool is_cancelled() const noexcept { return CallLine::is_cancelled(memory_); }
  // REQUIRES: size_bytes <= max_message_bytes().
  [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes) noexcept {
    assert(size_bytes <= memory_.max_message_bytes());
    response_bytes_ = size_bytes;
    return {place(memory_, memory_.response_buffer, size_bytes), size_bytes};
  }
  // Hands the response over. REQUIRES: it was claimed.
  void respond() noexcept {
    assert(response_bytes_ != kNoMessage && !is_out_);
    end(CallState(CallState::kResponse, generation_, response_bytes_));
  }
  // Hands it over as one of several; then nothing may be claimed before look() says `here` again.
  // False: the caller has given up, and the line stays here. REQUIRES: it was claimed.
  [[nodiscard]] bool part() noexcept {
    assert(response_bytes_ != kNoMessage && !is_out_);
    const CallState part(CallState::kPart, generation_, std::exchange(response_bytes_, kNoMessage));
    std::uint64_t word = Atomics::load(memory_.cell->state, std::memory_order_relaxed, kRelaxed);
    const CallState state(word);
    is_out_ = state.phase() == CallState::kServing && state.generation() == generation_ &&
              Atomics::compare_exchange(memory_.cell->state, word, part.word(),
                                        std::memory_order_release, std::memory_order_relaxed,
                                        kServed);  // I6
    return is_out_;
  }
  // Where the line is after part(): with the caller, which has not asked for more; here again, by
  // the caller's wish or because it has given up; or spoilt, and the call is no more.
  enum class Standing : std::uint8_t { out, here, spoilt };
  [[nodiscard]] Standing look() noexcept {
    if (!is_out_) return Standing::here;
    const CallState state(Atomics::load(memory_.cell->state, std::memory_order_acquire, kNext));
    if (state.generation() != generation_) return Standing::spoilt;
    if (state.phase() == CallState::kPart) return Standing::out;
    if (!state.is_begun()) return Standing::spoilt;  // I3
    is_out_ = false;
    return Standing::here;
  }
  // Ends the call with the parts that were handed over.
  void finish() noexcept { end(CallState::kResponse, CallState::kIdle); }
  // Ends the call without an answer.
  void drop() noexcept { end(CallState::kDropped, CallState::kDropped); }

  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return memory_.max_message_bytes();
  }

 private:
  friend Server;
  Taken(const CallMemory& memory, std::uint32_t generation, std::uint32_t request_bytes) noexcept
      : memory_(memory), generation_(generation), request_bytes_(request_bytes) {}

  void end(CallState state) noexcept {
    Atomics::store(memory_.cell->state, state.word(), std::memory_order_release, kServed);
  }
  // Of a part that the caller has, and of a line that is here.
  void end(CallState::Phase from_part, CallState::Phase from_here) noexcept {
    if (is_out_) {
      std::uint64_t word = Atomics::load(memory_.cell->state, std::memory_order_relaxed, kRelaxed);
      const CallState state(word);
      if (state.phase() == CallState::kPart && state.generation() == generation_ &&
          leave_part(memory_, word, from_part)) {
        return;
      }
    }
    end(CallState(from_here, generation_, 0));
  }

  CallMemory memory_;
  std::uint32_t generation_;
  std::uint32_t request_bytes_;
  std::uint32_t response_bytes_ = kNoMessage;  // claimed
  bool is_out_ = false;                        // the caller has a part, as far as is known
};

}  // namespace ringbell::core
