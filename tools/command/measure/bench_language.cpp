#include "tools/command/measure/bench_language.hpp"

#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "tools/command/command.hpp"
#include "tools/command/measure/script.hpp"

namespace ringbell::tools {

int measure_in(const OtherLanguage& language) {
  if (language.name.empty()) return complain("bench: a KIND is wanted, or --lang", kUsage);
  const std::optional<std::filesystem::path> script = python_bench_script();
  if (!script) return complain("the benchmark of Python is not installed: cmake --install does it");
  // The user's own Python: it may have ringbell where the system's has not.
  std::vector<std::string> command{"python3", "-B", script->string()};
  if (language.quick) command.emplace_back("--quick");
  return become(std::move(command));
}

}  // namespace ringbell::tools
