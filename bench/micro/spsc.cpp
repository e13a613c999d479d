// Two threads of one process, each pinned to a CPU: SpscRing over a region and over plain memory,
// against the SPSC queues that programs use today. All hold the same number of messages, as many as
// 256 KiB of ring do; every message's sequence number is checked by the reader.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <concurrentqueue/concurrentqueue.h>
#include <readerwriterqueue/readerwriterqueue.h>
#include <boost/lockfree/spsc_queue.hpp>

#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/transport/ends/channel.hpp>

#include "bench/micro/micro.hpp"

namespace ringbell::bench {
namespace {

constexpr std::size_t kRingBytes = 256UL * 1024;
constexpr std::uint64_t kStop = UINT64_MAX;  // in place of a sequence number

template <class M>
constexpr std::size_t kMessages = kRingBytes / (sizeof(M) + core::kRecordHeaderBytes);

// --- the queues: try_push(message) and try_pop(message), one thread each -------------------------

// What the two ring queues share; Memory owns the bytes and has spsc_memory().
template <class M, class Memory>
class RingQueue {
 public:
  using Payload = M;

  bool try_push(const M& message) noexcept { return push(writer_, message); }
  bool try_pop(M& message) noexcept { return pop(reader_, message); }

 private:
  Memory memory_;
  alignas(core::kFalseSharingBytes) core::SpscRing<>::Writer writer_{memory_.spsc_memory()};
  alignas(core::kFalseSharingBytes) core::SpscRing<>::Reader reader_{memory_.spsc_memory()};
};

class RegionMemory {
 public:
  RegionMemory() : region_(make()) {}
  [[nodiscard]] core::SpscMemory spsc_memory() const noexcept { return region_.spsc_memory(); }

 private:
  static Region make() {
    ChannelOptions options;
    options.capacity_bytes = kRingBytes;
    Result<Region> region = Region::create(options.region());
    if (!region) {
      std::fprintf(stderr, "%s\n", region.error().message.c_str());
      std::exit(EXIT_FAILURE);
    }
    return std::move(*region);
  }

  Region region_;
};

// Followed by as many bytes as a record at the very end may need.
class PlainMemory {
 public:
  [[nodiscard]] core::SpscMemory spsc_memory() const noexcept { return block_->memory(); }

 private:
  using Block = SpscBlock<kRingBytes>;

  std::unique_ptr<Block> block_ = std::make_unique<Block>();
};

template <class M>
using RingOverRegion = RingQueue<M, RegionMemory>;
template <class M>
using RingOverMemory = RingQueue<M, PlainMemory>;

template <class M>
class BoostSpsc {
 public:
  using Payload = M;

  bool try_push(const M& message) { return queue_.push(message); }
  bool try_pop(M& message) { return queue_.pop(message); }

 private:
  boost::lockfree::spsc_queue<M> queue_{kMessages<M>};
};

template <class M>
class MoodycamelSpsc {
 public:
  using Payload = M;

  bool try_push(const M& message) { return queue_.try_enqueue(message); }
  bool try_pop(M& message) { return queue_.try_dequeue(message); }

 private:
  moodycamel::ReaderWriterQueue<M> queue_{kMessages<M>};
};

// Many writers and readers could use it; here it has one of each, with their tokens.
template <class M>
class MoodycamelMpmc {
 public:
  using Payload = M;

  bool try_push(const M& message) { return queue_.try_enqueue(producer_, message); }
  bool try_pop(M& message) { return queue_.try_dequeue(consumer_, message); }

 private:
  moodycamel::ConcurrentQueue<M> queue_{kMessages<M>};
  moodycamel::ProducerToken producer_{queue_};
  moodycamel::ConsumerToken consumer_{queue_};
};

// --- two threads ---------------------------------------------------------------------------------

// Before anything is pinned.
const std::vector<int> kCpus = allowed_cpus();

template <class Queue>
void send(Queue& queue, const typename Queue::Payload& message) {
  while (!queue.try_push(message)) {
  }
}

template <class Queue>
void receive(Queue& queue, typename Queue::Payload& message) {
  while (!queue.try_pop(message)) {
  }
}

// Both threads pinned; `peer` runs in the other one. False: there is but one CPU.
template <class Peer, class Own>
void run_pinned(benchmark::State& state, Peer&& peer, Own&& own) {
  if (kCpus.size() < 2) {
    state.SkipWithError("needs two CPUs");
    return;
  }
  pin(kCpus[0]);
  std::thread thread([&] {
    pin(kCpus[1]);
    peer();
  });
  own();
  thread.join();
}

template <class Queue>
void one_way(benchmark::State& state) {
  using M = typename Queue::Payload;
  const auto queue = std::make_unique<Queue>();
  std::uint64_t wrong = 0;
  const auto consume = [&] {
    M message{};
    for (std::uint64_t due = 0;; ++due) {
      receive(*queue, message);
      if (message.sequence == kStop) return;
      wrong += message.sequence != due ? 1 : 0;
    }
  };
  run_pinned(state, consume, [&] {
    Outbox<M> outbox(0);
    std::uint64_t number = 0;
    for ([[maybe_unused]] auto _ : state) {
      send(*queue, outbox.at(number));
      outbox.sent(number++);
    }
    M stop{};
    stop.sequence = kStop;
    send(*queue, stop);
  });
  if (wrong != 0) state.SkipWithError("messages came in the wrong order");
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(sizeof(M)));
}

template <class Queue>
void round_trip(benchmark::State& state) {
  using M = typename Queue::Payload;
  const auto there = std::make_unique<Queue>();
  const auto back = std::make_unique<Queue>();
  std::uint64_t wrong = 0;
  const auto echo = [&] {
    M message{};
    do {
      receive(*there, message);
      send(*back, message);
    } while (message.sequence != kStop);
  };
  run_pinned(state, echo, [&] {
    Outbox<M> outbox(0);
    std::uint64_t number = 0;
    M answer{};
    for ([[maybe_unused]] auto _ : state) {
      send(*there, outbox.at(number));
      receive(*back, answer);
      wrong += answer.sequence != number ? 1 : 0;
      outbox.sent(number++);
    }
    M stop{};
    stop.sequence = kStop;
    send(*there, stop);
    receive(*back, answer);
  });
  if (wrong != 0) state.SkipWithError("an answer was not that to the last message");
}

template <template <class> class Queue, std::size_t size_bytes>
void add(const std::string& name) {
  using Q = Queue<Message<size_bytes>>;
  static_assert(sizeof(typename Q::Payload) == size_bytes);
  const std::string suffix = "/" + name + "/" + std::to_string(size_bytes);
  benchmark::RegisterBenchmark(("one_way" + suffix).c_str(), one_way<Q>)->UseRealTime();
  benchmark::RegisterBenchmark(("round_trip" + suffix).c_str(), round_trip<Q>)->UseRealTime();
}

template <template <class> class Queue>
bool add_sizes(const std::string& name) {
  add<Queue, 8>(name);
  add<Queue, 56>(name);
  add<Queue, 248>(name);
  return true;
}

[[maybe_unused]] const bool kAdded =
    add_sizes<RingOverRegion>("ringbell_region") && add_sizes<RingOverMemory>("ringbell_memory") &&
    add_sizes<BoostSpsc>("boost_spsc") && add_sizes<MoodycamelSpsc>("moodycamel_spsc") &&
    add_sizes<MoodycamelMpmc>("moodycamel_mpmc");

}  // namespace
}  // namespace ringbell::bench
