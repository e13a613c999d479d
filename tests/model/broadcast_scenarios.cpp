// The broadcast rings, explored: readers that are lapped while they copy, that join while the
// writer writes, that die; and a writer that dies at any step, with a successor.
#include <array>
#include <cstring>
#include <string>

#include <fmt/format.h>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>

#include "tests/model/scenario.hpp"
#include "tests/model/simulated_atomics.hpp"

namespace ringbell::model {
namespace {

using core::BroadcastStart;
using Lossy = core::BroadcastLossy<SimulatedAtomics>;
using Lossless = core::BroadcastLossless<SimulatedAtomics>;

constexpr std::size_t kWriter = 1;

// Thread 1 writes, and the last one, if the writer may die, goes on after it; the others read.
struct Cast {
  std::uint64_t slots;
  std::uint64_t messages;  // of both writers together
  std::size_t readers = 1;
  BroadcastStart start = BroadcastStart::oldest;
  std::size_t words = 2;              // of a message, in the lossy ring: so that a torn one shows
  std::uint64_t before_handover = 0;  // the first writer's messages, if it may die
  std::size_t joined = 0;      // readers of a lossless ring that are there from the beginning
  bool reader_dies = false;    // the first of them may
  bool reader_evicts = false;  // and the others free its cell, not the writer
  bool aborts = false;
  bool in_place = false;  // the lossy ring: claim_sized() and read_sized()
};

// A message's number is its position, and one.
class BroadcastProgram : public Program {
 public:
  explicit BroadcastProgram(const Cast& cast) : cast_(cast) {}

  [[nodiscard]] std::size_t threads() const override {
    return kWriter + cast_.readers + (writer_dies() ? 1 : 0);
  }
  [[nodiscard]] std::string role(std::size_t thread) const override {
    return is_successor(thread) ? "new writer" : thread == kWriter ? "writer" : "reader";
  }
  [[nodiscard]] bool may_die(std::size_t thread) const override {
    return (writer_dies() && thread == kWriter) || (cast_.reader_dies && thread == kWriter + 1);
  }

  void begin() override { ended_ = Execution::current().shared<std::uint64_t>(); }

 protected:
  [[nodiscard]] const Cast& cast() const { return cast_; }
  [[nodiscard]] bool is_successor(std::size_t thread) const {
    return thread > kWriter + cast_.readers;
  }
  [[nodiscard]] bool is_reader(std::size_t thread) const {
    return thread != kWriter && !is_successor(thread);
  }

  void say_ended() {
    SimulatedAtomics::store(*ended_, std::uint64_t{1}, std::memory_order_release, kNoEdge);
  }
  // The kernel lets a successor in when the one before has ended or died.
  void wait_for_the_writers_end() const {
    while (SimulatedAtomics::load(*ended_, std::memory_order_acquire, kNoEdge) == 0 &&
           !is_dead(kWriter)) {
      SimulatedAtomics::pause();
    }
  }

  // Up to where this thread writes.
  [[nodiscard]] std::uint64_t end_of(std::size_t writer) const {
    return writer == kWriter && writer_dies() ? cast_.before_handover : cast_.messages;
  }
  void sent() { ++sent_; }
  // What a successor finds: all that was published, and at most the one being published at death.
  void check_start(std::uint64_t position) const {
    require(position == sent_ || position == sent_ + 1, "the new writer does not go on at the end");
  }

 private:
  [[nodiscard]] bool writer_dies() const { return cast_.before_handover > 0; }

  Cast cast_;
  std::uint64_t* ended_ = nullptr;
  std::uint64_t sent_ = 0;
};

// Messages of two words, so that a torn one shows.
class LossyProgram : public BroadcastProgram {
 public:
  using BroadcastProgram::BroadcastProgram;

  void begin() override {
    BroadcastProgram::begin();
    slots_ = Execution::current().shared<std::byte>(cast().slots * slot_bytes());
  }

  void run(std::size_t thread) override {
    if (is_reader(thread)) return cast().in_place ? look() : read();
    if (is_successor(thread)) wait_for_the_writers_end();
    Lossy::Writer writer(memory<std::byte>());
    require(!writer.corrupt(), "the writer takes the ring for corrupt");
    if (is_successor(thread)) check_start(writer.position());
    while (writer.position() < end_of(thread)) {
      if (cast().in_place) {
        write_in_place(writer);
      } else {
        const std::uint64_t number = writer.position() + 1;
        const std::array<std::uint64_t, 2> message = {number, ~number};
        writer.publish(std::as_bytes(std::span(message).first(cast().words)));
      }
      if (thread == kWriter) sent();
    }
    if (thread == kWriter) say_ended();
  }

 private:
  [[nodiscard]] std::uint32_t message_bytes() const {
    return static_cast<std::uint32_t>((cast().words + (cast().in_place ? 1 : 0)) *
                                      sizeof(std::uint64_t));
  }
  [[nodiscard]] std::uint32_t slot_bytes() const {
    return message_bytes() + static_cast<std::uint32_t>(sizeof(core::BroadcastSequence));
  }

  template <class Byte>
  [[nodiscard]] core::BroadcastSlots<Byte> memory() const {
    return {.slots = slots_,
            .slot_count = cast().slots,
            .slot_bytes = slot_bytes(),
            .message_bytes = message_bytes()};
  }

  // The lap changes the size, so that a size of another message shows. A message's word is looked
  // at before it is known to be whole: a relaxed load, for it is no race that this looks for.
  [[nodiscard]] std::uint64_t size_of(std::uint64_t position) const {
    return sizeof(std::uint64_t) - position / cast().slots % 2;
  }
  void write_in_place(Lossy::Writer& writer) const {
    const std::span<std::byte> room = writer.claim_sized();
    require(room.size() == message_bytes(), "the room is no message's");
    SimulatedAtomics::store(*core::object_at<std::uint64_t>(room.data() + sizeof(std::uint64_t)),
                            writer.position() + 1, std::memory_order_relaxed, kNoEdge);
    writer.commit_sized(size_of(writer.position()));
  }
  void look() {
    Lossy::Reader reader(memory<const std::byte>(), cast().start);
    const std::uint64_t start = reader.position();
    std::uint64_t received = 0;
    while (reader.position() < cast().messages) {
      const std::uint64_t missed = reader.missed();
      std::uint64_t word = 0;
      std::size_t size = 0;
      const core::BroadcastSeen seen = reader.read_sized([&](std::span<const std::byte> message) {
        size = message.size();
        word = SimulatedAtomics::load(*core::object_at<std::uint64_t>(message.data()),
                                      std::memory_order_relaxed, kNoEdge);
      });
      require(!reader.corrupt(), "the reader takes the ring for corrupt");
      if (seen == core::BroadcastSeen::nothing) {
        SimulatedAtomics::pause();
        continue;
      }
      const bool whole = seen == core::BroadcastSeen::whole;
      require(whole || reader.missed() > missed, "a torn message is not among the missed");
      received += whole ? 1 : 0;
      require(start + received + reader.missed() == reader.position(), "the missed do not add up");
      if (!whole) continue;
      require(word == reader.position(),
              "another message than that of the position, or a torn one");
      require(size == size_of(reader.position() - 1), "the size of another message");
    }
  }

  void read() {
    Lossy::Reader reader(memory<const std::byte>(), cast().start);
    const std::uint64_t start = reader.position();
    std::uint64_t received = 0;
    while (reader.position() < cast().messages) {
      std::array<std::uint64_t, 2> message{};
      if (!reader.receive(std::as_writable_bytes(std::span(message).first(cast().words)))) {
        require(!reader.corrupt(), "the reader takes the ring for corrupt");
        SimulatedAtomics::pause();
        continue;
      }
      ++received;
      require(cast().words == 1 || message[1] == ~message[0], "a torn message");
      require(message[0] == reader.position(), "another message than that of the position");
      require(start + received + reader.missed() == reader.position(), "the missed do not add up");
    }
  }

  std::byte* slots_ = nullptr;
};

class LosslessProgram : public BroadcastProgram {
 public:
  using BroadcastProgram::BroadcastProgram;

  void begin() override {
    BroadcastProgram::begin();
    Execution& execution = Execution::current();
    memory_ = {.control = execution.shared<core::BroadcastControl>(),
               .slots = {.slots = execution.shared<std::byte>(cast().slots * kSlotBytes),
                         .slot_count = cast().slots,
                         .slot_bytes = kSlotBytes,
                         .message_bytes = kMessageBytes},
               .max_readers = static_cast<std::uint32_t>(cast().readers)};
    for (std::size_t i = 0; i < cast().joined; ++i) {
      const std::size_t thread = kWriter + 1 + i;
      new (&joined_[thread]) Lossless::Reader(join(thread));
    }
  }

  void run(std::size_t thread) override {
    if (is_reader(thread)) return read(thread);
    if (is_successor(thread)) wait_for_the_writers_end();
    Lossless::Writer writer(memory_);
    require(!writer.corrupt(), "the writer takes the ring for corrupt");
    if (is_successor(thread)) check_start(writer.position());
    bool aborts = cast().aborts;
    while (writer.position() < end_of(thread)) {
      const std::span<std::byte> room = writer.claim();
      require(!writer.corrupt(), "the writer takes the ring for corrupt");
      if (room.empty()) {
        require(is_reader(writer.waits_for()), "the writer waits for no reader");
        if (cast().reader_dies && !cast().reader_evicts) {
          writer.evict([&](core::ParticipantId id) { return dead(id); });
        }
        SimulatedAtomics::pause();
        continue;
      }
      write_payload(room, writer.position() + 1 + (aborts ? kAborted : 0));
      if (std::exchange(aborts, false)) {
        writer.abort();
        continue;
      }
      writer.commit();
      if (thread == kWriter) sent();
    }
    if (thread == kWriter) say_ended();
  }

 private:
  static constexpr std::uint32_t kMessageBytes = 8;
  static constexpr std::uint32_t kSlotBytes = 16;
  static constexpr std::uint64_t kAborted = 100;

  [[nodiscard]] bool dead(core::ParticipantId id) const { return may_die(id) && is_dead(id); }

  [[nodiscard]] Lossless::Reader join(std::size_t thread) const {
    std::optional<Lossless::Reader> reader =
        Lossless::Reader::join(memory_, static_cast<core::ParticipantId>(thread), cast().start);
    require(reader.has_value(), "no cell is free, or joining takes more tries than it should");
    return std::move(*reader);
  }

  void read(std::size_t thread) {
    const bool is_there = thread <= kWriter + cast().joined;
    Lossless::Reader handle =
        is_there ? std::move(*reinterpret_cast<Lossless::Reader*>(&joined_[thread])) : join(thread);
    Lossless::Reader* const reader = &handle;
    while (reader->position() < cast().messages) {
      const std::span<const std::byte> message = reader->peek();
      require(!reader->corrupt(), "the reader takes the ring for corrupt");
      require(!reader->evicted(), "evicted, though alive");
      if (message.empty()) {
        if (cast().reader_evicts) {
          Lossless::evict(memory_, [&](core::ParticipantId id) { return dead(id); });
        }
        SimulatedAtomics::pause();
        continue;
      }
      require(read_payload(message) == reader->position() + 1, "a message lost or repeated");
      reader->release();
    }
  }

  // A handle leaves at its end, which a run that is cut short must not do.
  struct NeverDestroyed {
    alignas(Lossless::Reader) std::array<std::byte, sizeof(Lossless::Reader)> bytes;
  };

  core::BroadcastMemory memory_{};
  std::array<NeverDestroyed, kMaxThreads> joined_{};
};

}  // namespace

std::vector<Scenario> broadcast_scenarios() {
  const auto cast = [](const char* ring, MakeProgram make, const char* name, const Cast& who,
                       int quick, int full) {
    const int deaths = who.before_handover > 0 || who.reader_dies ? 1 : 0;
    const Bounds few{.preemptions = quick < 0 ? 2 : quick,
                     .stale_loads = who.reader_evicts ? 1 : 2,
                     .deaths = deaths};
    // With two readers the stale loads alone make millions of runs.
    return Scenario{
        ring, name, std::move(make), few,
        Bounds{.preemptions = full, .stale_loads = who.readers > 1 ? 2 : -1, .deaths = deaths}};
  };
  const auto lossy = [&](const char* name, const Cast& who, int quick, int full) {
    return cast("BroadcastLossy", program<LossyProgram>(who), name, who, quick, full);
  };
  const auto in_place = [&](const char* name, Cast who) {
    who.words = 1;
    who.in_place = true;
    return cast("BroadcastLossyInPlace", program<LossyProgram>(who), name, who, -1, -1);
  };
  const auto lossless = [&](const char* name, const Cast& who, int quick, int full) {
    return cast("BroadcastLossless", program<LosslessProgram>(who), name, who, quick, full);
  };
  constexpr auto kNewest = BroadcastStart::newest;
  return {
      lossy("2 slots, from the oldest", {.slots = 2, .messages = 3}, -1, -1),
      lossy("2 slots, from the newest", {.slots = 2, .messages = 3, .start = kNewest}, -1, -1),
      lossy("a writer dies at the start", {.slots = 2, .messages = 3, .before_handover = 1}, -1,
            -1),
      lossy("a writer dies", {.slots = 2, .messages = 3, .before_handover = 2}, -1, -1),
      lossy("4 slots", {.slots = 4, .messages = 5, .words = 1}, -1, -1),
      lossy("2 readers", {.slots = 2, .messages = 2, .readers = 2, .words = 1}, -1, -1),
      in_place("2 slots, from the oldest", {.slots = 2, .messages = 3}),
      in_place("2 slots, from the newest", {.slots = 2, .messages = 3, .start = kNewest}),
      in_place("a writer dies at the start", {.slots = 2, .messages = 3, .before_handover = 1}),
      in_place("a writer dies", {.slots = 2, .messages = 3, .before_handover = 2}),
      lossless("2 slots, from the oldest", {.slots = 2, .messages = 3}, -1, -1),
      lossless("2 slots, from the newest", {.slots = 2, .messages = 3, .start = kNewest}, -1, -1),
      lossless("an abort", {.slots = 2, .messages = 3, .joined = 1, .aborts = true}, -1, -1),
      lossless("4 slots", {.slots = 4, .messages = 6, .joined = 1}, -1, -1),
      lossless("2 readers", {.slots = 2, .messages = 3, .readers = 2, .joined = 2}, 2, 3),
      lossless("a second reader joins", {.slots = 2, .messages = 3, .readers = 2, .joined = 1}, 1,
               2),
      lossless("a writer dies", {.slots = 2, .messages = 4, .before_handover = 2, .joined = 1}, 2,
               3),
      lossless("a reader joins and a writer dies",
               {.slots = 2, .messages = 3, .before_handover = 2}, 1, 2),
      lossless("a reader dies", {.slots = 2, .messages = 4, .joined = 1, .reader_dies = true}, -1,
               -1),
      lossless("a reader dies joining", {.slots = 2, .messages = 3, .reader_dies = true}, -1, -1),
      lossless("a reader dies, another frees its cell",
               {.slots = 2,
                .messages = 3,
                .readers = 2,
                .joined = 2,
                .reader_dies = true,
                .reader_evicts = true},
               1, 1),
  };
}

}  // namespace ringbell::model
