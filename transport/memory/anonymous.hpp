// Memory without a file: MAP_SHARED | MAP_ANONYMOUS. Children that are forked after it was made
// share it; no other process can attach to it.
#pragma once

#include <ringbell/transport/memory/mapping.hpp>

namespace ringbell::memory::anonymous {

// Zeroed pages. There is no file to map again at another offset: mremap with an old size of 0
// duplicates a shared mapping instead, which the kernel does not do for hugetlb pages.
// REQUIRES: the addresses are reserved. Errors: no_space, system.
[[nodiscard]] Result<void> place(const Mapping& at, const Images& images);

}  // namespace ringbell::memory::anonymous
