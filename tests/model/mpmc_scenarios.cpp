// MpmcRing, explored: writers and readers against each other in a ring of two slots, and each of
// them dying at any step while the others recover and go on.
#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <ringbell/core/mpmc_ring.hpp>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using Ring = core::MpmcRing<SimulatedAtomics>;

struct Cast {
  std::size_t writers;
  std::size_t readers;
  std::uint64_t messages_each;  // of a writer
  std::uint32_t batch = 1;
  bool aborts = false;       // each writer's first claim
  bool writer_dies = false;  // the first of them may
  bool reader_dies = false;
};

// Messages carry their writer and its count. Where no thread can die, each reader takes its share;
// else readers go on until all writers ended or died and nothing is left.
class MpmcProgram : public Program {
 public:
  explicit MpmcProgram(const Cast& cast) : cast_(cast) {}

  [[nodiscard]] std::size_t threads() const override { return cast_.writers + cast_.readers; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return is_writer(thread) ? "writer" : "reader";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override {
    return is_writer(thread) ? cast_.writer_dies && thread == 1
                             : cast_.reader_dies && thread == cast_.writers + 1;
  }

  void begin() override {
    Execution& execution = Execution::current();
    constexpr std::uint32_t kMessageBytes = 8;
    memory_ = {.control = execution.shared<core::MpmcControl>(),
               .slots = execution.shared<std::byte>(kSlots * 2 * kMessageBytes),
               .slot_count = kSlots,
               .slot_bytes = 2 * kMessageBytes,
               .message_bytes = kMessageBytes};
    ended_ = execution.shared<std::uint64_t>(kMaxThreads);
  }

  void run(std::size_t thread) override {
    if (is_writer(thread)) {
      write(thread);
    } else {
      read(thread);
    }
    if (any_may_die()) {
      SimulatedAtomics::store(ended_[thread], std::uint64_t{1}, std::memory_order_release, kNoEdge);
    }
  }

  void end() override {
    // Whatever a reader that died had not given back is there to be read.
    Ring::Reader reader(memory_, kMaxThreads);
    reader.recover([&](core::ParticipantId id) { return id != kMaxThreads; });
    while (!reader.peek().empty()) {
      got(0, read_payload(reader.peek()), reader.redelivered());
      require(reader.release(), "evicted, with no other participant there");
    }
    for (std::size_t writer = 1; writer <= cast_.writers; ++writer) {
      for (std::uint64_t count = 1; count <= committed_[writer]; ++count) {
        require(seen_[writer][count] > 0, "a message was committed and not seen");
      }
    }
  }

 private:
  static constexpr std::size_t kSlots = 2;
  static constexpr std::size_t kMostMessages = 8;
  static constexpr std::uint64_t kPerWriter = 100;

  [[nodiscard]] bool any_may_die() const { return cast_.writer_dies || cast_.reader_dies; }
  [[nodiscard]] std::uint64_t share() const {
    return cast_.writers * cast_.messages_each / cast_.readers;
  }
  [[nodiscard]] bool is_writer(std::size_t thread) const { return thread <= cast_.writers; }

  // As a participant that has waited for long does.
  template <class Handle>
  void look_for_the_dead(Handle& handle) {
    if (!any_may_die() || (handle.waits_for() == 0 && !cast_.reader_dies)) return;
    handle.recover([](core::ParticipantId id) { return is_dead(id); });
  }

  void write(std::size_t thread) {
    Ring::Writer writer(memory_, static_cast<core::ParticipantId>(thread));
    bool aborts = cast_.aborts;
    for (std::uint64_t count = 1; count <= cast_.messages_each;) {
      const auto wanted = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(cast_.batch, cast_.messages_each - count + 1));
      const std::uint32_t claimed = writer.claim(wanted);
      if (claimed == 0) {
        look_for_the_dead(writer);
        SimulatedAtomics::pause();
        continue;
      }
      for (std::uint32_t i = 0; i < claimed; ++i) {
        write_payload(writer.payload(i), thread * kPerWriter + count + i);
      }
      if (std::exchange(aborts, false)) {
        require(writer.abort(), "evicted, though alive");
        continue;
      }
      require(writer.commit(), "evicted, though alive");
      count += claimed;
      committed_[thread] = count - 1;
    }
  }

  void read(std::size_t thread) {
    Ring::Reader reader(memory_, static_cast<core::ParticipantId>(thread));
    std::array<std::uint64_t, kMaxThreads> last{};
    while (any_may_die() || released_[thread] < share()) {
      const bool over = any_may_die() && all_writers_are_gone();
      const std::uint32_t taken = reader.take(cast_.batch);
      if (taken == 0) {
        look_for_the_dead(reader);
        // A reader that died may still have left something, if its death is not known yet.
        if (over && reader.waits_for() == 0) return;
        SimulatedAtomics::pause();
        continue;
      }
      for (std::uint32_t i = 0; i < taken; ++i) {
        const std::uint64_t message = read_payload(reader.payload(i));
        got(thread, message, reader.redelivered());
        std::uint64_t& before = last[message / kPerWriter];
        require(reader.redelivered() || message > before, "a writer's messages out of order");
        before = message;
      }
      require(reader.release(), "evicted, though alive");
      released_[thread] += taken;
    }
  }

  [[nodiscard]] bool all_writers_are_gone() const {
    for (std::size_t writer = 1; writer <= cast_.writers; ++writer) {
      const bool ended =
          SimulatedAtomics::load(ended_[writer], std::memory_order_acquire, kNoEdge) != 0;
      if (!ended && !(may_die(writer) && is_dead(writer))) return false;
    }
    return true;
  }

  void got(std::size_t reader, std::uint64_t message, bool redelivered) {
    const std::uint64_t writer = message / kPerWriter;
    const std::uint64_t count = message % kPerWriter;
    require(writer >= 1 && writer <= cast_.writers && count >= 1 && count <= cast_.messages_each,
            fmt::format("reader {} got {}, which was never sent", reader, message));
    require(++seen_[writer][count] == 1 || redelivered,
            "a message came twice, and does not say so");
  }

  Cast cast_;
  core::MpmcMemory memory_{};
  std::uint64_t* ended_ = nullptr;
  std::array<std::array<int, kMostMessages>, kMaxThreads> seen_{};
  std::array<std::uint64_t, kMaxThreads> committed_{};
  std::array<std::uint64_t, kMaxThreads> released_{};
};

// One message. The first reader may die with it; the writer, or a reader that does nothing else,
// takes it back, once; the second reader must find it.
class ReturnedByAnother : public Program {
 public:
  explicit ReturnedByAnother(bool by_reader) : by_reader_(by_reader) {}

  [[nodiscard]] std::size_t threads() const override { return by_reader_ ? kHelper : kFinder; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return thread == kWriter ? "writer" : "reader";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override { return thread == kMortal; }

  void begin() override {
    Execution& execution = Execution::current();
    memory_ = {.control = execution.shared<core::MpmcControl>(),
               .slots = execution.shared<std::byte>(kSlots * kSlotBytes),
               .slot_count = kSlots,
               .slot_bytes = kSlotBytes,
               .message_bytes = kSlotBytes / 2};
    released_ = execution.shared<std::uint64_t>();
  }

  void run(std::size_t thread) override {
    if (thread == kWriter) {
      Ring::Writer writer(memory_, kWriter);
      write_payload(writer.claim(), kMessage);
      require(writer.commit(), "evicted, though alive");
      if (!by_reader_) take_back(writer);
      return;
    }
    Ring::Reader reader(memory_, static_cast<core::ParticipantId>(thread));
    if (thread == kHelper) return take_back(reader);
    while (reader.peek().empty()) {
      if (is_released()) return;
      SimulatedAtomics::pause();
    }
    require(read_payload(reader.peek()) == kMessage, "another message");
    require(reader.release(), "evicted, though alive");
    say_released();
  }

 private:
  static constexpr std::size_t kWriter = 1;
  static constexpr std::size_t kMortal = 2;
  static constexpr std::size_t kFinder = 3;
  static constexpr std::size_t kHelper = 4;
  static constexpr std::size_t kSlots = 2;
  static constexpr std::uint32_t kSlotBytes = 16;
  static constexpr std::uint64_t kMessage = 7;

  template <class Handle>
  void take_back(Handle& handle) {
    while (!is_dead(kMortal)) {
      if (is_released()) return;
      SimulatedAtomics::pause();
    }
    const core::MpmcRecovered found =
        handle.recover([](core::ParticipantId id) { return id == kMortal; });
    // It had died after releasing and before it could say so.
    if (found.returned == 0 && message_is_free()) say_released();
  }

  // Relaxed, so that it orders nothing that the ring has to.
  void say_released() const {
    SimulatedAtomics::store(*released_, std::uint64_t{1}, std::memory_order_relaxed, kNoEdge);
  }
  [[nodiscard]] bool message_is_free() const {
    const auto& state = *reinterpret_cast<const core::MpmcState*>(memory_.slots);
    return SimulatedAtomics::load(state, std::memory_order_acquire, kNoEdge) ==
           core::MpmcSlotState::freed(1);
  }
  [[nodiscard]] bool is_released() const {
    return SimulatedAtomics::load(*released_, std::memory_order_relaxed, kNoEdge) != 0;
  }

  bool by_reader_;
  core::MpmcMemory memory_{};
  std::uint64_t* released_ = nullptr;
};

}  // namespace

std::vector<Scenario> mpmc_scenarios() {
  // Preemptions and stale loads within which there are some hundred thousand runs at most.
  struct Depth {
    int preemptions;
    int stale_loads;
  };
  const auto cast = [](const char* name, const Cast& who, Depth quick, Depth full) {
    const int deaths = who.writer_dies || who.reader_dies ? 1 : 0;
    return Scenario{"MpmcRing", name, program<MpmcProgram>(who),
                    Bounds{quick.preemptions, quick.stale_loads, deaths},
                    Bounds{full.preemptions, full.stale_loads, deaths}};
  };
  return {
      cast("1 writer, 1 reader", {1, 1, 3}, {2, 2}, {-1, 1}),
      cast("batches", {1, 1, 4, 2}, {2, 2}, {3, 2}),
      cast("an abort", {.writers = 1, .readers = 1, .messages_each = 2, .aborts = true}, {2, 2},
           {-1, 1}),
      cast("2 writers, 1 reader", {2, 1, 1}, {2, 2}, {-1, 2}),
      cast("2 writers abort", {.writers = 2, .readers = 1, .messages_each = 1, .aborts = true},
           {2, 1}, {3, 1}),
      cast("1 writer, 2 readers", {1, 2, 2}, {2, 2}, {3, 2}),
      cast("2 writers, 2 readers", {2, 2, 1}, {2, 1}, {3, 1}),
      cast("a writer dies, 1 and 1",
           {.writers = 1, .readers = 1, .messages_each = 3, .writer_dies = true}, {2, 1}, {3, 1}),
      cast("a writer dies, 2 and 1",
           {.writers = 2, .readers = 1, .messages_each = 1, .writer_dies = true}, {1, 1}, {2, 1}),
      cast("a reader dies, 1 and 2",
           {.writers = 1, .readers = 2, .messages_each = 2, .reader_dies = true}, {1, 1}, {2, 1}),
      Scenario{"MpmcRing", "a writer returns it", program<ReturnedByAnother>(false),
               Bounds{.preemptions = 1, .stale_loads = 1, .deaths = 1},
               Bounds{.preemptions = 2, .stale_loads = 2, .deaths = 1}},
      Scenario{"MpmcRing", "a reader returns it", program<ReturnedByAnother>(true),
               Bounds{.preemptions = 1, .stale_loads = 1, .deaths = 1},
               Bounds{.preemptions = 1, .stale_loads = 2, .deaths = 1}},
  };
}

}  // namespace ringbell::model
