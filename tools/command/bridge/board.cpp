#include "tools/command/bridge/board.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

namespace ringbell::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "ringbell-bridge";

std::optional<std::string> board_of(const fs::path& process) {
  std::string command;
  std::ifstream(process / "comm") >> command;
  if (command != "ringbell") return std::nullopt;  // not all descriptors of all programs
  std::error_code error;
  for (fs::directory_iterator entry(process / "fd", error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    const fs::path target = fs::read_symlink(entry->path(), gone);
    if (gone || !target.native().starts_with(std::string("/memfd:") + kName)) continue;
    std::ifstream file(entry->path());
    return std::string(std::istreambuf_iterator(file), {});
  }
  return std::nullopt;
}

}  // namespace

Board::Board() : file_(::memfd_create(kName, MFD_CLOEXEC)) {}

void Board::show(const std::string& text) const {
  if (file_) (void)!::pwrite(file_.get(), text.data(), text.size(), 0);
}

std::vector<Shown> boards() {
  std::vector<Shown> all;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    const auto [rest, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (wrong != std::errc() || rest != name.data() + name.size()) continue;
    if (std::optional<std::string> text = board_of(entry->path())) {
      all.push_back({pid, std::move(*text)});
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Shown& one, const Shown& other) { return one.pid < other.pid; });
  return all;
}

}  // namespace ringbell::tools
