// Zeroed memory that forked processes share, between two walls: pages that fault when touched. So
// leaving it by a byte is noticed without a sanitizer, and by code that none instruments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <sys/mman.h>

namespace ringbell::hostile {

// Ends a victim (or a fuzzer's run) in which something must not be.
#define HOSTILE_CHECK(condition)                                                   \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)

// Bytes fill whole pages only by chance: which end of them touches its wall.
enum class Against : std::uint8_t { left_wall, right_wall };

class WalledBytes {
 public:
  // The bytes are aligned to `alignment`, a power of two up to a page. Against the right wall it
  // takes the bytes' number to be a multiple of that.
  WalledBytes(std::size_t bytes, std::size_t alignment, Against wall) : bytes_(bytes) {
    const std::size_t pages = (bytes + kPage - 1) / kPage * kPage;
    whole_ = pages + 2 * kPage;
    void* const at =
        ::mmap(nullptr, whole_, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    HOSTILE_CHECK(at != MAP_FAILED);
    base_ = static_cast<std::byte*>(at);
    HOSTILE_CHECK(::mprotect(base_ + kPage, pages, PROT_READ | PROT_WRITE) == 0);
    const std::size_t shift = (pages - bytes) / alignment * alignment;
    data_ = base_ + kPage + (wall == Against::right_wall ? shift : 0);
  }
  WalledBytes(const WalledBytes&) = delete;
  WalledBytes& operator=(const WalledBytes&) = delete;
  ~WalledBytes() { ::munmap(base_, whole_); }

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }
  [[nodiscard]] bool holds(const void* at, std::size_t count) const noexcept {
    const auto first = reinterpret_cast<std::uintptr_t>(at);
    const auto begin = reinterpret_cast<std::uintptr_t>(data_);
    return first >= begin && count <= bytes_ && first - begin <= bytes_ - count;
  }
  template <class T>
  [[nodiscard]] T* as() const noexcept {
    return reinterpret_cast<T*>(data_);
  }

 private:
  static constexpr std::size_t kPage = 4096;

  std::size_t bytes_;
  std::size_t whole_ = 0;
  std::byte* base_ = nullptr;
  std::byte* data_ = nullptr;
};

}  // namespace ringbell::hostile
