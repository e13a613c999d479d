#include <ringbell/capi/status.hpp>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace ringbell::capi {
namespace {

template <std::size_t kCount>
bool all_zero(const std::uint64_t (&words)[kCount]) {
  return std::all_of(std::begin(words), std::end(words), [](auto word) { return word == 0; });
}

}  // namespace

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

Result<WaitOptions> wait_options_of(const ringbell_wait_options* options) {
  WaitOptions wait;
  if (options == nullptr) return wait;
  constexpr std::uint32_t kKnown =
      RINGBELL_WAIT_SPIN | RINGBELL_WAIT_YIELD | RINGBELL_WAIT_QUICK_WAKE;
  if ((options->flags & ~kKnown) != 0 || options->reserved_flags != 0 ||
      !all_zero(options->reserved)) {
    return tl::unexpected(Error{ErrorCode::invalid_argument, 0,
                                "ringbell_wait_options has an unknown flag, or something reserved "
                                "that is not 0: start from a zeroed struct"});
  }
  if ((options->flags & RINGBELL_WAIT_SPIN) != 0) wait.kind = WaitOptions::Kind::spin;
  if (options->spin_budget_ns != 0) {
    wait.spin_budget = std::chrono::nanoseconds(std::max<std::int64_t>(0, options->spin_budget_ns));
  }
  if (options->longest_sleep_ns != 0) {
    wait.longest_sleep = std::chrono::nanoseconds(options->longest_sleep_ns);
  }
  wait.yield = (options->flags & RINGBELL_WAIT_YIELD) != 0;
  wait.quick_wake = (options->flags & RINGBELL_WAIT_QUICK_WAKE) != 0;
  return wait;
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
