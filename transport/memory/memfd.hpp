// Memory without a name: a memfd of fixed size, its pages reserved, its size sealed.
#pragma once

#include <cstdint>

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/memory/reserve.hpp>

namespace ringbell::memory::memfd {

// `bytes` long, zeroed, every page reserved (no SIGBUS later), close-on-exec, not sealed yet.
// REQUIRES: bytes is a multiple of page_bytes: small_page() or kHugePage. Errors: no_space,
// unsupported, cancelled, system.
[[nodiscard]] Result<FileDescriptor> create(std::uint64_t bytes, std::uint32_t page_bytes,
                                            const GiveUp& give_up);

// A memfd for memory that has no file of its own (System V, anonymous). It holds what the region's
// header holds and is sealed against every change. Roles are locked on it, and it can be passed to
// another process, which learns from it where the memory is. Errors: no_space, system.
[[nodiscard]] Result<FileDescriptor> create_card(const core::RegionHeader& header);

// Which writers there may be: all that have it, or only the mappings that are there now.
enum class Writers : std::uint8_t { all, mapped_now };

// Seals it against shrinking, growing and further sealing. Errors: system.
[[nodiscard]] Result<void> seal(int fd, Writers writers);

// Whether the file of another process is sealed in that way: its pages cannot be taken away while
// they are mapped. False for files of every other kind.
[[nodiscard]] bool is_sealed(int fd) noexcept;

}  // namespace ringbell::memory::memfd
