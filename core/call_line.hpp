// Request and response in one cache line, which caller and server hand to and fro.
//
//   cell, 64 of its 128 bytes                attached, if there are larger messages
//   +-------+---------------------------+   +----------------+ +-----------------+
//   | state | request, then response    |   | request buffer | | response buffer |
//   +-------+---------------------------+   +----------------+ +-----------------+
//
// The state says whose the line is; it changes by plain stores, since at each moment only one side
// may store it. A call costs what moving one line there and back costs, where two rings move two.
//
//   idle -> request(g) -> serving(g) -> response(g) -> request(g + 1) ...
//           caller        server   \    server         caller
//                                   -> failed(g)
//                                      the next server
//
// Invariants
//   I1  In idle, response and failed the line is the caller's; in request and serving the server's.
//       Only the owner stores the state, and touches line and buffers.
//   I2  A server stores serving before it stores anything else: what it began, no other begins.
//   I3  Sizes and phases are checked against the private geometry, and each state is read once.
// Edges
//   C   call: call() stores request -> request() loads it: the request is written before it is
//       read.
//   S   served: respond() stores response -> answered() loads it: the same for the response, and
//       the request is read before the next one overwrites it.
//   R   relaxed: serving, which is for the next server; that one comes after the first one's death.
// Progress: wait-free.
// Time-outs: abandon() changes nothing in shared memory. The line stays the server's until it has
// answered, and claim() finds no room until then.
// Death: a caller that dies leaves a line that its successor takes over as if it had abandoned the
// call. A server that dies before it began a call leaves it to the next one; one that dies with a
// call begun fails it, once its successor comes: at most one server begins a call.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// The memory of one line, zeroed when it is new. The buffers are for messages longer than
// kInlineCallBytes; without any, buffer_bytes is 0.
struct CallMemory {
  CallCell* cell;
  std::byte* request_buffer;
  std::byte* response_buffer;
  std::uint32_t buffer_bytes;

  [[nodiscard]] constexpr std::uint32_t max_message_bytes() const noexcept {
    return std::max<std::uint32_t>(buffer_bytes, kInlineCallBytes);
  }
};

// What a cell's state says.
//
//   63          32 31        3 2     0
//   | generation  | size      | phase |
class CallState {
 public:
  enum Phase : std::uint64_t { kIdle = 0, kRequest = 1, kServing = 2, kResponse = 3, kFailed = 4 };

  explicit constexpr CallState(std::uint64_t word) noexcept : word_(word) {}
  constexpr CallState(Phase phase, std::uint32_t generation, std::uint32_t size_bytes) noexcept
      : word_(std::uint64_t{generation} << 32U | std::uint64_t{size_bytes} << kSizeShift | phase) {}

  static constexpr std::uint32_t kMaxSizeBytes = (1U << 29U) - 1;

  [[nodiscard]] constexpr std::uint64_t word() const noexcept { return word_; }
  [[nodiscard]] constexpr Phase phase() const noexcept { return Phase{word_ & kPhaseMask}; }
  [[nodiscard]] constexpr std::uint32_t size_bytes() const noexcept {
    return static_cast<std::uint32_t>(word_) >> kSizeShift;
  }
  [[nodiscard]] constexpr std::uint32_t generation() const noexcept {
    return static_cast<std::uint32_t>(word_ >> 32U);
  }
  // I1
  [[nodiscard]] constexpr bool is_servers() const noexcept {
    return phase() == kRequest || phase() == kServing;
  }

 private:
  static constexpr unsigned kSizeShift = 3;
  static constexpr std::uint64_t kPhaseMask = 7;

  std::uint64_t word_;
};

template <AtomicsPolicy Atomics = HardwareAtomics>
class CallLine {
 public:
  class Caller;
  class Server;

 private:
  static constexpr Edge kCall{"call.C"};
  static constexpr Edge kServed{"call.S"};
  static constexpr Edge kRelaxed{"call.R"};
  static constexpr const char* kStateField = "CallCell::state";

  // Where a message of this size stands.
  [[nodiscard]] static std::byte* place(const CallMemory& memory, std::byte* buffer,
                                        std::uint32_t size_bytes) noexcept {
    return size_bytes <= kInlineCallBytes ? memory.cell->payload.data() : buffer;
  }
};

// The calling side. Not thread-safe; move-only; the memory must outlive it. Once corrupt(), no call
// ends any more.
template <AtomicsPolicy Atomics>
class CallLine<Atomics>::Caller : public Witness {
 public:
  // Takes the line over from a caller that is gone. What that one had called for is abandoned.
  explicit Caller(const CallMemory& memory) noexcept : memory_(memory) {
    assert(memory.buffer_bytes <= CallState::kMaxSizeBytes);
    const CallState state(
        Atomics::load(memory_.cell->state, std::memory_order_acquire, kServed));  // S
    generation_ = state.generation();
    abandoned_ = state.is_servers();
  }

  Caller(Caller&&) noexcept = default;
  Caller& operator=(Caller&&) noexcept = default;
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  ~Caller() = default;

  // Room for a request, uninitialised; the response before it is gone. An empty span: not now, the
  // server has not yet answered a call that was abandoned. REQUIRES: no call is under way;
  // 0 < size_bytes <= max_message_bytes().
  [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes) noexcept {
    assert(!waiting_ && size_bytes > 0 && size_bytes <= memory_.max_message_bytes());
    if (abandoned_ && !has_room()) [[unlikely]]
      return {};
    request_bytes_ = size_bytes;
    return {place(memory_, memory_.request_buffer, size_bytes), size_bytes};
  }

  // Hands the request over. REQUIRES: a request was claimed.
  void call() noexcept {
    assert(request_bytes_ > 0);
    const CallState request(CallState::kRequest, ++generation_, request_bytes_);
    Atomics::store(memory_.cell->state, request.word(), std::memory_order_release, kCall);  // C
    request_bytes_ = 0;
    waiting_ = true;
  }

  // Whether the call has come to its end: response() has what it gave, or failed() is true.
  // REQUIRES: call() or a true answered() before.
  [[nodiscard]] bool answered() noexcept {
    if (waiting_ && look()) waiting_ = false;
    return !waiting_;
  }

  // Whether claim() would find room: no call is under way, and none that was abandoned.
  [[nodiscard]] bool has_room() noexcept {
    if (waiting_) return false;
    if (abandoned_ && look()) abandoned_ = false;
    return !abandoned_;
  }
  // Whether a call is under way: not yet seen to be answered.
  [[nodiscard]] bool waiting() const noexcept { return waiting_; }

  // In place, until the next claim(). Empty if the call failed.
  [[nodiscard]] std::span<const std::byte> response() const noexcept {
    return {place(memory_, memory_.response_buffer, response_bytes_), response_bytes_};
  }

  // The server died with the call begun. What it had done of it is not known.
  [[nodiscard]] bool failed() const noexcept { return failed_; }

  // Gives up waiting. The server may serve the call all the same.
  void abandon() noexcept {
    abandoned_ = waiting_;
    waiting_ = false;
  }

  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return memory_.max_message_bytes();
  }

 private:
  // Whether the line is the caller's again.
  [[nodiscard]] bool look() noexcept {
    const CallState state(
        Atomics::load(memory_.cell->state, std::memory_order_acquire, kServed));  // S
    if (state.is_servers()) return false;
    const bool answered = state.phase() == CallState::kResponse;
    if (corrupt() || state.generation() != generation_ ||
        !(answered ? state.size_bytes() - 1 < memory_.max_message_bytes()
                   : state.phase() == CallState::kFailed)) {
      saw(kStateField, state.word());  // I3
      return false;
    }
    failed_ = !answered;
    response_bytes_ = answered ? state.size_bytes() : 0;
    return true;
  }

  CallMemory memory_;
  std::uint32_t generation_ = 0;
  std::uint32_t request_bytes_ = 0;  // claimed, 0: nothing
  std::uint32_t response_bytes_ = 0;
  bool waiting_ = false;
  bool abandoned_ = false;  // the server has the line; its answer will be dropped
  bool failed_ = false;
};

// The serving side. Not thread-safe; move-only; the memory must outlive it. Once corrupt(), nothing
// is served any more.
template <AtomicsPolicy Atomics>
class CallLine<Atomics>::Server : public Witness {
 public:
  // Takes the line over from a server that is gone, and fails the call that it had begun.
  explicit Server(const CallMemory& memory) noexcept : memory_(memory) {
    assert(memory.buffer_bytes <= CallState::kMaxSizeBytes);
    const CallState state(Atomics::load(memory_.cell->state, std::memory_order_relaxed, kRelaxed));
    if (state.phase() != CallState::kServing) return;
    const CallState failed(CallState::kFailed, state.generation(), 0);
    Atomics::store(memory_.cell->state, failed.word(), std::memory_order_release, kServed);  // S
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

  // The request, in place, and from now on this server's to answer; or an empty span: not now. The
  // same request again until respond(). The bytes stay in shared memory: copy what must not change
  // after a check.
  [[nodiscard]] std::span<const std::byte> request() noexcept {
    if (request_bytes_ == 0) {
      const CallState state(
          Atomics::load(memory_.cell->state, std::memory_order_acquire, kCall));  // C
      if (state.phase() != CallState::kRequest) return {};
      if (corrupt() || state.size_bytes() - 1 >= memory_.max_message_bytes()) {
        saw(kStateField, state.word());  // I3
        return {};
      }
      generation_ = state.generation();
      request_bytes_ = state.size_bytes();
      const CallState serving(CallState::kServing, generation_, request_bytes_);
      Atomics::store(memory_.cell->state, serving.word(), std::memory_order_relaxed,
                     kRelaxed);  // I2
      Atomics::compiler_fence();
    }
    return {place(memory_, memory_.request_buffer, request_bytes_), request_bytes_};
  }

  // Room for the response, uninitialised. Where both are short it is where the request is: have
  // what is needed of that before writing. REQUIRES: a request is being served;
  // 0 < size_bytes <= max_message_bytes().
  [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes) noexcept {
    assert(request_bytes_ > 0 && size_bytes > 0 && size_bytes <= memory_.max_message_bytes());
    response_bytes_ = size_bytes;
    return {place(memory_, memory_.response_buffer, size_bytes), size_bytes};
  }

  // Hands the response over. REQUIRES: it was claimed.
  void respond() noexcept {
    assert(response_bytes_ > 0);
    const CallState response(CallState::kResponse, generation_, response_bytes_);
    Atomics::store(memory_.cell->state, response.word(), std::memory_order_release, kServed);  // S
    request_bytes_ = 0;
    response_bytes_ = 0;
  }

  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return memory_.max_message_bytes();
  }

 private:
  CallMemory memory_;
  std::uint32_t generation_ = 0;
  std::uint32_t request_bytes_ = 0;  // of the call that is being served, 0: none
  std::uint32_t response_bytes_ = 0;
};

}  // namespace ringbell::core
