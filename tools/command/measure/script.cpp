#include "tools/command/measure/script.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "tools/command/command.hpp"

namespace ringbell::tools {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> script(const char* installed, const char* in_tree) {
  std::error_code none;
  const fs::path program = fs::read_symlink("/proc/self/exe", none);
  for (const fs::path& file : {program.parent_path().parent_path() / "share/ringbell" / installed,
                               fs::path(RINGBELL_SOURCE_DIR) / in_tree}) {
    if (fs::exists(file, none)) return file;
  }
  return std::nullopt;
}

}  // namespace

std::optional<fs::path> report_script() { return script("report.py", "tools/report.py"); }

std::optional<fs::path> python_bench_script() {
  return script("python_bench.py", "python/bench/bench.py");
}

int become(std::vector<std::string> command) {
  std::vector<char*> pointers;
  pointers.reserve(command.size() + 1);
  for (std::string& text : command) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  ::execvp(pointers[0], pointers.data());
  return complain(
      fmt::format("starting {} failed: {}; install python3", command[0], std::strerror(errno)));
}

}  // namespace ringbell::tools
