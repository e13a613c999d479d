// ManyLossy, explored: writers against each other, readers that are lapped while they copy or join
// meanwhile, and a writer that dies at any step while the others go on.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <ringbell/core/many_lossy.hpp>
#include <ringbell/core/object_at.hpp>

#include "tests/model/many_program.hpp"
#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using core::BroadcastSeen;
using core::BroadcastStart;
using Ring = core::ManyLossy<SimulatedAtomics>;

struct Cast {
  std::size_t writers;
  std::size_t readers;
  std::uint64_t messages_each;  // of a writer
  std::uint64_t slots = 2;
  BroadcastStart start = BroadcastStart::oldest;
  std::size_t words = 2;  // of a message: so that a torn one shows
  std::uint32_t batch = 1;
  bool aborts = false;    // each writer's first claim
  bool dies = false;      // the first writer may
  bool in_place = false;  // written and read where it stands
};

// In the end each reader must have had, at each position that it did not miss, what was committed
// there and nothing else.
class ManyLossyProgram : public ManyWritersProgram {
 public:
  explicit ManyLossyProgram(const Cast& cast)
      : ManyWritersProgram({.writers = cast.writers,
                            .readers = cast.readers,
                            .messages_each = cast.messages_each,
                            .batch = cast.batch,
                            .aborts = cast.aborts,
                            .dies = cast.dies}),
        cast_(cast) {}

  void begin() override {
    ManyWritersProgram::begin();
    Execution& execution = Execution::current();
    memory_ = {.control = execution.shared<core::MpmcControl>(),
               .slots = execution.shared<std::byte>(cast_.slots * slot_bytes()),
               .slot_count = cast_.slots,
               .slot_bytes = slot_bytes(),
               .message_bytes = message_bytes()};
  }

  void end() override {
    for (std::size_t reader = first_reader(); reader <= threads(); ++reader) {
      const Reading& of = readings_[reader];
      std::uint64_t gone = 0;  // positions of which it had nothing
      std::uint64_t lost = 0;  // with a message
      for (std::uint64_t position = of.start; position < of.end; ++position) {
        const std::uint64_t seen = of.seen.at(position);
        if (seen == 0) {
          ++gone;
          lost += committed(position) != 0 ? 1 : 0;
          continue;
        }
        expect_committed(position, seen);
      }
      require(lost <= of.missed && of.missed <= gone, "the missed do not add up");
      require(cast_.aborts || cast_.dies || of.missed == gone, "something was passed over");
    }
  }

 private:
  struct Reading {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    std::uint64_t missed = 0;
    Positions seen{};
  };

  [[nodiscard]] std::uint32_t message_bytes() const {
    return static_cast<std::uint32_t>((cast_.words + (cast_.in_place ? 1 : 0)) *
                                      sizeof(std::uint64_t));
  }
  [[nodiscard]] std::uint32_t slot_bytes() const {
    return message_bytes() + static_cast<std::uint32_t>(sizeof(core::MpmcState));
  }
  void put(Ring::Writer& writer, std::uint32_t i, std::uint64_t number) const {
    // Plain stores: two writers at one slot are a race.
    if (cast_.readers == 0) return write_payload(writer.payload(i), number);
    if (cast_.in_place) {
      // A relaxed store, for it is no race that this looks for.
      SimulatedAtomics::store(
          *core::object_at<std::uint64_t>(writer.payload(i).data() + sizeof(std::uint64_t)), number,
          std::memory_order_relaxed, kNoEdge);
      return writer.write_size(i, size_of(number));
    }
    const std::array<std::uint64_t, 2> message = {number, ~number};
    writer.write(i, std::as_bytes(std::span(message).first(cast_.words)));
  }
  // Another one for each message of a writer, so that a size of another one shows.
  static std::size_t size_of(std::uint64_t number) { return sizeof(std::uint64_t) - number % 2; }

  void write(std::size_t thread) override {
    Ring::Writer writer(memory_, static_cast<core::ParticipantId>(thread));
    write_all(thread, writer,
              [&](std::uint32_t i, std::uint64_t number) { put(writer, i, number); });
  }

  // The number of the next message; 0: there is none now.
  [[nodiscard]] std::uint64_t receive(Ring::Reader& reader) const {
    if (!cast_.in_place) {
      std::array<std::uint64_t, 2> message{};
      if (!reader.receive(std::as_writable_bytes(std::span(message).first(cast_.words)))) return 0;
      require(cast_.words == 1 || message[1] == ~message[0], "a torn message");
      return message[0];
    }
    std::uint64_t word = 0;
    std::size_t size = 0;
    const std::uint64_t missed = reader.missed();
    const BroadcastSeen seen = reader.read_sized([&](std::span<const std::byte> message) {
      size = message.size();
      word = SimulatedAtomics::load(*core::object_at<std::uint64_t>(message.data()),
                                    std::memory_order_relaxed, kNoEdge);
    });
    require(seen != BroadcastSeen::torn || reader.missed() > missed,
            "a torn message is not among the missed");
    if (seen != BroadcastSeen::whole) return 0;
    require(size == size_of(word), "the size of another message");
    return word;
  }

  void read(std::size_t thread) override {
    Ring::Reader reader(view_of(memory_), cast_.start);
    Reading& of = readings_[thread];
    of.start = reader.position();
    while (cast_.dies || reader.position() < positions()) {
      const bool over = cast_.dies && all_writers_are_gone();
      const std::uint64_t number = receive(reader);
      require(!reader.corrupt(), "the reader takes the ring for corrupt");
      if (number != 0) {
        of.seen.at(reader.position() - 1) = number;
        continue;
      }
      const std::size_t in_the_way = reader.waits_for();
      const bool passed =
          in_the_way != 0 && may_die(in_the_way) &&
          reader.pass_over_dead([&](core::ParticipantId id) { return is_dead(id); });
      if (over && !passed && !reader.anything()) break;
      if (!passed && (cast_.dies || reader.position() < positions())) SimulatedAtomics::pause();
    }
    of.end = reader.position();
    of.missed = reader.missed();
  }

  Cast cast_;
  core::MpmcMemory memory_{};
  std::array<Reading, kMaxThreads> readings_{};
};

}  // namespace

std::vector<Scenario> many_lossy_scenarios() {
  struct Depth {
    int preemptions;
    int stale_loads;
  };
  const auto cast = [](const char* name, const Cast& who, Depth quick, Depth full) {
    const int deaths = who.dies ? 1 : 0;
    return Scenario{who.in_place ? "ManyLossyInPlace" : "ManyLossy", name,
                    program<ManyLossyProgram>(who),
                    Bounds{quick.preemptions, quick.stale_loads, deaths},
                    Bounds{full.preemptions, full.stale_loads, deaths}};
  };
  constexpr auto kNewest = BroadcastStart::newest;
  return {
      cast("1 writer, 1 reader", {1, 1, 3}, {2, 2}, {3, 2}),
      cast("2 writers", {2, 0, 2}, {2, 1}, {3, 2}),
      cast("2 writers, 1 reader", {2, 1, 2}, {1, 1}, {2, 1}),
      cast("1 writer, 2 readers", {1, 2, 3}, {1, 1}, {2, 1}),
      cast("batches", {.writers = 2, .readers = 1, .messages_each = 2, .batch = 2}, {1, 1}, {2, 1}),
      cast("4 slots", {.writers = 2, .readers = 1, .messages_each = 3, .slots = 4, .words = 1},
           {1, 1}, {2, 1}),
      cast("a reader joins at the newest",
           {.writers = 1, .readers = 1, .messages_each = 3, .start = kNewest}, {2, 2}, {3, 2}),
      cast("2 writers abort", {.writers = 2, .readers = 1, .messages_each = 1, .aborts = true},
           {1, 1}, {2, 1}),
      cast("2 writers abort, none reads",
           {.writers = 2, .readers = 0, .messages_each = 1, .aborts = true}, {2, 1}, {3, 1}),
      cast("a writer dies, 1 and 1", {.writers = 1, .readers = 1, .messages_each = 3, .dies = true},
           {2, 2}, {3, 2}),
      cast("a writer dies, 2 and 1",
           {.writers = 2, .readers = 1, .messages_each = 2, .words = 1, .dies = true}, {0, 1},
           {1, 1}),
      cast("in place, 1 and 1",
           {.writers = 1, .readers = 1, .messages_each = 3, .words = 1, .in_place = true}, {2, 2},
           {3, 2}),
      cast("in place, 2 writers",
           {.writers = 2,
            .readers = 0,
            .messages_each = 2,
            .words = 1,
            .aborts = true,
            .in_place = true},
           {2, 1}, {3, 1}),
      cast("in place, a writer dies",
           {.writers = 1,
            .readers = 1,
            .messages_each = 3,
            .words = 1,
            .dies = true,
            .in_place = true},
           {1, 1}, {2, 2}),
      cast("in place, 2 and 1",
           {.writers = 2, .readers = 1, .messages_each = 2, .words = 1, .in_place = true}, {1, 1},
           {2, 1}),
  };
}

}  // namespace ringbell::model
