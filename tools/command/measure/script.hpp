// The command's programs in Python.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ringbell::tools {

inline constexpr const char* kPython = "/usr/bin/python3";

// Installed beside this program, or in the source tree that it was built from.
[[nodiscard]] std::optional<std::filesystem::path> report_script();
[[nodiscard]] std::optional<std::filesystem::path> python_bench_script();

inline constexpr const char* kNoScript =
    "report.py is not installed: cmake --install puts it beside ringbell";

// Goes on as this program, found in PATH unless it says where it is. Returns, with the exit status,
// only if it cannot be started.
[[nodiscard]] int become(std::vector<std::string> command);

}  // namespace ringbell::tools
