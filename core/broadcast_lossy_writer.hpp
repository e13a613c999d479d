// The writing side of a BroadcastLossy. Invariants and edges: broadcast_lossy.hpp.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/broadcast_memory.hpp>
#include <ringbell/core/object_at.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// The writing side. Not thread-safe; move-only; the memory must outlive it.
template <AtomicsPolicy Atomics>
class BroadcastLossy<Atomics>::Writer : public Witness {
 public:
  // Goes on where the writer before ended. See corrupt().
  explicit Writer(const BroadcastSlots<std::byte>& memory) noexcept : at_(memory) {
    Finding found;
    const std::optional<std::uint64_t> end = broadcast_end<Atomics>(at_, Words::kRelaxed, found);
    if (!end) saw(found);
    next_ = end.value_or(0);
  }

  Writer(Writer&&) noexcept = default;
  Writer& operator=(Writer&&) noexcept = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() = default;

  // Copies the message in; the readers see it then, and the oldest one no more. Does nothing if
  // corrupt(). REQUIRES: message.size() == message_bytes().
  void publish(std::span<const std::byte> message) noexcept {
    assert(message.size() == at_.message_bytes());
    publish_by([&](Word* into) { Words::copy_in(into, message); });
  }

  // The same for messages of any size: a word in front of each says it. REQUIRES:
  // message.size() + 8 <= message_bytes(); all of this ring's messages are published so.
  void publish_sized(std::span<const std::byte> message) noexcept {
    assert(message.size() + sizeof(Word) <= at_.message_bytes());
    publish_by([&](Word* into) { Words::copy_in_sized(into, message); });
  }

  // The same in place: room for one message, the word of its size in front, or an empty span if
  // corrupt(). The oldest record is gone from now on. Claiming again gives the same room;
  // publishing anything else forgets it.
  [[nodiscard]] std::span<std::byte> claim_sized() noexcept {
    if (corrupt()) [[unlikely]]
      return {};
    begin();
    claimed_ = true;
    return {at_.payload_at(next_), at_.message_bytes()};
  }
  // The readers see it then. REQUIRES: it was claimed; size_bytes + 8 <= message_bytes().
  void commit_sized(Word size_bytes) noexcept {
    assert(claimed_ && size_bytes + sizeof(Word) <= at_.message_bytes());
    Atomics::store(*object_at<Word>(at_.payload_at(next_)), size_bytes, std::memory_order_relaxed,
                   Words::kRelaxed);
    finish();
  }

  // Of the next message: how many there were before it.
  [[nodiscard]] std::uint64_t position() const noexcept { return next_; }
  [[nodiscard]] std::uint32_t message_bytes() const noexcept { return at_.message_bytes(); }

 private:
  template <class Copy>
  void publish_by(Copy&& copy) noexcept {
    if (corrupt()) [[unlikely]]
      return;
    begin();
    copy(object_at<Word>(at_.payload_at(next_)));
    finish();
  }
  void begin() noexcept {
    Atomics::store(at_.sequence_at(next_), writing_sequence(next_), std::memory_order_relaxed,
                   Words::kRelaxed);  // I2
    Atomics::fence(std::memory_order_release, Words::kTorn);
  }
  void finish() noexcept {
    claimed_ = false;
    Atomics::store(at_.sequence_at(next_), holding_sequence(next_), std::memory_order_release,
                   Words::kPublish);
    ++next_;
  }

  BroadcastPlaces<std::byte> at_;
  std::uint64_t next_ = 0;
  bool claimed_ = false;
};

}  // namespace ringbell::core
