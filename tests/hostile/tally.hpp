// What a victim counts, in memory that the test shares with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>

#include <ringbell/core/witness.hpp>

#include <tests/hostile/walled_bytes.hpp>

namespace ringbell::hostile {

struct Tally {
  std::uint64_t garbage = 0;  // stores of the hostile peer
  std::uint64_t steps = 0;
  std::uint64_t messages = 0;  // written or read
  std::uint64_t corrupt = 0;   // reports
  std::uint64_t bytes_seen = 0;
  core::Finding last{};

  // A handle says that it is corrupt: with what it saw.
  void report(const core::Finding& finding) noexcept {
    HOSTILE_CHECK(finding.field != nullptr);
    ++corrupt;
    last = finding;
  }
  // Reads each byte.
  void read(std::span<const std::byte> message) noexcept {
    ++messages;
    for (const volatile std::byte& byte : message) bytes_seen += std::to_integer<unsigned>(byte);
  }
  // Writes each byte.
  void write(std::span<std::byte> message) noexcept {
    ++messages;
    for (std::byte& byte : message) byte = static_cast<std::byte>(messages);
  }
  void print(const char* name) const {
    std::printf("%-24s %9llu garbage stores, %8llu steps, %8llu messages, %7llu corrupt", name,
                static_cast<unsigned long long>(garbage), static_cast<unsigned long long>(steps),
                static_cast<unsigned long long>(messages),
                static_cast<unsigned long long>(corrupt));
    if (last.field != nullptr) {
      std::printf(", at last %s = %#llx", last.field, static_cast<unsigned long long>(last.value));
    }
    std::printf("\n");
  }
};

}  // namespace ringbell::hostile
