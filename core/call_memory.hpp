// Where a line of calls stands, and what its state says (call_line.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <ringbell/core/layout.hpp>

namespace ringbell::core {

// The memory of one line, zeroed when it is new. The buffers are for messages longer than
// kInlineCallBytes; without any, buffer_bytes is 0.
struct CallMemory {
  CallCell* cell;
  std::byte* request_buffer;
  std::byte* response_buffer;
  std::uint32_t buffer_bytes;

  [[nodiscard]] constexpr std::uint32_t max_message_bytes() const noexcept {
    return std::max<std::uint32_t>(buffer_bytes, kInlineCallBytes);
  }
};

// What a cell's state says.
//
//   63          32 31        3 2     0
//   | generation  | size      | phase |
class CallState {
 public:
  enum Phase : std::uint64_t {
    kIdle = 0,
    kRequest = 1,
    kServing = 2,
    kResponse = 3,
    kFailed = 4,
    kCancelled = 5,
    kDropped = 6,
    kPart = 7,
  };

  explicit constexpr CallState(std::uint64_t word) noexcept : word_(word) {}
  constexpr CallState(Phase phase, std::uint32_t generation, std::uint32_t size_bytes) noexcept
      : word_(std::uint64_t{generation} << 32U | std::uint64_t{size_bytes} << kSizeShift | phase) {}

  static constexpr std::uint32_t kMaxSizeBytes = (1U << 29U) - 1;

  [[nodiscard]] constexpr std::uint64_t word() const noexcept { return word_; }
  [[nodiscard]] constexpr Phase phase() const noexcept { return Phase{word_ & kPhaseMask}; }
  [[nodiscard]] constexpr std::uint32_t size_bytes() const noexcept {
    return static_cast<std::uint32_t>(word_) >> kSizeShift;
  }
  [[nodiscard]] constexpr std::uint32_t generation() const noexcept {
    return static_cast<std::uint32_t>(word_ >> 32U);
  }
  // I1
  [[nodiscard]] constexpr bool is_servers() const noexcept {
    return phase() == kRequest || is_begun();
  }
  [[nodiscard]] constexpr bool is_begun() const noexcept {
    return phase() == kServing || phase() == kCancelled;
  }
  // A call that has not come to its end.
  [[nodiscard]] constexpr bool is_under_way() const noexcept {
    return is_servers() || phase() == kPart;
  }

 private:
  static constexpr unsigned kSizeShift = 3;
  static constexpr std::uint64_t kPhaseMask = 7;

  std::uint64_t word_;
};

}  // namespace ringbell::core
