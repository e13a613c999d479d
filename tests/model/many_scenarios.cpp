// ManyLossless, explored: writers against each other and against readers that join, in a ring of
// two slots, and each of them dying at any step while the others recover and go on.
#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <ringbell/core/many_lossless.hpp>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using core::BroadcastStart;
using Ring = core::ManyLossless<SimulatedAtomics>;

// The writers are the first threads, the readers the last ones.
struct Cast {
  std::size_t writers;
  std::size_t readers;
  std::uint64_t messages_each;  // of a writer
  std::size_t joined = 0;       // readers that are there from the beginning
  BroadcastStart start = BroadcastStart::oldest;
  std::uint32_t batch = 1;
  std::uint64_t slots = 2;
  bool aborts = false;       // each writer's first claim
  bool writer_dies = false;  // the first of them may
  bool reader_dies = false;
};

// A message's number has its writer and its count. In the end each reader must have had, at each
// position from its first one on, what was committed there and nothing else.
class ManyProgram : public Program {
 public:
  explicit ManyProgram(const Cast& cast) : cast_(cast) {}

  [[nodiscard]] std::size_t threads() const override { return cast_.writers + cast_.readers; }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return is_writer(thread) ? "writer" : "reader";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override {
    return is_writer(thread) ? cast_.writer_dies && thread == 1
                             : cast_.reader_dies && thread == first_reader();
  }

  void begin() override {
    Execution& execution = Execution::current();
    memory_ = {.control = execution.shared<core::ManyControl>(),
               .slots = execution.shared<std::byte>(cast_.slots * kSlotBytes),
               .slot_count = cast_.slots,
               .slot_bytes = kSlotBytes,
               .message_bytes = kSlotBytes / 2,
               .max_readers = static_cast<std::uint32_t>(cast_.readers)};
    ended_ = execution.shared<std::uint64_t>(kMaxThreads);
    for (std::size_t i = 0; i < cast_.joined; ++i) {
      const std::size_t thread = first_reader() + i;
      new (&joined_[thread]) Ring::Reader(join(thread));
    }
  }

  void run(std::size_t thread) override {
    if (!is_writer(thread)) return read(thread);
    write(thread);
    if (cast_.writer_dies) {
      SimulatedAtomics::store(ended_[thread], std::uint64_t{1}, std::memory_order_release, kNoEdge);
    }
  }

  void end() override {
    for (std::size_t reader = first_reader(); reader <= threads(); ++reader) {
      if (may_die(reader)) continue;
      for (std::uint64_t position = start_[reader]; position < kMostPositions; ++position) {
        const std::uint64_t due = committed_[position];
        const std::uint64_t seen = seen_[reader][position];
        // A writer that died may have committed one, and had no time to say so.
        const bool untold = cast_.writer_dies && due == 0 && seen == kPerWriter + last_[1] + 1;
        if (seen == due || untold) continue;
        require(false,
                fmt::format("at position {} a reader got {} in place of {}", position, seen, due));
      }
    }
  }

 private:
  static constexpr std::uint32_t kSlotBytes = 16;
  static constexpr std::uint64_t kPerWriter = 100;
  static constexpr std::uint64_t kAborted = 90;
  static constexpr std::size_t kMostPositions = 12;

  using Positions = std::array<std::uint64_t, kMostPositions>;

  [[nodiscard]] bool is_writer(std::size_t thread) const { return thread <= cast_.writers; }
  [[nodiscard]] std::size_t first_reader() const { return cast_.writers + 1; }
  // Where no writer can die: up to where they write.
  [[nodiscard]] std::uint64_t positions() const {
    return cast_.writers * (cast_.messages_each + (cast_.aborts ? 1 : 0));
  }

  // As a participant that has waited for long does; once is enough, as one at most dies.
  void look_for_the_dead(std::size_t self, std::size_t in_the_way) {
    if (in_the_way == 0 || !may_die(in_the_way) || has_recovered_[self]) return;
    if (!is_dead(in_the_way)) return;
    Ring::recover(memory_, [&](core::ParticipantId id) { return id == in_the_way; });
    has_recovered_[self] = true;
  }

  void write(std::size_t thread) {
    Ring::Writer writer(memory_, static_cast<core::ParticipantId>(thread));
    bool aborts = cast_.aborts;
    for (std::uint64_t count = 1; count <= cast_.messages_each;) {
      const auto wanted = static_cast<std::uint32_t>(
          aborts ? 1 : std::min<std::uint64_t>(cast_.batch, cast_.messages_each - count + 1));
      const std::uint32_t claimed = writer.claim(wanted);
      require(!writer.corrupt(), "the writer takes the ring for corrupt");
      if (claimed == 0) {
        look_for_the_dead(thread, writer.waits_for());
        SimulatedAtomics::pause();
        continue;
      }
      for (std::uint32_t i = 0; i < claimed; ++i) {
        write_payload(writer.payload(i), thread * kPerWriter + (aborts ? kAborted : count + i));
      }
      const std::uint64_t position = writer.position();
      if (std::exchange(aborts, false)) {
        require(writer.abort(), "evicted, though alive");
        continue;
      }
      require(writer.commit(), "evicted, though alive");
      for (std::uint32_t i = 0; i < claimed; ++i, ++count) {
        committed_.at(position + i) = thread * kPerWriter + count;
        last_[thread] = count;
      }
    }
  }

  [[nodiscard]] Ring::Reader join(std::size_t thread) {
    std::optional<Ring::Reader> reader =
        Ring::Reader::join(memory_, static_cast<core::ParticipantId>(thread), cast_.start);
    require(reader.has_value(), "no cell is free, or joining takes more tries than it should");
    start_[thread] = reader->position();
    return std::move(*reader);
  }

  void read(std::size_t thread) {
    const bool is_there = thread < first_reader() + cast_.joined;
    Ring::Reader reader =
        is_there ? std::move(*reinterpret_cast<Ring::Reader*>(&joined_[thread])) : join(thread);
    while (cast_.writer_dies || reader.position() < positions()) {
      const bool over = cast_.writer_dies && all_writers_are_gone();
      const std::span<const std::byte> message = reader.peek();
      require(!reader.corrupt(), "the reader takes the ring for corrupt");
      require(!reader.evicted(), "evicted, though alive");
      if (!message.empty()) {
        std::uint64_t& seen = seen_[thread].at(reader.position());
        require(seen == 0, "a message came twice");
        seen = read_payload(message);
        reader.release();
        continue;
      }
      if (over && reader.waits_for() == 0) return;
      look_for_the_dead(thread, reader.waits_for());
      if (thread != first_reader()) look_for_the_dead(thread, first_reader());
      if (reader.position() < positions() || cast_.writer_dies) SimulatedAtomics::pause();
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

  // A handle leaves at its end, which a run that is cut short must not do.
  struct NeverDestroyed {
    alignas(Ring::Reader) std::array<std::byte, sizeof(Ring::Reader)> bytes;
  };

  Cast cast_;
  core::ManyMemory memory_{};
  std::uint64_t* ended_ = nullptr;
  std::array<NeverDestroyed, kMaxThreads> joined_{};
  Positions committed_{};                          // at its position; 0: nothing was
  std::array<Positions, kMaxThreads> seen_{};      // by each reader
  std::array<std::uint64_t, kMaxThreads> last_{};  // count of each writer's last message
  std::array<std::uint64_t, kMaxThreads> start_{};
  std::array<bool, kMaxThreads> has_recovered_{};
};

}  // namespace

std::vector<Scenario> many_scenarios() {
  // Preemptions and stale loads within which there are some hundred thousand runs at most. A race
  // needs no stale load.
  struct Depth {
    int preemptions;
    int stale_loads;
  };
  const auto cast = [](const char* name, const Cast& who, Depth quick, Depth full) {
    const int deaths = who.writer_dies || who.reader_dies ? 1 : 0;
    return Scenario{"ManyLossless", name, program<ManyProgram>(who),
                    Bounds{quick.preemptions, quick.stale_loads, deaths},
                    Bounds{full.preemptions, full.stale_loads, deaths}};
  };
  constexpr auto kNewest = BroadcastStart::newest;
  return {
      cast("1 writer, 1 reader", {1, 1, 3, 1}, {2, 2}, {3, 2}),
      cast("2 writers", {2, 0, 2}, {2, 1}, {3, 2}),
      cast("2 writers, 1 reader", {2, 1, 2, 1}, {1, 1}, {2, 1}),
      cast("1 writer, 2 readers", {1, 2, 3, 2}, {1, 1}, {2, 1}),
      cast("2 writers, 2 readers", {2, 2, 1, 2}, {1, 1}, {2, 1}),
      cast("batches", {.writers = 2, .readers = 1, .messages_each = 2, .joined = 1, .batch = 2},
           {1, 1}, {2, 1}),
      cast("4 slots", {.writers = 2, .readers = 1, .messages_each = 3, .joined = 1, .slots = 4},
           {1, 1}, {2, 1}),
      cast("a reader joins at the oldest", {1, 1, 3}, {2, 2}, {3, 2}),
      cast("a reader joins at the newest",
           {.writers = 1, .readers = 1, .messages_each = 3, .start = kNewest}, {2, 2}, {3, 2}),
      cast("a reader joins 2 writers", {2, 1, 2}, {1, 1}, {2, 1}),
      cast("2 writers abort",
           {.writers = 2, .readers = 1, .messages_each = 1, .joined = 1, .aborts = true}, {1, 1},
           {2, 1}),
      cast("2 writers abort, none reads",
           {.writers = 2, .readers = 0, .messages_each = 1, .aborts = true}, {2, 1}, {3, 1}),
      cast("a writer dies, 1 and 1",
           {.writers = 1, .readers = 1, .messages_each = 3, .joined = 1, .writer_dies = true},
           {1, 1}, {2, 1}),
      cast("a writer dies, 2 and 1",
           {.writers = 2, .readers = 1, .messages_each = 2, .joined = 1, .writer_dies = true},
           {0, 1}, {1, 1}),
      cast("a writer dies, a reader joins",
           {.writers = 2, .readers = 1, .messages_each = 2, .writer_dies = true}, {1, 0}, {1, 1}),
      cast("a reader dies, 2 and 1",
           {.writers = 2, .readers = 1, .messages_each = 2, .joined = 1, .reader_dies = true},
           {2, 0}, {2, 1}),
      cast("a reader dies joining",
           {.writers = 1, .readers = 1, .messages_each = 3, .reader_dies = true}, {2, 1}, {3, 1}),
      cast("a reader dies, 1 and 2",
           {.writers = 1, .readers = 2, .messages_each = 3, .joined = 2, .reader_dies = true},
           {1, 1}, {2, 1}),
  };
}

}  // namespace ringbell::model
