// Message sizes as the measuring loops take them: known to the compiler, or not.
//
// A program that sends structs knows their size when it is compiled, and its copies of a few words
// are a few instructions. Small messages are measured so, over a ring; for the kernel's transports,
// which copy behind a system call, and for large messages it makes no difference.
#pragma once

#include <cstddef>
#include <span>

#include "bench/harness/transport.hpp"

namespace ringbell::bench {

template <std::size_t bytes>
struct FixedSize {
  [[nodiscard]] static constexpr std::size_t size() noexcept { return bytes; }
  [[nodiscard]] static std::span<std::byte, bytes> of(MessageBuffer& buffer) noexcept {
    return buffer.message().first<bytes>();
  }
};

struct AnySize {
  std::size_t bytes;

  [[nodiscard]] std::size_t size() const noexcept { return bytes; }
  [[nodiscard]] std::span<std::byte> of(MessageBuffer& buffer) const noexcept {
    return buffer.message().first(bytes);
  }
};

// Calls use(size), with FixedSize where the copy is a few instructions.
template <class Use>
auto with_size(std::size_t message_bytes, Use&& use) {
  switch (message_bytes) {
    case 8:
      return use(FixedSize<8>{});
    case 56:
      return use(FixedSize<56>{});
    case 256:
      return use(FixedSize<256>{});
    default:
      return use(AnySize{message_bytes});
  }
}

// The same for T's End, if it can make use of such a size.
template <class T, class Use>
auto with_size_for(std::size_t message_bytes, Use&& use) {
  if constexpr (requires(typename T::End & end, std::span<std::byte, 8> message) {
                  end.template send<8>(message);
                }) {
    return with_size(message_bytes, use);
  } else {
    return use(AnySize{message_bytes});
  }
}

// What was copied into `message` counts as used: the copy is not optimised away.
template <std::size_t extent>
inline void keep(std::span<std::byte, extent> message) noexcept {
  if constexpr (extent == std::dynamic_extent) {
    asm volatile("" : : "r"(message.data()) : "memory");
  } else {
    const auto* const bytes = reinterpret_cast<const std::byte(*)[extent]>(message.data());
    asm volatile("" : : "m"(*bytes));
  }
}

}  // namespace ringbell::bench
