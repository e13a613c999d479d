// A reading side of a State. Invariants and edges: state.hpp.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/object_at.hpp>
#include <ringbell/core/state.hpp>
#include <ringbell/core/state_memory.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// A reading side. Not thread-safe; move-only; the memory must outlive it.
template <AtomicsPolicy Atomics>
class State<Atomics>::Reader : public Witness {
 public:
  // With a number of its own below `participants`, it may look in place; with 0 it copies only.
  // REQUIRES: no living reader has that number.
  explicit Reader(const StateMemory<const std::byte>& memory, std::uint32_t number = 0) noexcept
      : at_(memory), number_(number) {
    assert(number < memory.participants);
    if (number_ != 0) unpin();  // what a dead one left
  }
  Reader(Reader&& other) noexcept
      : Witness(other),
        at_(other.at_),
        number_(std::exchange(other.number_, 0)),
        pinned_(std::exchange(other.pinned_, StateVersion(0))),
        key_(other.key_) {}
  Reader& operator=(Reader&&) = delete;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { (void)release(); }

  // Says which value of this key is the newest: its number, or 0: none yet, or corrupt(). Never
  // older than what this reader has had. REQUIRES, here and below: key < keys().
  [[nodiscard]] std::uint64_t number(std::uint32_t key) const noexcept {
    return StateVersion(Atomics::load(at_.newest(key), std::memory_order_relaxed, kRelaxed))
        .number();
  }

  struct Copied {
    std::size_t size_bytes;
    std::uint64_t number;
  };
  // Copies the newest value out, whole. Nothing: there is none yet; or the writer overtook this
  // call, or corrupt(); then `into` is undefined. REQUIRES: into.size() >= value_bytes().
  [[nodiscard]] std::optional<Copied> get(std::uint32_t key, std::span<std::byte> into) noexcept {
    assert(key < at_.keys() && into.size() >= at_.value_bytes());
    for (int tries = 0; tries < kTries; ++tries) {
      const StateVersion version = newest(key);
      if (version.word() == 0) return std::nullopt;
      const StateBuffer& buffer = at_.buffer(key, version.buffer());
      const std::uint64_t size =
          Atomics::load(buffer.size_bytes, std::memory_order_relaxed, kRelaxed);
      if (size <= at_.value_bytes()) {
        copy_out(at_.value(key, version.buffer()), into.first(size));
      }
      if (!is_whole(buffer, version)) continue;  // I3
      if (size > at_.value_bytes()) {
        saw("StateBuffer::size_bytes", size);
        return std::nullopt;
      }
      return Copied{static_cast<std::size_t>(size), version.number()};
    }
    return std::nullopt;
  }

  // The newest value where it stands, not to be overwritten until release(). Nothing as get(). What
  // was looked at before is released. REQUIRES: a number of its own.
  [[nodiscard]] std::optional<std::span<const std::byte>> look(std::uint32_t key) noexcept {
    assert(key < at_.keys() && number_ != 0);
    (void)release();
    for (int tries = 0; tries < kTries; ++tries) {
      const StateVersion version = newest(key);
      if (version.word() == 0) break;
      Atomics::store(at_.pin(number_), pin_of(key, version.buffer()), std::memory_order_release,
                     kUnpin);  // it may be read instead of the 0 before it
      Atomics::fence(std::memory_order_seq_cst, kNewest);
      const StateBuffer& buffer = at_.buffer(key, version.buffer());
      if (Atomics::load(buffer.version, std::memory_order_relaxed, kRelaxed) != version.word()) {
        continue;  // I4
      }
      const std::uint64_t size =
          Atomics::load(buffer.size_bytes, std::memory_order_relaxed, kRelaxed);
      if (size > at_.value_bytes()) {
        saw("StateBuffer::size_bytes", size);
        break;
      }
      pinned_ = version;
      key_ = key;
      return std::span<const std::byte>(at_.value(key, version.buffer()), size);
    }
    unpin();
    return std::nullopt;
  }
  // Which value it is that is looked at; 0: none.
  [[nodiscard]] std::uint64_t looks_at() const noexcept { return pinned_.number(); }
  // Done with it. False: it was overwritten all the same, by a hostile peer; or nothing is looked
  // at.
  bool release() noexcept {
    if (pinned_.word() == 0) return false;
    const StateVersion version = std::exchange(pinned_, StateVersion(0));
    const bool whole = is_whole(at_.buffer(key_, version.buffer()), version);
    unpin();
    return whole;
  }
  // The copy that a child of fork() has of its parent's reader must not release: it forgets.
  void forget() noexcept { pinned_ = StateVersion(0); }

  [[nodiscard]] std::uint32_t keys() const noexcept { return at_.keys(); }
  [[nodiscard]] std::uint32_t value_bytes() const noexcept { return at_.value_bytes(); }
  [[nodiscard]] bool may_look() const noexcept { return number_ != 0; }

 private:
  static constexpr int kTries = 8;

  // 0 also if corrupt().
  [[nodiscard]] StateVersion newest(std::uint32_t key) noexcept {
    const StateVersion version(Atomics::load(at_.newest(key), std::memory_order_acquire, kPublish));
    if (!at_.plausible(version)) saw("StateHead::newest", version.word());  // I5
    return corrupt() ? StateVersion(0) : version;
  }
  [[nodiscard]] bool is_whole(const StateBuffer& buffer, StateVersion version) const noexcept {
    Atomics::fence(std::memory_order_acquire, kTorn);
    const StateVersion now(Atomics::load(buffer.version, std::memory_order_relaxed, kRelaxed));
    return now.unmarked().word() == version.word();
  }
  void unpin() noexcept {
    Atomics::store(at_.pin(number_), std::uint64_t{0}, std::memory_order_release, kUnpin);
  }

  static void copy_out(const std::byte* from, std::span<std::byte> into) noexcept {
    const auto* const words = object_at<std::uint64_t>(from);
    const std::size_t whole = into.size() / sizeof *words;
    Atomics::load_words(into.data(), words, whole, kRelaxed);
    const std::span<std::byte> rest = into.subspan(whole * sizeof *words);
    if (rest.empty()) return;
    const std::uint64_t word = Atomics::load(words[whole], std::memory_order_relaxed, kRelaxed);
    std::memcpy(rest.data(), &word, rest.size());
  }

  StatePlaces<const std::byte> at_;
  std::uint32_t number_;
  StateVersion pinned_{0};
  std::uint32_t key_ = 0;
};

}  // namespace ringbell::core
