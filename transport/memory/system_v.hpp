// System V segments (shmget): known by a number in the IPC namespace, not by a descriptor.
//
// A segment is attached as a whole or not at all: there is no offset at which to attach it a second
// time. So each piece of the mapping is a whole attachment, of which the piece is moved to its
// place (mremap) and the rest let go.
//
// A segment outlives its processes unless it is removed. It is marked for removal at once after its
// creator has attached: the kernel frees it with the last attachment, however that process ends,
// and until then Linux still lets others attach by its number.
#pragma once

#include <cstdint>

#include <sys/types.h>

#include <ringbell/transport/memory/mapping.hpp>

namespace ringbell::memory::system_v {

// A new segment, zeroed, of pages of this size: small_page() or kHugePage. It stays until
// remove(). `mode`: as in chmod. Errors: no_space, permission, unsupported, system.
[[nodiscard]] Result<int> create(std::uint64_t bytes, std::uint32_t page_bytes, mode_t mode);

// Frees the segment as soon as no process is attached.
void remove(int segment) noexcept;

// That a segment which another process named has this size and belongs to this user or root, and
// that no other user may write to it unless `trust_others`. Errors: not_a_region; permission;
// system, if there is none.
[[nodiscard]] Result<void> check(int segment, std::uint64_t bytes, bool trust_others);

// Attaches it there. REQUIRES: images.region_bytes is the segment's size; the addresses are
// reserved. Errors: permission, no_space, system.
[[nodiscard]] Result<void> place(const Mapping& at, const Images& images, int segment,
                                 Access access);

}  // namespace ringbell::memory::system_v
