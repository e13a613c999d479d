// CRC32C by the instruction and by the table: the vectors of RFC 3720 (B.4), and each other.
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/cpu.hpp>
#include <ringbell/transport/base/crc32c.hpp>

#include <tests/support/seed.hpp>

namespace ringbell {
namespace {

using Bytes = std::vector<std::uint8_t>;

void expect(const Bytes& bytes, std::uint32_t crc) {
  EXPECT_EQ(crc32c(std::as_bytes(std::span(bytes))), crc);
  EXPECT_EQ(crc32c_by_table(std::as_bytes(std::span(bytes))), crc);
}

TEST(Crc32cTest, VectorsOfRfc3720) {
  expect(Bytes(32, 0x00), 0x8a9136aa);
  expect(Bytes(32, 0xff), 0x62a8ab43);
  Bytes ascending(32);
  Bytes descending(32);
  for (std::uint8_t i = 0; i < 32; ++i) ascending[i] = descending[31U - i] = i;
  expect(ascending, 0x46dd794e);
  expect(descending, 0x113fdb5c);
  // An iSCSI read command.
  expect(
      {0x01, 0xc0, 0, 0,    0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
       0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0,    0},
      0xd9963a56);
}

TEST(Crc32cTest, OfNothingIsZero) { expect({}, 0); }

TEST(Crc32cTest, BothWaysAreTheSameAtEverySizeAndPlace) {
  std::mt19937_64 random(test::seed());
  std::array<std::byte, 256> bytes{};
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  for (std::size_t from = 0; from < 16; ++from) {
    for (std::size_t size = 0; size < bytes.size() - from; ++size) {
      const std::span part = std::span(bytes).subspan(from, size);
      ASSERT_EQ(crc32c(part), crc32c_by_table(part)) << from << ' ' << size;
    }
  }
}

TEST(Crc32cTest, GoesOnBehindWhatWasBefore) {
  const std::span<const std::byte> all = std::as_bytes(std::span(std::string_view("123456789")));
  EXPECT_EQ(crc32c(all), 0xe3069283);
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), 0xe3069283);
  }
}

}  // namespace
}  // namespace ringbell
