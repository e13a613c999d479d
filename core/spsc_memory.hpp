// Where an SpscRing (spsc_ring.hpp) lives: the memory as a side sees it, the places in it, and what
// a record's header says there.
//
//   record at position p: a multiple of the record alignment
//     +--------------+-------+-------------+---------------+---------+
//     | size | stamp | user header, if any |    payload    | padding |
//     +--------------+-------+-------------+---------------+---------+
//     ^ 8 bytes                            ^ at a multiple of the payload alignment
//
// The stamp is made of the position, so that what is left of another lap, header or payload, is not
// taken for a header, but for a word that by chance or intent carries the stamp of its place: that
// one the writer takes away in time (spsc_ring.hpp, I1). A stamp is never 0: zeroed memory has no
// headers, and a record of no bytes has one.
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include <ringbell/core/layout.hpp>
#include <ringbell/core/object_at.hpp>

namespace ringbell::core {

// The memory of a ring, as a side sees it. REQUIRES: capacity_bytes is a power of two; the
// alignments are 8, 16, 32 or 64, that of payloads no more than that of records; `data` is aligned
// to the latter and followed by capacity_bytes of its mirror image or by at least spare_bytes() of
// memory that nothing else uses; user_header_bytes is 0 or sizeof(UserHeader).
struct SpscMemory {
  SpscControl* control;
  std::byte* data;
  std::uint64_t capacity_bytes;
  std::uint32_t record_alignment;
  std::uint32_t payload_alignment = 8;
  std::uint32_t user_header_bytes = 0;

  [[nodiscard]] constexpr std::uint32_t header_bytes() const noexcept {
    return kRecordHeaderBytes + user_header_bytes;
  }
  // The largest record that fits, whatever else is in the ring once the reader has caught up. No
  // record has UINT32_MAX bytes, which an end takes for no size.
  [[nodiscard]] constexpr std::uint32_t max_record_bytes() const noexcept {
    const std::uint64_t largest = capacity_bytes - record_alignment - header_bytes();
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(largest, UINT32_MAX - 1));
  }
  // As far as the largest record goes on behind the end, wherever it starts.
  [[nodiscard]] constexpr std::uint64_t spare_bytes() const noexcept {
    return capacity_bytes - record_alignment - kRecordHeaderBytes;
  }
};

// The private copy of the geometry, and where things are.
class SpscPlaces {
 public:
  explicit SpscPlaces(const SpscMemory& memory) noexcept
      : control_(memory.control),
        records_(memory.data + (0 - memory.header_bytes()) % memory.payload_alignment),
        mask_(memory.capacity_bytes - 1),
        align_mask_(memory.record_alignment - 1),
        header_bytes_(memory.header_bytes()),
        max_record_bytes_(memory.max_record_bytes()) {
    assert(std::has_single_bit(memory.capacity_bytes));
    assert(memory.payload_alignment >= kRecordHeaderBytes);
    assert(std::has_single_bit(memory.payload_alignment));
    assert(memory.record_alignment >= memory.payload_alignment);
    assert(std::has_single_bit(memory.record_alignment));
    assert(memory.user_header_bytes == 0 || memory.user_header_bytes == sizeof(UserHeader));
    assert(memory.capacity_bytes >= 2 * std::uint64_t{memory.record_alignment});
    assert(memory.capacity_bytes >= memory.record_alignment + memory.header_bytes());
  }

  [[nodiscard]] SpscControl& control() const noexcept { return *control_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return mask_ + 1; }
  [[nodiscard]] std::uint32_t max_record_bytes() const noexcept { return max_record_bytes_; }
  // A size that a record may have here.
  [[nodiscard]] bool fits(std::uint64_t size_bytes) const noexcept {
    return size_bytes <= max_record_bytes_;
  }

  [[nodiscard]] RecordHeader& header_at(std::uint64_t position) const noexcept {
    return *object_at<RecordHeader>(records_ + (position & mask_));
  }
  // Never null, which the compiler is told: a span without data is "nothing".
  [[nodiscard]] std::byte* payload_at(std::uint64_t position) const noexcept {
    std::byte* const payload = records_ + (position & mask_) + header_bytes_;
    if (payload == nullptr) __builtin_unreachable();
    return payload;
  }
  // What a record of this size takes, its header and the padding behind it included.
  [[nodiscard]] std::uint64_t footprint(std::uint64_t size_bytes) const noexcept {
    return (size_bytes + header_bytes_ + align_mask_) & ~align_mask_;
  }
  [[nodiscard]] bool aligned(std::uint64_t position) const noexcept {
    return (position & align_mask_) == 0;
  }

  // Of a record of this size at this position.
  [[nodiscard]] static RecordHeader header_of(std::uint64_t position,
                                              std::uint32_t size_bytes) noexcept {
    return kFirstStamp + (position << kStampShift) + size_bytes;
  }
  [[nodiscard]] static std::uint32_t size_in(RecordHeader header) noexcept {
    return static_cast<std::uint32_t>(header);
  }
  // Whether a word that stands there passes for a header; it may still have an impossible size.
  [[nodiscard]] static bool passes(RecordHeader word, std::uint64_t position) noexcept {
    return word - header_of(position, 0) <= UINT32_MAX;
  }
  // Whether it is the header of a record that may stand there.
  [[nodiscard]] bool plausible(RecordHeader word, std::uint64_t position) const noexcept {
    return word - header_of(position, 0) <= max_record_bytes_;
  }

 private:
  // Of the position in units of 8 bytes the lowest 31 bits, and a 1 behind them: it comes again
  // after 16 GiB.
  static constexpr unsigned kStampShift = 30;
  static constexpr RecordHeader kFirstStamp = RecordHeader{1} << 32U;

  SpscControl* control_;
  std::byte* records_;  // so far behind the start of the data that payloads are aligned
  std::uint64_t mask_;
  std::uint64_t align_mask_;
  std::uint64_t header_bytes_;
  std::uint32_t max_record_bytes_;
};

// In front of a payload, in a ring that has user headers. The writer stores it before the commit.
[[nodiscard]] inline UserHeader& user_header_of(std::span<std::byte> payload) noexcept {
  return *object_at<UserHeader>(payload.data() - sizeof(UserHeader));
}
[[nodiscard]] inline const UserHeader& user_header_of(std::span<const std::byte> payload) noexcept {
  return *object_at<UserHeader>(payload.data() - sizeof(UserHeader));
}

}  // namespace ringbell::core
