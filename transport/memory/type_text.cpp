#include <ringbell/transport/memory/type_text.hpp>

#include <algorithm>
#include <bit>
#include <string_view>

#include <fmt/format.h>

#include <ringbell/core/ring_shape.hpp>

namespace ringbell::memory {
namespace {

std::string_view name_in(const core::TypeRecord& type) noexcept {
  return {type.name.data(), std::find(type.name.begin(), type.name.end(), '\0')};
}

}  // namespace

bool is_possible(const core::TypeRecord& type) noexcept {
  if (type == core::TypeRecord{}) return true;
  const std::string_view name = name_in(type);
  const auto is_control = [](char byte) {
    return static_cast<unsigned char>(byte) < ' ' || byte == '\x7f';
  };
  return !name.empty() && name.size() < type.name.size() &&
         std::none_of(name.begin(), name.end(), is_control) &&
         std::all_of(type.name.begin() + static_cast<std::ptrdiff_t>(name.size()), type.name.end(),
                     [](char byte) { return byte == '\0'; }) &&
         type.size_bytes > 0 && std::has_single_bit(type.alignment) &&
         type.alignment <= core::kMostPayloadAlignment;
}

std::string text_of(const core::TypeRecord& type) {
  if (type == core::TypeRecord{}) return "bytes";
  std::string text =
      fmt::format("{} ({} bytes, alignment {}", name_in(type), type.size_bytes, type.alignment);
  if (type.version != 0) text += fmt::format(", version {}", type.version);
  return text + ")";
}

}  // namespace ringbell::memory
