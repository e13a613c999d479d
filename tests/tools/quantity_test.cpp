#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

#include "tools/command/quantity.hpp"

namespace ringbell::tools {
namespace {

TEST(Quantity, BytesHaveThreeDigitsAndABinaryUnit) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1024), "1.00 KiB");
  EXPECT_EQ(bytes_text(1536 * 1024), "1.50 MiB");
  EXPECT_EQ(bytes_text(UINT64_C(10) << 30), "10.0 GiB");
  EXPECT_EQ(bytes_text((UINT64_C(1) << 20) - 1), "1.00 MiB");
  EXPECT_EQ(bytes_text(UINT64_MAX), "16384 PiB");
}

TEST(Quantity, DurationsLookLikeAClock) {
  EXPECT_EQ(duration_text(7.9), "0:07");
  EXPECT_EQ(duration_text(3723), "1:02:03");
  EXPECT_EQ(duration_text(1e300), "99:59:59");
}

TEST(Quantity, SizesAreReadAsTheyAreTyped) {
  EXPECT_EQ(size_of_text("4096"), 4096U);
  EXPECT_EQ(size_of_text("64K"), 65536U);
  EXPECT_EQ(size_of_text("64KiB"), 65536U);
  EXPECT_EQ(size_of_text("2M"), UINT64_C(2) << 20);
  EXPECT_EQ(size_of_text("2m"), std::nullopt);
  EXPECT_EQ(size_of_text("1G"), UINT64_C(1) << 30);
  EXPECT_EQ(size_of_text(""), std::nullopt);
  EXPECT_EQ(size_of_text("-1"), std::nullopt);
  EXPECT_EQ(size_of_text("1KK"), std::nullopt);
  EXPECT_EQ(size_of_text("99999999999T"), std::nullopt);
}

}  // namespace
}  // namespace ringbell::tools
