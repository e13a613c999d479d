// Record by record through an SpscRing (spsc_ring.hpp), from a position to the first word that is
// no header: how the next writer finds where the one before it stopped, and a reader how far it is
// behind.
#pragma once

#include <cstdint>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/layout.hpp>
#include <ringbell/core/spsc_memory.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// What lies between two positions.
struct SpscUnread {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // with headers and padding
};

struct SpscEnd {
  std::uint64_t position;  // behind the last record
  Finding finding;         // what cannot be; no field, if nothing is wrong
};

// At most as many steps as records fit. `edge` labels the loads, which are relaxed. REQUIRES:
// `head` is a multiple of the record alignment.
template <AtomicsPolicy Atomics>
[[nodiscard]] SpscEnd end_of_records(const SpscPlaces& at, std::uint64_t head, Edge edge) noexcept {
  for (std::uint64_t position = head;;) {
    const RecordHeader header =
        Atomics::load(at.header_at(position), std::memory_order_relaxed, edge);
    if (!SpscPlaces::passes(header, position)) return {position, {}};
    const bool plausible = at.plausible(header, position);
    if (plausible) position += at.footprint(SpscPlaces::size_in(header));
    if (!plausible || position + kRecordHeaderBytes - head > at.capacity()) {  // I2
      return {position, {"RecordHeader", header}};
    }
  }
}

}  // namespace ringbell::core
