// A ring's shape in the words of the options that it was made by: for people.
#pragma once

#include <cstdint>

#include <ringbell/core/ring_shape.hpp>

namespace ringbell::memory {

// "channel", "queue", "lossy topic", ...
[[nodiscard]] const char* name_of(core::RingKind kind) noexcept;

// TopicOptions::subscribers are all participants but one, QueueOptions::messages is slot_count, and
// so on.
struct OptionText {
  const char* name;
  std::uint64_t value;
};
// REQUIRES: a field of options, not ring_kind.
[[nodiscard]] OptionText option_of(core::ShapeField field, const core::RingShape& shape) noexcept;

}  // namespace ringbell::memory
