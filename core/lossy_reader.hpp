// The reading side of a broadcast ring whose writers wait for no reader, and how messages are
// copied there: word by word, because what is copied may be overwritten meanwhile. Of a
// BroadcastLossy (broadcast_lossy.hpp) and of a ManyLossy (many_lossy.hpp), which have the
// protocols and the edges. They differ in what a slot's word says:
//
//   self.due()              the word, if the slot holds the record that is due
//   self.moves_on(word)     it is another one. True: the reader has moved on, and may look again
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/broadcast_memory.hpp>
#include <ringbell/core/object_at.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

// What a look at a record in place came to.
enum class BroadcastSeen : std::uint8_t {
  nothing,  // there was none
  whole,    // it was as its writer published it, all the time
  torn,     // it was being overwritten: forget what was seen of it
};

// The words of a slot.
template <AtomicsPolicy Atomics>
struct LossyWords {
  using Word = std::uint64_t;

  static constexpr Edge kPublish{"bcast.P"};
  static constexpr Edge kTorn{"bcast.T"};
  static constexpr Edge kRelaxed{"bcast.R"};

  static void copy_in(Word* into, std::span<const std::byte> message) noexcept {
    const std::size_t words = message.size() / sizeof(Word);
    Atomics::store_words(into, message.data(), words, kRelaxed);
    const std::span<const std::byte> rest = message.subspan(words * sizeof(Word));
    if (rest.empty()) return;
    Word word = 0;
    std::memcpy(&word, rest.data(), rest.size());
    Atomics::store(into[words], word, std::memory_order_relaxed, kRelaxed);
  }
  // The same with the size in front.
  static void copy_in_sized(Word* into, std::span<const std::byte> message) noexcept {
    Atomics::store(*into, Word{message.size()}, std::memory_order_relaxed, kRelaxed);
    copy_in(into + 1, message);
  }
  static void copy_out(const Word* from, std::span<std::byte> into) noexcept {
    const std::size_t words = into.size() / sizeof(Word);
    Atomics::load_words(into.data(), from, words, kRelaxed);
    const std::span<std::byte> rest = into.subspan(words * sizeof(Word));
    if (rest.empty()) return;
    const Word word = Atomics::load(from[words], std::memory_order_relaxed, kRelaxed);
    std::memcpy(rest.data(), &word, rest.size());
  }
};

// Not thread-safe; move-only; the memory must outlive it. Once corrupt(), nothing is received any
// more.
template <AtomicsPolicy Atomics, class Places, class Self>
class LossyReader : public Witness {
 public:
  LossyReader(LossyReader&&) noexcept = default;
  LossyReader& operator=(LossyReader&&) noexcept = default;
  LossyReader(const LossyReader&) = delete;
  LossyReader& operator=(const LossyReader&) = delete;

  // Copies the next record out, whole. False: not now, nothing is there (or corrupt()); then `into`
  // is undefined. A reader that was lapped goes on at the oldest record that is safe; missed() has
  // counted the others before this returns. REQUIRES: into.size() == message_bytes().
  [[nodiscard]] bool receive(std::span<std::byte> into) noexcept {
    assert(into.size() == at_.message_bytes());
    return receive_by([&](const Word* from) { Words::copy_out(from, into); });
  }

  // The same for messages that were published with their size in front. Returns the size; nothing:
  // not now. REQUIRES: into.size() + 8 >= message_bytes().
  [[nodiscard]] std::optional<std::size_t> receive_sized(std::span<std::byte> into) noexcept {
    assert(into.size() + sizeof(Word) >= at_.message_bytes());
    const std::size_t largest = at_.message_bytes() - sizeof(Word);
    Word size = 0;
    const bool received = receive_by([&](const Word* from) {
      size = Atomics::load(*from, std::memory_order_relaxed, Words::kRelaxed);
      if (size <= largest) Words::copy_out(from + 1, into.first(size));  // else torn, or a lie
    });
    if (!received) return std::nullopt;
    if (size > largest) {
      saw("message size", size);
      return std::nullopt;
    }
    return size;
  }

  // The next record in place, of those with their size in front: `look(message)` sees it where it
  // stands, once at most. It is passed over then; one that was torn is among missed(). What `look`
  // throws comes out, and the record comes again.
  template <class Look>
  [[nodiscard]] BroadcastSeen read_sized(Look&& look) {
    for (int tries = 0; tries < kTries && !corrupt(); ++tries) {
      Word found = look_at_slot();
      if (found == self().due()) [[likely]] {
        const std::byte* const slot = at_.payload_at(next_);
        const Word size =
            Atomics::load(*object_at<Word>(slot), std::memory_order_relaxed, Words::kRelaxed);
        const bool fits = size <= at_.message_bytes() - sizeof(Word);  // else torn, or a lie
        if (fits) look(std::span<const std::byte>(slot + sizeof(Word), size));
        found = look_again();
        if (found == self().due()) [[likely]] {
          if (!fits) saw("message size", size);
          if (fits) ++next_;
          return fits ? BroadcastSeen::whole : BroadcastSeen::nothing;
        }
        if (fits) {
          (void)self().moves_on(found);
          return BroadcastSeen::torn;
        }
      }
      if (!self().moves_on(found)) return BroadcastSeen::nothing;
    }
    return BroadcastSeen::nothing;
  }

  // Of the record that is due. It moves on with what was received and what was missed, and in a
  // ring of many writers with what was given up.
  [[nodiscard]] std::uint64_t position() const noexcept { return next_; }
  // How many records this reader has passed over since it joined, because they were overwritten or
  // about to be.
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }
  [[nodiscard]] std::uint32_t message_bytes() const noexcept { return at_.message_bytes(); }

 protected:
  using Words = LossyWords<Atomics>;
  using Word = typename Words::Word;

  explicit LossyReader(const BroadcastSlots<const std::byte>& memory) noexcept : at_(memory) {}
  ~LossyReader() = default;

  // Ahead of the writers by enough not to be lapped again at once; also, the position at the end
  // may be being written.
  [[nodiscard]] std::uint64_t oldest(std::uint64_t end) const noexcept {
    const std::uint64_t kept = at_.slot_count() - at_.step();
    return end > kept ? end - kept : 0;
  }
  // A reader that was lapped goes on there.
  void skip_to(std::uint64_t position) noexcept {
    missed_ += position - next_;
    next_ = position;
  }

  Places at_;
  std::uint64_t next_ = 0;

 private:
  static constexpr int kTries = 4;

  [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }

  [[nodiscard]] Word look_at_slot() const noexcept {
    return Atomics::load(at_.sequence_at(next_), std::memory_order_acquire, Words::kPublish);
  }
  // After a copy: whether it is what the first look said.
  [[nodiscard]] Word look_again() const noexcept {
    Atomics::fence(std::memory_order_acquire, Words::kTorn);
    return Atomics::load(at_.sequence_at(next_), std::memory_order_relaxed, Words::kRelaxed);
  }

  // `copy` may be called in vain, on what is being overwritten.
  template <class Copy>
  [[nodiscard]] bool receive_by(Copy&& copy) noexcept {
    if (corrupt()) [[unlikely]]
      return false;
    for (int tries = 0; tries < kTries; ++tries) {
      Word found = look_at_slot();
      if (found == self().due()) [[likely]] {
        copy(object_at<Word>(at_.payload_at(next_)));
        found = look_again();
        if (found == self().due()) [[likely]] {
          ++next_;
          return true;
        }
      }
      if (!self().moves_on(found)) return false;
    }
    return false;  // lapped again and again: the caller may have something better to do
  }

  std::uint64_t missed_ = 0;
};

}  // namespace ringbell::core
