#include "bench/scale/many.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace ringbell::bench {

void describe_many(const ManyFigures& figures, const Usage& usage, Row& row) {
  const auto messages = static_cast<double>(std::max<std::uint64_t>(figures.stream.messages, 1));
  set(row, "messages", figures.stream.messages);
  set(row, "ns_per_message", static_cast<double>(figures.stream.elapsed_ns) / messages);
  set(row, "verified", true);
  describe_usage(usage, std::max<std::uint64_t>(figures.stream.verified, 1), row);
}

Result<Region> attach_again(int fd, const AttachOptions& options) {
  Result<FileDescriptor> file = duplicate(fd);
  if (!file) return tl::unexpected(file.error());
  return Region::attach(std::move(*file), options);
}

std::uint64_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::uint64_t>(std::distance(begin(all), end(all)));
}

std::uint64_t memory_bytes() {
  constexpr std::uint64_t kUnit = 1024;
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Pss:")) return kUnit * std::stoull(line.substr(line.find(':') + 1));
  }
  return 0;
}

Result<void> run_alone(const ManyPoint& point, Row& row,
                       const std::function<Result<void>(ManyFigures&)>& side) {
  const Result<Shared<ManyFigures>> figures = Shared<ManyFigures>::create();
  if (!figures) return tl::unexpected(figures.error());
  const Result<void> ran = run_pair(
      {.placement = Placement::one_cpu, .cpus = point.cpus}, [&] { return side(**figures); },
      [] { return Result<void>{}; });
  if (!ran) return ran;
  const double each = 1.0 / point.count;
  set(row, "memory_bytes", each * static_cast<double>((*figures)->memory_bytes));
  set(row, "descriptors", each * static_cast<double>((*figures)->descriptors));
  set(row, "attaches_per_s", (*figures)->attaches_per_s);
  return {};
}

Result<double> times_per_s(const ManyPoint& point, const std::function<Result<void>()>& once) {
  const std::uint64_t begin = now_ns();
  const std::uint64_t end = begin + static_cast<std::uint64_t>(point.duration.count());
  std::uint64_t times = 0;
  for (std::uint64_t now = begin; now < end; now = now_ns()) {
    if (Result<void> done = once(); !done) return tl::unexpected(done.error());
    ++times;
  }
  return static_cast<double>(times) * 1e9 / static_cast<double>(now_ns() - begin);
}

}  // namespace ringbell::bench
