// Copies messages into a ring, long ones in whichever way is faster between the two CPUs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <ringbell/core/layout.hpp>
#include <ringbell/core/stream_copy.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/copy_choice.hpp>

namespace ringbell {

class RINGBELL_API CopyIn {
 public:
  // Shorter messages are copied as they always were: past the caches they took longer in every
  // measurement (bench/learnt.md).
  static constexpr std::size_t kLong = 2048;

  // Into a ring, or a lane, of this geometry.
  explicit CopyIn(const core::Geometry& ring) noexcept
      : choice_(std::max(ring.capacity_bytes, ring.slot_count * ring.message_bytes)) {}

  // REQUIRES: into.size() >= message.size(). A message of static extent gives a copy of constant
  // size.
  template <class Byte, std::size_t extent>
  void operator()(std::span<std::byte> into, std::span<Byte, extent> message) noexcept {
    if (!core::kCanStream || message.size() < kLong) {
      if (!message.empty()) std::memcpy(into.data(), message.data(), message.size());
    } else {
      copy_long(into.data(), message.data(), message.size());
    }
  }

 private:
  void copy_long(std::byte* into, const std::byte* from, std::size_t bytes) noexcept;

  CopyChoice choice_;
};

}  // namespace ringbell
