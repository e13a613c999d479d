// A value that the harness shares with the processes it forks: made before the fork, mapped by all.
#pragma once

#include <new>
#include <type_traits>
#include <utility>

#include <sys/mman.h>
#include <ringbell/transport/error.hpp>

namespace ringbell::bench {

// Anonymous shared memory that holds one T, value-initialised. Gone with the last process that maps
// it, however that one dies. Move-only; the child inherits the mapping at the same address.
template <class T>
requires std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>
class Shared {
 public:
  // Errors: no_space.
  [[nodiscard]] static Result<Shared> create() {
    void* const pages = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (pages == MAP_FAILED) return fail_errno("mapping shared memory for results failed");
    return Shared(new (pages) T{});
  }

  Shared(Shared&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  Shared& operator=(Shared&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() {
    if (value_ != nullptr) ::munmap(value_, sizeof(T));
  }

  [[nodiscard]] T& operator*() const noexcept { return *value_; }
  [[nodiscard]] T* operator->() const noexcept { return value_; }

 private:
  explicit Shared(T* value) noexcept : value_(value) {}

  T* value_;
};

}  // namespace ringbell::bench
