// How records stand in messages of NATS.
//
//   one record    the payload is the record: any subscriber can read it
//   a batch       | size | record | size | record | ...      sizes of four bytes, little endian
//
// The header "Ringbell: SOURCE BEGIN END COUNT MISSED" says where they come from: which ring, or
// which run of a bridge; between which positions there they stand, so that the next message begins
// where this one ends; how many they are, 0 for one without a frame; how many messages the ring's
// reader missed before them. Through JetStream the message's id says it, "Nats-Msg-Id: Ringbell
// SOURCE ...", in place of that header. Of a core subject one record says it in its reply subject,
// "_rb.SOURCE.BEGIN" or "_rb.SOURCE.BEGIN.MISSED" with numbers to the base 36 (it ends at BEGIN +
// 1): no side makes or takes a header apart, and servers and clients read subjects letter by
// letter. A message with none of these is one record of a foreign publisher.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringbell::bridge {

inline constexpr const char* kOriginHeader = "Ringbell";
inline constexpr const char* kIdHeader = "Nats-Msg-Id";
// What a batch may hold: the tag of an inbound bridge counts as far.
inline constexpr std::uint32_t kMostRecords = 4000;

struct Origin {
  std::string_view source;  // in what it was read from
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t count = 0;  // of a batch; 0: one record without a frame
  std::uint64_t missed = 0;

  friend bool operator==(const Origin&, const Origin&) = default;
};

[[nodiscard]] std::string text_of(const Origin& origin);
// Nothing: it is none.
[[nodiscard]] std::optional<Origin> origin_of(std::string_view text);
[[nodiscard]] std::optional<Origin> origin_of_id(std::string_view id);

// The reply subjects of one source's records: a text that is written again and again.
class OriginReply {
 public:
  // REQUIRES: source.size() <= kMostSource, and no dot or space in it.
  explicit OriginReply(std::string_view source);

  [[nodiscard]] std::string_view source() const noexcept {
    return std::string_view(text_.data(), prefix_).substr(kName.size(), prefix_ - kName.size() - 1);
  }
  // Valid until the next call.
  [[nodiscard]] const char* of(std::uint64_t begin, std::uint64_t missed) noexcept;
  // Nothing: it is none.
  [[nodiscard]] static std::optional<Origin> read(std::string_view reply);

  static constexpr std::size_t kMostSource = 32;

 private:
  static constexpr std::string_view kName = "_rb.";
  static constexpr int kBase = 36;
  static constexpr std::size_t kMostDigits = 13;  // of 64 bits

  std::array<char, kName.size() + kMostSource + 1 + 2 * (kMostDigits + 1)> text_{};
  std::size_t prefix_ = 0;  // what all have
};

// A message that is put together.
class Batch {
 public:
  // `framed`: of many records.
  explicit Batch(bool framed) noexcept : framed_(framed) {}

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return bytes_.size(); }
  // With this record behind it.
  [[nodiscard]] std::size_t size_with(std::size_t record_bytes) const noexcept {
    return bytes_.size() + record_bytes + (framed_ ? sizeof(std::uint32_t) : 0);
  }
  // REQUIRES: framed, or empty.
  void add(std::span<const std::byte> record) {
    if (framed_) {
      const auto size = static_cast<std::uint32_t>(record.size());
      const auto bytes = std::as_bytes(std::span(&size, 1));
      bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    bytes_.insert(bytes_.end(), record.begin(), record.end());
    ++count_;
  }
  [[nodiscard]] std::uint32_t framed_count() const noexcept { return framed_ ? count_ : 0; }
  [[nodiscard]] std::vector<std::byte> take() noexcept {
    count_ = 0;
    return std::move(bytes_);
  }

 private:
  bool framed_;
  std::uint32_t count_ = 0;
  std::vector<std::byte> bytes_;
};

// The record that says in an inbound bridge's ring how many were lost before the next one:
// "ringbell", and the count in eight bytes, little endian.
inline constexpr std::size_t kLossMarkerBytes = 16;
[[nodiscard]] std::array<std::byte, kLossMarkerBytes> loss_marker(std::uint64_t lost) noexcept;

// Appends the records of a message. False: its frames are not what its header says.
[[nodiscard]] bool records_of(std::span<const std::byte> payload,
                              const std::optional<Origin>& origin,
                              std::vector<std::span<const std::byte>>& records);

}  // namespace ringbell::bridge
