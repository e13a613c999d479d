// What a region says of the type of its messages, for people; and whether it can be.
#pragma once

#include <string>

#include <ringbell/core/layout.hpp>

namespace ringbell::memory {

// Whether a creator writes such a record: all 0, or a name, a size and an alignment up to 64. It
// may come from another process, and its name goes into messages for people.
[[nodiscard]] bool is_possible(const core::TypeRecord& type) noexcept;

// "Quote (24 bytes, alignment 8)", and its version unless that is 0; "bytes", if it says nothing.
// REQUIRES: is_possible(type).
[[nodiscard]] std::string text_of(const core::TypeRecord& type);

}  // namespace ringbell::memory
