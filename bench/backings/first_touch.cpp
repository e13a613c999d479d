#include "bench/backings/first_touch.hpp"

#include <cstddef>

#include <sys/resource.h>

#include <nlohmann/json.hpp>
#include <ringbell/transport/ends/channel.hpp>
#include "bench/harness/clock.hpp"
#include "bench/harness/shared.hpp"

namespace ringbell::bench {
namespace {

struct Cost {
  std::uint64_t ns = 0;
  std::uint64_t page_faults = 0;
};

struct FirstTouch {
  Cost create;
  Cost touch;
  Cost again;
  Cost prefaulted_create;
  std::uint64_t page_bytes = 0;
  std::uint64_t mapped_bytes = 0;
  std::uint64_t huge_bytes = 0;
};

std::uint64_t page_faults() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_minflt + usage.ru_majflt);
}

template <class Call>
Cost cost_of(Call&& call) {
  const std::uint64_t faults = page_faults();
  const std::uint64_t begin_ns = now_ns();
  call();
  const std::uint64_t end_ns = now_ns();
  return {end_ns - begin_ns, page_faults() - faults};
}

void touch(std::byte* from, std::uint64_t bytes) noexcept {
  for (std::uint64_t at = 0; at < bytes; at += 4096) {
    *const_cast<volatile std::byte*>(from + at) = std::byte{0};
  }
}

Result<Region> create(const Setup& setup, std::uint64_t data_bytes, bool prefault) {
  ChannelOptions options{.capacity_bytes = data_bytes, .memory = setup.memory};
  options.memory.prefault = prefault;
  Result<Region> region = Region::create(options.region());
  if (region && !setup.memory.name.empty()) {
    const Result<void> removed = Region::remove(setup.memory.backing, setup.memory.name);
    if (!removed) return tl::unexpected(removed.error());
  }
  return region;
}

Result<void> measure_in_child(const Setup& setup, std::uint64_t data_bytes, FirstTouch& figures) {
  Result<Region> region = fail(ErrorCode::system, "not made yet");
  figures.create = cost_of([&] { region = create(setup, data_bytes, false); });
  if (!region) return tl::unexpected(region.error());
  figures.touch = cost_of([&] { touch(region->data(), data_bytes); });
  figures.again = cost_of([&] { touch(region->data() + data_bytes, data_bytes); });
  const Result<MemoryInUse> used = region->memory_in_use();
  if (!used) return tl::unexpected(used.error());
  figures.page_bytes = used->page_bytes;
  figures.huge_bytes = used->huge_bytes;
  figures.mapped_bytes = region->mapped_bytes();
  { const Region gone = std::move(*region); }
  figures.prefaulted_create = cost_of([&] { region = create(setup, data_bytes, true); });
  return region ? Result<void>{} : tl::unexpected(region.error());
}

}  // namespace

Result<void> measure_first_touch(const Setup& setup, std::uint64_t data_bytes,
                                 const PairOptions& pair, Row& row) {
  const Result<Shared<FirstTouch>> figures = Shared<FirstTouch>::create();
  if (!figures) return tl::unexpected(figures.error());
  const Result<void> ran = run_pair(
      pair, [&] { return measure_in_child(setup, data_bytes, **figures); },
      [] { return Result<void>{}; });
  if (!ran) return ran;
  const FirstTouch& got = **figures;
  row["create_ns"] = got.create.ns;
  row["touch_ns"] = got.touch.ns;
  row["page_faults"] = got.touch.page_faults;
  row["again_ns"] = got.again.ns;
  row["again_page_faults"] = got.again.page_faults;
  row["prefaulted_create_ns"] = got.prefaulted_create.ns;
  row["page_bytes"] = got.page_bytes;
  row["mapped_bytes"] = got.mapped_bytes;
  row["huge_bytes"] = got.huge_bytes;
  return {};
}

}  // namespace ringbell::bench
