// Where an SpscRing (spsc_ring.hpp) lives: the memory as a side sees it, and the places in it.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include <ringbell/core/layout.hpp>

namespace ringbell::core {

// The memory of a ring, as a side sees it. REQUIRES: capacity_bytes is a power of two; the record
// alignment is 8, 16, 32 or 64; `data` is aligned to it and followed by capacity_bytes of its
// mirror image or by at least max_record_bytes() of memory that nothing else uses.
struct SpscMemory {
  SpscControl* control;
  std::byte* data;
  std::uint64_t capacity_bytes;
  std::uint32_t record_alignment;

  // The largest record that fits, whatever else is in the ring once the reader has caught up.
  [[nodiscard]] constexpr std::uint32_t max_record_bytes() const noexcept {
    const std::uint64_t largest = capacity_bytes - record_alignment - kRecordHeaderBytes;
    return largest < UINT32_MAX ? static_cast<std::uint32_t>(largest) : UINT32_MAX;
  }
};

// The private copy of the geometry, and where things are.
class SpscPlaces {
 public:
  explicit SpscPlaces(const SpscMemory& memory) noexcept
      : control_(memory.control),
        data_(memory.data),
        mask_(memory.capacity_bytes - 1),
        align_mask_(memory.record_alignment - 1),
        max_record_bytes_(memory.max_record_bytes()) {
    assert(std::has_single_bit(memory.capacity_bytes));
    assert(memory.record_alignment >= kRecordHeaderBytes);
    assert(std::has_single_bit(memory.record_alignment));
    assert(memory.capacity_bytes >= 2 * std::uint64_t{memory.record_alignment});
  }

  [[nodiscard]] SpscControl& control() const noexcept { return *control_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return mask_ + 1; }
  [[nodiscard]] std::uint32_t max_record_bytes() const noexcept { return max_record_bytes_; }

  [[nodiscard]] RecordHeader& header_at(std::uint64_t position) const noexcept {
    return *reinterpret_cast<RecordHeader*>(data_ + (position & mask_));
  }
  [[nodiscard]] std::byte* payload_at(std::uint64_t position) const noexcept {
    return data_ + (position & mask_) + kRecordHeaderBytes;
  }
  // What a record of this size takes, its header and the padding behind it included.
  [[nodiscard]] std::uint64_t footprint(std::uint64_t size_bytes) const noexcept {
    return (size_bytes + kRecordHeaderBytes + align_mask_) & ~align_mask_;
  }
  // A header that may stand in front of a record; 0 may not.
  [[nodiscard]] bool plausible(RecordHeader header) const noexcept {
    return header - 1 < max_record_bytes_;
  }
  [[nodiscard]] bool aligned(std::uint64_t position) const noexcept {
    return (position & align_mask_) == 0;
  }

 private:
  SpscControl* control_;
  std::byte* data_;
  std::uint64_t mask_;
  std::uint64_t align_mask_;
  std::uint32_t max_record_bytes_;
};

}  // namespace ringbell::core
