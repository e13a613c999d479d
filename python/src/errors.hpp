// How a failure of the library, or a misuse of these bindings, becomes a Python exception: of the
// class that ringbell/_errors.py has for its code.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <pybind11/pybind11.h>

#include <ringbell/transport/base/error.hpp>

namespace ringbell::python {

// Codes of misuse that only Python needs: its objects outlive what they stand for.
namespace misuse {
inline constexpr const char* kEndClosed = "end_closed";  // the caller closed this very end
inline constexpr const char* kGivenBack = "given_back";  // the message or room is no longer in hand
inline constexpr const char* kViewsAlive = "views_alive";  // something still looks at its bytes
inline constexpr const char* kInUse = "in_use";            // another call of the end is under way
inline constexpr const char* kForked = "forked";           // the end is the parent's
}  // namespace misuse

// REQUIRES, of all of these: this thread holds the GIL.
[[nodiscard]] pybind11::object exception_of(const Error& error);
[[noreturn]] void raise(const Error& error);
[[noreturn]] void raise(std::string_view code, const std::string& message, int errno_value = 0,
                        Fate fate = Fate::none);

// As Python has it: "withdrawn".
[[nodiscard]] const char* name_of(Fate fate) noexcept;

template <class T>
T value_or_raise(Result<T> result) {
  if (!result) raise(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace ringbell::python
