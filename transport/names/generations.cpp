#include <ringbell/transport/names/generations.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace ringbell::generations {
namespace {

constexpr std::string_view kPast = ".past";

}  // namespace

std::string newest_file(std::string_view name) { return fmt::format("{}.ring", name); }

std::string Past::file() const { return fmt::format("{}.{}{}", name, number, kPast); }

std::optional<Past> Past::of(std::string_view file) {
  if (!file.ends_with(kPast)) return std::nullopt;
  file.remove_suffix(kPast.size());
  const std::size_t dot = file.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const char* const end = file.data() + file.size();
  Past past{.name = std::string(file.substr(0, dot)), .number = 0};
  const auto [stopped, error] = std::from_chars(file.data() + dot + 1, end, past.number);
  const bool is_whole =
      error == std::errc() && stopped == end && past.file().size() == file.size() + kPast.size();
  return is_whole && check_name(past.name) ? std::optional(std::move(past)) : std::nullopt;
}

Result<std::vector<Past>> past_of(const NameFolder& folder, std::string_view name) {
  const Result<std::vector<std::string>> files = folder.files();
  if (!files) return tl::unexpected(files.error());
  std::vector<Past> all;
  for (const std::string& file : *files) {
    std::optional<Past> past = Past::of(file);
    if (past && past->name == name) all.push_back(std::move(*past));
  }
  std::sort(all.begin(), all.end(),
            [](const Past& one, const Past& two) { return one.number < two.number; });
  return all;
}

Result<void> set_aside(const NameFolder& folder, std::string_view name) {
  const Result<std::vector<Past>> past = past_of(folder, name);
  if (!past) return tl::unexpected(past.error());
  const std::string from = newest_file(name);
  const std::string to =
      Past{std::string(name), past->empty() ? 1 : past->back().number + 1}.file();
  if (::renameat(folder.fd(), from.c_str(), folder.fd(), to.c_str()) == 0) return {};
  return fail_errno(fmt::format("renaming {}/{} to {} failed", folder.path(), from, to));
}

}  // namespace ringbell::generations
