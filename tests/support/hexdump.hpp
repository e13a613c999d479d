// Bytes as text that can be checked in and compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ringbell::test {

// Sixteen bytes a line behind their offset; lines of zeros are left out.
[[nodiscard]] inline std::string hexdump(std::span<const std::byte> bytes) {
  constexpr std::size_t kBytesPerLine = 16;
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += kBytesPerLine) {
    std::string offset;
    for (int shift = 12; shift >= 0; shift -= 4) offset += kDigits[(at >> shift) & 15];
    std::string hex;
    std::string characters;
    bool zeros = true;
    for (const std::byte byte : bytes.subspan(at, kBytesPerLine)) {
      const auto value = std::to_integer<unsigned>(byte);
      zeros = zeros && value == 0;
      hex += ' ';
      hex += kDigits[value >> 4];
      hex += kDigits[value & 15];
      characters += value >= 0x20 && value < 0x7f ? static_cast<char>(value) : '.';
    }
    if (!zeros) text.append(offset).append(hex).append("  ").append(characters).append("\n");
  }
  return text;
}

}  // namespace ringbell::test
