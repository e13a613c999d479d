// How a stream lies in a channel, so that its end is exact.
//
//   record   | StreamHeader | header |      the first
//   record   | payload ...  | part   |      of a message that goes on in the next record
//   record   | payload ...  | whole  |      the end of a message; all there is of most
//   ...
//   record   | StreamEnd    | end    |      the last; without it the stream was cut short
//
// The tag is the last byte of a record, not the first: so data is read from a file to where it
// would be without a tag, and a record's size in the ring says the rest. A stream of bytes has no
// messages, only wholes of any size. Numbers are little endian.
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

inline constexpr std::size_t kTagBytes = 1;
inline constexpr std::array<char, 8> kStreamMagic = {'r', 'b', 's', 't', 'r', 'e', 'a', 'm'};
inline constexpr std::uint32_t kStreamVersion = 1;
inline constexpr std::uint64_t kUnknownSize = UINT64_MAX;

struct StreamHeader {
  std::array<char, 8> magic;  // kStreamMagic
  std::uint32_t version;      // kStreamVersion
  Shape shape;
  std::uint64_t total_bytes;  // that will come, for a progress line; kUnknownSize
};

// What was sent, so that whoever received can tell that nothing is missing.
struct StreamEnd {
  std::uint64_t bytes;     // of payload
  std::uint64_t messages;  // wholes
};

static_assert(sizeof(StreamHeader) == 24 && std::is_trivially_copyable_v<StreamHeader>);
static_assert(sizeof(StreamEnd) == 16 && std::is_trivially_copyable_v<StreamEnd>);

// What a record says, its tag read once. Nothing: it is no record of a stream.
struct Tagged {
  Tag tag;
  std::span<const std::byte> payload;
};
[[nodiscard]] inline std::optional<Tagged> tagged(std::span<const std::byte> record) noexcept {
  if (record.empty()) return std::nullopt;
  const auto tag = static_cast<Tag>(record.back());
  if (tag != Tag::header && tag != Tag::part && tag != Tag::whole && tag != Tag::end) {
    return std::nullopt;
  }
  return Tagged{tag, record.first(record.size() - kTagBytes)};
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
