// How a stream lies in a channel, so that its end is exact.
//
//   record   | StreamHeader | header, pid |      the first
//   record   | payload ...  | part, pid   |      of a message that goes on in the next record
//   record   | payload ...  | whole, pid  |      the end of a message; all there is of most
//   ...
//   record   | StreamEnd    | end, pid    |      the last; without it the stream was cut short
//
// The trailer is the end of a record, not its beginning: so data is read from a file to where it
// would be without one, and a record's size in the ring says the rest. It says which process sent
// the record, because a ring outlives a sender: behind what a dead one left lies its successor's
// stream. A stream of bytes has no messages, only wholes of any size. Numbers are little endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

namespace ringbell::tools {

enum class Shape : std::uint32_t {
  bytes = 1,
  lines = 2,     // a message each, without its end of line
  messages = 3,  // outside of ringbell each has its length in front, four bytes, little endian
};

enum class Tag : std::uint8_t { header = 'H', part = 'P', whole = 'W', end = 'E' };

inline constexpr std::array<char, 8> kStreamMagic = {'r', 'b', 's', 't', 'r', 'e', 'a', 'm'};
inline constexpr std::array<char, 3> kTrailerMagic = {'r', 'b', 's'};
inline constexpr std::uint32_t kStreamVersion = 2;
inline constexpr std::uint64_t kUnknownSize = UINT64_MAX;

struct StreamHeader {
  std::array<char, 8> magic;  // kStreamMagic
  std::uint32_t version;      // kStreamVersion
  Shape shape;
  std::uint64_t total_bytes;  // that will come, for a progress line; kUnknownSize
};

struct Trailer {
  std::uint32_t sender_pid;   // as SpscControl::writer_pid
  std::array<char, 3> magic;  // kTrailerMagic
  Tag tag;
};

// What was sent, so that the receiver can tell that nothing is missing.
struct StreamEnd {
  std::uint64_t bytes;     // of payload
  std::uint64_t messages;  // wholes
};

static_assert(sizeof(StreamHeader) == 24 && std::is_trivially_copyable_v<StreamHeader>);
static_assert(sizeof(StreamEnd) == 16 && std::is_trivially_copyable_v<StreamEnd>);
static_assert(sizeof(Trailer) == 8 && std::is_trivially_copyable_v<Trailer>);

// What a record says, its trailer read once. Nothing: it is no record of a stream.
struct Tagged {
  Tag tag;
  std::uint32_t sender_pid;
  std::span<const std::byte> payload;
};
[[nodiscard]] inline std::optional<Tagged> tagged(std::span<const std::byte> record) noexcept {
  if (record.size() < sizeof(Trailer)) return std::nullopt;
  const std::size_t size = record.size() - sizeof(Trailer);
  Trailer trailer{};
  std::memcpy(&trailer, record.data() + size, sizeof trailer);
  const Tag tag = trailer.tag;
  if (trailer.magic != kTrailerMagic ||
      (tag != Tag::header && tag != Tag::part && tag != Tag::whole && tag != Tag::end)) {
    return std::nullopt;
  }
  return Tagged{tag, trailer.sender_pid, record.first(size)};
}

// A private copy of the struct that is the payload. Nothing: it has another size.
template <class T>
[[nodiscard]] std::optional<T> copied(std::span<const std::byte> payload) noexcept {
  if (payload.size() != sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, payload.data(), sizeof value);
  return value;
}

[[nodiscard]] inline bool is_valid(const StreamHeader& header) noexcept {
  return header.magic == kStreamMagic && header.version == kStreamVersion &&
         (header.shape == Shape::bytes || header.shape == Shape::lines ||
          header.shape == Shape::messages);
}

}  // namespace ringbell::tools
