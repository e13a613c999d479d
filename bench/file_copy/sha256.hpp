// SHA-256 of a whole file, by OpenSSL.
#pragma once

#include <array>
#include <cstdint>

#include <ringbell/transport/base/error.hpp>

namespace ringbell::bench {

using Sha256 = std::array<std::uint8_t, 32>;

// Of the first `file_bytes` bytes; the file's offset is neither used nor moved. Errors: system, if
// it cannot be read or is shorter; the interruption's, which ends it.
[[nodiscard]] Result<Sha256> sha256_of_file(int fd, std::uint64_t file_bytes);

}  // namespace ringbell::bench
