// Memory without a name: a memfd of fixed size, its pages reserved, its size sealed.
#pragma once

#include <cstdint>

#include <ringbell/transport/error.hpp>
#include <ringbell/transport/file_descriptor.hpp>

namespace ringbell::memfd {

enum class PageSize : std::uint8_t { small, huge };  // 4 KiB, or 2 MiB hugetlb

// `bytes` long, zeroed, every page reserved (no SIGBUS later), close-on-exec, not sealed yet.
// REQUIRES: bytes is a multiple of the page size. Errors: no_space, unsupported, system.
[[nodiscard]] Result<FileDescriptor> create(std::uint64_t bytes, PageSize pages);

// Who may write: all that have it, or only through the mappings that are there now.
enum class Writers : std::uint8_t { all, mapped_now };

// Seals it against shrinking, growing and further sealing. Errors: system.
[[nodiscard]] Result<void> seal(int fd, Writers writers);

// That the file of another process is sealed in that way: nobody can take pages away while they are
// mapped. Errors: not_a_region; system, if there is no such descriptor.
[[nodiscard]] Result<void> check_seals(int fd);

}  // namespace ringbell::memfd
