// Many callers, one server: a CallLine for each caller, and what tells the server which lines have
// a call, so that it need not look at the others (ready_lanes.hpp).
//
//   control lines                    lines
//   +----------------------------+  +----------+-------+   +--------------------------+
//   | ready bits of lines 0..63  |  | CallCell | quiet |   | request, response buffer |
//   | ready bits of lines 64..   |  | CallCell | quiet |   | request, response buffer |
//   | ...                        |  | ...              |   | ...                      |
//   +----------------------------+  +----------+-------+   +--------------------------+
//     callers set, server takes       as in | server         as in CallLine, if there are any
//                                     CallLine
//
// Calls are served one at a time, in turn: between two calls of one caller each other caller whose
// line is active is served once. A quiet line with a call becomes active within ceil(L / 64) rounds
// if its bit is set, within L rounds in any case, with L lines.
//
// Invariants, edges, time-outs and deaths: CallLine's for each line, and those of ready_lanes.hpp.
// Progress: every call is wait-free. request() takes time in proportion to the active lines.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/call_line.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/ready_lanes.hpp>

namespace ringbell::core {

// The memory of a group, zeroed when it is new. REQUIRES: 1 to kMaxLanes lines. The buffers are for
// messages longer than kInlineCallBytes: for each line one for requests and one for responses;
// without any, buffer_bytes is 0.
struct CallGroupMemory {
  ReadyControl* control;
  CallGroupLine* lines;  // lane_count of them
  std::byte* buffers;    // of line 0: for its requests, then for its responses
  std::uint32_t buffer_bytes;
  std::uint32_t lane_count;

  [[nodiscard]] CallMemory line(std::uint32_t line) const noexcept {
    assert(line < lane_count && lane_count <= kMaxLanes);
    std::byte* const request = buffers + std::uint64_t{2} * line * buffer_bytes;
    return {&lines[line].cell, request, request + buffer_bytes, buffer_bytes};
  }

  // As ReadyLanes wants it.
  template <AtomicsPolicy Atomics>
  using Handle = typename CallLine<Atomics>::Server;
  template <AtomicsPolicy Atomics>
  [[nodiscard]] Handle<Atomics> handle(std::uint32_t number) const noexcept {
    return Handle<Atomics>(line(number));
  }
  template <class Server>
  [[nodiscard]] static bool has_something(Server& server) noexcept {
    return server.is_called();
  }
  [[nodiscard]] std::uint64_t& quiet(std::uint32_t line) const noexcept {
    return lines[line].quiet;
  }
};

template <AtomicsPolicy Atomics = HardwareAtomics>
class CallGroup {
 public:
  class Caller;
  class Server;
  using Taken = typename CallLine<Atomics>::Taken;
  // What a server keeps of a line: the embedder gives it as many of these as there are lines.
  using ServerLine = typename ReadyLanes<Atomics, CallGroupMemory>::Lane;
};

// The calling side of one line, which is this caller's alone. Not thread-safe; move-only; the
// memory must outlive it. What is not explained here is as in CallLine::Caller.
template <AtomicsPolicy Atomics>
class CallGroup<Atomics>::Caller : private CallLine<Atomics>::Caller {
  using Line = typename CallLine<Atomics>::Caller;

 public:
  // Takes the line over from a caller that is gone. REQUIRES: line < memory.lane_count.
  Caller(const CallGroupMemory& memory, std::uint32_t line) noexcept
      : Line(memory.line(line)), signal_(*memory.control, memory.quiet(line), line) {}

  using Line::abandon;
  using Line::answered;
  using Line::claim;
  using Line::corrupt;
  using Line::dropped;
  using Line::failed;
  using Line::finding;
  using Line::generation;
  using Line::has_more;
  using Line::has_room;
  using Line::max_message_bytes;
  using Line::next;
  using Line::over;
  using Line::response;
  using Line::waiting;

  void call() noexcept {
    Line::call();
    signal_();
  }

 private:
  ReadySignal<Atomics> signal_;
};

// The serving side of all lines. Not thread-safe; move-only; memory and storage must outlive it.
template <AtomicsPolicy Atomics>
class CallGroup<Atomics>::Server {
 public:
  // Takes all lines over from a server that is gone, fails the calls that it had begun, and finds
  // those that it had not. REQUIRES: storage.size() >= memory.lane_count, and nothing else uses
  // that storage.
  Server(const CallGroupMemory& memory, std::span<ServerLine> storage, LanePace pace = {}) noexcept
      : memory_(memory), lines_(memory, storage, pace) {
    (void)anything();
  }

  Server(Server&&) noexcept = default;
  Server& operator=(Server&&) noexcept = default;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() = default;

  // The next request, in place, and line() says whose; or a span without data: not now. It is from
  // now on this server's to answer, and the same one comes again until respond(). The bytes stay in
  // shared memory: copy what must not change after a check.
  [[nodiscard]] std::span<const std::byte> request() noexcept {
    if (!serving_ && !lines_.next()) return {};
    const std::span<const std::byte> request = lines_.handle(line()).request();
    serving_ = request.data() != nullptr;
    return request;
  }

  // Whose request it is. REQUIRES: the last request() gave one.
  [[nodiscard]] std::uint32_t line() const noexcept { return lines_.current(); }

  // Room for the response, uninitialised. Where both are short it is where the request is: have
  // what is needed of that before writing. REQUIRES: a request is being served;
  // size_bytes <= max_message_bytes().
  [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes) noexcept {
    assert(serving_);
    return lines_.handle(line()).claim(size_bytes);
  }

  // Hands the response over. REQUIRES: it was claimed.
  void respond() noexcept {
    assert(serving_);
    lines_.handle(line()).respond();
    serving_ = false;
  }

  // Whether the caller of the request that is being served has given up. REQUIRES: there is one.
  [[nodiscard]] bool is_cancelled() const noexcept {
    assert(serving_);
    return lines_.handle(line()).is_cancelled();
  }

  // The request that is being served, to be answered later; the next request() gives another.
  // REQUIRES: there is one.
  [[nodiscard]] Taken take() noexcept {
    assert(serving_);
    serving_ = false;
    return lines_.handle(line()).take();
  }

  // Whether any line has a call; request() finds it then. Looks at all of them: for a server that
  // is about to sleep, after announcing it (parking.hpp). REQUIRES: the last request() gave none.
  [[nodiscard]] bool anything() noexcept {
    assert(!serving_);
    return lines_.look_at_all();
  }

  // How many calls have not been answered, the one that is being served included. Looks at each
  // line.
  [[nodiscard]] std::uint32_t calls() const noexcept {
    std::uint32_t found = 0;
    for (std::uint32_t line = 0; line < line_count(); ++line) {
      if (!corrupt(line) && lines_.handle(line).is_asked()) ++found;
    }
    return found;
  }

  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return lines_.handle(0).max_message_bytes();
  }
  [[nodiscard]] std::uint32_t line_count() const noexcept { return lines_.count(); }
  // That are visited in turn.
  [[nodiscard]] std::uint32_t active_lines() const noexcept { return lines_.active_count(); }
  // Set aside, because something impossible stood there. They stay so until mend().
  [[nodiscard]] std::uint32_t corrupt_lines() const noexcept { return lines_.aside_count(); }
  [[nodiscard]] bool corrupt(std::uint32_t line) const noexcept { return lines_.is_aside(line); }
  [[nodiscard]] const Finding& finding(std::uint32_t line) const noexcept {
    return lines_.finding(line);
  }

  // Makes a line good that was set aside. REQUIRES: corrupt(line); it has no caller, and none comes
  // meanwhile.
  void mend(std::uint32_t line) noexcept {
    constexpr Edge kClear{"call.R"};
    Atomics::store(memory_.lines[line].cell.state, std::uint64_t{0}, std::memory_order_relaxed,
                   kClear);
    lines_.restore(line);
  }

 private:
  CallGroupMemory memory_;
  ReadyLanes<Atomics, CallGroupMemory> lines_;
  bool serving_ = false;
};

}  // namespace ringbell::core
