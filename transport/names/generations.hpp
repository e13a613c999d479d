// The generations of a name. NAME.ring is the newest ring under it; those that were set aside for a
// newer one are NAME.1.past, NAME.2.past and so on, the oldest first, until their readers have come
// to their end. What takes part in one has its part in that file, whatever it is called.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/names/name_folder.hpp>

namespace ringbell::generations {

[[nodiscard]] std::string newest_file(std::string_view name);

// NAME.N.past.
struct Past {
  std::string name;
  std::uint64_t number;

  [[nodiscard]] std::string file() const;
  // Nothing: it is no such file.
  [[nodiscard]] static std::optional<Past> of(std::string_view file);
};

// What was set aside under this name, the oldest first. Errors: system.
[[nodiscard]] Result<std::vector<Past>> past_of(const NameFolder& folder, std::string_view name);

// Sets the newest ring aside. REQUIRES: the folder's lock. Errors: system.
[[nodiscard]] Result<void> set_aside(const NameFolder& folder, std::string_view name);

}  // namespace ringbell::generations
