#include <ringbell/transport/ends/other_ring.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include <fmt/format.h>

#include <ringbell/transport/ends/message_type.hpp>
#include <ringbell/transport/ends/sized.hpp>
#include <ringbell/transport/memory/shape_text.hpp>
#include <ringbell/transport/sleep/doorbell.hpp>

namespace ringbell {
namespace {

using core::RingShape;
using core::ShapeField;

// What a region of these options comes to on such pages.
RingShape made_of(RingShape wanted, std::uint32_t page_bytes) noexcept {
  const auto rounded = [](std::uint64_t count) {
    return std::bit_ceil(std::min(count, std::uint64_t{1} << 62U));  // bit_ceil's limit
  };
  if (core::has_records(wanted.kind)) {
    wanted.capacity_bytes = std::max(rounded(wanted.capacity_bytes), std::uint64_t{page_bytes});
  }
  if (core::has_slots(wanted.kind)) wanted.slot_count = rounded(wanted.slot_count);
  return wanted;
}

// In a slot, a word for its size stands in front of each message.
std::uint64_t value_for_people(ShapeField field, const RingShape& shape) noexcept {
  if (field == ShapeField::message_bytes && core::has_slots(shape.kind)) {
    return sized::message_bytes(shape.message_bytes);
  }
  return memory::option_of(field, shape).value;
}

}  // namespace

std::optional<std::string> difference_of(const Region& there, const RegionOptions& wanted) {
  using enum ShapeField;
  const RingShape given = there.shape();
  if (given.kind != wanted.shape.kind) {
    return fmt::format("for a {}, not a {}", memory::name_of(given.kind),
                       memory::name_of(wanted.shape.kind));
  }
  if (const Result<void> checked = check_type(there, wanted.type); !checked) {
    return checked.error().message;
  }
  const RingShape made = made_of(wanted.shape, there.geometry().page_bytes);
  for (const ShapeField field :
       std::array{capacity_bytes, record_alignment, payload_alignment, slot_count, message_bytes,
                  participants, user_header_bytes}) {
    if (memory::option_of(field, given).value == memory::option_of(field, made).value) continue;
    return fmt::format("with {} {}, not {}", memory::option_of(field, given).name,
                       value_for_people(field, given), value_for_people(field, wanted.shape));
  }
  if (there.doorbell() == wanted.doorbell) return std::nullopt;
  return fmt::format("with doorbell {}, not {}", name_of(there.doorbell()),
                     name_of(wanted.doorbell));
}

bool is_no_ring(const Error& why) noexcept {
  return why.code == ErrorCode::not_a_region || why.code == ErrorCode::version_mismatch ||
         why.code == ErrorCode::stale;
}

tl::unexpected<Error> fail_other_ring(std::string_view name, std::string_view how) {
  return fail(ErrorCode::other_ring, fmt::format("the name '{}' is in use {}", name, how));
}

tl::unexpected<Error> fail_other_kind(std::string_view name, const Region& there,
                                      std::string_view wanted) {
  return fail_other_ring(name,
                         fmt::format("for a {}, not a {}", memory::name_of(there.kind()), wanted));
}

}  // namespace ringbell
