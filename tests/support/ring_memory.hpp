// The two kinds of memory that a ring works in, for typed tests: plain bytes with spare ones behind
// them, and a region whose data is mapped twice.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include <gtest/gtest.h>

#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/transport/ends/channel.hpp>

namespace ringbell::test {

inline constexpr std::uint64_t kSmallCapacity = 4096;

// Whatever lies behind the spare area is checked: nothing may ever be written there.
template <std::uint32_t kAlignment, std::uint32_t kPayloadAlignment = 8,
          std::uint32_t kUserHeaderBytes = 0>
class PlainMemory {
 public:
  explicit PlainMemory(std::uint64_t capacity_bytes = kSmallCapacity)
      : control_(std::make_unique<core::SpscControl>()), capacity_bytes_(capacity_bytes) {
    const std::uint64_t bytes = used_bytes() + kGuardBytes;
    data_.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64})));
    std::memset(data_.get(), 0, used_bytes());
    std::memset(data_.get() + used_bytes(), kGuard, kGuardBytes);
  }
  PlainMemory(const PlainMemory&) = delete;
  PlainMemory& operator=(const PlainMemory&) = delete;
  ~PlainMemory() {
    for (std::size_t i = 0; i < kGuardBytes; ++i) {
      EXPECT_EQ(std::to_integer<int>(data_.get()[used_bytes() + i]), kGuard) << "guard byte " << i;
    }
  }

  [[nodiscard]] core::SpscMemory memory() const noexcept {
    return {.control = control_.get(),
            .data = data_.get(),
            .capacity_bytes = capacity_bytes_,
            .record_alignment = kAlignment,
            .payload_alignment = kPayloadAlignment,
            .user_header_bytes = kUserHeaderBytes};
  }

 private:
  static constexpr std::size_t kGuardBytes = 256;
  static constexpr int kGuard = 0xa5;
  struct Free {
    void operator()(std::byte* bytes) const { ::operator delete (bytes, std::align_val_t{64}); }
  };

  [[nodiscard]] std::uint64_t used_bytes() const noexcept {
    return capacity_bytes_ +
           core::SpscMemory{nullptr, nullptr, capacity_bytes_, kAlignment}.spare_bytes();
  }

  std::unique_ptr<core::SpscControl> control_;
  std::unique_ptr<std::byte, Free> data_;
  std::uint64_t capacity_bytes_;
};

template <std::uint32_t kAlignment, std::uint32_t kPayloadAlignment = 8>
class RegionMemory {
 public:
  explicit RegionMemory(std::uint64_t capacity_bytes = kSmallCapacity)
      : region_(Region::create(ChannelOptions{.capacity_bytes = capacity_bytes,
                                              .record_alignment = kAlignment,
                                              .payload_alignment = kPayloadAlignment}
                                   .region())
                    .value()) {}

  [[nodiscard]] core::SpscMemory memory() const noexcept { return region_.spsc_memory(); }

 private:
  Region region_;
};

using EveryMemory = ::testing::Types<PlainMemory<8>, PlainMemory<16>, PlainMemory<32>,
                                     PlainMemory<64>, PlainMemory<16, 16>, PlainMemory<64, 32>,
                                     PlainMemory<8, 8, 16>, PlainMemory<64, 64, 16>,
                                     RegionMemory<8>, RegionMemory<64>, RegionMemory<64, 64>>;

}  // namespace ringbell::test
