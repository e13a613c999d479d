// How the C API's functions end: a code, an error that is written for the caller, and no exception.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include <ringbell/ringbell.h>
#include <ringbell/ringbell.hpp>
#include <ringbell/transport/base/no_cancellation.hpp>

namespace ringbell::capi {

[[nodiscard]] int code_of(ErrorCode code) noexcept;

// Writes where the caller wants it, if at all, and returns the code.
int report(const Error& error, ringbell_error* where) noexcept;
int report(int code, std::string_view message, ringbell_error* where) noexcept;

// Runs `body`, which returns a code; what is thrown (only memory can run out) becomes one.
template <class Body>
[[nodiscard]] int guarded(ringbell_error* error, Body&& body) noexcept {
  try {
    return std::forward<Body>(body)();
  } catch (const std::bad_alloc&) {
    return report(RINGBELL_NO_SPACE, "out of memory", error);
  } catch (const std::exception& thrown) {
    return report(RINGBELL_SYSTEM, thrown.what(), error);
  }
}

// The same for a call that makes system calls of its own: no thread is cancelled in the middle.
// What waits or rings sees to that itself (doorbell.cpp), so that other calls do not pay for it.
template <class Body>
[[nodiscard]] int guarded_whole(ringbell_error* error, Body&& body) noexcept {
  const NoCancellation whole;
  return guarded(error, std::forward<Body>(body));
}

// Ends a handle.
template <class Handle>
void destroy(Handle* handle) noexcept {
  const NoCancellation whole;
  delete handle;
}

// Of an end: 1 or 0.
template <class Handle>
[[nodiscard]] int name_lost(const Handle* handle) noexcept {
  const NoCancellation whole;
  return handle->value.name_lost() ? 1 : 0;
}

// Moves what was made into a new handle, or reports why it was not made.
template <class Handle, class T>
[[nodiscard]] int hand_out(Result<T> made, Handle** handle, ringbell_error* error) {
  if (!made) return report(made.error(), error);
  *handle = new Handle{std::move(*made)};  // clang 14 has no other for aggregates
  return RINGBELL_OK;
}

// Room for a handle, had before what goes into it is taken from a peer: without memory nothing is
// taken.
template <class Handle>
class RoomFor {
 public:
  RoomFor() : room_(::operator new(sizeof(Handle))) {}
  RoomFor(const RoomFor&) = delete;
  RoomFor& operator=(const RoomFor&) = delete;
  ~RoomFor() { ::operator delete(room_); }

  template <class T>
  [[nodiscard]] Handle* hand_out(T&& value) noexcept {
    return ::new (std::exchange(room_, nullptr)) Handle{std::forward<T>(value)};
  }

 private:
  void* room_;
};

[[nodiscard]] constexpr Timeout timeout_of(std::int64_t timeout_ns) noexcept {
  return timeout_ns == RINGBELL_FOREVER ? kForever : Timeout(timeout_ns);
}

}  // namespace ringbell::capi
