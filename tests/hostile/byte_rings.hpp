// Rooms (memory between walls) for the rings of variable-size records, and their sides as victims:
// each step does what an application would and checks that it stays in the room.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include <ringbell/core/fan_in.hpp>
#include <ringbell/core/spsc_ring.hpp>

#include <tests/hostile/choices.hpp>
#include <tests/hostile/liar.hpp>
#include <tests/hostile/tally.hpp>
#include <tests/hostile/walled_bytes.hpp>

namespace ringbell::hostile {

[[nodiscard]] inline Against some_wall(Choices& choices) noexcept {
  return choices.one_in(2) ? Against::left_wall : Against::right_wall;
}

// The size of the next message: mostly small.
[[nodiscard]] inline std::uint32_t some_size(std::uint32_t largest, Choices& choices) noexcept {
  const std::uint32_t below = choices.one_in(8) ? largest : std::min<std::uint32_t>(largest, 40);
  return 1 + static_cast<std::uint32_t>(choices.roll(below));
}
// Of the next record, which may be empty.
[[nodiscard]] inline std::uint32_t some_record(std::uint32_t largest, Choices& choices) noexcept {
  return choices.one_in(16) ? 0 : some_size(largest, choices);
}

// --- SpscRing ------------------------------------------------------------------------------------

class SpscRoom {
 public:
  explicit SpscRoom(Choices& choices)
      : capacity_(std::uint64_t{128} << choices.roll(5)),
        alignment_(8U << choices.roll(4)),
        payload_alignment_(std::min(8U << choices.roll(4), alignment_)),
        user_header_bytes_(choices.one_in(2) ? sizeof(core::UserHeader) : 0),
        control_(sizeof(core::SpscControl), alignof(core::SpscControl), some_wall(choices)),
        data_(capacity_ + core::SpscMemory{nullptr, nullptr, capacity_, alignment_}.spare_bytes(),
              alignment_, some_wall(choices)) {}

  [[nodiscard]] core::SpscMemory memory() const noexcept {
    return {.control = control_.as<core::SpscControl>(),
            .data = data_.data(),
            .capacity_bytes = capacity_,
            .record_alignment = alignment_,
            .payload_alignment = payload_alignment_,
            .user_header_bytes = user_header_bytes_};
  }
  [[nodiscard]] bool holds(std::span<const std::byte> bytes) const noexcept {
    return data_.holds(bytes.data(), bytes.size());
  }
  [[nodiscard]] std::vector<Target> targets() const {
    auto* const headers = reinterpret_cast<std::byte*>(&core::SpscPlaces(memory()).header_at(0));
    const auto before = static_cast<std::size_t>(headers - data_.data());
    return {{control_.data(), 16}, {headers, capacity_ - before, alignment_}};
  }
  [[nodiscard]] Landmarks landmarks() const {
    return {capacity_, memory().max_record_bytes(), alignment_, capacity_ / 8};
  }
  [[nodiscard]] std::vector<std::span<std::byte>> everything() const {
    return {{control_.data(), control_.size()}, {data_.data(), capacity_}};
  }

 private:
  std::uint64_t capacity_;
  std::uint32_t alignment_;
  std::uint32_t payload_alignment_;
  std::uint32_t user_header_bytes_;
  WalledBytes control_;
  WalledBytes data_;
};

// What both writers of records do with room that they claimed.
template <class Writer>
void fill_and_publish(Writer& writer, std::span<std::byte> room, Choices& choices, Tally& tally) {
  tally.write(room);
  const auto some = [&] { return static_cast<std::uint32_t>(choices.roll(room.size() + 1)); };
  switch (choices.roll(8)) {
    case 0:
      return writer.abort();
    case 1:
      return writer.commit(some());
    case 2:
      return writer.stage(some());
    case 3: {
      const std::uint64_t position = choices.one_in(2) ? writer.staged_position() : writer.tail();
      writer.stage();
      return writer.flush_to(position);
    }
    case 4:
      return writer.stage();
    default:
      return writer.commit();
  }
}

template <class A>
class SpscWriter {
 public:
  SpscWriter(const SpscRoom& room, Choices&) : room_(&room), writer_(room.memory()) {}

  void step(Choices& choices, Tally& tally) {
    if (writer_.corrupt()) tally.report(writer_.finding());
    if (writer_.corrupt() || choices.one_in(64)) {
      writer_ = typename core::SpscRing<A>::Writer(room_->memory());
      return;
    }
    const std::uint32_t size = some_record(writer_.max_record_bytes(), choices);
    const bool expected = choices.one_in(4) && writer_.has_room(size);
    const std::span<std::byte> room = writer_.claim(size);
    HOSTILE_CHECK(!expected || room.data() != nullptr);  // or a wait for room would never end
    if (room.data() == nullptr) return writer_.flush();
    HOSTILE_CHECK(room.size() == size && room_->holds(room));
    fill_and_publish(writer_, room, choices, tally);
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return room_->memory().capacity_bytes / room_->memory().record_alignment + 16;
  }

 private:
  const SpscRoom* room_;
  typename core::SpscRing<A>::Writer writer_;
};

template <class A>
class SpscReader {
 public:
  SpscReader(const SpscRoom& room, Choices&) : room_(&room), reader_(room.memory()) {}

  void step(Choices& choices, Tally& tally) {
    if (reader_.corrupt()) tally.report(reader_.finding());
    if (reader_.corrupt() || choices.one_in(64)) {
      reader_ = typename core::SpscRing<A>::Reader(room_->memory());
      held_ = 0;
      return;
    }
    const std::span<const std::byte> record = reader_.peek();
    if (record.data() == nullptr) return;
    HOSTILE_CHECK(record.size() <= reader_.max_record_bytes() && room_->holds(record));
    tally.read(record);
    if (++held_ < 4 && choices.one_in(4)) {
      reader_.hold();
    } else {
      held_ = 0;
      reader_.release();
    }
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept { return 8; }

 private:
  const SpscRoom* room_;
  typename core::SpscRing<A>::Reader reader_;
  int held_ = 0;
};

// --- FanIn ---------------------------------------------------------------------------------------

class FanInRoom {
 public:
  explicit FanInRoom(Choices& choices)
      : lanes_(choices.one_in(4) ? 66 : 1 + static_cast<std::uint32_t>(choices.roll(4))),
        capacity_(std::uint64_t{64} << choices.roll(3)),
        control_(sizeof(core::ReadyControl), alignof(core::ReadyControl), some_wall(choices)),
        lane_controls_(lanes_ * sizeof(core::FanInLaneControl), alignof(core::FanInLaneControl),
                       some_wall(choices)),
        data_(2 * capacity_ * lanes_ - kAlignment - core::kRecordHeaderBytes, kAlignment,
              some_wall(choices)) {}

  [[nodiscard]] core::FanInMemory memory() const noexcept {
    return {.control = control_.as<core::ReadyControl>(),
            .lanes = lane_controls_.as<core::FanInLaneControl>(),
            .data = data_.data(),
            .lane_stride_bytes = 2 * capacity_,
            .capacity_bytes = capacity_,
            .record_alignment = kAlignment,
            .lane_count = lanes_};
  }
  // In the data of this very lane.
  [[nodiscard]] bool holds(std::uint32_t lane, std::span<const std::byte> bytes) const noexcept {
    const std::byte* const first = data_.data() + lane * 2 * capacity_;
    return lane < lanes_ && bytes.data() >= first &&
           bytes.data() + bytes.size() <= first + 2 * capacity_ &&
           data_.holds(bytes.data(), bytes.size());
  }
  [[nodiscard]] std::vector<Target> targets() const {
    const Target quiet{
        lane_controls_.data() + offsetof(core::FanInLaneControl, quiet),
        lanes_ * sizeof(core::FanInLaneControl) - offsetof(core::FanInLaneControl, quiet),
        sizeof(core::FanInLaneControl)};
    const Target heads{lane_controls_.data(), lane_controls_.size(),
                       sizeof(core::FanInLaneControl)};
    return {{control_.data(), control_.size(), sizeof(core::ReadyLine)},
            heads,
            quiet,
            {data_.data(), data_.size()},
            {data_.data(), data_.size(), 2 * capacity_}};
  }
  [[nodiscard]] Landmarks landmarks() const { return {capacity_, lanes_, kAlignment, 64}; }
  [[nodiscard]] std::vector<std::span<std::byte>> everything() const {
    return {{control_.data(), control_.size()},
            {lane_controls_.data(), lane_controls_.size()},
            {data_.data(), data_.size()}};
  }

 private:
  static constexpr std::uint32_t kAlignment = 8;

  std::uint32_t lanes_;
  std::uint64_t capacity_;
  WalledBytes control_;
  WalledBytes lane_controls_;
  WalledBytes data_;
};

template <class A>
class FanInWriter {
  using Writer = typename core::FanIn<A>::Writer;

 public:
  FanInWriter(const FanInRoom& room, Choices&) : room_(&room), writer_(room.memory(), 0) {}

  void step(Choices& choices, Tally& tally) {
    if (writer_.corrupt()) tally.report(writer_.finding());
    if (writer_.corrupt() || choices.one_in(16)) {
      lane_ = static_cast<std::uint32_t>(choices.roll(room_->memory().lane_count));
      writer_ = Writer(room_->memory(), lane_);
      return;
    }
    const std::uint32_t size = some_record(writer_.max_record_bytes(), choices);
    const std::span<std::byte> room = writer_.claim(size);
    if (room.data() == nullptr) return writer_.flush();
    HOSTILE_CHECK(room.size() == size && room_->holds(lane_, room));
    fill_and_publish(writer_, room, choices, tally);
  }
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return room_->memory().capacity_bytes / room_->memory().record_alignment + 16;
  }

 private:
  const FanInRoom* room_;
  Writer writer_;
  std::uint32_t lane_ = 0;
};

template <class A>
class FanInReader {
  using Reader = typename core::FanIn<A>::Reader;

 public:
  FanInReader(const FanInRoom& room, Choices&)
      : room_(&room), lanes_(room.memory().lane_count), reader_(room.memory(), lanes_, kPace) {}

  void step(Choices& choices, Tally& tally) {
    const std::span<const std::byte> record = reader_.peek();
    for (; reported_ < reader_.corrupt_lanes(); ++reported_) {
      for (std::uint32_t lane = 0; lane < reader_.lane_count(); ++lane) {
        if (reader_.corrupt(lane)) tally.last = reader_.finding(lane);
      }
      tally.report(tally.last);
    }
    if (record.data() != nullptr) {
      HOSTILE_CHECK(room_->holds(reader_.lane(), record));
      tally.read(record);
      reader_.release();
    } else if (choices.one_in(2)) {
      (void)reader_.anything();
    } else if (choices.one_in(8) || reader_.corrupt_lanes() == reader_.lane_count()) {
      reader_ = Reader(room_->memory(), lanes_, kPace);
      reported_ = 0;
    }
  }
  // Each lane: a look, its quiet word, and what follows; the rest of a round and a whole one.
  [[nodiscard]] std::uint64_t most_operations() const noexcept {
    return 16 * std::uint64_t{reader_.lane_count()} + 64;
  }

 private:
  static constexpr core::FanInPace kPace{.burst = 3, .lanes = {.patience = 2, .kept_lanes = 1}};

  const FanInRoom* room_;
  std::vector<typename core::FanIn<A>::ReaderLane> lanes_;
  Reader reader_;
  std::uint32_t reported_ = 0;
};

}  // namespace ringbell::hostile
