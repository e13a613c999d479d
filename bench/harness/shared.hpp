// Memory and values that the harness shares with the processes it forks: made before the fork,
// mapped by all.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include <sys/mman.h>
#include <ringbell/transport/base/error.hpp>

namespace ringbell::bench {

// Anonymous shared memory, zeroed. Gone with the last process that maps it, however that one dies.
// Move-only; the child inherits the mapping at the same address.
class SharedPages {
 public:
  // Errors: no_space.
  [[nodiscard]] static Result<SharedPages> create(std::size_t size_bytes) {
    void* const pages = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (pages == MAP_FAILED) return fail_errno("mapping memory to share with a child failed");
    return SharedPages(static_cast<std::byte*>(pages), size_bytes);
  }

  SharedPages(SharedPages&& other) noexcept
      : pages_(std::exchange(other.pages_, nullptr)), size_bytes_(other.size_bytes_) {}
  SharedPages& operator=(SharedPages&& other) noexcept {
    std::swap(pages_, other.pages_);
    std::swap(size_bytes_, other.size_bytes_);
    return *this;
  }
  SharedPages(const SharedPages&) = delete;
  SharedPages& operator=(const SharedPages&) = delete;
  ~SharedPages() {
    if (pages_ != nullptr) ::munmap(pages_, size_bytes_);
  }

  [[nodiscard]] std::byte* data() const noexcept { return pages_; }

 private:
  SharedPages(std::byte* pages, std::size_t size_bytes) noexcept
      : pages_(pages), size_bytes_(size_bytes) {}

  std::byte* pages_;
  std::size_t size_bytes_;
};

// One T in such memory, value-initialised.
template <class T>
requires std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>
class Shared {
 public:
  // Errors: no_space.
  [[nodiscard]] static Result<Shared> create() {
    Result<SharedPages> pages = SharedPages::create(sizeof(T));
    if (!pages) return tl::unexpected(pages.error());
    return Shared(std::move(*pages));
  }

  [[nodiscard]] T& operator*() const noexcept { return *value_; }
  [[nodiscard]] T* operator->() const noexcept { return value_; }

 private:
  explicit Shared(SharedPages pages) noexcept
      : pages_(std::move(pages)), value_(new (pages_.data()) T{}) {}

  SharedPages pages_;
  T* value_;
};

}  // namespace ringbell::bench
