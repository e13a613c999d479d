// Where a State (state.hpp) lives: the memory as a side sees it, and what its words say.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <ringbell/core/layout.hpp>
#include <ringbell/core/object_at.hpp>

namespace ringbell::core {

// How many values a State can have, and how many readers that look at them in place.
inline constexpr std::uint32_t kMaxStateKeys = 1U << 16U;
inline constexpr std::uint32_t kMaxStateReaders = 1024;

// Numbers from shared memory are below it, so that nothing made from them overflows.
inline constexpr std::uint64_t kMaxStateNumber = std::uint64_t{1} << 47U;

// Its values, zeroed when it is new; `Byte` is const where they are mapped read-only. `pins` are
// the lines of the participants, which every side may write to: 0 is the writer's, the others are
// of readers that look in place. REQUIRES: `values` is aligned to 128; buffers > participants.
template <class Byte>
struct StateMemory {
  Byte* values = nullptr;
  ParticipantLine* pins = nullptr;
  std::uint32_t participants = 1;
  std::uint32_t keys = 1;
  std::uint32_t value_bytes = 0;                      // the largest
  std::uint32_t buffers = buffers_for(participants);  // of each key

  // One that is shown, one that is written, one for each reader; and never so few that a reader
  // that copies is soon overtaken.
  [[nodiscard]] static constexpr std::uint32_t buffers_for(std::uint32_t participants) noexcept {
    constexpr std::uint32_t kFewest = 4;
    return participants + 1 < kFewest ? kFewest : participants + 1;
  }
  [[nodiscard]] static constexpr std::uint32_t buffer_bytes_for(
      std::uint32_t value_bytes) noexcept {
    constexpr std::uint32_t kLine = 64;
    return static_cast<std::uint32_t>(sizeof(StateBuffer)) +
           (value_bytes + kLine - 1) / kLine * kLine;
  }
  // Of one key: its head and its buffers.
  [[nodiscard]] static constexpr std::uint64_t key_bytes_for(std::uint32_t value_bytes,
                                                             std::uint32_t buffers) noexcept {
    const std::uint64_t bytes =
        sizeof(StateHead) + std::uint64_t{buffers} * buffer_bytes_for(value_bytes);
    return (bytes + kFalseSharingBytes - 1) / kFalseSharingBytes * kFalseSharingBytes;
  }
};

// Which value of a key it is, and in which buffer it stands. All bits 0: none yet.
//
//   63     62                 16 15      0
//   | mark | number, from 1 on  | buffer |
//
// Only the version in a buffer is ever marked.
class StateVersion {
 public:
  explicit constexpr StateVersion(std::uint64_t word) noexcept : word_(word) {}
  constexpr StateVersion(std::uint64_t number, std::uint32_t buffer) noexcept
      : word_(number << kNumberShift | buffer) {}

  [[nodiscard]] constexpr std::uint64_t word() const noexcept { return word_; }
  [[nodiscard]] constexpr std::uint64_t number() const noexcept { return word_ >> kNumberShift; }
  [[nodiscard]] constexpr std::uint32_t buffer() const noexcept { return word_ & kBufferMask; }

  // Of a buffer that the writer would write in: no reader pins it any more.
  [[nodiscard]] constexpr StateVersion marked() const noexcept {
    return StateVersion(word_ | kMark);
  }
  [[nodiscard]] constexpr StateVersion unmarked() const noexcept {
    return StateVersion(word_ & ~kMark);
  }

 private:
  static constexpr std::uint64_t kMark = std::uint64_t{1} << 63U;
  static constexpr unsigned kNumberShift = 16;
  static constexpr std::uint64_t kBufferMask = (std::uint64_t{1} << kNumberShift) - 1;

  std::uint64_t word_;
};

// The buffer that a reader looks at, in its line: 0, none.
[[nodiscard]] constexpr std::uint64_t pin_of(std::uint32_t key, std::uint32_t buffer) noexcept {
  return std::uint64_t{key} << 16U | (buffer + 1);
}

// The private copy of the geometry, and where things are.
template <class Byte>
class StatePlaces {
 public:
  template <class T>
  using Shared = std::conditional_t<std::is_const_v<Byte>, const T, T>;
  using Memory = StateMemory<Byte>;

  explicit StatePlaces(const Memory& memory) noexcept
      : memory_(memory),
        buffer_bytes_(Memory::buffer_bytes_for(memory.value_bytes)),
        key_bytes_(Memory::key_bytes_for(memory.value_bytes, memory.buffers)) {
    assert(memory.buffers > memory.participants && memory.buffers <= kMaxStateReaders + 2);
    assert(reinterpret_cast<std::uintptr_t>(memory.values) % alignof(StateBuffer) == 0);
    assert(memory.keys > 0 && memory.keys <= kMaxStateKeys && memory.value_bytes > 0);
    assert(memory.participants > 0 && memory.participants <= 1 + kMaxStateReaders);
  }

  [[nodiscard]] std::uint32_t keys() const noexcept { return memory_.keys; }
  [[nodiscard]] std::uint32_t value_bytes() const noexcept { return memory_.value_bytes; }
  [[nodiscard]] std::uint32_t participants() const noexcept { return memory_.participants; }
  [[nodiscard]] std::uint32_t buffers() const noexcept { return memory_.buffers; }

  // REQUIRES: key < keys(), buffer < buffers(), participant < participants().
  [[nodiscard]] Shared<std::uint64_t>& newest(std::uint32_t key) const noexcept {
    return object_at<StateHead>(memory_.values + key * key_bytes_)->newest;
  }
  [[nodiscard]] Shared<StateBuffer>& buffer(std::uint32_t key,
                                            std::uint32_t buffer) const noexcept {
    return *object_at<StateBuffer>(memory_.values + key * key_bytes_ + sizeof(StateHead) +
                                   std::uint64_t{buffer} * buffer_bytes_);
  }
  [[nodiscard]] Byte* value(std::uint32_t key, std::uint32_t number) const noexcept {
    return reinterpret_cast<Byte*>(&buffer(key, number) + 1);
  }
  [[nodiscard]] std::uint64_t& pin(std::uint32_t participant) const noexcept {
    return memory_.pins[participant].pin;
  }

  // Whether a writer stores such a version.
  [[nodiscard]] bool plausible(StateVersion version) const noexcept {
    return version.word() == 0 || (version.number() > 0 && version.number() < kMaxStateNumber &&
                                   version.buffer() < buffers());
  }

 private:
  Memory memory_;
  std::uint32_t buffer_bytes_;
  std::uint64_t key_bytes_;
};

}  // namespace ringbell::core
