// Zeroed memory for slots, with guard bytes behind it that must be untouched in the end.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

#include <gtest/gtest.h>

#include <ringbell/core/layout.hpp>

namespace ringbell::test {

class GuardedBytes {
 public:
  explicit GuardedBytes(std::size_t size)
      : size_(size),
        bytes_(static_cast<std::byte*>(
            ::operator new (size + kGuardBytes, std::align_val_t{core::kFalseSharingBytes}))) {
    std::memset(bytes_.get(), 0, size);
    std::memset(bytes_.get() + size, kGuard, kGuardBytes);
  }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;
  ~GuardedBytes() {
    for (std::size_t i = 0; i < kGuardBytes; ++i) {
      EXPECT_EQ(std::to_integer<int>(bytes_.get()[size_ + i]), kGuard) << "guard byte " << i;
    }
  }

  [[nodiscard]] std::byte* data() const noexcept { return bytes_.get(); }

 private:
  static constexpr std::size_t kGuardBytes = 256;
  static constexpr int kGuard = 0xa5;
  struct Free {
    void operator()(std::byte* bytes) const {
      ::operator delete (bytes, std::align_val_t{core::kFalseSharingBytes});
    }
  };

  std::size_t size_;
  std::unique_ptr<std::byte, Free> bytes_;
};

}  // namespace ringbell::test
