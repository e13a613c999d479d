// One writer, one reader, variable-size records, in memory that both sides map.
//
//   control lines                          data, `capacity` bytes (a power of two)
//   +--------------+---------------+      +------+---------+------+---------+------+
//   | reader: head | bells (park)  |      | size | payload | size | payload |  0   | ...
//   +--------------+---------------+      +------+---------+------+---------+------+
//                                          ^ head                             ^ tail (the writer)
//
// The commit word travels with the data: the reader polls the header of the next record, so that
// one cache line carries the flag and, if it is short, the message. No tail is published. Positions
// are free-running 64-bit counts of bytes, masked on use. A record is contiguous even where the
// data area ends, because the memory goes on behind it: either the same bytes again (a region
// mapped twice) or spare bytes that nothing else uses (plain memory); the ring works with either.
//
// Invariants
//   I1  The header at the writer's position is 0 before the record in front of it is committed.
//   I2  [head, tail) belongs to the reader, the rest to the writer; kRecordHeaderBytes of it always
//       stay free for I1.
//   I3  Headers stand at multiples of the record alignment: an atomic header never straddles lines.
//   I4  No size or position from shared memory is used before it was checked against the private
//       geometry, and each is read once. What fails the check makes the handle corrupt() for good.
// Edges
//   P   publish: flush() stores a header -> peek() loads it: the payload is written before it is
//       read. Release/acquire suffices: nothing else is ordered by it.
//   F   free: the reader stores head -> claim() loads it: the payload is read before it is
//       overwritten.
//   R   relaxed: the stores to headers that edge P publishes, and the loads of what this side
//       stored, or the one before it on this side: a role is handed over by something that orders
//       (a lock that the kernel drops, a join), else there could be two of them.
// Progress: every call is wait-free.
// Death: what was not committed is never visible. A new writer walks the headers from head to the
// first 0 and goes on there. A new reader starts at head, so it may see again what the dead one had
// read but not yet given back: at most kHeadPublications-th of the capacity, or what it held.
//
// The lazily published head and the cached head are Rigtorp's (SPSCQueue) and Lee's ("A lock-free,
// cache-efficient shared ring buffer", ANCS 2009); the length field as commit word is Aeron's.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/spsc_memory.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class SpscRing {
 public:
  class Writer;
  class Reader;

  // The reader publishes its head at least each time it gave back 1 / kHeadPublications of the
  // ring.
  static constexpr std::uint64_t kHeadPublications = 8;

 private:
  static constexpr Edge kPublish{"spsc.P"};
  static constexpr Edge kFree{"spsc.F"};
  static constexpr Edge kRelaxed{"spsc.R"};
};

// The writing side. Not thread-safe; move-only; the memory must outlive it. Once corrupt(), claim()
// may go on to return empty spans.
template <AtomicsPolicy Atomics>
class SpscRing<Atomics>::Writer : public Witness {
 public:
  // Takes the ring up where the writer before left it: at once if the ring is new or empty, else
  // after a walk over the records that the reader has not given back. See corrupt().
  explicit Writer(const SpscMemory& memory) noexcept : at_(memory) { recover(); }

  Writer(Writer&&) noexcept = default;
  Writer& operator=(Writer&&) noexcept = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() = default;

  // Room for one record, contiguous, uninitialised; or an empty span: not now, the reader is
  // behind. Nothing is visible to the reader before commit() or flush(). Claiming again without one
  // of them forgets the first claim. REQUIRES: 0 < size_bytes <= max_record_bytes().
  [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes) noexcept {
    assert(size_bytes > 0 && size_bytes <= max_record_bytes());
    claimed_bytes_ = 0;
    const std::uint64_t next = staged_ + at_.footprint(size_bytes);
    const std::uint64_t end = next + kRecordHeaderBytes;  // I2
    if (end - head_seen_ > at_.capacity()) [[unlikely]] {
      if (!see_head() || end - head_seen_ > at_.capacity()) return {};
    }
    // I1 now, and not just before the commit: that header may stand in another line, and a store
    // that waits for it between payload and header lets the polling reader take theirs away.
    if (staged_ != tail_) {
      cleared_ = kNowhere;  // inside a batch: flush() clears behind the last record
    } else if (cleared_ != next) {
      clear_header(next);
    }
    claimed_bytes_ = size_bytes;
    return {at_.payload_at(staged_), size_bytes};
  }

  // Makes the claimed record visible to the reader, and with it all that were staged before it.
  void commit() noexcept { commit(claimed_bytes_); }

  // The same for a record that turned out shorter. REQUIRES: 0 < size_bytes <= what was claimed.
  void commit(std::uint32_t size_bytes) noexcept {
    stage(size_bytes);
    flush();
  }

  // Completes the claimed record but keeps it from the reader until flush() or the next commit().
  // A batch becomes visible with one store, whole. Whoever stages until claim() finds no room must
  // flush(): the reader cannot make room for what it does not see.
  void stage() noexcept { stage(claimed_bytes_); }

  void stage(std::uint32_t size_bytes) noexcept {
    assert(size_bytes > 0 && size_bytes <= claimed_bytes_);
    if (staged_ == tail_) {
      first_header_ = size_bytes;  // the commit word of the batch: flush() stores it last
    } else {
      Atomics::store(at_.header_at(staged_), RecordHeader{size_bytes}, std::memory_order_relaxed,
                     kRelaxed);
    }
    staged_ += at_.footprint(size_bytes);
    claimed_bytes_ = 0;
  }

  // Makes all staged records visible. Without any it does nothing.
  void flush() noexcept {
    if (staged_ == tail_) return;
    const bool single = cleared_ == staged_;
    if (!single) clear_header(staged_);  // I1: a batch, or a record that came out shorter
    Atomics::store(at_.header_at(tail_), first_header_, std::memory_order_release, kPublish);  // P
    // If the next record is as long as this one, this is its I1, done where nobody waits for it. No
    // claim is open (it would have made this a batch), so nobody's payload is there.
    const std::uint64_t ahead = staged_ + (staged_ - tail_);
    if (single && ahead + kRecordHeaderBytes - head_seen_ <= at_.capacity()) clear_header(ahead);
    tail_ = staged_;
  }

  // Makes the staged records visible that end at or before `position`, a value of
  // staged_position(): for payloads that are completed one after the other, such as reads in
  // flight.
  void flush_to(std::uint64_t position) noexcept {
    assert(position - tail_ <= staged_ - tail_);
    if (position == staged_) return flush();
    if (position == tail_) return;
    // stage() stored this header. Only the peer could have changed it, to its own harm: the value
    // is handed back to it, never used.
    const RecordHeader next =
        Atomics::load(at_.header_at(position), std::memory_order_relaxed, kRelaxed);
    clear_header(position);                                                                    // I1
    Atomics::store(at_.header_at(tail_), first_header_, std::memory_order_release, kPublish);  // P
    tail_ = position;
    first_header_ = next;
  }

  // Forgets the claim and everything staged; the reader never sees them.
  void abort() noexcept {
    staged_ = tail_;
    claimed_bytes_ = 0;
  }

  // Free-running: the end of what is visible, and of what is staged.
  [[nodiscard]] std::uint64_t tail() const noexcept { return tail_; }
  [[nodiscard]] std::uint64_t staged_position() const noexcept { return staged_; }
  [[nodiscard]] std::uint32_t max_record_bytes() const noexcept { return at_.max_record_bytes(); }

  // Whether a claim of this size would find room now. What a sleeper asks before it sleeps.
  [[nodiscard]] bool has_room(std::uint32_t size_bytes) noexcept {
    const std::uint64_t end = staged_ + at_.footprint(size_bytes) + kRecordHeaderBytes;
    return end - head_seen_ <= at_.capacity() || (see_head() && end - head_seen_ <= at_.capacity());
  }

 private:
  static constexpr std::uint64_t kNowhere = 1;  // no position: those are multiples of 8

  void clear_header(std::uint64_t position) noexcept {
    Atomics::store(at_.header_at(position), RecordHeader{0}, std::memory_order_relaxed, kRelaxed);
    cleared_ = position;
  }

  // Reads the reader's position anew. False: it is impossible.
  [[nodiscard, gnu::noinline]] bool see_head() noexcept {
    const std::uint64_t head =
        Atomics::load(at_.control().head, std::memory_order_acquire, kFree);  // F
    // Back, past what is visible, or not where a record can end.
    if (head - head_seen_ > tail_ - head_seen_ || !at_.aligned(head))
      saw("SpscControl::head", head);
    if (corrupt()) return false;
    head_seen_ = head;
    return true;
  }

  void recover() noexcept {
    head_seen_ = Atomics::load(at_.control().head, std::memory_order_acquire, kFree);  // F
    if (!at_.aligned(head_seen_)) saw("SpscControl::head", head_seen_);
    tail_ = head_seen_;
    while (!corrupt()) {
      const RecordHeader header =
          Atomics::load(at_.header_at(tail_), std::memory_order_relaxed, kRelaxed);
      if (header == 0) break;
      const bool plausible = at_.plausible(header);
      if (plausible) tail_ += at_.footprint(header);
      if (!plausible || tail_ + kRecordHeaderBytes - head_seen_ > at_.capacity()) {  // I2
        saw("RecordHeader", header);
      }
    }
    if (corrupt()) {  // never room from here on, not even for a caller that does not ask
      tail_ = 0;
      head_seen_ = 0 - at_.capacity();
    }
    staged_ = tail_;
  }

  SpscPlaces at_;
  std::uint64_t tail_ = 0;            // the end of what is visible
  std::uint64_t staged_ = 0;          // the end of what is staged; the next claim starts here
  std::uint64_t head_seen_ = 0;       // the reader's position as last read
  std::uint64_t cleared_ = kNowhere;  // where a header is known to be 0, if it is the next one
  RecordHeader first_header_ = 0;     // of the staged batch
  std::uint32_t claimed_bytes_ = 0;   // of the open claim, 0: none
};

// The reading side. Not thread-safe; move-only; the memory must outlive it. Once corrupt(), peek()
// may go on to return empty spans.
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
    head_ = cursor_ = published_;
  }

  Reader(Reader&&) noexcept = default;
  Reader& operator=(Reader&&) noexcept = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() = default;

  // The payload of the next record, in place; or an empty span: not now, nothing was committed (or
  // corrupt()). The same record again until release() or hold(). The bytes stay in shared memory: a
  // hostile writer can change them while they are read, so copy what must not change after a check.
  [[nodiscard]] std::span<const std::byte> peek() noexcept {
    const RecordHeader header =
        Atomics::load(at_.header_at(cursor_), std::memory_order_acquire, kPublish);  // P
    if (!at_.plausible(header)) [[unlikely]] {
      peeked_bytes_ = 0;
      nothing(header);
      return {};
    }
    peeked_bytes_ = static_cast<std::uint32_t>(header);
    return {at_.payload_at(cursor_), peeked_bytes_};
  }

  // Gives the peeked record back to the writer, and with it all that were held before it: their
  // bytes may be overwritten from now on. The writer learns of it in steps (kHeadPublications), and
  // when peek() next finds nothing.
  void release() noexcept {
    hold();
    release_to(cursor_);
  }

  // Keeps the peeked record and moves on: the next peek() returns the one behind it. unhold() moves
  // back to the oldest record that was not given back.
  void hold() noexcept {
    assert(peeked_bytes_ > 0);
    cursor_ += at_.footprint(peeked_bytes_);
    peeked_bytes_ = 0;
  }
  void unhold() noexcept {
    cursor_ = head_;
    peeked_bytes_ = 0;
  }

  // Gives back the held records that end at or before `position`, a value of position(): for
  // payloads that are used up one after the other, such as writes in flight.
  void release_to(std::uint64_t position) noexcept {
    assert(position - head_ <= cursor_ - head_);
    head_ = position;
    if (head_ - published_ >= publish_every_) [[unlikely]]
      publish_head();
  }

  // Lets the writer have everything given back so far, without waiting for the next step.
  [[gnu::noinline]] void publish_head() noexcept {
    if (published_ == head_) return;
    Atomics::store(at_.control().head, head_, std::memory_order_release, kFree);  // F
    published_ = head_;
  }

  // Free-running: the end of what was peeked and held or released; and of what the writer knows of.
  [[nodiscard]] std::uint64_t position() const noexcept { return cursor_; }
  [[nodiscard]] std::uint64_t published_head() const noexcept { return published_; }
  [[nodiscard]] std::uint32_t max_record_bytes() const noexcept { return at_.max_record_bytes(); }

 private:
  [[gnu::noinline]] void nothing(RecordHeader header) noexcept {
    if (header != 0) saw("RecordHeader", header);
    publish_head();
  }

  SpscPlaces at_;
  std::uint64_t publish_every_;
  std::uint64_t cursor_ = 0;        // the next record to peek
  std::uint64_t head_ = 0;          // everything before it was given back
  std::uint64_t published_ = 0;     // what control.head says
  std::uint32_t peeked_bytes_ = 0;  // of the record at cursor_, 0: not peeked
};

}  // namespace ringbell::core
