// Threads of one process through one queue: MpmcRing against the MPMC queues that programs use
// today, and against Vyukov's ring, which is what it would cost if no thread could die. Writer i is
// pinned to CPU i, reader i to the CPU after that; more threads than CPUs yield when they find
// nothing. Each queue holds as many messages; what a reader gets from one writer must ascend, and
// all must come. In batches of 16 the yardstick is a ring whose batches cost one locked operation
// each, at the price that a thread in the middle of one holds up all others.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <concurrentqueue/concurrentqueue.h>
#include <boost/lockfree/queue.hpp>

#include <ringbell/core/mpmc_ring.hpp>

#include "bench/micro/micro.hpp"
#include "bench/peers/reserving_ring.hpp"
#include "bench/peers/vyukov_queue.hpp"

namespace ringbell::bench {
namespace {

constexpr std::size_t kCapacity = 16384;
constexpr std::uint64_t kMessages = 400'000;  // in one turn, by all writers
// Then no more are sent: a queue whose operations wait for each other stands still while a thread
// in the middle of one is not running.
constexpr std::chrono::seconds kLongestTurn{1};
constexpr unsigned kWriterShift = 48;
const std::vector<int> kCpus = allowed_cpus();

constexpr std::uint32_t kBatch = 16;

// --- the queues: a Producer with try_push(message), a Consumer with try_pop(message); or, in
// batches, with push(count, at) and pop(count, see), which answer how many it were ---------------

template <class M>
class Ringbell {
 public:
  using Payload = M;

  class Producer {
   public:
    Producer(Ringbell& queue, core::ParticipantId id) : writer_(queue.memory_, id) {}
    bool try_push(const M& message) noexcept { return push(writer_, message); }

   private:
    core::MpmcRing<>::Writer writer_;
  };

  class Consumer {
   public:
    Consumer(Ringbell& queue, core::ParticipantId id) : reader_(queue.memory_, id) {}
    bool try_pop(M& message) noexcept { return pop(reader_, message); }

   private:
    core::MpmcRing<>::Reader reader_;
  };

 protected:
  [[nodiscard]] const core::MpmcMemory& memory() const noexcept { return memory_; }

 private:
  static constexpr std::uint32_t kSlotBytes = core::MpmcMemory::slot_bytes_for(sizeof(M));
  struct Block {
    core::MpmcControl control;
    alignas(core::kFalseSharingBytes) std::array<std::byte, kCapacity * kSlotBytes> slots;
  };

  std::unique_ptr<Block> block_ = std::make_unique<Block>();
  core::MpmcMemory memory_{&block_->control, block_->slots.data(), kCapacity, kSlotBytes,
                           sizeof(M)};
};

template <class M>
class RingbellBatches : public Ringbell<M> {
 public:
  class Producer {
   public:
    Producer(RingbellBatches& queue, core::ParticipantId id) : writer_(queue.memory(), id) {}
    template <class At>
    std::uint32_t push(std::uint32_t count, At&& at) noexcept {
      const std::uint32_t claimed = writer_.claim(count);
      for (std::uint32_t i = 0; i < claimed; ++i) {
        std::memcpy(writer_.payload(i).data(), &at(i), sizeof(M));
      }
      writer_.commit();
      return claimed;
    }

   private:
    core::MpmcRing<>::Writer writer_;
  };

  class Consumer {
   public:
    Consumer(RingbellBatches& queue, core::ParticipantId id) : reader_(queue.memory(), id) {}
    template <class See>
    std::uint32_t pop(std::uint32_t count, See&& see) noexcept {
      M message;
      const std::uint32_t taken = reader_.take(count);
      for (std::uint32_t i = 0; i < taken; ++i) {
        std::memcpy(&message, reader_.payload(i).data(), sizeof(M));
        see(message);
      }
      reader_.release();
      return taken;
    }

   private:
    core::MpmcRing<>::Reader reader_;
  };
};

// A queue whose producers and consumers are the queue itself.
template <class Queue>
class Handle {
 public:
  Handle(Queue& queue, core::ParticipantId /*id*/) : queue_(queue) {}
  template <class M>
  bool try_push(const M& message) {
    return queue_.try_push(message);
  }
  template <class M>
  bool try_pop(M& message) {
    return queue_.try_pop(message);
  }
  template <class At>
  requires requires(Queue& queue, At& at) { queue.push(kBatch, at); }
  std::uint32_t push(std::uint32_t count, At&& at) { return queue_.push(count, at); }
  template <class See>
  requires requires(Queue& queue, See& see) { queue.pop(kBatch, see); }
  std::uint32_t pop(std::uint32_t count, See&& see) { return queue_.pop(count, see); }

 private:
  Queue& queue_;
};

template <class M>
class Reserving : public ReservingRing<M> {
 public:
  using Payload = M;
  using Producer = Handle<Reserving>;
  using Consumer = Handle<Reserving>;
  Reserving() : ReservingRing<M>(kCapacity) {}
};

template <class M>
class Vyukov : public VyukovQueue<M> {
 public:
  using Payload = M;
  using Producer = Handle<Vyukov>;
  using Consumer = Handle<Vyukov>;
  Vyukov() : VyukovQueue<M>(kCapacity) {}
};

template <class M>
class BoostQueue {
 public:
  using Payload = M;
  using Producer = Handle<BoostQueue>;
  using Consumer = Handle<BoostQueue>;
  bool try_push(const M& message) { return queue_.bounded_push(message); }
  bool try_pop(M& message) { return queue_.pop(message); }

 private:
  boost::lockfree::queue<M> queue_{kCapacity};
};

template <class M>
class Moodycamel {
 public:
  using Payload = M;
  using Producer = Handle<Moodycamel>;
  using Consumer = Handle<Moodycamel>;
  bool try_push(const M& message) { return queue_.try_enqueue(message); }
  bool try_pop(M& message) { return queue_.try_dequeue(message); }

 private:
  moodycamel::ConcurrentQueue<M> queue_{kCapacity};
};

template <class M>
class MoodycamelTokens {
 public:
  using Payload = M;

  class Producer {
   public:
    Producer(MoodycamelTokens& queue, core::ParticipantId /*id*/)
        : queue_(queue.queue_), token_(queue_) {}
    // Blocks stay with the writer that had them first, also after its end: one that finds none for
    // so long gets a new one, or it would wait for ever.
    bool try_push(const M& message) {
      constexpr unsigned kPatience = 100'000;
      const bool pushed = queue_.try_enqueue(token_, message) ||
                          (++refused_ % kPatience == 0 && queue_.enqueue(token_, message));
      if (pushed) refused_ = 0;
      return pushed;
    }

   private:
    unsigned refused_ = 0;
    moodycamel::ConcurrentQueue<M>& queue_;
    moodycamel::ProducerToken token_;
  };
  class Consumer {
   public:
    Consumer(MoodycamelTokens& queue, core::ParticipantId /*id*/)
        : queue_(queue.queue_), token_(queue_) {}
    bool try_pop(M& message) { return queue_.try_dequeue(token_, message); }

   private:
    moodycamel::ConcurrentQueue<M>& queue_;
    moodycamel::ConsumerToken token_;
  };

 private:
  // Room for every writer's blocks, so that none is refused for want of one.
  moodycamel::ConcurrentQueue<M> queue_{2 * kCapacity};
};

// --- the threads ---------------------------------------------------------------------------------

struct Crew {
  std::size_t writers;
  std::size_t readers;
};

// One turn: how far writers and readers are.
struct Turn {
  alignas(core::kFalseSharingBytes) std::atomic<bool> over = false;  // no more messages
  std::atomic<bool> wrong = false;
  std::atomic<std::size_t> writing = 0;  // writers that have not ended
  std::atomic<std::uint64_t> sent = 0;   // by those that have
  alignas(core::kFalseSharingBytes) std::atomic<std::uint64_t> taken = 0;

  [[nodiscard]] bool all_taken() const noexcept {
    return writing.load(std::memory_order_acquire) == 0 &&
           taken.load(std::memory_order_relaxed) == sent.load(std::memory_order_relaxed);
  }
};

template <class Producer, class At>
std::uint32_t push_some(Producer& producer, std::uint64_t most, At&& at) {
  if constexpr (requires { producer.push(kBatch, at); }) {
    return producer.push(static_cast<std::uint32_t>(std::min<std::uint64_t>(most, kBatch)), at);
  } else {
    return producer.try_push(at(0)) ? 1 : 0;
  }
}

template <class M, class Consumer, class See>
std::uint32_t pop_some(Consumer& consumer, See&& see) {
  if constexpr (requires { consumer.pop(kBatch, see); }) {
    return consumer.pop(kBatch, see);
  } else {
    M message;
    if (!consumer.try_pop(message)) return 0;
    see(message);
    return 1;
  }
}

template <class Queue>
void produce(Queue& queue, std::uint64_t writer, std::uint64_t messages, bool yields, Turn& turn) {
  typename Queue::Producer producer(queue, static_cast<core::ParticipantId>(1 + writer));
  const std::uint64_t base = writer << kWriterShift;
  Outbox<typename Queue::Payload> outbox(base + 1);
  Wait wait(yields);
  std::uint64_t count = 0;
  while (count < messages && !turn.over.load(std::memory_order_relaxed)) {
    const std::uint32_t pushed = push_some(
        producer, messages - count, [&](std::uint32_t i) -> const auto& {
          return outbox.at(base + count + 1 + i);
        });
    if (pushed == 0) wait.again();
    for (std::uint32_t i = 0; i < pushed; ++i) outbox.sent(base + ++count);
  }
  turn.sent.fetch_add(count, std::memory_order_relaxed);
  turn.writing.fetch_sub(1, std::memory_order_release);
}

template <class Queue>
void consume(Queue& queue, core::ParticipantId id, std::size_t writers, bool yields, Turn& turn) {
  typename Queue::Consumer consumer(queue, id);
  std::vector<std::uint64_t> last(writers, 0);
  const auto see = [&](const typename Queue::Payload& message) {
    std::uint64_t& before = last[message.sequence >> kWriterShift];
    const std::uint64_t count = message.sequence & ((std::uint64_t{1} << kWriterShift) - 1);
    if (count <= before) turn.wrong.store(true, std::memory_order_relaxed);
    before = count;
  };
  Wait wait(yields);
  constexpr std::uint64_t kReportEvery = 64;
  std::uint64_t own = 0;
  while (true) {
    const std::uint32_t popped = pop_some<typename Queue::Payload>(consumer, see);
    own += popped;
    if (popped == 0 || own >= kReportEvery) {
      turn.taken.fetch_add(std::exchange(own, 0), std::memory_order_relaxed);
    }
    if (popped > 0) continue;
    if (turn.all_taken()) return;
    wait.again();
  }
}

// Messages a second through a new queue; 0: they came out of order.
template <class Queue>
double transfer(Crew crew) {
  const bool yields = crew.writers + crew.readers > kCpus.size();
  const auto queue = std::make_unique<Queue>();
  const auto turn = std::make_unique<Turn>();
  turn->writing = crew.writers;
  Team team;
  const auto start = [&](std::size_t cpu, auto&& work) {
    team.add(kCpus[cpu % kCpus.size()], [&team, work] {
      team.ready();
      work();
    });
  };
  for (std::size_t i = 0; i < crew.writers; ++i) {
    start(i, [&, i] { produce(*queue, i, kMessages / crew.writers, yields, *turn); });
  }
  for (std::size_t i = 0; i < crew.readers; ++i) {
    start(i + 1, [&, i] {
      consume(*queue, static_cast<core::ParticipantId>(1 + crew.writers + i), crew.writers, yields,
              *turn);
    });
  }
  const auto begin = team.start();
  while (turn->writing.load() > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (std::chrono::steady_clock::now() - begin > kLongestTurn) turn->over = true;
  }
  team.join();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  return turn->wrong ? 0 : static_cast<double>(turn->taken.load()) / seconds.count();
}

// --- all queues in turn --------------------------------------------------------------------------

struct Contender {
  const char* name;
  double (*transfer)(Crew crew);
  std::vector<double> rates = {};
};

template <std::size_t size_bytes>
std::vector<Contender> contenders() {
  using M = Message<size_bytes>;
  return {
      {"ringbell", transfer<Ringbell<M>>},     {"vyukov", transfer<Vyukov<M>>},
      {"moodycamel", transfer<Moodycamel<M>>}, {"moodycamel_tokens", transfer<MoodycamelTokens<M>>},
      {"boost", transfer<BoostQueue<M>>},
  };
}

template <std::size_t size_bytes>
std::vector<Contender> contenders_in_batches() {
  using M = Message<size_bytes>;
  return {{"ringbell", transfer<RingbellBatches<M>>}, {"reserving", transfer<Reserving<M>>}};
}

// They take turns within each iteration, so that all meet the same machine. Counters: millions of
// messages a second of each, and the median of ringbell's ratio to the yardstick in one turn.
void mpmc(benchmark::State& state, Crew crew, std::vector<Contender> all) {
  std::vector<double> to_yardstick;
  for ([[maybe_unused]] auto _ : state) {
    for (Contender& one : all) {
      const double rate = one.transfer(crew);
      if (rate == 0) return state.SkipWithError("a writer's messages came out of order");
      one.rates.push_back(rate);
    }
    to_yardstick.push_back(all[0].rates.back() / all[1].rates.back());
    state.SetIterationTime(static_cast<double>(kMessages) / all[0].rates.back());
  }
  for (const Contender& one : all) state.counters[one.name] = median_of(one.rates) / 1e6;
  state.counters[std::string("to_") + all[1].name] = median_of(to_yardstick);
}

void add(const std::string& title, Crew crew, std::vector<Contender> (*contenders)()) {
  constexpr int kTurns = 7;
  benchmark::RegisterBenchmark(title.c_str(),
                               [=](benchmark::State& state) { mpmc(state, crew, contenders()); })
      ->UseManualTime()
      ->Iterations(kTurns);
}

template <std::size_t size_bytes>
bool add_size() {
  for (const Crew crew : {Crew{1, 1}, Crew{2, 2}, Crew{4, 4}}) {
    const std::string title = "mpmc/" + std::to_string(size_bytes) + "/" +
                              std::to_string(crew.writers) + "P" + std::to_string(crew.readers) +
                              "C";
    add(title, crew, &contenders<size_bytes>);
    add(title + "/batches", crew, &contenders_in_batches<size_bytes>);
  }
  return true;
}

[[maybe_unused]] const bool kAdded = add_size<8>() && add_size<56>();

}  // namespace
}  // namespace ringbell::bench
