// The object that stands at a place in shared memory.
#pragma once

#include <type_traits>

namespace ringbell::core {

// By way of void, which says that the caller answers for the alignment: the layout's asserts, and
// the checks of a region, hold it. Const where the bytes are. REQUIRES: it is aligned for Object.
template <class Object, class Byte>
[[nodiscard]] auto object_at(Byte* place) noexcept {
  if constexpr (std::is_const_v<Byte>) {
    return static_cast<const Object*>(static_cast<const void*>(place));
  } else {
    return static_cast<Object*>(static_cast<void*>(place));
  }
}

}  // namespace ringbell::core
