// The sides of a broadcast ring of many writers, as victims.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <ringbell/core/many_lossless.hpp>

#include <tests/hostile/slot_rings.hpp>

namespace ringbell::hostile {

using ManyRoom = SlotRoom<core::ManyControl>;

// A claim of each slot, each with a look at the cells, as the search finds it and as the batch does
// (3 times the slots, each look 4 times the cells); commits, and a recovery.
template <class A>
class ManyWriter {
 public:
  ManyWriter(const ManyRoom& room, Choices& choices)
      : room_(&room), writer_(room.many(), some_id(choices)) {}

  void step(Choices& choices, Tally& tally) {
    if (writer_.corrupt()) tally.report(writer_.finding());
    if (writer_.corrupt() || choices.one_in(32)) {
      writer_ = typename core::ManyLossless<A>::Writer(room_->many(), some_id(choices));
      return;
    }
    if (choices.one_in(16)) recover_from_any(writer_, choices);
    const std::uint32_t count = writer_.claim(some_count(choices));
    HOSTILE_CHECK(count <= room_->slots());
    for (std::uint32_t i = 0; i < count; ++i) {
      HOSTILE_CHECK(room_->holds(writer_.payload(i)));
      tally.write(writer_.payload(i));
    }
    if (count > 0) {
      (void)(choices.one_in(8) ? writer_.abort() : writer_.commit());
    } else if (choices.one_in(2)) {
      const core::ParticipantId dead = writer_.waits_for();
      (void)writer_.recover([&](core::ParticipantId id) { return id == dead; });
    }
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return (3 * (4 * (ManyRoom::kReaders + 2) + 3) + 12) * room_->slots() + 128;
  }

 private:
  const ManyRoom* room_;
  typename core::ManyLossless<A>::Writer writer_;
};

template <class A>
class ManyReader {
  using Ring = core::ManyLossless<A>;

 public:
  ManyReader(const ManyRoom& room, Choices&) : room_(&room) {}

  void step(Choices& choices, Tally& tally) {
    if (reader_ && reader_->corrupt()) tally.report(reader_->finding());
    if (!reader_ || reader_->corrupt() || reader_->evicted() || choices.one_in(64)) {
      reader_.reset();
      reader_ = Ring::Reader::join(room_->many(), some_id(choices), some_start(choices));
      if (!reader_) (void)Ring::recover(room_->many(), [](auto) { return true; });
      return;
    }
    HOSTILE_CHECK(reader_->lag() <= room_->slots());
    const std::span<const std::byte> message = reader_->peek();
    if (message.empty()) {
      const core::ParticipantId dead = reader_->waits_for();
      if (!choices.one_in(4)) return;
      (void)Ring::recover(room_->many(), [&](core::ParticipantId id) { return id == dead; });
      return;
    }
    HOSTILE_CHECK(room_->holds(message));
    tally.read(message);
    if (!choices.one_in(8)) reader_->release();
  }
  // Places that are passed over, each of which may be told of; a recovery of each slot and cell.
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return 8 * room_->slots() + 5 * ManyRoom::kReaders + 64;
  }

 private:
  const ManyRoom* room_;
  std::optional<typename Ring::Reader> reader_;
};

}  // namespace ringbell::hostile
