// The latest value, explored: readers that copy while they are overtaken, readers that look in
// place, one that dies looking; pins that come while the writer looks for a buffer; and a writer
// that dies at any step, with a successor.
#include <array>
#include <cstring>
#include <string>

#include <ringbell/core/state.hpp>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using State = core::State<SimulatedAtomics>;

constexpr std::size_t kWriter = 1;
constexpr std::uint32_t kValueBytes = 16;

// Thread 1 writes; readers follow; then a successor: of the writer, if that may die, or of the
// first reader.
struct Cast {
  std::uint32_t buffers;
  std::uint64_t values;  // of both writers together
  std::size_t readers = 1;
  bool in_place = false;
  std::uint64_t before_handover = 0;  // the first writer's values, if it may die
  bool reader_dies = false;
  bool aborts = false;
  std::uint64_t there = 0;  // values that are there from the beginning
  // A reader more, which died with this buffer pinned. Of 0 there is none.
  std::uint32_t dead_pin = 0;
};

// A value is made of its number.
class StateProgram : public Program {
 public:
  explicit StateProgram(const Cast& cast) : cast_(cast) {}

  [[nodiscard]] std::size_t threads() const override {
    return kWriter + cast_.readers + (has_successor() ? 1 : 0);
  }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    // A successor does what the one before did, so what one needs the other does.
    const bool writes = thread == kWriter || (is_successor(thread) && writer_dies());
    return writes ? "writer" : "reader";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override {
    return (writer_dies() && thread == kWriter) || (cast_.reader_dies && thread == kWriter + 1);
  }

  void begin() override {
    Execution& execution = Execution::current();
    const std::uint64_t bytes =
        core::StateMemory<std::byte>::key_bytes_for(kValueBytes, cast_.buffers);
    heads_ = execution.shared<core::StateHead>(bytes / sizeof(core::StateHead));
    pins_ = execution.shared<core::ParticipantLine>(participants());
    ended_ = execution.shared<std::uint64_t>();
    if (cast_.dead_pin != 0) {
      SimulatedAtomics::store(pins_[participants() - 1].pin, core::pin_of(0, cast_.dead_pin),
                              std::memory_order_relaxed, kNoEdge);
    }
    State::Writer writer(memory<std::byte>());
    while (set_ < cast_.there) set_next(writer);
  }

  void run(std::size_t thread) override {
    if (thread == kWriter) return write(thread);
    if (!is_successor(thread)) return cast_.in_place ? look(thread) : copy();
    if (writer_dies()) {
      wait_for_the_end_of(kWriter);
      return write(thread);
    }
    wait_for_the_end_of(kWriter + 1);
    look(kWriter + 1);  // with the dead reader's number
  }

 private:
  [[nodiscard]] bool writer_dies() const { return cast_.before_handover > 0; }
  [[nodiscard]] bool has_successor() const { return writer_dies() || cast_.reader_dies; }
  [[nodiscard]] bool is_successor(std::size_t thread) const {
    return thread > kWriter + cast_.readers;
  }
  [[nodiscard]] std::uint32_t participants() const {
    return 1 + (cast_.in_place ? static_cast<std::uint32_t>(cast_.readers) : 0) +
           (cast_.dead_pin != 0 ? 1 : 0);
  }
  template <class Byte>
  [[nodiscard]] core::StateMemory<Byte> memory() const {
    return {.values = reinterpret_cast<Byte*>(heads_),
            .pins = pins_,
            .participants = participants(),
            .keys = 1,
            .value_bytes = kValueBytes,
            .buffers = cast_.buffers};
  }

  // The kernel lets a successor in when the one before has ended or died.
  void wait_for_the_end_of(std::size_t thread) const {
    while (SimulatedAtomics::load(*ended_, std::memory_order_acquire, kNoEdge) == 0 &&
           !is_dead(thread)) {
      SimulatedAtomics::pause();
    }
  }
  void say_ended() {
    SimulatedAtomics::store(*ended_, std::uint64_t{1}, std::memory_order_release, kNoEdge);
  }

  void write(std::size_t thread) {
    const bool first = thread == kWriter;
    const std::uint64_t end = first && writer_dies() ? cast_.before_handover : cast_.values;
    State::Writer writer(memory<std::byte>());
    if (!first) {
      require(writer.number(0) == set_ || writer.number(0) == set_ + 1,
              "the new writer does not go on at the newest");
    }
    bool aborts = cast_.aborts;
    while (writer.number(0) < end) {
      if (std::exchange(aborts, false)) {
        write_payload(writer.claim(0), kAborted);
        writer.abort();
      }
      set_next(writer);
    }
    if (first && writer_dies()) say_ended();
  }

  void set_next(State::Writer& writer) {
    const std::uint64_t number = writer.number(0) + 1;
    if (cast_.in_place) {
      write_payload(writer.claim(0), number * kScale);
      writer.commit(kValueBytes);
    } else {
      const std::array<std::uint64_t, 2> value = {number, ~number};
      require(writer.set(0, std::as_bytes(std::span(value))), "the writer finds it corrupt");
    }
    set_ = number;
  }

  void copy() {
    State::Reader reader(memory<const std::byte>());
    for (std::uint64_t had = 0; had < cast_.values;) {
      std::array<std::uint64_t, 2> value{};
      const auto copied = reader.get(0, std::as_writable_bytes(std::span(value)));
      require(!reader.corrupt(), "the reader finds it corrupt");
      if (!copied) {
        SimulatedAtomics::pause();
        continue;
      }
      require(value[1] == ~value[0], "a torn value");
      require(value[0] == copied->number, "another value than its number says");
      require(copied->size_bytes == kValueBytes, "another size");
      require(copied->number >= had, "an older value after a newer one");
      if (copied->number == had) SimulatedAtomics::pause();
      had = copied->number;
    }
  }

  void look(std::size_t thread) {
    State::Reader reader(memory<const std::byte>(), static_cast<std::uint32_t>(thread - kWriter));
    for (std::uint64_t had = 0; had < cast_.values;) {
      const auto value = reader.look(0);
      require(!reader.corrupt(), "the reader finds it corrupt");
      if (!value) {
        SimulatedAtomics::pause();
        continue;
      }
      const std::uint64_t number = reader.looks_at();
      require(read_payload(*value) == number * kScale, "another value than its number says");
      require(number >= had, "an older value after a newer one");
      require(reader.release(), "a value that was overwritten while it was looked at");
      if (number == had) SimulatedAtomics::pause();
      had = number;
    }
    if (cast_.reader_dies && thread == kWriter + 1) say_ended();
  }

  static constexpr std::uint64_t kScale = 100;
  static constexpr std::uint64_t kAborted = 7;

  Cast cast_;
  core::StateHead* heads_ = nullptr;
  core::ParticipantLine* pins_ = nullptr;
  std::uint64_t* ended_ = nullptr;
  std::uint64_t set_ = 0;
};

}  // namespace

std::vector<Scenario> state_scenarios() {
  const auto scenario = [](const char* name, const Cast& cast, int quick, int full) {
    const int deaths = cast.before_handover > 0 || cast.reader_dies ? 1 : 0;
    // Where there are three threads, stale loads alone make millions of runs.
    const bool many = cast.in_place && (deaths > 0 || cast.readers > 1);
    return Scenario{"State", name, program<StateProgram>(cast),
                    Bounds{.preemptions = quick, .stale_loads = many ? 1 : 2, .deaths = deaths},
                    Bounds{.preemptions = full, .stale_loads = many ? 2 : -1, .deaths = deaths}};
  };
  return {
      scenario("copies of 2 buffers", {.buffers = 2, .values = 3}, 3, -1),
      scenario("copies of 3 buffers", {.buffers = 3, .values = 4}, 2, -1),
      scenario("a writer dies", {.buffers = 2, .values = 2, .before_handover = 1}, 1, 3),
      // The third value from there comes to the buffer of the first.
      scenario("a look", {.buffers = 3, .values = 4, .in_place = true, .there = 1}, 2, 4),
      // The value after the next two finds buffer 3 pinned and comes to the third's, the reader's.
      scenario("a look beside a dead reader's pin",
               {.buffers = 4, .values = 6, .in_place = true, .there = 3, .dead_pin = 3}, 2, 3),
      scenario("an abort",
               {.buffers = 3, .values = 4, .in_place = true, .aborts = true, .there = 2}, 2, 4),
      scenario("a writer dies, looked at",
               {.buffers = 3, .values = 4, .in_place = true, .before_handover = 3, .there = 2}, 1,
               2),
      scenario("a reader dies looking",
               {.buffers = 3, .values = 4, .in_place = true, .reader_dies = true, .there = 2}, 1,
               2),
      scenario("2 readers look",
               {.buffers = 4, .values = 5, .readers = 2, .in_place = true, .there = 3}, 1, 2),
  };
}

}  // namespace ringbell::model
