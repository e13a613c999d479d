// Reading the source and writing the destination of a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <ringbell/transport/base/error.hpp>

namespace ringbell::bench {

// One read(2) at an offset; how many bytes came, at least 1. Errors: system, also at the file's
// end, which must not come before the size it had when the copy began.
[[nodiscard]] Result<std::size_t> read_at(int fd, std::span<std::byte> into, std::uint64_t offset);

// All of it, in one write(2) if the file system agrees. Errors: no_space, system.
[[nodiscard]] Result<void> write_at(int fd, std::span<const std::byte> from, std::uint64_t offset);

[[nodiscard]] tl::unexpected<Error> fail_source_became_shorter(std::uint64_t offset);

// The chunk that starts at `offset`: `chunk_bytes`, or what is left.
[[nodiscard]] constexpr std::size_t chunk_at(std::uint64_t offset, std::uint64_t file_bytes,
                                             std::size_t chunk_bytes) noexcept {
  const std::uint64_t left = file_bytes - offset;
  return left < chunk_bytes ? static_cast<std::size_t>(left) : chunk_bytes;
}

}  // namespace ringbell::bench
