// Rooms (memory between walls) for the rings of slots, and their sides as victims.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/many_memory.hpp>
#include <ringbell/core/mpmc_ring.hpp>

#include <tests/hostile/byte_rings.hpp>

namespace ringbell::hostile {

// Slots of any of these rings, and the control lines of one.
template <class Control>
class SlotRoom {
 public:
  explicit SlotRoom(Choices& choices)
      : slots_(std::uint64_t{2} << choices.roll(5)),
        message_bytes_(static_cast<std::uint32_t>(1 + choices.roll(100))),
        slot_bytes_(core::BroadcastSlots<std::byte>::slot_bytes_for(message_bytes_)),
        control_(sizeof(Control), alignof(Control), some_wall(choices)),
        data_(slots_ * slot_bytes_, sizeof(std::uint64_t), some_wall(choices)) {}

  [[nodiscard]] bool holds(std::span<const std::byte> bytes) const noexcept {
    return bytes.size() == message_bytes_ && data_.holds(bytes.data(), bytes.size());
  }
  [[nodiscard]] bool holds_part(std::span<const std::byte> bytes) const noexcept {
    return bytes.size() <= message_bytes_ && data_.holds(bytes.data(), bytes.size());
  }
  [[nodiscard]] std::vector<Target> targets() const {
    const Target states{data_.data(), data_.size(), slot_bytes_};
    return {{control_.data(), control_.size(), core::kFalseSharingBytes},
            {control_.data(), control_.size()},
            states,
            states,
            states};
  }
  [[nodiscard]] Landmarks landmarks() const {
    return {slots_, 2 * slots_, std::uint64_t{1} << 20U, 1, 2, std::uint64_t{1} << 48U};
  }
  [[nodiscard]] std::vector<std::span<std::byte>> everything() const {
    return {{control_.data(), control_.size()}, {data_.data(), data_.size()}};
  }
  [[nodiscard]] std::uint64_t slots() const noexcept { return slots_; }
  [[nodiscard]] std::uint32_t message_bytes() const noexcept { return message_bytes_; }

  [[nodiscard]] core::MpmcMemory mpmc() const noexcept {
    return {control_.template as<core::MpmcControl>(), data_.data(), slots_, slot_bytes_,
            message_bytes_};
  }
  template <class Byte>
  [[nodiscard]] core::BroadcastSlots<Byte> broadcast_slots() const noexcept {
    return {data_.data(), slots_, slot_bytes_, message_bytes_};
  }
  [[nodiscard]] core::BroadcastMemory broadcast() const noexcept {
    return {control_.template as<core::BroadcastControl>(), broadcast_slots<std::byte>(), kReaders};
  }
  [[nodiscard]] core::ManyMemory many() const noexcept {
    return {control_.template as<core::ManyControl>(),
            data_.data(),
            slots_,
            slot_bytes_,
            message_bytes_,
            kReaders};
  }

  static constexpr std::uint32_t kReaders = 5;

 private:
  std::uint64_t slots_;
  std::uint32_t message_bytes_;
  std::uint32_t slot_bytes_;
  WalledBytes control_;
  WalledBytes data_;
};

using MpmcRoom = SlotRoom<core::MpmcControl>;
using BroadcastRoom = SlotRoom<core::BroadcastControl>;

[[nodiscard]] inline core::ParticipantId some_id(Choices& choices) noexcept {
  return static_cast<core::ParticipantId>(1 + choices.roll(choices.one_in(8) ? 0xffff : 4));
}

// --- MpmcRing ------------------------------------------------------------------------------------

// Now and then a participant is said to be dead; a lie names any id.
template <class Side>
void recover_from_any(Side& side, Choices& choices) {
  const core::ParticipantId dead = some_id(choices);
  (void)side.recover([&](core::ParticipantId id) { return id == dead; });
}

// How many to ask for: 1, some, or as many as there are and more.
[[nodiscard]] inline std::uint32_t some_count(Choices& choices) noexcept {
  constexpr std::array<std::uint32_t, 4> kCounts = {1, 3, 1000, UINT32_MAX};
  return kCounts[choices.roll(kCounts.size())];
}

// States, hints, a batch of all slots (look, take, leave), and a recovery of each.
[[nodiscard]] inline std::uint64_t most_mpmc_operations(const MpmcRoom& room) noexcept {
  return 14 * room.slots() + 32;
}

template <class A>
class MpmcWriter {
 public:
  MpmcWriter(const MpmcRoom& room, Choices& choices)
      : room_(&room), writer_(room.mpmc(), some_id(choices)) {}

  void step(Choices& choices, Tally& tally) {
    if (writer_.corrupt()) tally.report(writer_.finding());
    if (writer_.corrupt() || choices.one_in(32)) {
      writer_ = typename core::MpmcRing<A>::Writer(room_->mpmc(), some_id(choices));
      return;
    }
    if (choices.one_in(16)) recover_from_any(writer_, choices);
    const std::uint32_t count = writer_.claim(some_count(choices));
    HOSTILE_CHECK(count <= room_->slots());
    for (std::uint32_t i = 0; i < count; ++i) {
      HOSTILE_CHECK(room_->holds(writer_.payload(i)));
      tally.write(writer_.payload(i));
    }
    if (count > 0) (void)(choices.one_in(8) ? writer_.abort() : writer_.commit());
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return most_mpmc_operations(*room_);
  }

 private:
  const MpmcRoom* room_;
  typename core::MpmcRing<A>::Writer writer_;
};

template <class A>
class MpmcReader {
 public:
  MpmcReader(const MpmcRoom& room, Choices& choices)
      : room_(&room), reader_(room.mpmc(), some_id(choices)) {}

  void step(Choices& choices, Tally& tally) {
    if (reader_.corrupt()) tally.report(reader_.finding());
    if (reader_.corrupt() || choices.one_in(32)) {
      reader_ = typename core::MpmcRing<A>::Reader(room_->mpmc(), some_id(choices));
      return;
    }
    if (choices.one_in(16)) recover_from_any(reader_, choices);
    const std::uint32_t count = reader_.take(some_count(choices));
    HOSTILE_CHECK(count <= room_->slots());
    for (std::uint32_t i = 0; i < count; ++i) {
      HOSTILE_CHECK(room_->holds(reader_.payload(i)));
      tally.read(reader_.payload(i));
    }
    if (count > 0) (void)reader_.release();
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return most_mpmc_operations(*room_);
  }

 private:
  const MpmcRoom* room_;
  typename core::MpmcRing<A>::Reader reader_;
};

// --- BroadcastLossy ------------------------------------------------------------------------------

[[nodiscard]] inline core::BroadcastStart some_start(Choices& choices) noexcept {
  return choices.one_in(2) ? core::BroadcastStart::oldest : core::BroadcastStart::newest;
}

template <class A>
class LossyWriter {
 public:
  LossyWriter(const BroadcastRoom& room, Choices&)
      : room_(&room), message_(room.message_bytes()), writer_(room.broadcast_slots<std::byte>()) {}

  void step(Choices& choices, Tally& tally) {
    if (writer_.corrupt()) tally.report(writer_.finding());
    if (writer_.corrupt() || choices.one_in(64)) {
      writer_ = typename core::BroadcastLossy<A>::Writer(room_->broadcast_slots<std::byte>());
    }
    tally.write(message_);
    writer_.publish(message_);
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return 16 + room_->message_bytes() / 8;
  }

 private:
  const BroadcastRoom* room_;
  std::vector<std::byte> message_;
  typename core::BroadcastLossy<A>::Writer writer_;
};

template <class A>
class LossyReader {
  using Reader = typename core::BroadcastLossy<A>::Reader;

 public:
  LossyReader(const BroadcastRoom& room, Choices& choices)
      : room_(&room),
        message_(room.message_bytes()),
        reader_(room.broadcast_slots<const std::byte>(), some_start(choices)) {}

  void step(Choices& choices, Tally& tally) {
    if (reader_.corrupt()) tally.report(reader_.finding());
    if (reader_.corrupt() || choices.one_in(64)) {
      reader_ = Reader(room_->broadcast_slots<const std::byte>(), some_start(choices));
      return;
    }
    const std::uint64_t before = reader_.position() - reader_.missed();
    const bool received = reader_.receive(message_);
    if (received) tally.read(message_);
    HOSTILE_CHECK(reader_.position() - reader_.missed() == before + (received ? 1 : 0));
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return 4 * (16 + room_->message_bytes() / 8);
  }

 private:
  const BroadcastRoom* room_;
  std::vector<std::byte> message_;
  Reader reader_;
};

// --- BroadcastLossless ---------------------------------------------------------------------------

template <class A>
class LosslessWriter {
 public:
  LosslessWriter(const BroadcastRoom& room, Choices&) : room_(&room), writer_(room.broadcast()) {}

  void step(Choices& choices, Tally& tally) {
    if (writer_.corrupt()) tally.report(writer_.finding());
    if (writer_.corrupt() || choices.one_in(64)) {
      writer_ = typename core::BroadcastLossless<A>::Writer(room_->broadcast());
      return;
    }
    const std::span<std::byte> room = writer_.claim();
    if (room.empty()) {
      const core::ParticipantId dead = writer_.waits_for();
      if (choices.one_in(4)) (void)writer_.evict([&](auto id) { return id == dead; });
      return;
    }
    HOSTILE_CHECK(room_->holds(room));
    tally.write(room);
    choices.one_in(16) ? writer_.abort() : writer_.commit();
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return 4 * BroadcastRoom::kReaders + 16;
  }

 private:
  const BroadcastRoom* room_;
  typename core::BroadcastLossless<A>::Writer writer_;
};

template <class A>
class LosslessReader {
  using Ring = core::BroadcastLossless<A>;

 public:
  LosslessReader(const BroadcastRoom& room, Choices&) : room_(&room) {}

  void step(Choices& choices, Tally& tally) {
    if (reader_ && reader_->corrupt()) tally.report(reader_->finding());
    if (!reader_ || reader_->corrupt() || reader_->evicted() || choices.one_in(64)) {
      reader_.reset();
      reader_ = Ring::Reader::join(room_->broadcast(), some_id(choices), some_start(choices));
      if (!reader_) (void)Ring::evict(room_->broadcast(), [](auto) { return true; });
      return;
    }
    const std::span<const std::byte> message = reader_->peek();
    if (message.empty()) return;
    HOSTILE_CHECK(room_->holds(message));
    tally.read(message);
    if (!choices.one_in(8)) reader_->release();
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return 5 * BroadcastRoom::kReaders + 32;
  }

 private:
  const BroadcastRoom* room_;
  std::optional<typename Ring::Reader> reader_;
};

}  // namespace ringbell::hostile
