// Request and response in one cache line, which caller and server hand to and fro.
//
//   cell, 64 of its 128 bytes                attached, if there are larger messages
//   +-------+---------------------------+   +----------------+ +-----------------+
//   | state | request, then response    |   | request buffer | | response buffer |
//   +-------+---------------------------+   +----------------+ +-----------------+
//
// The state says whose the line is. A call costs what moving one line there and back costs, where
// two rings move two.
//
//   idle -> request(g) -> serving(g) -> response(g) -> request(g + 1) ...
//           caller     \  server   \    server         caller
//                       \           -> cancelled(g)     caller; then as from serving
//                        -> idle(g) -> dropped(g)       server
//                           caller  -> failed(g)        the next server
//                                   -> idle(g)          server: the call ends without a message
//                                   -> part(g)          server: a response, and more follow
//   part(g) -> serving(g)      caller: has used it, and wants the next
//           -> cancelled(g)    caller
//           -> response(g)     server: it was the last
//           -> dropped(g)      server
//           -> failed(g)       the next server
//
// Invariants
//   I1  In idle, response, part, dropped and failed the line is the caller's; in request, serving
//       and cancelled the server's. Only the owner touches line and buffers. It alone stores the
//       state, but for I4 to I6.
//   I2  A server stores serving before it stores anything else: what it began, no other begins.
//   I3  Sizes and phases are checked against the private geometry, and each state is read once.
//   I4  From request a compare-and-swap leads on, the server's to serving or the caller's to idle.
//       One of them succeeds: a call that was taken back is never begun, and one that was begun is
//       not taken back.
//   I5  Cancelled is serving, and a hint beside it: a caller that gives up turns the one into the
//       other by compare-and-swap. What the server stores next stands whatever it replaces.
//   I6  To part leads a compare-and-swap from serving: none comes after cancelled. From part one
//       leads on, of either side. If the caller's succeeds, the line is the server's again; if the
//       server's does, the caller keeps it, and the call is over.
// Edges
//   C   call: call() stores request -> request() loads it: the request is written before it is
//       read.
//   S   served: respond() stores response -> answered() loads it: the same for the response, and
//       the request is read before the next one overwrites it.
//   R   relaxed: serving, which is for the next server; that one comes after the first one's death.
//   W   relaxed: the compare-and-swaps of I4 and I5. The side that loses has touched nothing of the
//       request; the server that wins has loaded this very state by C. Those of the server from
//       part: they go on with the release of the part, which the caller loads by S.
//   N   next: the caller's compare-and-swap from part -> look(): the part is read before the next
//       one overwrites it.
// Progress: wait-free.
// Time-outs: abandon() takes the request back, and the line is free at once; or the server has
// begun it, and the line stays the server's until it has answered: claim() finds no room until
// then.
// Death: a caller that dies leaves a line that its successor takes over as if it had abandoned the
// call. A server that dies before it began a call leaves it to the next one; one that dies with a
// call begun fails it, once its successor comes: at most one server begins a call.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/call_memory.hpp>
#include <ringbell/core/layout.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class CallLine {
 public:
  class Caller;
  class Server;
  class Taken;

 private:
  static constexpr Edge kCall{"call.C"};
  static constexpr Edge kServed{"call.S"};
  static constexpr Edge kRelaxed{"call.R"};
  static constexpr Edge kWithdraw{"call.W"};
  static constexpr Edge kNext{"call.N"};
  static constexpr const char* kStateField = "CallCell::state";
  static constexpr std::uint32_t kNoMessage = UINT32_MAX;  // no size: 0 bytes are a message

  // Where a message of this size stands.
  [[nodiscard]] static std::byte* place(const CallMemory& memory, std::byte* buffer,
                                        std::uint32_t size_bytes) noexcept {
    return size_bytes <= kInlineCallBytes ? memory.cell->payload.data() : buffer;
  }
  // The server's way out of `word`, a part; the caller keeps line and size. False: the caller has
  // left it first, and `word` is what stands there.
  [[nodiscard]] static bool leave_part(const CallMemory& memory, std::uint64_t& word,
                                       CallState::Phase to) noexcept {
    const CallState part(word);
    return Atomics::compare_exchange(
        memory.cell->state, word, CallState(to, part.generation(), part.size_bytes()).word(),
        std::memory_order_relaxed, std::memory_order_relaxed, kWithdraw);  // I6
  }
  // Whether the caller has given up the call that is being served.
  [[nodiscard]] static bool is_cancelled(const CallMemory& memory) noexcept {
    return CallState(Atomics::load(memory.cell->state, std::memory_order_relaxed, kWithdraw))
               .phase() == CallState::kCancelled;
  }
};

}  // namespace ringbell::core

#include <ringbell/core/call_caller.hpp>
#include <ringbell/core/call_server.hpp>
