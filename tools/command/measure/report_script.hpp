// The report's program, in Python.
#pragma once

#include <filesystem>
#include <optional>

namespace ringbell::tools {

inline constexpr const char* kPython = "/usr/bin/python3";

// Installed beside this program, or in the source tree that it was built from.
[[nodiscard]] std::optional<std::filesystem::path> report_script();

inline constexpr const char* kNoScript =
    "report.py is not installed: cmake --install puts it beside ringbell";

}  // namespace ringbell::tools
