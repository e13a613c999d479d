// A line with buffers, and both of its sides in one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/call_line.hpp>

namespace ringbell::core {

class CallLineFixture : public testing::Test {
 protected:
  using Line = CallLine<>;
  static constexpr std::uint32_t kBufferBytes = 1000;

  CallCell cell_{};
  std::vector<std::byte> request_ = std::vector<std::byte>(kBufferBytes);
  std::vector<std::byte> response_ = std::vector<std::byte>(kBufferBytes);
  CallMemory memory_{&cell_, request_.data(), response_.data(), kBufferBytes};
  Line::Caller caller_{memory_};
  Line::Server server_{memory_};
};

}  // namespace ringbell::core
