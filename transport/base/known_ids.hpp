// Whether an id stands for one user or group. In a user namespace, each one that it does not map
// shows as the overflow id, 65534: a file or peer of that id may be any user's, and is trusted as
// none.
#pragma once

#include <sys/types.h>

namespace ringbell {

// Whether the id stands for one user, or group, here. False of the overflow id unless this
// namespace maps all ids, as the first one does; without /proc too.
[[nodiscard]] bool is_one_user(uid_t user) noexcept;
[[nodiscard]] bool is_one_group(gid_t group) noexcept;

}  // namespace ringbell
