// Which users could have written what another process made. A sealed memfd needs no such check: a
// process that has it was given it. A name, a number or a device does.
#pragma once

#include <string>

#include <sys/types.h>

#include <ringbell/transport/base/error.hpp>

namespace ringbell::memory {

// That it belongs to this user or to root and that no other user may write to it. With
// `trust_others` the second is not checked: every user that its mode admits is trusted. Errors:
// permission.
[[nodiscard]] Result<void> check_owner(const std::string& what, uid_t owner, mode_t mode,
                                       bool trust_others);

}  // namespace ringbell::memory
