#include <ringbell/capi/status.hpp>

#include <algorithm>
#include <cstring>

namespace ringbell::capi {

int code_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return RINGBELL_INVALID_ARGUMENT;
    case ErrorCode::system:
      return RINGBELL_SYSTEM;
    case ErrorCode::no_space:
      return RINGBELL_NO_SPACE;
    case ErrorCode::permission:
      return RINGBELL_PERMISSION;
    case ErrorCode::unsupported:
      return RINGBELL_UNSUPPORTED;
    case ErrorCode::not_a_region:
      return RINGBELL_NOT_A_REGION;
    case ErrorCode::version_mismatch:
      return RINGBELL_VERSION_MISMATCH;
    case ErrorCode::busy:
      return RINGBELL_BUSY;
    case ErrorCode::corrupt:
      return RINGBELL_CORRUPT;
    case ErrorCode::closed:
      return RINGBELL_CLOSED;
    case ErrorCode::peer_dead:
      return RINGBELL_PEER_DEAD;
    case ErrorCode::too_large:
      return RINGBELL_TOO_LARGE;
    case ErrorCode::not_found:
      return RINGBELL_NOT_FOUND;
    case ErrorCode::timed_out:
      return RINGBELL_TIMED_OUT;
    case ErrorCode::cancelled:
      return RINGBELL_CANCELLED;
    case ErrorCode::other_ring:
      return RINGBELL_OTHER_RING;
    case ErrorCode::no_place:
      return RINGBELL_NO_PLACE;
    case ErrorCode::evicted:
      return RINGBELL_EVICTED;
    case ErrorCode::no_reader:
      return RINGBELL_NO_READER;
    case ErrorCode::stale:
      return RINGBELL_STALE;
    case ErrorCode::dropped:
      return RINGBELL_DROPPED;
  }
  return RINGBELL_SYSTEM;
}

int report(int code, std::string_view message, ringbell_error* where) noexcept {
  if (where != nullptr) {
    const std::size_t length = std::min(message.size(), sizeof where->message - 1);
    where->code = code;
    where->errno_value = 0;
    std::memcpy(where->message, message.data(), length);
    where->message[length] = '\0';
  }
  return code;
}

int report(const Error& error, ringbell_error* where) noexcept {
  const int code = report(code_of(error.code), error.message, where);
  if (where != nullptr) where->errno_value = error.errno_value;
  return code;
}

}  // namespace ringbell::capi

extern "C" {

const char* ringbell_code_name(int code) {
  using ringbell::ErrorCode;
  if (code == RINGBELL_OK) return "ok";
  if (code == RINGBELL_NOT_NOW) return "not_now";
  constexpr int kMoreThanThereAre = 64;
  for (int number = 0; number < kMoreThanThereAre; ++number) {
    if (ringbell::capi::code_of(ErrorCode(number)) == code) return name_of(ErrorCode(number));
  }
  return "unknown";
}

const char* ringbell_version(void) {
#define RINGBELL_TEXT_OF(x) #x
#define RINGBELL_TEXT(x) RINGBELL_TEXT_OF(x)
  return RINGBELL_TEXT(RINGBELL_VERSION_MAJOR) "." RINGBELL_TEXT(
      RINGBELL_VERSION_MINOR) "." RINGBELL_TEXT(RINGBELL_VERSION_PATCH);
}

uint32_t ringbell_layout_version(void) { return ringbell::core::kLayoutVersion; }

}  // extern "C"
