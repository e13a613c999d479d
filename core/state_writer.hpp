// The writing side of a State. Invariants and edges: state.hpp.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/object_at.hpp>
#include <ringbell/core/state.hpp>
#include <ringbell/core/state_memory.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// The writing side. Not thread-safe; move-only; the memory must outlive it.
template <AtomicsPolicy Atomics>
class State<Atomics>::Writer : public Witness {
 public:
  // Goes on where the writer before ended. See corrupt().
  explicit Writer(const StateMemory<std::byte>& memory) noexcept : at_(memory) {
    for (std::uint32_t key = 0; key < at_.keys(); ++key) {
      if (!at_.plausible(newest(key))) saw("StateHead::newest", newest(key).word());
    }
  }

  Writer(Writer&&) noexcept = default;
  Writer& operator=(Writer&&) noexcept = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() = default;

  // Room for a value of this key, of value_bytes(), in place; empty if corrupt(). Nothing is
  // visible before commit(). Claiming again forgets the first claim. REQUIRES: key < keys().
  [[nodiscard]] std::span<std::byte> claim(std::uint32_t key) noexcept {
    assert(key < at_.keys());
    claimed_ = false;
    const StateVersion shown = newest(key);
    if (!at_.plausible(shown)) saw("StateHead::newest", shown.word());
    if (corrupt()) [[unlikely]]
      return {};
    key_ = key;
    next_ = StateVersion(shown.number() + 1, free_buffer(key, shown.buffer()));
    Atomics::store(at_.buffer(key, next_.buffer()).version, std::uint64_t{0},
                   std::memory_order_relaxed, kRelaxed);  // I2
    Atomics::fence(std::memory_order_release, kTorn);
    claimed_ = true;
    return {at_.value(key, next_.buffer()), at_.value_bytes()};
  }
  // Makes the claimed value the newest. REQUIRES: it was claimed; size_bytes <= value_bytes().
  void commit(std::uint32_t size_bytes) noexcept {
    assert(claimed_ && size_bytes <= at_.value_bytes());
    claimed_ = false;
    StateBuffer& buffer = at_.buffer(key_, next_.buffer());
    Atomics::store(buffer.size_bytes, std::uint64_t{size_bytes}, std::memory_order_relaxed,
                   kRelaxed);
    Atomics::store(buffer.version, next_.word(), std::memory_order_relaxed, kRelaxed);  // I2
    Atomics::store(at_.newest(key_), next_.word(), std::memory_order_release, kPublish);
  }
  void abort() noexcept { claimed_ = false; }

  // Copies a value in, so that readers which copy it out race with nothing. False: corrupt().
  // REQUIRES: key < keys(), value.size() <= value_bytes().
  bool set(std::uint32_t key, std::span<const std::byte> value) noexcept {
    const std::span<std::byte> room = claim(key);
    if (room.data() == nullptr) return false;
    auto* const into = object_at<std::uint64_t>(room.data());
    const std::size_t words = value.size() / sizeof *into;
    Atomics::store_words(into, value.data(), words, kRelaxed);
    if (const auto rest = value.subspan(words * sizeof *into); !rest.empty()) {
      std::uint64_t word = 0;
      std::memcpy(&word, rest.data(), rest.size());
      Atomics::store(into[words], word, std::memory_order_relaxed, kRelaxed);
    }
    commit(static_cast<std::uint32_t>(value.size()));
    return true;
  }

  // How often this key was set. REQUIRES: key < keys().
  [[nodiscard]] std::uint64_t number(std::uint32_t key) const noexcept {
    return newest(key).number();
  }
  [[nodiscard]] std::uint32_t keys() const noexcept { return at_.keys(); }
  [[nodiscard]] std::uint32_t value_bytes() const noexcept { return at_.value_bytes(); }

 private:
  [[nodiscard]] StateVersion newest(std::uint32_t key) const noexcept {
    return StateVersion(Atomics::load(at_.newest(key), std::memory_order_relaxed, kRelaxed));
  }

  // Buffers of one key.
  struct Buffers {
    std::array<std::uint64_t, (kMaxStateReaders + 2) / 64 + 1> bits{};

    void add(std::uint64_t buffer) noexcept {
      bits[buffer / 64] |= std::uint64_t{1} << buffer % 64;
    }
    [[nodiscard]] bool has(std::uint32_t buffer) const noexcept {
      return (bits[buffer / 64] >> buffer % 64 & 1U) != 0;
    }
  };

  // The next one in turn that is not shown and that no reader has pinned, or pins from now on: I4.
  [[nodiscard]] std::uint32_t free_buffer(std::uint32_t key, std::uint32_t shown) const noexcept {
    std::uint32_t buffer = after(shown);
    if (at_.participants() == 1) return buffer;
    // The second is pinned only if a reader has done so since the look at the pins before.
    for (int tries = 0; tries < 2; ++tries) {
      mark(key, buffer);
      const Buffers pinned = pinned_of(key);
      if (!pinned.has(buffer)) return buffer;
      buffer = next_free(shown, pinned);
    }
    // However the readers' pins move, of all that are marked they leave one.
    for (std::uint32_t other = after(shown); other != shown; other = after(other)) {
      mark(key, other);
    }
    return next_free(shown, pinned_of(key));
  }

  void mark(std::uint32_t key, std::uint32_t buffer) const noexcept {
    std::uint64_t& version = at_.buffer(key, buffer).version;
    const StateVersion had(Atomics::load(version, std::memory_order_relaxed, kRelaxed));
    Atomics::store(version, had.marked().word(), std::memory_order_relaxed, kMark);
  }

  [[nodiscard]] Buffers pinned_of(std::uint32_t key) const noexcept {
    Atomics::fence(std::memory_order_seq_cst, kNewest);
    Buffers pinned;
    for (std::uint32_t reader = 1; reader < at_.participants(); ++reader) {
      const std::uint64_t pin = Atomics::load(at_.pin(reader), std::memory_order_acquire, kUnpin);
      const std::uint64_t buffer = pin - pin_of(key, 0);  // far too large, if of another key
      if (buffer < at_.buffers()) pinned.add(buffer);
    }
    return pinned;
  }

  [[nodiscard]] std::uint32_t next_free(std::uint32_t shown, const Buffers& pinned) const noexcept {
    std::uint32_t buffer = after(shown);
    // There are two more than readers: one is found before it is the shown one's turn.
    while (pinned.has(buffer)) buffer = after(buffer);
    return buffer;
  }
  [[nodiscard]] std::uint32_t after(std::uint32_t buffer) const noexcept {
    return buffer + 1 < at_.buffers() ? buffer + 1 : 0;
  }

  StatePlaces<std::byte> at_;
  std::uint32_t key_ = 0;
  StateVersion next_{0};
  bool claimed_ = false;
};

}  // namespace ringbell::core
