// How messages go through an end, in C: copied, or where they stand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <ringbell/capi/status.hpp>
#include <ringbell/transport/ends/record_time.hpp>

namespace ringbell::capi {

// A message that was peeked, or why there is none.
inline int show(const Result<std::optional<std::span<const std::byte>>>& peeked,
                const void** message, std::size_t* size_bytes, ringbell_error* error) noexcept {
  if (!peeked) return report(peeked.error(), error);
  if (!*peeked) return RINGBELL_NOT_NOW;
  *message = (*peeked)->data();
  *size_bytes = (*peeked)->size();
  return RINGBELL_OK;
}

// Room that was claimed, or why there is none. `room_bytes` may be null.
inline int give_room(const Result<std::optional<std::span<std::byte>>>& claimed, void** room,
                     std::size_t* room_bytes, ringbell_error* error) noexcept {
  if (!claimed) return report(claimed.error(), error);
  if (!*claimed) return RINGBELL_NOT_NOW;
  *room = (*claimed)->data();
  if (room_bytes != nullptr) *room_bytes = (*claimed)->size();
  return RINGBELL_OK;
}

// What stands in front of a message; 0: nothing.
inline int give_user_header(const std::optional<UserHeader>& there,
                            ringbell_user_header* header) noexcept {
  if (!there) return 0;
  *header = {.time_ns = there->time_ns, .source = there->source, .sequence = there->sequence};
  return 1;
}

// Of a call that is true, or false when the time is up.
inline int done(const Result<bool>& result, ringbell_error* error) noexcept {
  if (!result) return report(result.error(), error);
  return *result ? RINGBELL_OK : RINGBELL_NOT_NOW;
}

template <class End>
[[nodiscard]] int send(End& end, const void* bytes, std::size_t size_bytes, std::int64_t timeout_ns,
                       ringbell_error* error) noexcept {
  return guarded(error, [&] {
    const std::span message(static_cast<const std::byte*>(bytes), size_bytes);
    if constexpr (requires { end.publish(message); }) {
      return done(end.publish(message, timeout_of(timeout_ns)), error);
    } else {
      return done(end.send(message, timeout_of(timeout_ns)), error);
    }
  });
}

template <class End>
[[nodiscard]] int receive(End& end, void* into, std::size_t room_bytes, std::int64_t timeout_ns,
                          std::size_t* size_bytes, ringbell_error* error) noexcept {
  return guarded(error, [&]() -> int {
    const std::span room(static_cast<std::byte*>(into), room_bytes);
    const Result<std::optional<std::size_t>> size = end.receive(room, timeout_of(timeout_ns));
    if (!size) return report(size.error(), error);
    if (!*size) return RINGBELL_NOT_NOW;
    *size_bytes = **size;
    return RINGBELL_OK;
  });
}

}  // namespace ringbell::capi
