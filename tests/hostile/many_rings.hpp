// The sides of the broadcast rings of many writers, as victims.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <ringbell/core/many_lossless.hpp>
#include <ringbell/core/many_lossy.hpp>

#include <tests/hostile/slot_rings.hpp>

namespace ringbell::hostile {

using ManyRoom = SlotRoom<core::ManyControl>;

// A writer of either, `memory` of the room.
template <class Writer, class Room, auto memory>
class AnyManyWriter {
 public:
  AnyManyWriter(const Room& room, Choices& choices)
      : room_(&room), writer_((room.*memory)(), some_id(choices)) {}

  void step(Choices& choices, Tally& tally) {
    if (writer_.corrupt()) tally.report(writer_.finding());
    if (writer_.corrupt() || choices.one_in(32)) {
      writer_ = Writer((room_->*memory)(), some_id(choices));
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

 protected:
  [[nodiscard]] const Room& room() const noexcept { return *room_; }

 private:
  const Room* room_;
  Writer writer_;
};

template <class A>
class ManyWriter
    : public AnyManyWriter<typename core::ManyLossless<A>::Writer, ManyRoom, &ManyRoom::many> {
 public:
  using AnyManyWriter<typename core::ManyLossless<A>::Writer, ManyRoom,
                      &ManyRoom::many>::AnyManyWriter;

  // A claim of each slot, each with a look at the cells, as the search finds it and as the batch
  // does (3 times the slots, each look 4 times the cells); commits, and a recovery.
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return (3 * (4 * (ManyRoom::kReaders + 2) + 3) + 12) * this->room().slots() + 128;
  }
};

template <class A>
class ManyLossyWriter
    : public AnyManyWriter<typename core::ManyLossy<A>::Writer, MpmcRoom, &MpmcRoom::mpmc> {
 public:
  using AnyManyWriter<typename core::ManyLossy<A>::Writer, MpmcRoom,
                      &MpmcRoom::mpmc>::AnyManyWriter;

  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return most_mpmc_operations(this->room());
  }
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

template <class A>
class ManyLossyReader {
  using Reader = typename core::ManyLossy<A>::Reader;

 public:
  ManyLossyReader(const MpmcRoom& room, Choices& choices)
      : room_(&room),
        message_(room.message_bytes()),
        reader_(view_of(room.mpmc()), some_start(choices)) {}

  void step(Choices& choices, Tally& tally) {
    if (reader_.corrupt()) tally.report(reader_.finding());
    if (reader_.corrupt() || choices.one_in(64)) {
      reader_ = Reader(view_of(room_->mpmc()), some_start(choices));
      return;
    }
    const std::uint64_t before = reader_.position() - reader_.missed();
    if (receives(choices, tally)) {
      HOSTILE_CHECK(reader_.position() - reader_.missed() > before);
      return;
    }
    const core::ParticipantId dead = reader_.waits_for();
    if (dead == 0 || !choices.one_in(4)) return;
    (void)reader_.pass_over_dead([&](core::ParticipantId id) { return id == dead; });
  }
  // As often as a receive tries: places that are passed over, a search and a copy; and once more
  // places, those of dead writers.
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return 4 * (room_->slots() + 80 + room_->message_bytes() / 8) + 2 * room_->slots();
  }

 private:
  // By one of the ways that there are.
  bool receives(Choices& choices, Tally& tally) {
    const std::span<std::byte> into(message_);
    const bool is_sized = message_.size() >= sizeof(std::uint64_t);
    switch (choices.roll(5)) {
      case 0:
        (void)reader_.lag();
        return false;
      case 1:
        (void)reader_.anything();
        return false;
      case 2: {
        if (!is_sized) return false;
        const std::optional<std::size_t> size = reader_.receive_sized(into);
        if (size) tally.read(into.first(*size));
        return size.has_value();
      }
      case 3: {
        if (!is_sized) return false;
        const core::BroadcastSeen seen =
            reader_.read_sized([&](std::span<const std::byte> message) {
              HOSTILE_CHECK(room_->holds_part(message));
              tally.read(message);
            });
        return seen == core::BroadcastSeen::whole;
      }
      default:
        if (!reader_.receive(into)) return false;
        tally.read(into);
        return true;
    }
  }

  const MpmcRoom* room_;
  std::vector<std::byte> message_;
  Reader reader_;
};

}  // namespace ringbell::hostile
