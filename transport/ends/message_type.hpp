// Whether a region is for messages of a type: asked by whatever opens it for one.
#pragma once

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/memory/region.hpp>

namespace ringbell {

// The region's messages are of that type, and stand as it asks; an empty one asks for nothing.
// Errors: other_ring, which names both.
RINGBELL_API [[nodiscard]] Result<void> check_type(const Region& there,
                                                   const core::TypeRecord& wanted);

// A message of `size_bytes` is none of that type; it was given back. Errors: corrupt.
RINGBELL_API [[nodiscard]] tl::unexpected<Error> fail_message_type(std::size_t size_bytes,
                                                                   const core::TypeRecord& type);

// A handle of this end is still held: it has one of each kind at a time. Errors: invalid_argument.
RINGBELL_API [[nodiscard]] tl::unexpected<Error> fail_handle_held(const char* what);

}  // namespace ringbell
