#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include "tools/doctor/machine.hpp"

namespace ringbell::bench {
namespace {

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

}  // namespace

bool MachineFiles::exists(const std::string& path) const {
  std::error_code none;
  return std::filesystem::exists(root_ / path, none);
}

std::optional<std::string> MachineFiles::text(const std::string& path) const {
  std::ifstream file(root_ / path);
  if (!file) return std::nullopt;
  std::ostringstream all;
  all << file.rdbuf();
  return file.bad() ? std::nullopt : std::optional(all.str());
}

std::optional<std::string> MachineFiles::first_line(const std::string& path) const {
  const std::optional<std::string> all = text(path);
  if (!all) return std::nullopt;
  return trimmed(std::string_view(*all).substr(0, all->find('\n')));
}

std::optional<std::uint64_t> MachineFiles::number(const std::string& path) const {
  const std::optional<std::string> line = first_line(path);
  if (!line) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(line->data(), line->data() + line->size(), value);
  if (error != std::errc() || end != line->data() + line->size()) return std::nullopt;
  return value;
}

std::optional<std::string> MachineFiles::chosen(const std::string& path) const {
  const std::optional<std::string> line = first_line(path);
  if (!line) return std::nullopt;
  const std::size_t begin = line->find('[');
  const std::size_t end = line->find(']');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return std::nullopt;
  return line->substr(begin + 1, end - begin - 1);
}

std::optional<std::string> MachineFiles::field(const std::string& path,
                                               const std::string& key) const {
  const std::optional<std::string> all = text(path);
  if (!all) return std::nullopt;
  std::istringstream lines(*all);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos && trimmed(std::string_view(line).substr(0, colon)) == key) {
      return trimmed(std::string_view(line).substr(colon + 1));
    }
  }
  return std::nullopt;
}

std::vector<std::string> MachineFiles::names_in(const std::string& path) const {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(root_ / path, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace ringbell::bench
