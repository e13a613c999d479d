// Elements of bounded number, as a member of a message: it has them in itself.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace ringbell {

// Up to `capacity` elements. Trivially copyable.
template <class T, std::size_t capacity>
class Array {
 public:
  using value_type = T;
  using const_iterator = const T*;

  static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
  static_assert(capacity > 0 && capacity <= UINT32_MAX);

  Array() = default;

  // False: it does not fit, and nothing happened.
  [[nodiscard]] constexpr bool push_back(const T& element) noexcept {
    if (size_ >= capacity) return false;
    elements_[size_++] = element;
    return true;
  }
  [[nodiscard]] constexpr bool assign(std::span<const T> elements) noexcept {
    if (elements.size() > capacity) return false;
    std::copy(elements.begin(), elements.end(), elements_.begin());
    size_ = static_cast<std::uint32_t>(elements.size());
    return true;
  }
  constexpr void clear() noexcept { size_ = 0; }

  // Never more than there is, whatever the other side wrote.
  [[nodiscard]] constexpr std::size_t size() const noexcept {
    return std::min<std::size_t>(size_, capacity);
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] static constexpr std::size_t max_size() noexcept { return capacity; }
  [[nodiscard]] constexpr std::span<T> span() noexcept { return {elements_.data(), size()}; }
  [[nodiscard]] constexpr std::span<const T> span() const noexcept {
    return {elements_.data(), size()};
  }
  // REQUIRES: index < size().
  [[nodiscard]] constexpr T& operator[](std::size_t index) noexcept {
    assert(index < size());
    return elements_[index];
  }
  [[nodiscard]] constexpr const T& operator[](std::size_t index) const noexcept {
    assert(index < size());
    return elements_[index];
  }
  [[nodiscard]] constexpr T* begin() noexcept { return elements_.data(); }
  [[nodiscard]] constexpr T* end() noexcept { return elements_.data() + size(); }
  [[nodiscard]] constexpr const T* begin() const noexcept { return elements_.data(); }
  [[nodiscard]] constexpr const T* end() const noexcept { return elements_.data() + size(); }

  friend constexpr bool operator==(const Array& a, const Array& b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::uint32_t size_ = 0;
  std::array<T, capacity> elements_{};
};

}  // namespace ringbell
