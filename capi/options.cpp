#include <ringbell/capi/options.hpp>

#include <algorithm>
#include <iterator>

namespace ringbell::capi {
namespace {

template <std::size_t kCount>
bool all_zero(const std::uint64_t (&words)[kCount]) {
  return std::all_of(std::begin(words), std::end(words), [](auto word) { return word == 0; });
}

tl::unexpected<Error> refused(const char* message) {
  return tl::unexpected(Error{ErrorCode::invalid_argument, 0, message});
}

Result<core::DoorbellKind> doorbell_of(std::uint32_t doorbell) {
  switch (doorbell) {
    case RINGBELL_DOORBELL_FUTEX:
      return core::DoorbellKind::futex;
    case RINGBELL_DOORBELL_EVENTFD:
      return core::DoorbellKind::eventfd;
    case RINGBELL_DOORBELL_NONE:
      return core::DoorbellKind::none;
    default:
      return refused("doorbell is none of enum ringbell_doorbell");
  }
}

Result<HugePages> huge_pages_of(std::uint32_t huge_pages) {
  switch (huge_pages) {
    case RINGBELL_HUGE_PAGES_NEVER:
      return HugePages::never;
    case RINGBELL_HUGE_PAGES_PREFER:
      return HugePages::prefer;
    case RINGBELL_HUGE_PAGES_REQUIRE:
      return HugePages::require;
    default:
      return refused("huge_pages is none of enum ringbell_huge_pages");
  }
}

}  // namespace

Result<ChannelOptions> channel_options_of(const ringbell_channel_options* given) {
  ChannelOptions options;
  if (given == nullptr) return options;
  constexpr std::uint32_t kKnown = RINGBELL_NO_PREFAULT | RINGBELL_LOCK_MEMORY;
  if ((given->memory_flags & ~kKnown) != 0) return refused("memory_flags has an unknown flag");
  if (!all_zero(given->reserved)) {
    return refused("something reserved is not 0: start from a zeroed struct");
  }
  if (given->capacity_bytes != 0) options.capacity_bytes = given->capacity_bytes;
  if (given->record_alignment != 0) options.record_alignment = given->record_alignment;
  const Result<core::DoorbellKind> doorbell = doorbell_of(given->doorbell);
  if (!doorbell) return tl::unexpected(doorbell.error());
  options.doorbell = *doorbell;
  const Result<HugePages> huge_pages = huge_pages_of(given->huge_pages);
  if (!huge_pages) return tl::unexpected(huge_pages.error());
  options.memory.huge_pages = *huge_pages;
  options.memory.prefault = (given->memory_flags & RINGBELL_NO_PREFAULT) == 0;
  options.memory.lock_memory = (given->memory_flags & RINGBELL_LOCK_MEMORY) != 0;
  return options;
}

Result<WaitOptions> wait_options_of(const ringbell_wait_options* options) {
  WaitOptions wait;
  if (options == nullptr) return wait;
  constexpr std::uint32_t kKnown =
      RINGBELL_WAIT_SPIN | RINGBELL_WAIT_YIELD | RINGBELL_WAIT_QUICK_WAKE;
  if ((options->flags & ~kKnown) != 0 || options->reserved_flags != 0 ||
      !all_zero(options->reserved)) {
    return refused(
        "ringbell_wait_options has an unknown flag, or something reserved that is not 0: start "
        "from "
        "a zeroed struct");
  }
  if ((options->flags & RINGBELL_WAIT_SPIN) != 0) wait.kind = WaitOptions::Kind::spin;
  if (options->spin_budget_ns != 0) {
    wait.spin_budget = std::chrono::nanoseconds(std::max<std::int64_t>(0, options->spin_budget_ns));
  }
  if (options->longest_sleep_ns != 0) {
    wait.longest_sleep = std::chrono::nanoseconds(options->longest_sleep_ns);
  }
  wait.yield = (options->flags & RINGBELL_WAIT_YIELD) != 0;
  wait.quick_wake = (options->flags & RINGBELL_WAIT_QUICK_WAKE) != 0;
  return wait;
}

}  // namespace ringbell::capi
