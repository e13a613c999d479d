// What a result that should be a failure says. A success says nothing here, which equals no code;
// `.error()` of a success would read whatever stands there, and 0 is an error's code too.
// The functions are found by their argument, whose Error is of this namespace.
#pragma once

#include <optional>
#include <ostream>
#include <string>

#include <ringbell/transport/base/error.hpp>

namespace ringbell {

inline const char* name_of(std::optional<ErrorCode> code) noexcept {
  return code ? name_of(*code) : "a success";
}

// GoogleTest's way to print one.
inline void PrintTo(ErrorCode code, std::ostream* out) { *out << name_of(code); }

template <class T>
[[nodiscard]] std::optional<ErrorCode> code_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

template <class T>
[[nodiscard]] std::optional<int> errno_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().errno_value);
}

template <class T>
[[nodiscard]] std::optional<Fate> fate_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().fate);
}

template <class T>
[[nodiscard]] std::string message_of(const Result<T>& result) {
  return result ? "a success" : result.error().message;
}

}  // namespace ringbell
