// One type through a ring: TypedWriter<T> and TypedReader<T> over the writer and reader of any ring
// (SpscRing, MpmcRing, BroadcastLossy, BroadcastLossless, ManyLossless, FanIn), which they borrow.
// What else there is to ask, such as missed(), evicted(), lane() or corrupt(), is asked of those.
//
// T must be trivially copyable, since the other side gets its bytes and nothing else, and must not
// be a pointer. Pointers inside T cannot be detected: they arrive as numbers that mean nothing
// there. The same goes for anything whose layout the two sides do not agree on; T has the same
// definition in both programs, or is a file format like layout.hpp.
#pragma once

#include <array>
#include <cassert>
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

// A side that lets a message be written or read in place, or copies it (a lossy broadcast ring).
template <class W>
concept WriterInPlace = requires(W& writer) {
  writer.commit();
};
template <class W>
concept WriterByCopy = requires(W& writer, std::span<const std::byte> message) {
  writer.publish(message);
};
template <class R>
concept ReaderInPlace = requires(R& reader) {
  reader.peek();
  reader.release();
};
template <class R>
concept ReaderByCopy = requires(R& reader, std::span<std::byte> into) {
  reader.receive(into);
};

template <class W>
concept MessageWriter = WriterInPlace<W> || WriterByCopy<W>;
template <class R>
concept MessageReader = ReaderInPlace<R> || ReaderByCopy<R>;

// A ring whose messages have one size.
template <class Side>
concept OfOneSize = requires(const Side& side) {
  side.message_bytes();
};

template <Message T, MessageWriter Writer>
class TypedWriter {
 public:
  // REQUIRES: a T fits: max_record_bytes() or message_bytes() is no less; in a lossy broadcast ring
  // message_bytes() is sizeof(T).
  explicit TypedWriter(Writer& writer) noexcept : writer_(&writer) {
    if constexpr (WriterByCopy<Writer>) {
      assert(writer.message_bytes() == sizeof(T));
    } else if constexpr (OfOneSize<Writer>) {
      assert(writer.message_bytes() >= sizeof(T));
    } else {
      assert(writer.max_record_bytes() >= sizeof(T));
    }
  }

  // Copies a message in and makes it visible. False: not now, nothing happened; or, in an MpmcRing
  // or a ring of many writers, this writer was declared dead meanwhile. A BroadcastLossy has always
  // room, unless corrupt().
  [[nodiscard]] bool try_write(const T& message) noexcept {
    if constexpr (WriterByCopy<Writer>) {
      const auto bytes = std::as_bytes(std::span(&message, 1));
      if constexpr (std::is_same_v<decltype(writer_->publish(bytes)), bool>) {
        return writer_->publish(bytes);
      } else {
        writer_->publish(bytes);
        return !writer_->corrupt();
      }
    } else {
      return try_write_in_place(message);
    }
  }

 private:
  [[nodiscard]] bool try_write_in_place(const T& message) noexcept {
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
  [[nodiscard]] std::span<std::byte> claim() noexcept {
    if constexpr (OfOneSize<Writer>) {
      return writer_->claim();
    } else {
      return writer_->claim(sizeof(T));
    }
  }

  Writer* writer_;
};

template <Message T, MessageReader Reader>
class TypedReader {
 public:
  // REQUIRES: in a lossy broadcast ring message_bytes() is sizeof(T).
  explicit TypedReader(Reader& reader) noexcept : reader_(&reader) {
    if constexpr (ReaderByCopy<Reader>) assert(reader.message_bytes() == sizeof(T));
  }

  // Copies the next message out and gives its place back. False: not now, and `message` is as it
  // was, as it is where the message went to another reader because this one was taken for dead. Or
  // the record has another size (wrong_size()), and stays the next one until the reader's own
  // release(): in a FanIn it keeps the other lanes waiting, too.
  [[nodiscard]] bool try_read(T& message) noexcept {
    if constexpr (ReaderByCopy<Reader>) {
      // A message that was torn must not get further. receive() fills it, or it is not looked at.
      std::array<std::byte, sizeof(T)> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
      if (!reader_->receive(bytes)) return false;
      std::memcpy(&message, bytes.data(), sizeof message);
      return true;
    } else {
      return try_read_in_place(message);
    }
  }

  // The last try_read() found a record that is no T.
  [[nodiscard]] bool wrong_size() const noexcept { return wrong_size_; }

 private:
  [[nodiscard]] bool try_read_in_place(T& message) noexcept {
    const std::span<const std::byte> record = reader_->peek();
    // A slot of a ring of one size may be longer than a T; another record says what it is.
    wrong_size_ = record.data() != nullptr &&
                  (OfOneSize<Reader> ? record.size() < sizeof(T) : record.size() != sizeof(T));
    if (record.data() == nullptr || wrong_size_) return false;
    if constexpr (requires { bool(reader_->release()); }) {
      std::array<std::byte, sizeof(T)> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
      std::memcpy(bytes.data(), record.data(), sizeof(T));
      if (!reader_->release()) return false;
      std::memcpy(&message, bytes.data(), sizeof(T));
    } else {
      std::memcpy(&message, record.data(), sizeof message);
      reader_->release();
    }
    return true;
  }

  Reader* reader_;
  bool wrong_size_ = false;
};

// TypedWriter<T>(writer) would need every template argument; these take the ring from the handle.
template <Message T, MessageWriter Writer>
[[nodiscard]] TypedWriter<T, Writer> typed_writer(Writer& writer) noexcept {
  return TypedWriter<T, Writer>(writer);
}
template <Message T, MessageReader Reader>
[[nodiscard]] TypedReader<T, Reader> typed_reader(Reader& reader) noexcept {
  return TypedReader<T, Reader>(reader);
}

}  // namespace ringbell::core
