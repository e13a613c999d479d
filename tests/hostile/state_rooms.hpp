// Rooms (memory between walls) for a State, and its sides as victims.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <ringbell/core/state.hpp>

#include <tests/hostile/byte_rings.hpp>

namespace ringbell::hostile {

class StateRoom {
  using Memory = core::StateMemory<std::byte>;

 public:
  explicit StateRoom(Choices& choices)
      : keys_(static_cast<std::uint32_t>(1 + choices.roll(3))),
        participants_(static_cast<std::uint32_t>(2 + choices.roll(4))),
        value_bytes_(static_cast<std::uint32_t>(1 + choices.roll(100))),
        key_bytes_(Memory::key_bytes_for(value_bytes_, Memory::buffers_for(participants_))),
        pins_(participants_ * sizeof(core::ParticipantLine), alignof(core::ParticipantLine),
              some_wall(choices)),
        values_(keys_ * key_bytes_, core::kFalseSharingBytes, some_wall(choices)) {}

  [[nodiscard]] bool holds(std::span<const std::byte> bytes) const noexcept {
    return bytes.size() <= value_bytes_ && values_.holds(bytes.data(), bytes.size());
  }
  [[nodiscard]] std::vector<Target> targets() const {
    const Target heads{values_.data(), values_.size(), static_cast<std::uint32_t>(key_bytes_)};
    const Target lines{values_.data(), values_.size(), 64};
    return {
        heads, heads, lines, lines, {pins_.data(), pins_.size(), sizeof(core::ParticipantLine)}};
  }
  [[nodiscard]] Landmarks landmarks() const {
    const std::uint32_t buffers = Memory::buffers_for(participants_);
    return {buffers, value_bytes_,           std::uint64_t{1} << 16U, std::uint64_t{3} << 16U,
            1,       std::uint64_t{1} << 48U};
  }
  [[nodiscard]] std::vector<std::span<std::byte>> everything() const {
    return {{pins_.data(), pins_.size()}, {values_.data(), values_.size()}};
  }
  [[nodiscard]] std::uint32_t value_bytes() const noexcept { return value_bytes_; }
  [[nodiscard]] std::uint32_t participants() const noexcept { return participants_; }
  [[nodiscard]] std::uint32_t some_key(Choices& choices) const noexcept {
    return static_cast<std::uint32_t>(choices.roll(keys_));
  }

  template <class Byte>
  [[nodiscard]] core::StateMemory<Byte> memory() const noexcept {
    return {values_.data(), pins_.as<core::ParticipantLine>(), participants_, keys_, value_bytes_};
  }

 private:
  std::uint32_t keys_;
  std::uint32_t participants_;
  std::uint32_t value_bytes_;
  std::uint64_t key_bytes_;
  WalledBytes pins_;
  WalledBytes values_;
};

template <class A>
class StateWriterSide {
  using Writer = typename core::State<A>::Writer;

 public:
  StateWriterSide(const StateRoom& room, Choices&)
      : room_(&room), value_(room.value_bytes()), writer_(room.memory<std::byte>()) {}

  void step(Choices& choices, Tally& tally) {
    if (writer_.corrupt()) tally.report(writer_.finding());
    if (writer_.corrupt() || choices.one_in(64)) {
      writer_ = Writer(room_->memory<std::byte>());
      return;
    }
    const std::uint32_t key = room_->some_key(choices);
    if (choices.one_in(2)) {
      tally.write(value_);
      (void)writer_.set(key, std::span(value_).first(choices.roll(value_.size() + 1)));
      return;
    }
    const std::span<std::byte> room = writer_.claim(key);
    if (room.empty()) return;
    HOSTILE_CHECK(room.size() == room_->value_bytes() && room_->holds(room));
    tally.write(room);
    choices.one_in(8) ? writer_.abort() : writer_.commit(room_->value_bytes());
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return 24 + 5 * room_->participants() + room_->value_bytes() / 8;
  }

 private:
  const StateRoom* room_;
  std::vector<std::byte> value_;
  Writer writer_;
};

template <class A>
class StateReaderSide {
  using Reader = typename core::State<A>::Reader;

 public:
  StateReaderSide(const StateRoom& room, Choices& choices)
      : room_(&room), value_(room.value_bytes()) {
    begin(choices);
  }

  void step(Choices& choices, Tally& tally) {
    if (reader_->corrupt()) tally.report(reader_->finding());
    if (reader_->corrupt() || choices.one_in(64)) return begin(choices);
    const std::uint32_t key = room_->some_key(choices);
    if (!reader_->may_look() || choices.one_in(2)) {
      if (const auto copied = reader_->get(key, value_)) {
        HOSTILE_CHECK(copied->size_bytes <= value_.size() && copied->number > 0);
        tally.read(std::span(value_).first(copied->size_bytes));
      }
      return;
    }
    const std::optional<std::span<const std::byte>> value = reader_->look(key);
    if (!value) return;
    HOSTILE_CHECK(room_->holds(*value));
    tally.read(*value);
    if (choices.one_in(2)) (void)reader_->release();
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return 16 + 8 * (8 + room_->value_bytes() / 8);
  }

 private:
  void begin(Choices& choices) {
    reader_.reset();
    reader_.emplace(room_->memory<const std::byte>(),
                    static_cast<std::uint32_t>(choices.roll(room_->participants())));
  }

  const StateRoom* room_;
  std::vector<std::byte> value_;
  std::optional<Reader> reader_;
};

}  // namespace ringbell::hostile
