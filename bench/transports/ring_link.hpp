// A link over one of core's rings, in memory that both processes inherit: bare, with no channel, no
// doorbell and no sign of life around it, as an embedder of core has it. Both sides spin.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/layout.hpp>
#include "bench/harness/shared.hpp"
#include "bench/harness/transport.hpp"

namespace ringbell::bench {

// What carries messages of one size both ways: how much memory that takes, and what a Side does
// there. try_send() and try_receive() answer false for "not now", and for ever if corrupt().
template <class R>
concept Rings = std::constructible_from<R, std::size_t> &&
    std::constructible_from<typename R::Side, const R&, std::byte*, Party> &&
    requires(const R& rings, Row& row, typename R::Side& side, std::span<std::byte> message) {
  { rings.bytes() } -> std::same_as<std::size_t>;
  {rings.describe(row)};
  { side.try_send(message) } -> std::same_as<bool>;
  { side.try_receive(message) } -> std::same_as<bool>;
  { side.corrupt() } -> std::same_as<bool>;
};

template <Rings R>
class RingEnd : public Failing {
 public:
  RingEnd(const R& rings, std::byte* memory, Party party) : side_(rings, memory, party) {}

  // A span of static extent makes the copy one of constant size.
  template <std::size_t extent>
  [[nodiscard]] bool send(std::span<std::byte, extent> message) {
    while (!side_.try_send(message)) {
      if (side_.corrupt()) [[unlikely]]
        return fails();
      core::HardwareAtomics::pause();
    }
    return true;
  }
  template <std::size_t extent>
  [[nodiscard]] std::size_t receive(std::span<std::byte, extent> into) {
    while (!side_.try_receive(into)) {
      if (side_.corrupt()) [[unlikely]] {
        fails();
        return 0;
      }
      core::HardwareAtomics::pause();
    }
    return into.size();
  }

 private:
  [[gnu::noinline]] bool fails() {
    return failed(ErrorCode::corrupt, "the ring is corrupt, or a message of another size came");
  }

  typename R::Side side_;
};

template <Rings R>
class RingLink {
 public:
  using End = RingEnd<R>;

  // Errors: no_space.
  [[nodiscard]] static Result<RingLink> open(const LinkOptions& options) {
    const R rings(options.message_bytes);
    Result<SharedPages> pages = SharedPages::create(rings.bytes());
    if (!pages) return tl::unexpected(pages.error());
    return RingLink(rings, std::move(*pages));
  }
  [[nodiscard]] Result<End> end(Party party) const { return End(rings_, pages_.data(), party); }
  void describe(Row& row) const { rings_.describe(row); }

 private:
  RingLink(const R& rings, SharedPages pages) noexcept : rings_(rings), pages_(std::move(pages)) {}

  R rings_;
  SharedPages pages_;
};

// Two rings of one kind, one each way. A Way has bytes() and describe(), and the types Writer and
// Reader, which are made of a Way and its memory.
template <class Way>
class TwoWays {
 public:
  explicit TwoWays(std::size_t message_bytes) : way_(message_bytes) {}

  [[nodiscard]] std::size_t bytes() const noexcept { return 2 * stride(); }
  void describe(Row& row) const { way_.describe(row); }

  class Side {
   public:
    // The reader first: a Writer may wait until there is one.
    Side(const TwoWays& ways, std::byte* memory, Party party)
        : reader_(ways.way_, memory + (party == Party::first ? ways.stride() : 0)),
          writer_(ways.way_, memory + (party == Party::first ? 0 : ways.stride())) {}

    template <std::size_t extent>
    [[nodiscard]] bool try_send(std::span<std::byte, extent> message) noexcept {
      return writer_.try_send(message);
    }
    template <std::size_t extent>
    [[nodiscard]] bool try_receive(std::span<std::byte, extent> into) noexcept {
      return reader_.try_receive(into);
    }
    [[nodiscard]] bool corrupt() const noexcept { return writer_.corrupt() || reader_.corrupt(); }

   private:
    typename Way::Reader reader_;
    typename Way::Writer writer_;
  };

 private:
  [[nodiscard]] std::size_t stride() const noexcept {
    return (way_.bytes() + core::kFalseSharingBytes - 1) / core::kFalseSharingBytes *
           core::kFalseSharingBytes;
  }

  Way way_;
};

}  // namespace ringbell::bench
