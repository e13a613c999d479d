#include "bridge/nats/frame.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace ringbell::bridge {
namespace {

template <class T>
bool take_number(std::string_view& text, T& value, char before = ' ', int base = 10) noexcept {
  if (text.empty() || text.front() != before) return false;
  text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

std::string text_of(const Origin& origin) {
  return fmt::format("{} {} {} {} {}", origin.source, origin.begin, origin.end, origin.count,
                     origin.missed);
}

std::optional<Origin> origin_of(std::string_view text) {
  Origin origin;
  const std::size_t space = text.find(' ');
  if (space == 0 || space == std::string_view::npos) return std::nullopt;
  origin.source = text.substr(0, space);
  text.remove_prefix(space);
  const bool right = take_number(text, origin.begin) && take_number(text, origin.end) &&
                     take_number(text, origin.count) && take_number(text, origin.missed) &&
                     text.empty() && origin.count <= kMostRecords;
  return right ? std::optional(origin) : std::nullopt;
}

std::optional<Origin> origin_of_id(std::string_view id) {
  const std::string_view name = kOriginHeader;
  if (!id.starts_with(name) || id.size() == name.size() || id[name.size()] != ' ') {
    return std::nullopt;
  }
  return origin_of(id.substr(name.size() + 1));
}

OriginReply::OriginReply(std::string_view source) {
  source = source.substr(0, kMostSource);
  char* at = std::copy(kName.begin(), kName.end(), text_.data());
  at = std::copy(source.begin(), source.end(), at);
  *at++ = '.';
  prefix_ = static_cast<std::size_t>(at - text_.data());
}

const char* OriginReply::of(std::uint64_t begin, std::uint64_t missed) noexcept {
  char* const last = text_.data() + text_.size() - 1;
  char* at = std::to_chars(text_.data() + prefix_, last, begin, kBase).ptr;
  if (missed != 0) {
    *at++ = '.';
    at = std::to_chars(at, last, missed, kBase).ptr;
  }
  *at = '\0';
  return text_.data();
}

std::optional<Origin> OriginReply::read(std::string_view reply) {
  if (!reply.starts_with(kName)) return std::nullopt;
  reply.remove_prefix(kName.size());
  Origin origin;
  const std::size_t dot = reply.find('.');
  if (dot == 0 || dot == std::string_view::npos) return std::nullopt;
  origin.source = reply.substr(0, dot);
  reply.remove_prefix(dot);
  const bool right = take_number(reply, origin.begin, '.', kBase) &&
                     (reply.empty() || take_number(reply, origin.missed, '.', kBase)) &&
                     reply.empty();
  origin.end = origin.begin + 1;
  return right ? std::optional(origin) : std::nullopt;
}

std::array<std::byte, kLossMarkerBytes> loss_marker(std::uint64_t lost) noexcept {
  constexpr std::string_view kName = "ringbell";
  std::array<std::byte, kLossMarkerBytes> marker{};
  std::memcpy(marker.data(), kName.data(), kName.size());
  std::memcpy(marker.data() + kName.size(), &lost, sizeof lost);
  return marker;
}

bool records_of(std::span<const std::byte> payload, const std::optional<Origin>& origin,
                std::vector<std::span<const std::byte>>& records) {
  if (!origin || origin->count == 0) {
    records.push_back(payload);
    return true;
  }
  for (std::uint32_t i = 0; i < origin->count; ++i) {
    std::uint32_t size = 0;
    if (payload.size() < sizeof size) return false;
    std::memcpy(&size, payload.data(), sizeof size);
    payload = payload.subspan(sizeof size);
    if (payload.size() < size) return false;
    records.push_back(payload.first(size));
    payload = payload.subspan(size);
  }
  return payload.empty();
}

}  // namespace ringbell::bridge
