// Any bytes as the file of a region, for the targets that attach to one or open it by name.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include <ringbell/core/layout.hpp>
#include <ringbell/core/ring_shape.hpp>
#include <ringbell/transport/memory/region.hpp>

#include <tests/fuzz/target.hpp>
#include <tests/hostile/choices.hpp>
#include <tests/hostile/walled_bytes.hpp>

namespace ringbell::fuzz {

inline constexpr std::uint64_t kLargestFile = std::uint64_t{64} << 20U;

// Fills an empty file. The choices are: one for the size (0: what the header says); a header; what
// stands at the beginning of the control lines and of the data.
inline void fill_file(int file, hostile::Choices& choices) {
  const std::uint64_t other_size = choices.one_in(4) ? 0 : choices.roll(1U << 20U);
  core::RegionHeader header{};
  const auto bytes = choices.take(sizeof header);
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::uint8_t*>(&header));
  const std::uint64_t size =
      std::min(other_size != 0 ? other_size : header.geometry.region_bytes, kLargestFile);
  HOSTILE_CHECK(::ftruncate(file, static_cast<off_t>(size)) == 0);
  const auto put = [&](std::uint64_t at, std::span<const std::uint8_t> what) {
    if (at >= size) return;
    const std::size_t count = std::min<std::uint64_t>(what.size(), size - at);
    HOSTILE_CHECK(::pwrite(file, what.data(), count, static_cast<off_t>(at)) ==
                  static_cast<ssize_t>(count));
  };
  put(0, bytes);
  put(header.geometry.control_offset, choices.take(choices.roll(2048)));
  put(header.geometry.data_offset, choices.take(choices.roll(2048)));
}

// An input of which fill_file() makes a whole region, in a file of this kind, after `before`.
inline Input region_input(const core::RingShape& shape, Backing backing, Input before) {
  const Region region = Region::create({.shape = shape}).value();
  auto header = *reinterpret_cast<const core::RegionHeader*>(region.base());
  header.backing = std::uint32_t(backing);
  Input input = std::move(before);
  input.push_back(0);
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&header);
  input.insert(input.end(), bytes, bytes + sizeof header);
  for (const std::uint64_t offset :
       {region.geometry().control_offset, region.geometry().data_offset}) {
    const std::size_t count = offset < region.mapped_bytes() ? 1024 : 0;
    const auto* const first = reinterpret_cast<const std::uint8_t*>(region.base()) + offset;
    input.push_back(static_cast<std::uint8_t>(count >> 8U));
    input.push_back(static_cast<std::uint8_t>(count));
    input.insert(input.end(), first, first + count);
  }
  return input;
}

// A small ring of each kind.
[[nodiscard]] inline std::vector<core::RingShape> all_shapes() {
  using core::RingKind;
  return {
      {.kind = RingKind::spsc, .capacity_bytes = 4096, .record_alignment = 8},
      {.kind = RingKind::mpmc, .slot_count = 8, .message_bytes = 24, .participants = 4},
      {.kind = RingKind::broadcast_lossless,
       .slot_count = 8,
       .message_bytes = 24,
       .participants = 4},
      {.kind = RingKind::broadcast_lossy, .slot_count = 8, .message_bytes = 24, .participants = 1},
      {.kind = RingKind::many_lossless,
       .slot_count = 8,
       .message_bytes = 24,
       .participants = 2 + core::kMaxBroadcastReaders},
      {.kind = RingKind::many_lossy, .slot_count = 8, .message_bytes = 24, .participants = 2},
      {.kind = RingKind::fan_in, .capacity_bytes = 4096, .record_alignment = 64, .participants = 4},
      {.kind = RingKind::call_group, .message_bytes = 100, .participants = 4},
      {.kind = RingKind::state, .slot_count = 2, .message_bytes = 24, .participants = 3},
      {.kind = RingKind::bells, .participants = 1}};
}

}  // namespace ringbell::fuzz
