#include <ringbell/core/stream_copy.hpp>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <vector>

#include <gtest/gtest.h>

namespace ringbell::core {
namespace {

constexpr std::byte kUntouched{0xee};
constexpr std::size_t kLine = 64;

std::vector<std::byte> numbered(std::size_t bytes) {
  std::vector<std::byte> all(bytes);
  std::uint8_t next = 1;
  for (std::byte& byte : all) byte = static_cast<std::byte>(next++ % 199);
  return all;
}

// Every way in which the two ends can lie in their lines, for sizes from nothing to some lines.
TEST(StreamCopyTest, CopiesExactlyTheseBytesAtAnyAlignment) {
  const std::vector<std::byte> source = numbered(4 * kLine + 32);
  std::vector<std::byte> target(6 * kLine);
  for (std::size_t size = 0; size <= 4 * kLine; size += 7) {
    for (std::size_t at = 0; at < kLine; ++at) {
      for (const std::size_t from : std::initializer_list<std::size_t>{0, 1, 8, 31}) {
        std::fill(target.begin(), target.end(), kUntouched);
        stream_copy(target.data() + at, source.data() + from, size);
        const auto begin = target.begin() + static_cast<std::ptrdiff_t>(at);
        const auto end = begin + static_cast<std::ptrdiff_t>(size);
        ASSERT_TRUE(std::equal(begin, end, source.begin() + static_cast<std::ptrdiff_t>(from)))
            << size << " bytes from " << from << " to " << at;
        const auto is_untouched = [](std::byte byte) { return byte == kUntouched; };
        ASSERT_TRUE(std::all_of(target.begin(), begin, is_untouched)) << size << " to " << at;
        ASSERT_TRUE(std::all_of(end, target.end(), is_untouched)) << size << " to " << at;
      }
    }
  }
}

}  // namespace
}  // namespace ringbell::core
