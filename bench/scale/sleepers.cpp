// Ends that sleep, each in its own waiting call and a thread of its own, while nothing comes: what
// that costs.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>
#include "bench/scale/ways.hpp"
#include "bench/transports/pipe.hpp"

namespace ringbell::bench {
namespace {

using std::chrono::milliseconds;

struct Sleeper {
  std::function<void()> sleep;  // until wake()
  std::function<void()> wake;
};
using Sleepers = std::vector<Sleeper>;

template <class End>
Sleeper sleeper_of(End end) {
  const auto kept = std::make_shared<End>(std::move(end));
  return {.sleep = [kept] { (void)kept->receive({}); }, .wake = [kept] { kept->interrupt(); }};
}

// As many ends, each of which another one keeps waiting.
template <class End, class Open>
Result<Sleepers> sleepers_of(std::uint32_t count, Open open) {
  Sleepers sleepers;
  for (std::uint32_t i = 0; i < count; ++i) {
    Result<End> end = open();
    if (!end) return tl::unexpected(end.error());
    sleepers.push_back(sleeper_of(std::move(*end)));
  }
  return sleepers;
}

Result<Sleepers> on_channels(std::uint32_t count) {
  const auto senders = std::make_shared<std::vector<Sender>>();
  Result<Sleepers> sleepers = sleepers_of<Receiver>(count, [&]() -> Result<Receiver> {
    Result<Channel> channel = Channel::create({.capacity_bytes = 4096});
    if (!channel) return tl::unexpected(channel.error());
    Result<Sender> sender = Sender::attach(channel->fds());
    if (!sender) return tl::unexpected(sender.error());
    senders->push_back(std::move(*sender));
    return Receiver::open(std::move(*channel));
  });
  if (sleepers) sleepers->front().wake = [senders, wake = sleepers->front().wake] { wake(); };
  return sleepers;
}

Result<Sleepers> on_one_queue(std::uint32_t count) {
  constexpr std::uint32_t kFewest = 2;
  const Result<Region> region =
      Region::create(QueueOptions{.participants = std::max(count, kFewest)}.region());
  if (!region) return tl::unexpected(region.error());
  return sleepers_of<QueueReceiver>(count, [&]() -> Result<QueueReceiver> {
    Result<Region> same = attach_again(region->fd());
    if (!same) return tl::unexpected(same.error());
    return QueueReceiver::open(std::move(*same));
  });
}

Result<Sleepers> on_one_pipe(std::uint32_t count) {
  Result<OneWay> made = make_pipe(64 * 1024);
  if (!made) return tl::unexpected(made.error());
  const auto pipe = std::make_shared<OneWay>(std::move(*made));
  const Sleeper one{.sleep =
                        [pipe] {
                          char byte = 0;
                          (void)!::read((*pipe)[0].get(), &byte, 1);
                        },
                    .wake = [pipe] { (void)!::write((*pipe)[1].get(), "", 1); }};
  return Sleepers(count, one);
}

std::uint64_t cpu_ns() noexcept {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto ns = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(time.tv_usec) * 1000U;
  };
  return ns(used.ru_utime) + ns(used.ru_stime);
}

template <Result<Sleepers> (*open)(std::uint32_t)>
Result<void> measure_sleepers(const ManyPoint& point, Row& row) {
  constexpr milliseconds kUntilAsleep{150};
  const Result<Shared<double>> share = Shared<double>::create();
  if (!share) return tl::unexpected(share.error());
  const auto side = [&]() -> Result<void> {
    const Result<Sleepers> sleepers = open(point.count);
    if (!sleepers) return tl::unexpected(sleepers.error());
    std::vector<std::jthread> threads;
    threads.reserve(point.count);
    for (const Sleeper& sleeper : *sleepers) threads.emplace_back(sleeper.sleep);
    std::this_thread::sleep_for(kUntilAsleep);
    const std::uint64_t begin = now_ns();
    const std::uint64_t used = cpu_ns();
    std::this_thread::sleep_for(kSleepersTimes * point.duration);
    **share = static_cast<double>(cpu_ns() - used) / static_cast<double>(now_ns() - begin);
    for (const Sleeper& sleeper : *sleepers) sleeper.wake();
    return {};
  };
  const Result<void> ran = run_pair({.placement = Placement::one_cpu, .cpus = point.cpus}, side,
                                    [] { return Result<void>{}; });
  if (!ran) return ran;
  set(row, "idle_cpu_ns_per_s", 1e9 * **share);
  return {};
}

}  // namespace

void add_sleepers(std::vector<ManyWay>& ways) {
  static constexpr std::array<std::uint32_t, 4> kCounts{1, 16, 64, 256};
  const auto add = [&](std::string_view transport, MeasureMany measure) {
    ways.push_back({"sleepers", transport, Loop::none, kCounts, false, measure});
  };
  add("ringbell", &measure_sleepers<on_channels>);
  add("ringbell_queue", &measure_sleepers<on_one_queue>);
  add("pipe", &measure_sleepers<on_one_pipe>);
}

}  // namespace ringbell::bench
