// The reading side of an SpscRing: spsc_ring.hpp has the picture, the invariants and the edges.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/cpu.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/spsc_memory.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/core/spsc_walk.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// The reading side. Not thread-safe; move-only; the memory must outlive it. Once corrupt(), peek()
// may go on to find nothing.
template <AtomicsPolicy Atomics>
class SpscRing<Atomics>::Reader : public Witness {
 public:
  // Starts at the oldest record that was not given back. See corrupt().
  explicit Reader(const SpscMemory& memory) noexcept
      : at_(memory),
        publish_every_(memory.capacity_bytes / kHeadPublications),
        published_(Atomics::load(at_.control().head, std::memory_order_relaxed, kRelaxed)) {
    if (!at_.aligned(published_)) {
      saw("SpscControl::head", published_);
      published_ = 0;  // no misaligned access, not even by a caller that does not ask
    }
    cursor_ = behind_ = published_;
    keep_lines(false);
  }

  Reader(Reader&&) noexcept = default;
  Reader& operator=(Reader&&) noexcept = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() = default;

  // The payload of the next record, in place; or a span without data: not now, nothing was
  // committed (or corrupt()). The same record again until release() or hold(). The bytes stay in
  // shared memory: a hostile writer can change them while they are read, so copy what must not
  // change after a check.
  [[nodiscard]] std::span<const std::byte> peek() noexcept {
    const RecordHeader header =
        Atomics::load(at_.header_at(cursor_), std::memory_order_acquire, kPublish);
    if (!at_.plausible(header, cursor_)) [[unlikely]] {
      nothing(header);
      return {};
    }
    const std::uint32_t size_bytes = SpscPlaces::size_in(header);
    behind_ = cursor_ + at_.footprint(size_bytes);
    return {at_.payload_at(cursor_), size_bytes};
  }

  // Gives the peeked record back to the writer, and with it all that were held before it: their
  // bytes may be overwritten from now on. The writer learns of it in steps (kHeadPublications), and
  // when peek() next finds nothing.
  void release() noexcept {
    assert(behind_ != cursor_);
    std::uint64_t from = cursor_;
    cursor_ = behind_;
    if (held_ != kNowhere) [[unlikely]]
      from = std::exchange(held_, kNowhere);
    evict_lines(from, cursor_);
    publish_in_steps(cursor_);
  }

  // Keeps the peeked record and moves on: the next peek() returns the one behind it. unhold() moves
  // back to the oldest record that was not given back.
  void hold() noexcept {
    assert(behind_ != cursor_);
    if (held_ == kNowhere) held_ = cursor_;
    cursor_ = behind_;
  }
  void unhold() noexcept {
    cursor_ = behind_ = head();
    held_ = kNowhere;
  }

  // Gives back the held records that end at or before `position`, a value of position(): for
  // payloads that are used up one after the other, such as writes in flight.
  void release_to(std::uint64_t position) noexcept {
    assert(position - head() <= cursor_ - head());
    evict_lines(head(), position);
    held_ = position != cursor_ ? position : kNowhere;
    publish_in_steps(position);
  }

  // Lets the writer have everything given back so far, without waiting for the next step.
  [[gnu::noinline]] void publish_head() noexcept {
    if (published_ == head()) return;
    published_ = head();
    Atomics::store(at_.control().head, published_, std::memory_order_release, kFree);
  }

  // What was committed and is neither held nor given back, the peeked record included. Looks at the
  // header of each such record, and stores nothing. Never more than the ring holds.
  [[nodiscard]] SpscUnread unread() const noexcept {
    SpscUnread found;
    for (;;) {
      const std::uint64_t position = cursor_ + found.bytes;
      const RecordHeader header =
          Atomics::load(at_.header_at(position), std::memory_order_acquire, kPublish);
      if (!at_.plausible(header, position)) return found;
      const std::uint64_t behind =
          found.bytes + at_.footprint(SpscPlaces::size_in(header)) + kRecordHeaderBytes;
      if (behind > at_.capacity()) return found;  // I2: a hostile writer's
      found.bytes = behind - kRecordHeaderBytes;
      ++found.records;
    }
  }

  // Whether what was read stays in this CPU's cache: right for a reader that takes turns with its
  // writer on one CPU; for one that reads while it writes it depends on the CPUs. False at first.
  void keep_lines(bool keep) noexcept {
    most_evicted_ = !keep && cpu::has_evict_line() ? kMostEvictedBytes : 0;
  }

  // Free-running: the end of what was peeked and held or released; and of what the writer knows of.
  [[nodiscard]] std::uint64_t position() const noexcept { return cursor_; }
  [[nodiscard]] std::uint64_t published_head() const noexcept { return published_; }
  [[nodiscard]] std::uint32_t max_record_bytes() const noexcept { return at_.max_record_bytes(); }

 private:
  // Given back at once; beyond it the copy into the ring goes past the caches (stream_copy.hpp).
  static constexpr std::uint64_t kMostEvictedBytes = 16384;

  // Everything before it was given back.
  [[nodiscard]] std::uint64_t head() const noexcept { return held_ == kNowhere ? cursor_ : held_; }

  void publish_in_steps(std::uint64_t head) noexcept {
    if (head - published_ >= publish_every_) [[unlikely]]
      publish_head();
  }

  // The lines behind which the reader is now are not needed here any more; as long as they stay in
  // this CPU's cache, a store of the writer's waits until they are taken away from there: 48 ns a
  // line between CPUs that are far apart, 2.4 if they were evicted. Not those of a record that was
  // waited for: the writer is not in a hurry, and its answer comes sooner.
  [[gnu::always_inline]] void evict_lines(std::uint64_t from, std::uint64_t to) const noexcept {
    const std::uint64_t last = cpu::line_of(to);
    std::uint64_t line = cpu::line_of(from);
    if (line == last || from == waited_at_ || to - from > most_evicted_) return;
    for (; line != last; line += cpu::kLineBytes) {
      cpu::evict_line(&at_.header_at(line));
    }
  }

  [[gnu::noinline]] void nothing(RecordHeader word) noexcept {
    if (SpscPlaces::passes(word, cursor_)) saw("RecordHeader", word);
    behind_ = waited_at_ = cursor_;
    publish_head();
  }

  SpscPlaces at_;
  std::uint64_t publish_every_;
  std::uint64_t most_evicted_ = 0;      // a record of so many bytes; 0: none, see keep_lines()
  std::uint64_t cursor_ = 0;            // the next record to peek
  std::uint64_t behind_ = 0;            // and the end of it, if it was peeked; else the same
  std::uint64_t held_ = kNowhere;       // the oldest record that is held
  std::uint64_t waited_at_ = kNowhere;  // where nothing was found, last
  std::uint64_t published_ = 0;         // what control.head says
};

}  // namespace ringbell::core
