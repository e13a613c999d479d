#include <ringbell/transport/ends/copy_in.hpp>

#include <chrono>

namespace ringbell {
namespace {

void copy(CopyChoice::Way way, std::byte* into, const std::byte* from, std::size_t bytes) noexcept {
  if (way == CopyChoice::Way::streaming) {
    core::stream_copy(into, from, bytes);
  } else {
    std::memcpy(into, from, bytes);
  }
}

std::uint64_t now_ns() noexcept {
  const std::chrono::nanoseconds now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(now.count());
}

}  // namespace

void CopyIn::copy_long(std::byte* into, const std::byte* from, std::size_t bytes) noexcept {
  const bool is_timed = choice_.is_timed();
  const std::uint64_t began_ns = is_timed ? now_ns() : 0;
  copy(choice_.way(), into, from, bytes);
  choice_.copied(bytes, began_ns, is_timed ? now_ns() : 0);
}

}  // namespace ringbell
