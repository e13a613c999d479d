// The control groups of this process, of version 1 or 2: the folders in which their limits stand.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringbell {

// This process's place in one hierarchy.
struct ControlGroups {
  bool version_1;
  std::string mount;
  std::string group;  // below that: "" or "/a/b"

  // What each of them stands in below the mount, from the top down: "", "/a", "/a/b". All limit.
  [[nodiscard]] std::vector<std::string> places() const;

  // Where this controller is: in a hierarchy of version 1, else in that of version 2. Nothing: in
  // neither, or /proc does not tell. `root`: for tests, a folder with a fabricated proc and sys in
  // it.
  [[nodiscard]] static std::optional<ControlGroups> of(std::string_view controller,
                                                       const std::string& root = "");
};

}  // namespace ringbell
