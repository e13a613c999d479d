// Text of bounded length, as a member of a message: it has its bytes in itself.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringbell {

// Up to `capacity` bytes of any kind; as many as are used and the rest 0. Trivially copyable.
template <std::size_t capacity>
class Text {
 public:
  static_assert(capacity > 0 && capacity <= UINT32_MAX);

  Text() = default;
  // Of a literal that fits.
  template <std::size_t size>
  requires(size - 1 <= capacity) constexpr Text(const char (&literal)[size]) noexcept {  // NOLINT
    (void)assign({literal, size - 1});
  }

  // False: it does not fit, and nothing happened.
  [[nodiscard]] constexpr bool assign(std::string_view text) noexcept {
    if (text.size() > capacity) return false;
    std::fill(std::copy(text.begin(), text.end(), bytes_.begin()), bytes_.end(), '\0');
    size_ = static_cast<std::uint32_t>(text.size());
    return true;
  }

  // Never more than there is, whatever the other side wrote.
  [[nodiscard]] constexpr std::size_t size() const noexcept {
    return std::min<std::size_t>(size_, capacity);
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] static constexpr std::size_t max_size() noexcept { return capacity; }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {bytes_.data(), size()}; }
  constexpr operator std::string_view() const noexcept { return view(); }  // NOLINT: it is one

  friend constexpr bool operator==(const Text& a, std::string_view b) noexcept {
    return a.view() == b;
  }
  friend constexpr bool operator==(const Text& a, const Text& b) noexcept {
    return a.view() == b.view();
  }
  friend constexpr bool operator==(const Text& a, const char* b) noexcept { return a.view() == b; }

 private:
  std::uint32_t size_ = 0;
  std::array<char, capacity> bytes_{};
};

}  // namespace ringbell
