// A call and its answer of 48 bytes between two threads, each pinned to a CPU: CallLine, a
// CallGroup of 64 lines of which one calls, two SpscRings, and the floor, one line handed to and
// fro with a flag in it. They take turns within each iteration of the benchmark, so that all meet
// the same pair of CPUs; each reports the time of its own calls. Every answer is checked.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include <ringbell/core/call_group.hpp>
#include <ringbell/core/call_line.hpp>
#include <ringbell/core/spsc_ring.hpp>

#include "bench/micro/micro.hpp"

namespace ringbell::bench {
namespace {

constexpr std::size_t kCallBytes = core::kInlineCallBytes;
constexpr std::uint64_t kCallsEach = 20'000;  // of each way, in one iteration
const std::vector<int> kCpus = allowed_cpus();

using Payload = Message<kCallBytes>;

// The number goes in after the rest: a wide load right behind a narrower store into the same bytes
// waits until that has left the store buffer, behind stores that wait for lines (README.md).
void write(void* place, const Payload& payload, std::uint64_t sequence) noexcept {
  std::memcpy(place, &payload, kCallBytes);
  std::memcpy(place, &sequence, sizeof sequence);
}

// --- the ways: call(payload) on one side, serve() once on the other ------------------------------

class OneLine {
 public:
  Payload call(const Payload& request, std::uint64_t number) noexcept {
    write(&line_->payload, request, number);
    const std::uint64_t mine = ++turn_;
    line_->flag.store(2 * mine - 1, std::memory_order_release);
    while (line_->flag.load(std::memory_order_acquire) != 2 * mine) core::HardwareAtomics::pause();
    return line_->payload;
  }
  void serve() noexcept {
    const std::uint64_t mine = ++served_;
    while (line_->flag.load(std::memory_order_acquire) != 2 * mine - 1) {
      core::HardwareAtomics::pause();
    }
    const Payload payload = line_->payload;
    write(&line_->payload, payload, ~payload.sequence);
    line_->flag.store(2 * mine, std::memory_order_release);
  }

 private:
  struct alignas(core::kFalseSharingBytes) Line {
    std::atomic<std::uint64_t> flag = 0;
    Payload payload{};
  };
  std::unique_ptr<Line> line_ = std::make_unique<Line>();
  alignas(core::kFalseSharingBytes) std::uint64_t turn_ = 0;
  alignas(core::kFalseSharingBytes) std::uint64_t served_ = 0;
};

template <class Caller>
Payload call_through(Caller& caller, const Payload& request, std::uint64_t number) noexcept {
  std::span<std::byte> room;
  while ((room = caller.claim(kCallBytes)).empty()) core::HardwareAtomics::pause();
  write(room.data(), request, number);
  caller.call();
  while (!caller.answered()) core::HardwareAtomics::pause();
  Payload response{};
  if (caller.response().size() == kCallBytes) {
    std::memcpy(&response, caller.response().data(), kCallBytes);
  }
  return response;
}

template <class Server>
void serve_through(Server& server) noexcept {
  std::span<const std::byte> request;
  while ((request = server.request()).empty()) core::HardwareAtomics::pause();
  Payload payload{};
  if (request.size() == kCallBytes) std::memcpy(&payload, request.data(), kCallBytes);
  write(server.claim(kCallBytes).data(), payload, ~payload.sequence);
  server.respond();
}

class Call {
 public:
  Payload call(const Payload& request, std::uint64_t number) noexcept {
    return call_through(caller_, request, number);
  }
  void serve() noexcept { serve_through(server_); }

 private:
  std::unique_ptr<core::CallCell> cell_ = std::make_unique<core::CallCell>();
  core::CallMemory memory_{cell_.get(), nullptr, nullptr, 0};
  alignas(core::kFalseSharingBytes) core::CallLine<>::Caller caller_{memory_};
  alignas(core::kFalseSharingBytes) core::CallLine<>::Server server_{memory_};
};

class OneOfManyLines {
 public:
  Payload call(const Payload& request, std::uint64_t number) noexcept {
    return call_through(caller_, request, number);
  }
  void serve() noexcept { serve_through(server_); }

 private:
  static constexpr std::uint32_t kLines = 64;
  struct Block {
    core::ReadyControl control{};
    std::array<core::CallGroupLine, kLines> lines{};
  };

  std::unique_ptr<Block> block_ = std::make_unique<Block>();
  core::CallGroupMemory memory_{&block_->control, block_->lines.data(), nullptr, 0, kLines};
  std::vector<core::CallGroup<>::ServerLine> kept_ =
      std::vector<core::CallGroup<>::ServerLine>(kLines);
  alignas(core::kFalseSharingBytes) core::CallGroup<>::Caller caller_{memory_, kLines / 2};
  alignas(core::kFalseSharingBytes) core::CallGroup<>::Server server_{memory_, kept_};
};

class TwoRings {
 public:
  Payload call(const Payload& request, std::uint64_t number) noexcept {
    send(there_writer_, request, number);
    return receive(back_reader_);
  }
  void serve() noexcept {
    const Payload payload = receive(there_reader_);
    send(back_writer_, payload, ~payload.sequence);
  }

 private:
  using Ring = core::SpscRing<>;
  static constexpr std::uint64_t kRingBytes = 65536;
  using Block = SpscBlock<kRingBytes>;

  static void send(Ring::Writer& writer, const Payload& payload, std::uint64_t number) noexcept {
    std::span<std::byte> room;
    while ((room = writer.claim(kCallBytes)).empty()) core::HardwareAtomics::pause();
    write(room.data(), payload, number);
    writer.commit();
  }
  static Payload receive(Ring::Reader& reader) noexcept {
    std::span<const std::byte> record;
    while ((record = reader.peek()).size() != kCallBytes) core::HardwareAtomics::pause();
    Payload payload{};
    std::memcpy(&payload, record.data(), kCallBytes);
    reader.release();
    return payload;
  }

  std::unique_ptr<Block> there_ = std::make_unique<Block>();
  std::unique_ptr<Block> back_ = std::make_unique<Block>();
  alignas(core::kFalseSharingBytes) Ring::Writer there_writer_{there_->memory()};
  Ring::Reader back_reader_{back_->memory()};
  alignas(core::kFalseSharingBytes) Ring::Reader there_reader_{there_->memory()};
  Ring::Writer back_writer_{back_->memory()};
};

// --- both sides ----------------------------------------------------------------------------------

// Seconds of kCallsEach calls, after as many again as warm-up, in which the other thread comes to
// its CPU; counts the wrong answers.
template <class Way>
double call_all(Way& way, std::uint64_t& number, std::uint64_t& wrong) {
  const Payload request{};
  auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < 2 * kCallsEach; ++i) {
    if (i == kCallsEach) begin = std::chrono::steady_clock::now();
    ++number;
    wrong += way.call(request, number).sequence != ~number ? 1 : 0;
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

template <class Way>
void serve_all(Way& way) {
  for (std::uint64_t i = 0; i < 2 * kCallsEach; ++i) way.serve();
}

void calls(benchmark::State& state) {
  if (kCpus.size() < 2) return state.SkipWithError("needs two CPUs");
  OneLine floor;
  Call call;
  OneOfManyLines group;
  TwoRings rings;
  std::uint64_t number = 0;
  std::uint64_t wrong = 0;
  std::array<double, 4> seconds{};
  for ([[maybe_unused]] auto _ : state) {
    std::thread server([&] {
      pin_to(kCpus[1]);
      serve_all(floor);
      serve_all(call);
      serve_all(rings);
      serve_all(group);
    });
    pin_to(kCpus[0]);
    seconds[0] += call_all(floor, number, wrong);
    const double one_call = call_all(call, number, wrong);
    seconds[1] += one_call;
    seconds[2] += call_all(rings, number, wrong);
    seconds[3] += call_all(group, number, wrong);
    server.join();
    state.SetIterationTime(one_call);
  }
  if (wrong != 0) state.SkipWithError("an answer was not that to the call");
  const double all = static_cast<double>(state.iterations()) * static_cast<double>(kCallsEach);
  state.counters["call_ns"] = seconds[1] / all * 1e9;
  state.counters["one_line_ns"] = seconds[0] / all * 1e9;
  state.counters["two_rings_ns"] = seconds[2] / all * 1e9;
  state.counters["one_of_64_ns"] = seconds[3] / all * 1e9;
  state.counters["call_to_one_line"] = seconds[1] / seconds[0];
  state.counters["one_of_64_to_call"] = seconds[3] / seconds[1];
  state.counters["call_to_two_rings"] = seconds[1] / seconds[2];
}

BENCHMARK(calls)->UseManualTime();

}  // namespace
}  // namespace ringbell::bench
