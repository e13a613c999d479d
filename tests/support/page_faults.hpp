// Page faults of this process, as the kernel counts them.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sys/resource.h>

#include <ringbell/transport/memory/region.hpp>

namespace ringbell::test {

[[nodiscard]] inline std::uint64_t page_faults() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_minflt + usage.ru_majflt);
}

// Writes to each 4 KiB of a new region, where there are zeroes anyway, and counts. (A read would
// let the kernel map the pages around it in one go.) Nothing of it is watched by a sanitizer, whose
// own memory would fault too.
[[nodiscard]] __attribute__((no_sanitize("address", "thread"))) inline std::uint64_t
faults_of_touching(const Region& region) noexcept {
  volatile std::byte* const first = region.base();
  const std::size_t bytes = region.mapped_bytes();
  (void)page_faults();  // so that the counting has had its own
  const std::uint64_t before = page_faults();
  for (std::size_t at = 2048; at < bytes; at += 4096) first[at] = std::byte{0};
  return page_faults() - before;
}

}  // namespace ringbell::test
