// One writer and its readers, threads of one process, each pinned to a CPU: the broadcast rings,
// and SpscRing over plain memory in the same program for the ratio. All hold as many messages. What
// is counted is what the readers received; each message's sequence number is checked, and with
// those that a lossy reader says it missed they must be as many as were sent.
//
// A lossy writer knows of no reader: left alone it shows how fast it can overwrite. "paced" keeps
// it within the ring by a line that only the benchmark has: the reader says now and then how far it
// is, and nothing is lost. "free" lets it go: `missed` is the share that the reader lost.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/many_lossless.hpp>
#include <ringbell/core/many_lossy.hpp>
#include <ringbell/core/spsc_ring.hpp>

#include "bench/micro/micro.hpp"

namespace ringbell::bench {
namespace {

constexpr std::uint64_t kCapacity = 4096;
constexpr std::uint64_t kMessages = 1'000'000;  // in one iteration
const std::vector<int> kCpus = allowed_cpus();

// --- the rings: a Producer with try_push(message), a Consumer with try_pop(message), missed() ----

template <class M>
class Spsc {
 public:
  using Payload = M;

  class Producer {
   public:
    explicit Producer(Spsc& ring) : writer_(ring.block_->memory()) {}
    bool try_push(const M& message) noexcept { return push(writer_, message); }

   private:
    core::SpscRing<>::Writer writer_;
  };

  class Consumer {
   public:
    Consumer(Spsc& ring, std::size_t /*number*/) : reader_(ring.block_->memory()) {}
    bool try_pop(M& message) noexcept { return pop(reader_, message); }
    [[nodiscard]] std::uint64_t missed() const noexcept { return 0; }

   private:
    core::SpscRing<>::Reader reader_;
  };

 private:
  static constexpr std::uint64_t kBytes = kCapacity * (sizeof(M) + core::kRecordHeaderBytes);
  using Block = SpscBlock<kBytes>;

  std::unique_ptr<Block> block_ = std::make_unique<Block>();
};

template <class M>
struct Slots {
  static constexpr std::uint32_t kSlotBytes =
      core::BroadcastSlots<std::byte>::slot_bytes_for(sizeof(M));
  alignas(core::kFalseSharingBytes) std::array<std::byte, kCapacity * kSlotBytes> bytes;

  template <class Byte>
  [[nodiscard]] core::BroadcastSlots<Byte> memory() noexcept {
    return {bytes.data(), kCapacity, kSlotBytes, sizeof(M)};
  }
};

// ManyLossy: what it costs that there may be other writers; here is one.
template <class M, bool paced, class Core>
class Lossy {
  static constexpr bool kIsMany = std::is_same_v<Core, core::ManyLossy<>>;

 public:
  using Payload = M;

  class Producer {
   public:
    explicit Producer(Lossy& ring) : ring_(ring), writer_(ring.make_writer()) {}
    bool try_push(const M& message) noexcept {
      if constexpr (paced) {
        if (sent_ - read_ == kCapacity) {
          read_ = ring_.read_.load(std::memory_order_acquire);
          if (sent_ - read_ == kCapacity) return false;
        }
        ++sent_;
      }
      writer_.publish(std::as_bytes(std::span(&message, 1)));
      return true;
    }

   private:
    Lossy& ring_;
    typename Core::Writer writer_;
    std::uint64_t sent_ = 0;
    std::uint64_t read_ = 0;
  };

  class Consumer {
   public:
    Consumer(Lossy& ring, std::size_t /*number*/)
        : ring_(ring), reader_(ring.slots_->template memory<const std::byte>()) {}
    bool try_pop(M& message) noexcept {
      const bool received = reader_.receive(std::as_writable_bytes(std::span(&message, 1)));
      if constexpr (paced) {
        constexpr std::uint64_t kSayEvery = kCapacity / 8;
        if (!received || reader_.position() - said_ == kSayEvery) {
          if (said_ != reader_.position()) {
            said_ = reader_.position();
            ring_.read_.store(said_, std::memory_order_release);
          }
        }
      }
      return received;
    }
    [[nodiscard]] std::uint64_t missed() const noexcept { return reader_.missed(); }

   private:
    Lossy& ring_;
    typename Core::Reader reader_;
    std::uint64_t said_ = 0;
  };

 private:
  [[nodiscard]] typename Core::Writer make_writer() {
    if constexpr (kIsMany) {
      return typename Core::Writer({.control = control_.get(),
                                    .slots = slots_->bytes.data(),
                                    .slot_count = kCapacity,
                                    .slot_bytes = Slots<M>::kSlotBytes,
                                    .message_bytes = sizeof(M)},
                                   1);
    } else {
      return typename Core::Writer(slots_->template memory<std::byte>());
    }
  }

  std::unique_ptr<Slots<M>> slots_ = std::make_unique<Slots<M>>();
  std::unique_ptr<core::MpmcControl> control_ = std::make_unique<core::MpmcControl>();
  alignas(core::kFalseSharingBytes) std::atomic<std::uint64_t> read_ = 0;
};

template <class M>
using LossyPaced = Lossy<M, true, core::BroadcastLossy<>>;
template <class M>
using LossyFree = Lossy<M, false, core::BroadcastLossy<>>;
template <class M>
using ManyLossyPaced = Lossy<M, true, core::ManyLossy<>>;
template <class M>
using ManyLossyFree = Lossy<M, false, core::ManyLossy<>>;

template <class M>
class Lossless {
 public:
  using Payload = M;

  class Producer {
   public:
    explicit Producer(Lossless& ring) : writer_(ring.memory()) {}
    bool try_push(const M& message) noexcept { return push(writer_, message); }

   private:
    core::BroadcastLossless<>::Writer writer_;
  };

  class Consumer {
   public:
    Consumer(Lossless& ring, std::size_t number)
        : reader_(*core::BroadcastLossless<>::Reader::join(
              ring.memory(), static_cast<core::ParticipantId>(number + 1))) {}
    bool try_pop(M& message) noexcept { return pop(reader_, message); }
    [[nodiscard]] std::uint64_t missed() const noexcept { return 0; }

   private:
    core::BroadcastLossless<>::Reader reader_;
  };

 private:
  [[nodiscard]] core::BroadcastMemory memory() const noexcept {
    return {.control = control_.get(), .slots = slots_->template memory<std::byte>()};
  }

  std::unique_ptr<Slots<M>> slots_ = std::make_unique<Slots<M>>();
  std::unique_ptr<core::BroadcastControl> control_ = std::make_unique<core::BroadcastControl>();
};

// What it costs that there may be other writers: here is one.
template <class M>
class Many {
 public:
  using Payload = M;

  class Producer {
   public:
    explicit Producer(Many& ring) : writer_(ring.memory(), kWriter) {}
    bool try_push(const M& message) noexcept { return push(writer_, message); }

   private:
    core::ManyLossless<>::Writer writer_;
  };

  class Consumer {
   public:
    Consumer(Many& ring, std::size_t number)
        : reader_(*core::ManyLossless<>::Reader::join(
              ring.memory(), static_cast<core::ParticipantId>(number + 1))) {}
    bool try_pop(M& message) noexcept { return pop(reader_, message); }
    [[nodiscard]] std::uint64_t missed() const noexcept { return 0; }

   private:
    core::ManyLossless<>::Reader reader_;
  };

 private:
  static constexpr core::ParticipantId kWriter = 1000;

  [[nodiscard]] core::ManyMemory memory() const noexcept {
    return {.control = control_.get(),
            .slots = slots_->bytes.data(),
            .slot_count = kCapacity,
            .slot_bytes = Slots<M>::kSlotBytes,
            .message_bytes = sizeof(M)};
  }

  std::unique_ptr<Slots<M>> slots_ = std::make_unique<Slots<M>>();
  std::unique_ptr<core::ManyControl> control_ = std::make_unique<core::ManyControl>();
};

// --- the threads ---------------------------------------------------------------------------------

struct Totals {
  std::atomic<std::uint64_t> received = 0;
  std::atomic<std::uint64_t> missed = 0;
  std::atomic<bool> wrong = false;
};

template <class Ring>
void consume(typename Ring::Consumer& consumer, bool yields, Totals& totals) {
  typename Ring::Payload message{};
  Wait wait(yields);
  std::uint64_t received = 0;
  std::uint64_t due = 0;
  bool wrong = false;
  while (due < kMessages) {
    if (!consumer.try_pop(message)) {
      wait.again();
      continue;
    }
    ++received;
    due = received + consumer.missed();
    wrong = wrong || message.sequence + 1 != due;
  }
  totals.received += received;
  totals.missed += consumer.missed();
  if (wrong) totals.wrong = true;
}

// The writer on the first CPU, the readers on those after it.
template <class Ring>
void transfer(benchmark::State& state, std::size_t readers) {
  const bool yields = readers + 1 > kCpus.size();
  Totals totals;
  for ([[maybe_unused]] auto _ : state) {
    Ring ring;
    typename Ring::Producer producer(ring);
    Team team;
    for (std::size_t i = 0; i < readers; ++i) {
      team.add(kCpus[(i + 1) % kCpus.size()], [&, i] {
        typename Ring::Consumer consumer(ring, i);
        team.ready();
        consume<Ring>(consumer, yields, totals);
      });
    }
    pin(kCpus[0]);
    const auto begin = team.start();
    Outbox<typename Ring::Payload> outbox(0);
    Wait wait(yields);
    for (std::uint64_t number = 0; number < kMessages; ++number) {
      while (!producer.try_push(outbox.at(number))) wait.again();
      outbox.sent(number);
    }
    team.join();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    state.SetIterationTime(seconds.count());
  }
  if (totals.wrong) state.SkipWithError("a message came out of order, or the missed do not add up");
  const auto sent = static_cast<double>(state.iterations()) * static_cast<double>(kMessages) *
                    static_cast<double>(readers);
  state.SetItemsProcessed(static_cast<std::int64_t>(totals.received.load()));
  state.counters["missed"] = static_cast<double>(totals.missed.load()) / sent;
}

template <template <class> class Ring, std::size_t size_bytes>
bool add(const std::string& name, std::size_t readers) {
  const std::string title =
      "broadcast/" + name + "/" + std::to_string(size_bytes) + "/" + std::to_string(readers) + "R";
  benchmark::RegisterBenchmark(title.c_str(), [readers](benchmark::State& state) {
    transfer<Ring<Message<size_bytes>>>(state, readers);
  })->UseManualTime();
  return true;
}

[[maybe_unused]] const bool kAdded =
    add<Spsc, 8>("spsc", 1) && add<LossyPaced, 8>("lossy_paced", 1) &&
    add<LossyFree, 8>("lossy_free", 1) && add<Lossless, 8>("lossless", 1) &&
    add<Lossless, 8>("lossless", 2) && add<Many, 8>("many_lossless", 1) &&
    add<Many, 8>("many_lossless", 2) && add<Spsc, 56>("spsc", 1) &&
    add<ManyLossyPaced, 8>("many_lossy_paced", 1) && add<ManyLossyFree, 8>("many_lossy_free", 1) &&
    add<ManyLossyPaced, 56>("many_lossy_paced", 1) &&
    add<ManyLossyFree, 56>("many_lossy_free", 1) && add<LossyPaced, 56>("lossy_paced", 1) &&
    add<LossyFree, 56>("lossy_free", 1) && add<Lossless, 56>("lossless", 1) &&
    add<Lossless, 56>("lossless", 2) && add<Many, 56>("many_lossless", 1) &&
    add<Many, 56>("many_lossless", 2);

}  // namespace
}  // namespace ringbell::bench
