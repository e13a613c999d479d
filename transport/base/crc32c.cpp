#include <ringbell/transport/base/crc32c.hpp>

#include <array>
#include <cstring>

#include <ringbell/core/cpu.hpp>

namespace ringbell {
namespace {

constexpr std::array<std::uint32_t, 256> kTable = [] {
  constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? kPolynomial : 0);
    table[byte] = crc;
  }
  return table;
}();

std::uint32_t after(std::uint32_t crc, std::span<const std::byte> bytes) noexcept {
  for (const std::byte byte : bytes) {
    crc = crc >> 8U ^ kTable[(crc ^ static_cast<std::uint32_t>(byte)) & 0xffU];
  }
  return crc;
}

}  // namespace

std::uint32_t crc32c_by_table(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
  return ~after(~before, bytes);
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
  if (!core::cpu::has_crc32c()) return crc32c_by_table(bytes, before);
  std::uint32_t crc = ~before;
  for (std::uint64_t word = 0; bytes.size() >= sizeof word; bytes = bytes.subspan(sizeof word)) {
    std::memcpy(&word, bytes.data(), sizeof word);
    crc = core::cpu::crc32c(crc, word);
  }
  return ~after(crc, bytes);
}

}  // namespace ringbell
