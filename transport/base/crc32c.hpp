// CRC32C (Castagnoli), as iSCSI (RFC 3720) and file systems use it: by the CPU's instruction where
// there is one, else by a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ringbell {

// `before`: of the bytes in front of these.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes,
                                   std::uint32_t before = 0) noexcept;
// The same without the instruction.
[[nodiscard]] std::uint32_t crc32c_by_table(std::span<const std::byte> bytes,
                                            std::uint32_t before = 0) noexcept;

}  // namespace ringbell
