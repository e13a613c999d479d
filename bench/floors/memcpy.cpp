// memcpy through a buffer that two processes share: the bandwidth that a ring of messages can have.
//
//   slots        | stamp, message | stamp, message | ...     a stamp says which message is there
//   freed        how many messages were copied out           published after each 1/8 of the slots
//
// No ring logic: fixed slots, indexed by a count that both sides keep for themselves. A short
// message has its stamp in front of it; a longer one has a line of its own for the stamp. Each of
// the two is used where it was the faster (README.md); other layouts were not tried.
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "bench/floors/batches.hpp"
#include "bench/floors/floor.hpp"
#include "bench/harness/message_size.hpp"
#include "bench/transports/ringbell.hpp"

namespace ringbell::bench {
namespace {

constexpr std::size_t kFreedEvery = 8;     // times a lap
constexpr std::size_t kOwnLineFrom = 256;  // bytes of a message

struct Control {
  alignas(core::kFalseSharingBytes) std::uint64_t freed;
  alignas(core::kFalseSharingBytes) std::uint64_t stop;
  alignas(core::kFalseSharingBytes) FloorFigures figures;
};

// Where the messages are, for both processes.
class Slots {
 public:
  [[nodiscard]] static Result<Slots> create(std::size_t message_bytes) {
    const std::uint64_t bytes = Ringbell::ring_bytes(message_bytes);
    Result<SharedPages> pages = SharedPages::create(bytes);
    if (!pages) return tl::unexpected(pages.error());
    return Slots(std::move(*pages), bytes, message_bytes);
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t& stamp(std::size_t index) const noexcept {
    return *reinterpret_cast<std::uint64_t*>(pages_.data() + index * slot_bytes_);
  }
  [[nodiscard]] std::byte* message(std::size_t index) const noexcept {
    return pages_.data() + index * slot_bytes_ + front_bytes_;
  }

 private:
  Slots(SharedPages pages, std::uint64_t bytes, std::size_t message_bytes) noexcept
      : pages_(std::move(pages)),
        front_bytes_(message_bytes < kOwnLineFrom ? sizeof(std::uint64_t) : kLineBytes),
        slot_bytes_(rounded(front_bytes_ + message_bytes)),
        count_(std::max<std::size_t>(bytes / slot_bytes_, 1)) {}

  // To the next 16 bytes while two messages fit a line, else to the next line.
  [[nodiscard]] static std::size_t rounded(std::size_t bytes) noexcept {
    const std::size_t to = bytes <= 16 ? 16 : kLineBytes;
    return (bytes + to - 1) / to * to;
  }

  SharedPages pages_;
  std::size_t front_bytes_;
  std::size_t slot_bytes_;
  std::size_t count_;
};

// Keeps the compiler from seeing through a private buffer.
inline void touch(void* bytes) noexcept { asm volatile("" : : "r"(bytes) : "memory"); }

template <class Size>
void copy_in(const Slots& slots, Control& control, Size size) {
  std::vector<std::byte> message(size.size(), std::byte{1});
  std::uint64_t freed = 0;
  std::size_t index = 0;
  for (std::uint64_t i = 1;; ++i) {
    while (i - freed > slots.count()) {
      freed = load(control.freed);
      if (load(control.stop) != 0) return;
    }
    touch(message.data());
    std::memcpy(slots.message(index), message.data(), size.size());
    store(slots.stamp(index), i);
    index = index + 1 == slots.count() ? 0 : index + 1;
  }
}

template <class Size>
void copy_out(const Slots& slots, Control& control, Size size, double seconds) {
  std::vector<std::byte> message(size.size());
  const std::size_t free_every = std::max<std::size_t>(slots.count() / kFreedEvery, 1);
  std::uint64_t i = 0;
  std::uint64_t freed = 0;
  std::size_t index = 0;
  control.figures = time_batches(size.size(), seconds, [&](std::uint64_t count) {
    for (std::uint64_t left = count; left > 0; --left) {
      await(slots.stamp(index), ++i);
      std::memcpy(message.data(), slots.message(index), size.size());
      touch(message.data());
      index = index + 1 == slots.count() ? 0 : index + 1;
      if (i - freed == free_every) {
        freed = i;
        store(control.freed, freed);
      }
    }
  });
  store(control.stop, 1);
}

}  // namespace

Result<FloorFigures> shared_memcpy(const PairOptions& pair, std::size_t message_bytes,
                                   double seconds) {
  const Result<Slots> slots = Slots::create(message_bytes);
  if (!slots) return tl::unexpected(slots.error());
  const Result<Shared<Control>> control = Shared<Control>::create();
  if (!control) return tl::unexpected(control.error());
  return with_size(message_bytes, [&](auto size) -> Result<FloorFigures> {
    const Result<void> ran = run_pair(
        pair,
        [&]() -> Result<void> {
          copy_in(*slots, **control, size);
          return {};
        },
        [&]() -> Result<void> {
          copy_out(*slots, **control, size, seconds);
          return {};
        });
    if (!ran) return tl::unexpected(ran.error());
    return (*control)->figures;
  });
}

}  // namespace ringbell::bench
