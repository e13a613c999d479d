#include <ringbell/transport/ends/message_type.hpp>

#include <fmt/format.h>

#include <ringbell/transport/memory/type_text.hpp>

namespace ringbell {

Result<void> check_type(const Region& there, const core::TypeRecord& wanted) {
  if (wanted == core::TypeRecord{}) return {};
  if (there.type() != wanted) {
    return fail(ErrorCode::other_ring,
                fmt::format("with messages of type {}, not {}", memory::text_of(there.type()),
                            memory::text_of(wanted)));
  }
  // A call and its answer are copied, wherever they stand; values always stand at multiples of 64.
  if (there.kind() == core::RingKind::call_group || there.kind() == core::RingKind::state) {
    return {};
  }
  if (there.geometry().payload_alignment >= wanted.alignment) return {};
  return fail(
      ErrorCode::other_ring,
      fmt::format("with payload_alignment {}, not {}, which {} asks for",
                  there.geometry().payload_alignment, wanted.alignment, memory::text_of(wanted)));
}

tl::unexpected<Error> fail_message_type(std::size_t size_bytes, const core::TypeRecord& type) {
  return fail(ErrorCode::corrupt, fmt::format("a message of {} bytes is no {}; it was given back",
                                              size_bytes, memory::text_of(type)));
}

tl::unexpected<Error> fail_handle_held(const char* what) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} of this end is still held: finish with it first", what));
}

}  // namespace ringbell
