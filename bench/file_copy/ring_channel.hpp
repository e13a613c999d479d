// The ring that files go through.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ringbell/ringbell.hpp>
#include "bench/file_copy/copy_path.hpp"

namespace ringbell::bench {

// Whole pages of the file in each record, several records deep. Chosen as the chunks of the other
// transports are: the best median of four settings tried, two CPUs (README.md).
inline constexpr std::uint64_t kFileRingBytes = 2UL * 1024 * 1024;
inline constexpr std::uint32_t kFileChunkBytes = 256 * 1024;

[[nodiscard]] inline Result<Channel> file_channel(const CopyJob& job) {
  ChannelOptions options;
  options.capacity_bytes = kFileRingBytes;
  options.record_alignment = 64;
  options.doorbell = job.spins ? core::DoorbellKind::none : core::DoorbellKind::futex;
  return Channel::create(options);
}

[[nodiscard]] inline WaitOptions file_wait(const CopyJob& job) {
  WaitOptions wait;
  wait.kind = job.spins ? WaitOptions::Kind::spin : WaitOptions::Kind::park;
  return wait;
}

}  // namespace ringbell::bench
