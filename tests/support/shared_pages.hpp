// Zeroed memory that a child of fork() shares with its parent, and counters in it by which a child
// tells how far it came, even if it dies at the next instruction.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>

#include <sys/mman.h>

#include <ringbell/core/layout.hpp>

namespace ringbell::test {

// Things are taken from the front and never given back. REQUIRES: standard layout, all bits 0 is a
// value.
class SharedPages {
 public:
  explicit SharedPages(std::size_t bytes)
      : size_(bytes),
        base_(static_cast<std::byte*>(
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    if (base_ == MAP_FAILED) throw std::bad_alloc();
  }
  SharedPages(const SharedPages&) = delete;
  SharedPages& operator=(const SharedPages&) = delete;
  ~SharedPages() { ::munmap(base_, size_); }

  template <class T>
  [[nodiscard]] T* take(std::size_t count = 1) noexcept {
    std::byte* const at = base_ + used_;
    constexpr std::size_t kLine = core::kFalseSharingBytes;
    used_ += (count * sizeof(T) + kLine - 1) / kLine * kLine;
    assert(used_ <= size_);
    return reinterpret_cast<T*>(at);
  }

 private:
  std::size_t size_;
  std::size_t used_ = 0;
  std::byte* base_;
};

// How many of something a process has begun, and how many it has done: a death in between
// leaves the rest open. One stores, others load.
struct Progress {
  std::uint64_t begun;
  std::uint64_t done;

  void begin(std::uint64_t count = 1) noexcept { put(begun, get(done) + count); }
  void finish() noexcept { put(done, get(begun)); }
  [[nodiscard]] std::uint64_t least() const noexcept { return get(done); }
  [[nodiscard]] std::uint64_t most() const noexcept { return get(begun); }

 private:
  // Sequentially consistent, so that nothing moves across.
  static void put(std::uint64_t& word, std::uint64_t value) noexcept {
    std::atomic_ref<std::uint64_t>(word).store(value);
  }
  static std::uint64_t get(const std::uint64_t& word) noexcept {
    return std::atomic_ref<std::uint64_t>(const_cast<std::uint64_t&>(word)).load();
  }
};

}  // namespace ringbell::test
