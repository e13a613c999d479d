// Who could have written what another process made. A sealed memfd needs no such question: whoever
// has it was given it. A name, a number or a device does.
#pragma once

#include <string>

#include <sys/types.h>

#include <ringbell/transport/base/error.hpp>

namespace ringbell::memory {

// That it belongs to this user or to root and that nobody else may write to it; the second is not
// asked if `trust_others`: then whoever its mode admits is trusted. Errors: not_a_region.
[[nodiscard]] Result<void> check_owner(const std::string& what, uid_t owner, mode_t mode,
                                       bool trust_others);

}  // namespace ringbell::memory
