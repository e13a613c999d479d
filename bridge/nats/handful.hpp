// Records that left the ring and become a message each: in order, copied, until libnats has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/nats/records.hpp"

namespace ringbell::bridge {

class Handful {
 public:
  struct One {
    std::uint64_t begin;
    std::uint64_t missed;
    std::span<const std::byte> bytes;  // until the next add()
  };

  [[nodiscard]] std::size_t size() const noexcept { return places_.size() - next_; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] bool has_room() const noexcept {
    return empty() || (places_.size() < kMostRecords && bytes_.size() < kEnoughBytes);
  }
  // All are of this source until it is empty again.
  [[nodiscard]] const std::string& source() const noexcept { return source_; }

  // REQUIRES: empty(), or the record is of source().
  void add(const Records::Record& record) {
    if (empty()) {
      places_.clear();
      bytes_.clear();
      next_ = 0;
      if (source_ != record.source) source_ = record.source;
    }
    places_.push_back({record.begin, record.missed, bytes_.size(), record.bytes.size()});
    bytes_.insert(bytes_.end(), record.bytes.begin(), record.bytes.end());
  }
  // REQUIRES: !empty().
  [[nodiscard]] One front() const noexcept {
    const Place& place = places_[next_];
    return {place.begin, place.missed, std::span(bytes_).subspan(place.at, place.size)};
  }
  void pop() noexcept { ++next_; }

 private:
  // So many that neither the ring's writer nor a wake-up is asked for each, so few that a bridge
  // that is killed loses little.
  static constexpr std::size_t kMostRecords = 64;
  static constexpr std::size_t kEnoughBytes = 64 * 1024;

  struct Place {
    std::uint64_t begin;
    std::uint64_t missed;
    std::size_t at;
    std::size_t size;
  };

  std::string source_;
  std::vector<Place> places_;
  std::vector<std::byte> bytes_;
  std::size_t next_ = 0;
};

}  // namespace ringbell::bridge
