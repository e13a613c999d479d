// FanIn, explored: two writers and a reader that calls every lane quiet as soon as it is empty,
// deaths of either side with a successor, and a reader that sleeps. A reader that polls as often as
// there are lanes finds whatever was committed, signalled or not: else it would wait for ever.
#include <array>
#include <string>
#include <vector>

#include <ringbell/core/fan_in.hpp>
#include <ringbell/core/parking.hpp>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using FanIn = core::FanIn<SimulatedAtomics>;
using Parking = core::Parking<SimulatedAtomics>;

constexpr std::uint32_t kLanes = 2;
constexpr core::FanInPace kHasty{.burst = 1, .lanes = {.patience = 1, .kept_lanes = 0}};
constexpr core::FanInPace kPatient{.burst = 2, .lanes = {.patience = 2, .kept_lanes = 1}};

// The lanes in shared memory, one record long each, and threads that send and expect numbers.
class FanInProgram : public Program {
 public:
  explicit FanInProgram(const core::FanInPace& pace) : pace_(pace) {}

  void begin() override {
    Execution& execution = Execution::current();
    constexpr std::uint64_t kStrideBytes = kCapacityBytes + kCapacityBytes / 2;
    memory_ = {.control = execution.shared<core::ReadyControl>(),
               .lanes = execution.shared<core::FanInLaneControl>(kLanes),
               .data = execution.shared<std::byte>(kLanes * kStrideBytes),
               .lane_stride_bytes = kStrideBytes,
               .capacity_bytes = kCapacityBytes,
               .record_alignment = 8,
               .lane_count = kLanes};
    ended_ = execution.shared<std::uint64_t>(kMaxThreads);
  }

 protected:
  static constexpr std::uint64_t kPerWriter = 100;

  [[nodiscard]] FanIn::Writer writer(std::uint32_t lane) const { return {memory_, lane}; }
  [[nodiscard]] FanIn::Reader reader(std::vector<FanIn::ReaderLane>& storage) const {
    return {memory_, storage, pace_};
  }

  static void send(FanIn::Writer& writer, std::uint64_t number) {
    std::span<std::byte> room;
    while ((room = writer.claim(8)).empty()) {
      require(!writer.corrupt(), "the writer takes its lane for corrupt");
      SimulatedAtomics::pause();
    }
    write_payload(room, number);
    writer.commit();
  }

  // The next record, or nothing after as many polls as the promise needs.
  [[nodiscard]] static std::span<const std::byte> poll(FanIn::Reader& reader) {
    for (std::uint32_t round = 0; round < kLanes; ++round) {
      if (const auto record = reader.peek(); !record.empty()) return record;
      require(reader.corrupt_lanes() == 0, "the reader takes a lane for corrupt");
    }
    return {};
  }
  // Of each lane they must be next[lane], and so on.
  static void take(FanIn::Reader& reader, std::span<const std::byte> record,
                   std::array<std::uint64_t, kLanes>& next) {
    require(read_payload(record) == reader.lane() * kPerWriter + next[reader.lane()]++,
            "a message lost, repeated, out of order or in another's lane");
    reader.release();
  }

  void say_ended(std::size_t thread) const {
    SimulatedAtomics::store(ended_[thread], std::uint64_t{1}, std::memory_order_release, kNoEdge);
  }
  [[nodiscard]] bool has_ended(std::size_t thread) const {
    return SimulatedAtomics::load(ended_[thread], std::memory_order_acquire, kNoEdge) != 0;
  }
  [[nodiscard]] bool is_gone(std::size_t thread) const {
    return has_ended(thread) || (may_die(thread) && is_dead(thread));
  }

 private:
  static constexpr std::uint64_t kCapacityBytes = 32;

  core::FanInPace pace_;
  core::FanInMemory memory_{};
  std::uint64_t* ended_ = nullptr;
};

// As many writers as lanes or less; the first may die. The reader goes on until all writers are
// gone and then finds nothing.
class Streams : public FanInProgram {
 public:
  Streams(const core::FanInPace& pace, std::size_t writers, std::uint64_t messages_each, bool dies)
      : FanInProgram(pace), writers_(writers), messages_each_(messages_each), dies_(dies) {}

  [[nodiscard]] std::size_t threads() const override { return writers_ + 1; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread <= writers_ ? "writer" : "reader";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override { return dies_ && thread == 1; }

  void run(std::size_t thread) override {
    if (thread <= writers_) {
      const auto lane = static_cast<std::uint32_t>(thread - 1);
      FanIn::Writer own = writer(lane);
      for (std::uint64_t count = 1; count <= messages_each_; ++count) {
        send(own, lane * kPerWriter + count);
        sent_[lane] = count;
      }
      if (dies_) say_ended(thread);
      return;
    }
    std::vector<FanIn::ReaderLane> storage(kLanes);
    FanIn::Reader own = reader(storage);
    std::array<std::uint64_t, kLanes> next{1, 1};
    while (dies_ || next[0] + next[1] < 2 + writers_ * messages_each_) {
      const bool over = dies_ && all_writers_are_gone();
      if (const auto record = poll(own); !record.empty()) {
        take(own, record, next);
      } else if (over) {
        break;
      } else {
        SimulatedAtomics::pause();
      }
    }
    for (std::size_t lane = 0; lane < writers_; ++lane) {
      require(next[lane] > sent_[lane], "a message was committed and not seen");
    }
  }

 private:
  [[nodiscard]] bool all_writers_are_gone() const {
    for (std::size_t thread = 1; thread <= writers_; ++thread) {
      if (!is_gone(thread)) return false;
    }
    return true;
  }

  std::size_t writers_;
  std::uint64_t messages_each_;
  bool dies_;
  std::array<std::uint64_t, kLanes> sent_{};
};

// The writer of the second lane may die anywhere; the next one goes on there.
class WriterDies : public FanInProgram {
 public:
  WriterDies() : FanInProgram(kHasty) {}

  [[nodiscard]] std::size_t threads() const override { return 3; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kOld ? "writer" : thread == kNew ? "new writer" : "reader";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override { return thread == kOld; }

  void run(std::size_t thread) override {
    if (thread == kOld) {
      FanIn::Writer own = writer(1);
      for (std::uint64_t number = 1; number <= 2; ++number) send(own, number);
      say_ended(thread);
    } else if (thread == kNew) {
      while (!is_gone(kOld)) SimulatedAtomics::pause();
      FanIn::Writer own = writer(1);
      for (std::uint64_t i = 0; i < 2; ++i) send(own, kFirstOfNew + i);
    } else {
      std::vector<FanIn::ReaderLane> storage(kLanes);
      FanIn::Reader own = reader(storage);
      std::uint64_t due = 1;
      while (due < kFirstOfNew + 2) {
        const auto record = poll(own);
        if (record.empty()) {
          SimulatedAtomics::pause();
          continue;
        }
        const std::uint64_t number = read_payload(record);
        require(number == due || (number == kFirstOfNew && due <= 3),
                "a message lost, repeated or out of order");
        due = number + 1;
        own.release();
      }
    }
  }

 private:
  static constexpr std::size_t kOld = 1;
  static constexpr std::size_t kNew = 2;
  static constexpr std::uint64_t kFirstOfNew = 50;
};

// The reader may die anywhere; the next one finds what it left, and what comes.
class ReaderDies : public FanInProgram {
 public:
  ReaderDies() : FanInProgram(kHasty) {}

  [[nodiscard]] std::size_t threads() const override { return 3; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kWriter ? "writer" : thread == kOld ? "reader" : "new reader";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override { return thread == kOld; }

  void run(std::size_t thread) override {
    if (thread == kWriter) {
      FanIn::Writer own = writer(1);
      for (std::uint64_t count = 1; count <= kMessages; ++count) send(own, kPerWriter + count);
      return;
    }
    if (thread == kNew) {
      while (!is_gone(kOld)) SimulatedAtomics::pause();
    }
    std::vector<FanIn::ReaderLane> storage(kLanes);
    FanIn::Reader own = reader(storage);
    std::array<std::uint64_t, kLanes> next{1, read_ + 1};
    const std::uint64_t last = thread == kOld ? kMessages - 1 : kMessages;
    while (next[1] <= last) {
      const auto record = poll(own);
      if (record.empty()) {
        SimulatedAtomics::pause();
        continue;
      }
      // The record that the dead reader held comes again, no more.
      if (thread == kNew && read_payload(record) == kPerWriter + next[1] - 1) --next[1];
      take(own, record, next);
      if (thread == kOld) read_ = next[1] - 1;
    }
    if (thread == kOld) say_ended(thread);
  }

 private:
  static constexpr std::size_t kWriter = 1;
  static constexpr std::size_t kOld = 2;
  static constexpr std::size_t kNew = 3;
  static constexpr std::uint64_t kMessages = 3;

  std::uint64_t read_ = 0;
};

// The reader looks at all lanes before it sleeps, so it needs no time-out unless a writer dies.
class Sleeper : public FanInProgram {
 public:
  explicit Sleeper(bool by_barrier) : FanInProgram(kHasty), by_barrier_(by_barrier) {}

  [[nodiscard]] std::size_t threads() const override { return kLanes + 1; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread <= kLanes ? "writer" : "reader";
  }

  void begin() override {
    FanInProgram::begin();
    bell_ = Execution::current().shared<std::uint32_t>();
    Parking::open(*bell_, by_barrier_);
  }

  void run(std::size_t thread) override {
    if (thread <= kLanes) {
      const auto lane = static_cast<std::uint32_t>(thread - 1);
      FanIn::Writer own = writer(lane);
      send(own, lane * kPerWriter + 1);
      if (!Parking::peer_waits(*bell_, false)) return;
      Parking::ring(*bell_, [&] { Execution::current().futex_wake({bell_, sizeof *bell_}); });
      return;
    }
    std::vector<FanIn::ReaderLane> storage(kLanes);
    FanIn::Reader own = reader(storage);
    std::array<std::uint64_t, kLanes> next{1, 1};
    while (next[0] + next[1] < 2 + kLanes) {
      if (const auto record = own.peek(); !record.empty()) {
        take(own, record, next);
        continue;
      }
      const std::uint32_t parked = Parking::park(*bell_, by_barrier_, heavy_barrier);
      if (!own.anything()) Execution::current().futex_wait({bell_, sizeof *bell_}, parked, false);
      Parking::unpark(*bell_, by_barrier_);
    }
  }

 private:
  bool by_barrier_;
  std::uint32_t* bell_ = nullptr;
};

}  // namespace

std::vector<Scenario> fan_in_scenarios() {
  const auto scenario = [](const char* name, MakeProgram make, const Bounds& quick,
                           const Bounds& full) {
    return Scenario{"FanIn", name, std::move(make), quick, full};
  };
  const auto streams = [](const core::FanInPace& pace, std::size_t writers, std::uint64_t each,
                          bool dies = false) {
    return program<Streams>(pace, writers, each, dies);
  };
  const Bounds alone{.preemptions = 2, .stale_loads = 2};
  const Bounds quick{.preemptions = 1, .stale_loads = 1};
  const Bounds deep{.preemptions = 5, .stale_loads = 3};
  const Bounds full{.preemptions = 2, .stale_loads = 2};
  const Bounds quick_death{.preemptions = 1, .stale_loads = 1, .deaths = 1};
  const Bounds full_death{.preemptions = 2, .stale_loads = 1, .deaths = 1};
  return {
      scenario("1 writer, 3 messages", streams(kHasty, 1, 3), alone, deep),
      scenario("1 writer, a patient reader", streams(kPatient, 1, 3), alone, deep),
      scenario("2 writers, 1 message each", streams(kHasty, 2, 1), quick, full),
      scenario("2 writers, 2 messages each", streams(kHasty, 2, 2), quick, full),
      scenario("2 writers, a patient reader", streams(kPatient, 2, 2), quick, full),
      scenario("a writer dies, 1 of 1", streams(kHasty, 1, 2, true), quick_death, {.deaths = 1}),
      scenario("a writer dies, 1 of 2", streams(kHasty, 2, 1, true), quick_death, full_death),
      scenario("a writer dies, with a successor", program<WriterDies>(), quick_death, full_death),
      scenario("the reader dies", program<ReaderDies>(), quick_death, full_death),
      scenario("the reader sleeps by the barrier", program<Sleeper>(true),
               {.preemptions = 2, .stale_loads = 1}, full),
      scenario("the reader sleeps by fences", program<Sleeper>(false),
               {.preemptions = 2, .stale_loads = 1}, full),
  };
}

}  // namespace ringbell::model
