// One type through a ring: TypedWriter<T> and TypedReader<T> over the writer and reader of an
// SpscRing or an MpmcRing, which they borrow.
//
// T must be trivially copyable, since the other side gets its bytes and nothing else, and must not
// be a pointer. Pointers inside T cannot be detected: they arrive as numbers that mean nothing
// there. The same goes for anything whose layout the two sides do not agree on; T has the same
// definition in both programs, or is a file format like layout.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace ringbell::core {

// What may travel as it is.
template <class T>
concept Message = std::is_trivially_copyable_v<T> && std::is_object_v<T> && !std::is_pointer_v<T> &&
                  !std::is_member_pointer_v<T> && alignof(T) <= alignof(std::uint64_t);

template <Message T, class Writer>
class TypedWriter {
 public:
  // REQUIRES: records of sizeof(T) fit: max_record_bytes() or message_bytes() is no less.
  explicit TypedWriter(Writer& writer) noexcept : writer_(&writer) {}

  // Copies a message in and makes it visible. False: not now, nothing happened; or, in an MpmcRing,
  // this writer was declared dead meanwhile.
  [[nodiscard]] bool try_write(const T& message) noexcept {
    const std::span<std::byte> room = claim();
    if (room.empty()) return false;
    std::memcpy(room.data(), &message, sizeof message);
    if constexpr (std::is_same_v<decltype(writer_->commit()), bool>) {
      return writer_->commit();
    } else {
      writer_->commit();
      return true;
    }
  }

 private:
  [[nodiscard]] std::span<std::byte> claim() noexcept {
    if constexpr (requires { writer_->claim(); }) {
      return writer_->claim();
    } else {
      return writer_->claim(sizeof(T));
    }
  }

  Writer* writer_;
};

template <Message T, class Reader>
class TypedReader {
 public:
  explicit TypedReader(Reader& reader) noexcept : reader_(&reader) {}

  // Copies the next message out and gives its place back. False: not now, nothing happened; or the
  // record has another size (wrong_size()), and stays the next one.
  [[nodiscard]] bool try_read(T& message) noexcept {
    const std::span<const std::byte> record = reader_->peek();
    if (record.empty()) return false;
    wrong_size_ = record.size() < sizeof(T) || (is_exact() && record.size() != sizeof(T));
    if (wrong_size_) return false;
    std::memcpy(&message, record.data(), sizeof message);
    reader_->release();
    return true;
  }

  // The last try_read() found a record that is no T.
  [[nodiscard]] bool wrong_size() const noexcept { return wrong_size_; }

 private:
  // The slots of an MpmcRing may be longer than a T; a record of an SpscRing says what it is.
  [[nodiscard]] static constexpr bool is_exact() noexcept {
    return !requires(Reader & reader) { reader.message_bytes(); };
  }

  Reader* reader_;
  bool wrong_size_ = false;
};

// TypedWriter<T>(writer) would need every template argument; these take the ring from the handle.
template <Message T, class Writer>
[[nodiscard]] TypedWriter<T, Writer> typed_writer(Writer& writer) noexcept {
  return TypedWriter<T, Writer>(writer);
}
template <Message T, class Reader>
[[nodiscard]] TypedReader<T, Reader> typed_reader(Reader& reader) noexcept {
  return TypedReader<T, Reader>(reader);
}

}  // namespace ringbell::core
