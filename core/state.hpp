// The latest value of each of some keys: one writer, any number of readers. A reader gets the
// newest value, whole, and learns nothing of those before it.
//
//   of each key
//   +--------+    +---------+--------------+    +---------+--------------+
//   | newest |    | version | size | value |    | version | size | value |    ... buffers
//   +--------+    +---------+--------------+    +---------+--------------+
//
// The writer fills a buffer that is neither the newest nor pinned, and then makes it the newest. A
// reader copies the newest, and looks afterwards whether it was overwritten meanwhile; or it pins
// the buffer, in memory that readers may write, and looks at the value where it stands: there are
// two more buffers than such readers, so the writer always has one. Values may be mapped read-only
// by readers: those leave no trace there.
//
// Invariants
//   I1  `newest` names a buffer that is whole. The writer never writes in it before it has stored
//       another one there.
//   I2  A buffer's version is that by which `newest` named it; 0 while it is being written.
//   I3  A copy is returned only if the buffer's version is still that of `newest` afterwards.
//   I4  A buffer whose pin was stored before `newest` was seen to name it still is not written
//       until the pin is taken back.
//   I5  What is read from shared memory selects no other place than a buffer or size that was
//       checked; a version that cannot be makes the handle corrupt() for good.
// Edges
//   P   commit() stores newest -> a reader loads it: the value is stored before it is read.
//   T   torn: a fence after the store of version 0 -> a fence before the second look at it, as
//       BroadcastLossy's.
//   N   Dekker's: a reader stores its pin, the writer has stored newest; then each fences and loads
//       what the other has stored. The reader sees that newest moved on, or the writer the pin.
//   U   a reader takes its pin back, or stores the next one -> the writer loads it: the value is
//       read before it is overwritten.
//   R   relaxed: versions, sizes and words of values, ordered by P and T; what the writer finds of
//       the writer before it, which is ordered by what hands over the role.
// Progress: the writer is wait-free, in time proportional to the readers that may pin. A reader's
// call looks a few times: it fails only if the writer overtakes it each time.
// Death: a writer that dies leaves the newest value; the next one goes on with its numbers. A
// reader that dies leaves a pin, until the next with its number.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/object_at.hpp>
#include <ringbell/core/state_memory.hpp>
#include <ringbell/core/witness.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class State {
 public:
  class Writer;
  class Reader;

 private:
  static constexpr Edge kPublish{"state.P"};
  static constexpr Edge kTorn{"state.T"};
  static constexpr Edge kNewest{"state.N"};
  static constexpr Edge kUnpin{"state.U"};
  static constexpr Edge kRelaxed{"state.R"};
};

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
    next_ = StateVersion(shown.number() + 1, free_buffer(key, shown));
    Atomics::store(at_.buffer(key, next_.buffer()).version, std::uint64_t{0},
                   std::memory_order_relaxed, kRelaxed);  // I2
    Atomics::fence(std::memory_order_release, kTorn);     // T
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
    Atomics::store(buffer.version, next_.word(), std::memory_order_relaxed, kRelaxed);    // I2
    Atomics::store(at_.newest(key_), next_.word(), std::memory_order_release, kPublish);  // P
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

  // The next one in turn that is not shown and that no reader has pinned.
  [[nodiscard]] std::uint32_t free_buffer(std::uint32_t key, StateVersion shown) const noexcept {
    const std::uint32_t buffers = at_.buffers();
    const auto after = [&](std::uint32_t buffer) { return buffer + 1 < buffers ? buffer + 1 : 0; };
    if (at_.participants() == 1) return after(shown.buffer());
    Atomics::fence(std::memory_order_seq_cst, kNewest);  // N
    std::array<std::uint64_t, (kMaxStateReaders + 2) / 64 + 1> pinned{};
    for (std::uint32_t reader = 1; reader < at_.participants(); ++reader) {
      const std::uint64_t pin =
          Atomics::load(at_.pin(reader), std::memory_order_acquire, kUnpin);  // U
      const std::uint64_t buffer = pin - pin_of(key, 0);  // far too large, if of another key
      if (buffer < buffers) pinned[buffer / 64] |= std::uint64_t{1} << buffer % 64;
    }
    const auto is_free = [&](std::uint32_t buffer) {
      return buffer != shown.buffer() && (pinned[buffer / 64] >> buffer % 64 & 1U) == 0;
    };
    std::uint32_t buffer = after(shown.buffer());
    while (!is_free(buffer)) buffer = after(buffer);  // there are two more than readers
    return buffer;
  }

  StatePlaces<std::byte> at_;
  std::uint32_t key_ = 0;
  StateVersion next_{0};
  bool claimed_ = false;
};

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
    StateVersion version = newest(key);
    for (int tries = 0; tries < kTries && version.word() != 0; ++tries) {
      Atomics::store(at_.pin(number_), pin_of(key, version.buffer()), std::memory_order_release,
                     kUnpin);  // U: it may be read instead of the 0 before it
      Atomics::fence(std::memory_order_seq_cst, kNewest);  // N
      const StateVersion again = newest(key);
      if (again.word() != version.word()) {
        version = again;
        continue;
      }
      const std::uint64_t size = Atomics::load(at_.buffer(key, version.buffer()).size_bytes,
                                               std::memory_order_relaxed, kRelaxed);
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
    const StateVersion version(
        Atomics::load(at_.newest(key), std::memory_order_acquire, kPublish));  // P
    if (!at_.plausible(version)) saw("StateHead::newest", version.word());     // I5
    return corrupt() ? StateVersion(0) : version;
  }
  [[nodiscard]] bool is_whole(const StateBuffer& buffer, StateVersion version) const noexcept {
    Atomics::fence(std::memory_order_acquire, kTorn);  // T
    return Atomics::load(buffer.version, std::memory_order_relaxed, kRelaxed) == version.word();
  }
  void unpin() noexcept {
    Atomics::store(at_.pin(number_), std::uint64_t{0}, std::memory_order_release, kUnpin);  // U
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
