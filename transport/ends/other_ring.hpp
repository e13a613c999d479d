// Whether the region under a name is the ring that an end was asked to make, and how it is not.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/memory/region.hpp>

namespace ringbell {

// For people: "for a queue, not a service", or "with messages 128, not 256". Nothing: it is that
// ring. Capacities and counts are compared as they are rounded up.
[[nodiscard]] std::optional<std::string> difference_of(const Region& there,
                                                       const RegionOptions& wanted);

// Whether this Error of Region::attach says that no process of this version can use what is there.
// Any other says that a call failed: what is there may be a good ring, with messages in it.
[[nodiscard]] bool is_no_ring(const Error& why) noexcept;

// A living process uses the name for something else. `how` ends the sentence. Errors: other_ring.
[[nodiscard]] tl::unexpected<Error> fail_other_ring(std::string_view name, std::string_view how);
// It is a ring of another kind than that.
[[nodiscard]] tl::unexpected<Error> fail_other_kind(std::string_view name, const Region& there,
                                                    std::string_view wanted);

}  // namespace ringbell
