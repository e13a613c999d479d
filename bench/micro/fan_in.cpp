// One writer and the reader, threads of one process, each pinned to a CPU: an SpscRing, a FanIn of
// one lane, and FanIns of which all lanes but one have nothing. They take turns within each
// iteration, so that all meet the same pair of CPUs. Each message's lane and sequence number are
// checked.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include <ringbell/core/fan_in.hpp>
#include <ringbell/core/spsc_ring.hpp>

#include "bench/micro/micro.hpp"

namespace ringbell::bench {
namespace {

constexpr std::uint64_t kRingBytes = 65536;
constexpr std::uint64_t kMessages = 400'000;  // in one turn
constexpr int kTurns = 15;
const std::vector<int> kCpus = allowed_cpus();

// --- the ways: a Writer with try_push(message), a Reader with try_pop(message) -------------------

class OneRing {
 public:
  class Writer : public core::SpscRing<>::Writer {
   public:
    explicit Writer(OneRing& ring) : core::SpscRing<>::Writer(ring.block_->memory()) {}
  };
  class Reader : public core::SpscRing<>::Reader {
   public:
    explicit Reader(OneRing& ring) : core::SpscRing<>::Reader(ring.block_->memory()) {}
    [[nodiscard]] bool is_due() const noexcept { return true; }
  };

 private:
  std::unique_ptr<SpscBlock<kRingBytes>> block_ = std::make_unique<SpscBlock<kRingBytes>>();
};

template <std::uint32_t lane_count>
class Lanes {
 public:
  class Writer : public core::FanIn<>::Writer {
   public:
    explicit Writer(Lanes& lanes) : core::FanIn<>::Writer(lanes.memory(), kActive) {}
  };
  class Reader {
   public:
    explicit Reader(Lanes& lanes) : kept_(lane_count), reader_(lanes.memory(), kept_) {}
    [[nodiscard]] std::span<const std::byte> peek() noexcept { return reader_.peek(); }
    void release() noexcept { reader_.release(); }
    // REQUIRES: peek() gave a record.
    [[nodiscard]] bool is_due() const noexcept { return reader_.lane() == kActive; }

   private:
    std::vector<core::FanIn<>::ReaderLane> kept_;
    core::FanIn<>::Reader reader_;
  };

 private:
  static constexpr std::uint32_t kActive = lane_count / 2;
  struct Block {
    core::ReadyControl control{};
    std::array<core::FanInLaneControl, lane_count> lanes{};
    alignas(core::kFalseSharingBytes) std::array<std::byte, 2 * kRingBytes * lane_count> data{};
  };
  [[nodiscard]] core::FanInMemory memory() const noexcept {
    return {.control = &block_->control,
            .lanes = block_->lanes.data(),
            .data = block_->data.data(),
            .lane_stride_bytes = 2 * kRingBytes,
            .capacity_bytes = kRingBytes,
            .record_alignment = core::kRecordHeaderBytes,
            .lane_count = lane_count};
  }

  std::unique_ptr<Block> block_ = std::make_unique<Block>();
};

// --- both sides ----------------------------------------------------------------------------------

// Seconds of kMessages, after as many again as warm-up, in which the other thread comes to its CPU;
// 0: something wrong came.
template <class Way, std::uint32_t size_bytes>
double transfer() {
  Way way;
  std::thread sender([&] {
    pin(kCpus[1]);
    typename Way::Writer writer(way);
    Outbox<Message<size_bytes>> outbox(0);
    for (std::uint64_t number = 0; number < 2 * kMessages; ++number) {
      while (!push(writer, outbox.at(number))) core::HardwareAtomics::pause();
      outbox.sent(number);
    }
  });
  pin(kCpus[0]);
  typename Way::Reader reader(way);
  bool wrong = false;
  auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t due = 0; due < 2 * kMessages; ++due) {
    if (due == kMessages) begin = std::chrono::steady_clock::now();
    std::span<const std::byte> record;
    while ((record = reader.peek()).empty()) core::HardwareAtomics::pause();
    Message<size_bytes> message{};
    if (record.size() == size_bytes) std::memcpy(&message, record.data(), size_bytes);
    wrong = wrong || record.size() != size_bytes || message.sequence != due || !reader.is_due();
    reader.release();
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  sender.join();
  return wrong ? 0 : seconds.count();
}

struct Contender {
  const char* name;
  double (*transfer)();
  std::vector<double> seconds = {};
};

// Counters: millions of messages a second of each, and the median over the turns of how much longer
// the same messages take with idle lanes beside theirs than with none.
template <std::uint32_t size_bytes>
void fan_in(benchmark::State& state) {
  if (kCpus.size() < 2) return state.SkipWithError("needs two CPUs");
  std::vector<Contender> all{{"spsc", transfer<OneRing, size_bytes>},
                             {"1_lane", transfer<Lanes<1>, size_bytes>},
                             {"64_idle", transfer<Lanes<65>, size_bytes>},
                             {"1023_idle", transfer<Lanes<1024>, size_bytes>}};
  std::vector<double> idle_64;
  std::vector<double> idle_1023;
  for ([[maybe_unused]] auto _ : state) {
    for (Contender& one : all) {
      one.seconds.push_back(one.transfer());
      if (one.seconds.back() == 0) return state.SkipWithError("not the message that was due");
    }
    idle_64.push_back(all[2].seconds.back() / all[1].seconds.back());
    idle_1023.push_back(all[3].seconds.back() / all[1].seconds.back());
    state.SetIterationTime(all[2].seconds.back());
  }
  for (const Contender& one : all) {
    state.counters[one.name] = static_cast<double>(kMessages) / median_of(one.seconds) / 1e6;
  }
  state.counters["cost_of_64"] = median_of(idle_64);
  state.counters["cost_of_1023"] = median_of(idle_1023);
}

BENCHMARK_TEMPLATE(fan_in, 8)->UseManualTime()->Iterations(kTurns);
BENCHMARK_TEMPLATE(fan_in, 56)->UseManualTime()->Iterations(kTurns);

}  // namespace
}  // namespace ringbell::bench
