// ManyLossless, explored: writers against each other and against readers that join, in a ring of
// two slots, and each of them dying at any step while the others recover and go on.
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <ringbell/core/many_lossless.hpp>

#include "tests/model/many_program.hpp"
#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using core::BroadcastStart;
using Ring = core::ManyLossless<SimulatedAtomics>;

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

// In the end each reader must have had, at each position from its first one on, what was committed
// there and nothing else.
class ManyProgram : public ManyWritersProgram {
 public:
  explicit ManyProgram(const Cast& cast)
      : ManyWritersProgram({.writers = cast.writers,
                            .readers = cast.readers,
                            .messages_each = cast.messages_each,
                            .batch = cast.batch,
                            .aborts = cast.aborts,
                            .dies = cast.writer_dies}),
        cast_(cast) {}

  [[nodiscard]] bool may_die(std::size_t thread) const override {
    return ManyWritersProgram::may_die(thread) || (cast_.reader_dies && thread == first_reader());
  }

  void begin() override {
    ManyWritersProgram::begin();
    Execution& execution = Execution::current();
    memory_ = {.control = execution.shared<core::ManyControl>(),
               .slots = execution.shared<std::byte>(cast_.slots * kSlotBytes),
               .slot_count = cast_.slots,
               .slot_bytes = kSlotBytes,
               .message_bytes = kSlotBytes / 2,
               .max_readers = static_cast<std::uint32_t>(cast_.readers)};
    for (std::size_t i = 0; i < cast_.joined; ++i) {
      const std::size_t thread = first_reader() + i;
      new (&joined_[thread]) Ring::Reader(join(thread));
    }
  }

  void end() override {
    for (std::size_t reader = first_reader(); reader <= threads(); ++reader) {
      if (may_die(reader)) continue;
      for (std::uint64_t position = start_[reader]; position < kMostPositions; ++position) {
        expect_committed(position, seen_[reader][position]);
      }
    }
  }

 private:
  static constexpr std::uint32_t kSlotBytes = 16;

  void look_for_the_dead(std::size_t self, std::size_t in_the_way) {
    ManyWritersProgram::look_for_the_dead(self, in_the_way,
                                          [&](auto is_dead) { Ring::recover(memory_, is_dead); });
  }

  void write(std::size_t thread) override {
    Ring::Writer writer(memory_, static_cast<core::ParticipantId>(thread));
    write_all(thread, writer, [&](std::uint32_t i, std::uint64_t number) {
      write_payload(writer.payload(i), number);
    });
  }

  [[nodiscard]] Ring::Reader join(std::size_t thread) {
    std::optional<Ring::Reader> reader =
        Ring::Reader::join(memory_, static_cast<core::ParticipantId>(thread), cast_.start);
    require(reader.has_value(), "no cell is free, or joining takes more tries than it should");
    start_[thread] = reader->position();
    return std::move(*reader);
  }

  void read(std::size_t thread) override {
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

  // A handle leaves at its end, which a run that is cut short must not do.
  struct NeverDestroyed {
    alignas(Ring::Reader) std::array<std::byte, sizeof(Ring::Reader)> bytes;
  };

  Cast cast_;
  core::ManyMemory memory_{};
  std::array<NeverDestroyed, kMaxThreads> joined_{};
  std::array<Positions, kMaxThreads> seen_{};  // by each reader
  std::array<std::uint64_t, kMaxThreads> start_{};
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
