#include <ringbell/transport/sleep/cpu_quota.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <ctime>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <ringbell/transport/base/control_groups.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell {
namespace {

using std::chrono::microseconds;
using Time = CpuQuota::Time;

constexpr Time kLimitsHold = std::chrono::seconds(1);
constexpr Time kShortestTurn = microseconds(100);

// The beginning of a small file, without allocating.
class Beginning {
 public:
  explicit Beginning(const std::string& path) noexcept {
    const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    const ssize_t got = file ? ::read(file.get(), bytes_.data(), bytes_.size()) : -1;
    if (got > 0) size_ = static_cast<std::size_t>(got);
  }
  // The n-th word is a number, and this one.
  [[nodiscard]] std::optional<std::int64_t> number(std::size_t n) const noexcept {
    std::string_view rest(bytes_.data(), size_);
    for (; n > 0; --n) {
      const std::size_t space = rest.find(' ');
      if (space == std::string_view::npos) return std::nullopt;
      rest.remove_prefix(space + 1);
    }
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    return error == std::errc() ? std::optional(number) : std::nullopt;
  }

 private:
  std::array<char, 64> bytes_;
  std::size_t size_ = 0;
};

std::int64_t cpu_count() noexcept { return std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)); }

}  // namespace

// Version 1 counts what groups use in another controller, which need not be mounted in the same
// place, nor have the same groups.
CpuQuota::CpuQuota(const std::string& root, Clock::time_point now)
    : limits_read_(now), looked_(now) {
  const std::optional<ControlGroups> cpu = ControlGroups::of("cpu", root);
  if (!cpu) return;
  const std::optional<ControlGroups> counted =
      cpu->version_1 ? ControlGroups::of("cpuacct", root) : cpu;
  const bool is_counted =
      counted && counted->version_1 == cpu->version_1 && counted->group == cpu->group;
  for (const std::string& place : cpu->places()) {
    const std::string folder = cpu->mount + place + "/";
    groups_.push_back({.version_1 = cpu->version_1,
                       .limit_file = folder + (cpu->version_1 ? "cpu.cfs_quota_us" : "cpu.max"),
                       .period_file = cpu->version_1 ? folder + "cpu.cfs_period_us" : "",
                       .usage_file = !is_counted
                                         ? ""
                                         : counted->mount + place +
                                               (cpu->version_1 ? "/cpuacct.usage" : "/cpu.stat")});
  }
  read_limits(now);
}

std::unique_ptr<CpuQuota> CpuQuota::of_this_process(const std::string& root,
                                                    Clock::time_point now) noexcept {
  try {
    std::unique_ptr<CpuQuota> made(new CpuQuota(root, now));
    return made->least() ? std::move(made) : nullptr;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

// "150000" and "100000", or "150000 100000". "max", -1 and what is not there is no limit.
void CpuQuota::read_limit(Group& group) noexcept {
  const Beginning limit(group.limit_file);
  const std::int64_t quota_us = limit.number(0).value_or(0);
  group.quota = Time::zero();
  if (quota_us <= 0) return;
  const std::int64_t period_us =
      (group.version_1 ? Beginning(group.period_file).number(0) : limit.number(1)).value_or(0);
  if (period_us <= 0 || quota_us >= period_us * cpu_count()) return;
  group.quota = microseconds(quota_us);
  group.period = microseconds(period_us);
}

double CpuQuota::cpus_of(const Group& group) noexcept {
  return static_cast<double>(group.quota.count()) / static_cast<double>(group.period.count());
}

void CpuQuota::read_limits(Clock::time_point now) noexcept {
  limits_read_ = now;
  turn_ = kLimitsHold;
  for (Group& group : groups_) {
    const bool was_limited = group.quota > Time::zero();
    read_limit(group);
    if (group.quota == Time::zero()) continue;
    turn_ = std::min(turn_, std::max(kShortestTurn, group.quota / (8 * cpu_count())));  // Q2
    if (was_limited) continue;
    group.used = used_by(group);
    group.level = Time::zero();
  }
}

Time CpuQuota::used_by(const Group& group) noexcept {
  if (group.usage_file.empty()) {
    // As if there were another one like it.
    timespec own{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    return 2 * (std::chrono::seconds(own.tv_sec) + Time(own.tv_nsec));
  }
  const Beginning usage(group.usage_file);
  if (group.version_1) return Time(usage.number(0).value_or(0));
  return microseconds(usage.number(1).value_or(0));  // "usage_usec 123", and more lines
}

bool CpuQuota::is_used_up(Clock::time_point now) noexcept {
  const Time since = now - looked_;
  if (since < turn_) return is_used_up_;
  looked_ = now;
  is_used_up_ = false;
  for (Group& group : groups_) {
    if (group.quota == Time::zero()) continue;
    const Time used = used_by(group);
    const Time more = std::max(used - group.used, Time::zero());
    const Time out(
        static_cast<std::int64_t>(static_cast<double>(since.count()) * cpus_of(group) / 2));
    group.level = std::max(group.level - out, Time::zero()) + more;  // Q3
    group.used = used;
    if (group.level >= group.quota / 8) is_used_up_ = true;  // Q1
  }
  if (now - limits_read_ >= kLimitsHold) read_limits(now);
  return is_used_up_;
}

std::optional<CpuQuota::Least> CpuQuota::least() const {
  std::optional<Least> least;
  for (const Group& group : groups_) {
    if (group.quota == Time::zero()) continue;
    if (!least || cpus_of(group) < least->cpus) least = {cpus_of(group), group.limit_file};
  }
  return least;
}

}  // namespace ringbell
