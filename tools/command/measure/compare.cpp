// `ringbell compare`: the comparison (bench/), from the installed command. This program links no
// other library of the kind, so where they are wanted it becomes ringbell-compare, which does.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "tools/command/command.hpp"
#include "tools/compare/compare.hpp"
#include "tools/doctor/checks.hpp"

namespace ringbell::tools {
namespace {

namespace fs = std::filesystem;

// Installed for this program (`cmake --install BUILD --component peers`), or in its build folder.
std::optional<fs::path> program_with_peers() {
  std::error_code none;
  const fs::path above = fs::read_symlink("/proc/self/exe", none).parent_path().parent_path();
  for (const char* const place : {"libexec/ringbell", "bench"}) {
    const fs::path program = above / place / "ringbell-compare";
    if (fs::exists(program, none)) return program;
  }
  return std::nullopt;
}

int compare(const std::vector<std::string>& arguments) {
  // As a program is given them: modifiable, and a null pointer behind the last.
  std::vector<std::string> texts{"ringbell compare"};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  bool peers = false;
  for (std::string& text : texts) {
    peers = peers || text == "--peers" || text == "--full";
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  if (peers) {
    if (const std::optional<fs::path> program = program_with_peers()) {
      ::execv(program->c_str(), pointers.data());
      return complain(
          fmt::format("starting {} failed: {}", program->string(), std::strerror(errno)));
    }
  }
  return bench::compare(static_cast<int>(texts.size()), pointers.data(), bench::findings);
}

}  // namespace

void add_compare(Command program) {
  // Its options are the comparison's; `compare --help` lists them.
  program.add("compare", "messages and files: ringbell against the kernel's own")
      .runs_with_rest(compare);
}

}  // namespace ringbell::tools
