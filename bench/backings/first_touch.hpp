// What it costs to have memory: to make a region, and to touch it for the first time.
#pragma once

#include <cstdint>

#include "bench/backings/setups.hpp"
#include "bench/harness/process_pair.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

// Adds to the row, of a region with `data_bytes` of data, mapped twice as always:
//   create_ns             to make it without prefault: addresses, and pages where they are reserved
//   touch_ns, page_faults one byte written in each 4 KiB of its first image
//   again_ns, again_page_faults  the same in the second image, whose pages are there
//   prefaulted_create_ns  to make it with prefault, both images
// and what the kernel says that it got. Errors: whatever stopped it.
[[nodiscard]] Result<void> measure_first_touch(const Setup& setup, std::uint64_t data_bytes,
                                               const PairOptions& pair, Row& row);

}  // namespace ringbell::bench
