// Sleepers of which a ring wakes one (core/shared_parking.hpp, ring_one()), over an MpmcRing: the
// messages come in an order, but are committed and given back in any. All are used up, and none
// sleeps for ever.
#include <string>
#include <vector>

#include <ringbell/core/mpmc_ring.hpp>
#include <ringbell/core/shared_parking.hpp>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using Ring = core::MpmcRing<SimulatedAtomics>;
using Parking = core::SharedParking<SimulatedAtomics>;

constexpr std::uint32_t kSlotBytes = 16;
constexpr std::size_t kWriters = 2;

struct Means {
  Parking::Order order = Parking::Order::barrier;
  bool passes_on = true;
  bool aborts = false;  // the second writer's first claim
};

// What the readers and the writers of a queue do when they sleep and ring.
class Crowd : public Program {
 public:
  Crowd(std::size_t slots, std::size_t readers, Means means)
      : slots_(slots), readers_(readers), means_(means) {}

  [[nodiscard]] std::size_t threads() const override { return kWriters + readers_; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return is_writer(thread) ? "publisher" : "sleeper";
  }

  void begin() override {
    Execution& execution = Execution::current();
    memory_ = {.control = execution.shared<core::MpmcControl>(),
               .slots = execution.shared<std::byte>(slots_ * kSlotBytes),
               .slot_count = slots_,
               .slot_bytes = kSlotBytes,
               .message_bytes = kSlotBytes / 2};
    data_bell_ = execution.shared<std::uint32_t>();
    space_bell_ = execution.shared<std::uint32_t>();
    Parking::open(*data_bell_, means_.order);
    Parking::open(*space_bell_, means_.order);
  }

 protected:
  [[nodiscard]] static bool is_writer(std::size_t thread) { return thread <= kWriters; }
  [[nodiscard]] core::MpmcMemory memory() const { return memory_; }
  [[nodiscard]] const Means& means() const { return means_; }
  [[nodiscard]] std::uint32_t& data_bell() const { return *data_bell_; }
  [[nodiscard]] std::uint32_t& space_bell() const { return *space_bell_; }

  static void ring_one(std::uint32_t& bell) {
    const Word word{&bell, sizeof bell};
    if (!Parking::any_parked(bell, false)) return;
    const bool rung = Parking::ring_one(
        bell, [&] { return Execution::current().futex_wake_one(word); },
        [&] { Execution::current().futex_wake(word); });
    if (!rung) Parking::take_fences_back(bell);
  }
  static void ring_all(std::uint32_t& bell) {
    if (!Parking::any_parked(bell, false)) return;
    Parking::ring(bell, [&] { Execution::current().futex_wake({&bell, sizeof bell}); });
  }

  // Until `take()`; then, if it has slept and there is `more()`, rings one in its turn.
  template <class Take, class More>
  void wait(std::uint32_t& bell, Take&& take, More&& more) {
    bool slept = false;
    while (!take()) {
      const std::uint32_t parked = Parking::park(bell, means_.order, heavy_barrier);
      if (take()) break;
      Execution::current().futex_wait({&bell, sizeof bell}, parked, false);
      slept = true;
    }
    if (slept && means_.passes_on && more()) ring_one(bell);
  }

 private:
  std::size_t slots_;
  std::size_t readers_;
  Means means_;
  core::MpmcMemory memory_{};
  std::uint32_t* data_bell_ = nullptr;
  std::uint32_t* space_bell_ = nullptr;
};

// Each writer sends a message, each reader takes one.
class CrowdOfReaders : public Crowd {
 public:
  explicit CrowdOfReaders(Means means) : Crowd(4, 2, means) {}

  void run(std::size_t thread) override {
    const auto id = static_cast<core::ParticipantId>(thread);
    if (is_writer(thread)) {
      Ring::Writer writer(memory(), id);
      if (means().aborts && thread == kWriters) {
        require(!writer.claim().empty() && writer.abort(), "no room, or evicted");
        ring_all(data_bell());
      }
      write_payload(writer.claim(), thread);
      require(writer.commit(), "evicted, though alive");
      ring_one(data_bell());
      return;
    }
    Ring::Reader reader(memory(), id);
    wait(
        data_bell(), [&] { return !reader.peek().empty(); }, [&] { return reader.has_more(); });
    require(read_payload(reader.peek()) <= kWriters, "another message");
  }
};

// Both slots are taken. Each reader gives its one back, each writer waits for one.
class CrowdOfWriters : public Crowd {
 public:
  explicit CrowdOfWriters(Means means) : Crowd(2, 2, means) {}

  void begin() override {
    Crowd::begin();
    Ring::Writer writer(memory(), kMaxThreads);
    require(writer.claim(2) == 2 && writer.commit(), "no room");
  }

  void run(std::size_t thread) override {
    const auto id = static_cast<core::ParticipantId>(thread);
    if (!is_writer(thread)) {
      Ring::Reader reader(memory(), id);
      require(!reader.peek().empty() && reader.release(), "nothing there, or evicted");
      ring_one(space_bell());
      return;
    }
    Ring::Writer writer(memory(), id);
    wait(
        space_bell(), [&] { return !writer.claim().empty(); }, [&] { return writer.has_room(); });
    require(writer.commit(), "evicted, though alive");
  }
};

constexpr Bounds kQuick{.preemptions = 1, .stale_loads = 1};
constexpr Bounds kFull{.preemptions = 2, .stale_loads = 1};

}  // namespace

std::vector<Scenario> crowd_scenarios() {
  const auto crowd = [](const char* name, MakeProgram make) {
    return Scenario{"SharedParking", name, std::move(make), kQuick, kFull};
  };
  return {
      crowd("one of two readers is woken", program<CrowdOfReaders>(Means{})),
      crowd("one of two readers, by fences",
            program<CrowdOfReaders>(Means{.order = Parking::Order::fences})),
      crowd("one of two readers, on loan",
            program<CrowdOfReaders>(Means{.order = Parking::Order::loan})),
      crowd("one of two readers, an abort", program<CrowdOfReaders>(Means{.aborts = true})),
      crowd("one of two writers is woken", program<CrowdOfWriters>(Means{})),
  };
}

Scenario crowd_that_passes_nothing_on() {
  return {"SharedParking", "nothing is passed on",
          program<CrowdOfReaders>(Means{.passes_on = false}), kQuick, kFull};
}

}  // namespace ringbell::model
