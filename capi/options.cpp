#include <ringbell/capi/options.hpp>

#include <algorithm>
#include <iterator>
#include <optional>

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

Result<Backing> backing_of(std::uint32_t backing, const char* name) {
  const bool has_name = backing == RINGBELL_BACKING_SHM || backing == RINGBELL_BACKING_FILE;
  if (has_name != (name != nullptr)) {
    return refused("memory_name: what RINGBELL_BACKING_SHM and _FILE have, and no other backing");
  }
  switch (backing) {
    case RINGBELL_BACKING_MEMFD:
      return Backing::memfd;
    case RINGBELL_BACKING_SHM:
      return Backing::posix_shm;
    case RINGBELL_BACKING_FILE:
      return Backing::file;
    case RINGBELL_BACKING_SYSTEM_V:
      return Backing::system_v;
    case RINGBELL_BACKING_ANONYMOUS:
      return Backing::anonymous;
    default:
      return refused("backing is none of enum ringbell_backing");
  }
}

// What every kind has: doorbell, memory, and what is reserved. Empty: taken over.
template <class Given, class Options>
std::optional<Error> take_common(const Given& given, Options& options) {
  constexpr std::uint32_t kKnown = RINGBELL_NO_PREFAULT | RINGBELL_LOCK_MEMORY | RINGBELL_FOR_GROUP;
  constexpr mode_t kModeForGroup = 0660;
  if ((given.memory_flags & ~kKnown) != 0)
    return refused("memory_flags has an unknown flag").value();
  if (!all_zero(given.reserved)) {
    return refused("something reserved is not 0: start from a zeroed struct").value();
  }
  if constexpr (requires { given.reserved_word; }) {
    if (given.reserved_word != 0) return refused("reserved_word is not 0").value();
  }
  const Result<Backing> backing = backing_of(given.backing, given.memory_name);
  if (!backing) return backing.error();
  options.memory.backing = *backing;
  if (given.memory_name != nullptr) options.memory.name = given.memory_name;
  if constexpr (requires { given.payload_alignment; }) {
    if (given.payload_alignment != 0) options.payload_alignment = given.payload_alignment;
  }
  const Result<core::DoorbellKind> doorbell = doorbell_of(given.doorbell);
  if (!doorbell) return doorbell.error();
  const Result<HugePages> huge_pages = huge_pages_of(given.huge_pages);
  if (!huge_pages) return huge_pages.error();
  options.doorbell = *doorbell;
  options.memory.huge_pages = *huge_pages;
  options.memory.prefault = (given.memory_flags & RINGBELL_NO_PREFAULT) == 0;
  options.memory.lock_memory = (given.memory_flags & RINGBELL_LOCK_MEMORY) != 0;
  if ((given.memory_flags & RINGBELL_FOR_GROUP) != 0) options.memory.mode = kModeForGroup;
  return std::nullopt;
}

template <class T>
void take_unless_0(T given, T& option) noexcept {
  if (given != 0) option = given;
}

}  // namespace

Result<ChannelOptions> channel_options_of(const ringbell_channel_options* given) {
  ChannelOptions options;
  if (given == nullptr) return options;
  if (std::optional<Error> wrong = take_common(*given, options)) return tl::unexpected(*wrong);
  constexpr std::uint64_t kKnown =
      RINGBELL_CHANNEL_TIMED | RINGBELL_CHANNEL_WHEN_DRAINED | RINGBELL_CHANNEL_SEALS;
  if ((given->flags & ~kKnown) != 0) {
    return refused("flags has none of enum ringbell_channel_flags");
  }
  options.timed = (given->flags & RINGBELL_CHANNEL_TIMED) != 0;
  options.seals = (given->flags & RINGBELL_CHANNEL_SEALS) != 0;
  if ((given->flags & RINGBELL_CHANNEL_WHEN_DRAINED) != 0) options.replace = Replace::when_drained;
  take_unless_0(given->capacity_bytes, options.capacity_bytes);
  take_unless_0(given->record_alignment, options.record_alignment);
  return options;
}

Result<TopicOptions> topic_options_of(const ringbell_topic_options* given) {
  TopicOptions options;
  if (given == nullptr) return options;
  if (std::optional<Error> wrong = take_common(*given, options)) return tl::unexpected(*wrong);
  if (given->policy > RINGBELL_TOPIC_LOSSLESS) {
    return refused("policy is none of enum ringbell_topic_policy");
  }
  if (given->policy == RINGBELL_TOPIC_LOSSLESS) options.policy = TopicOptions::Policy::lossless;
  take_unless_0(given->message_bytes, options.message_bytes);
  take_unless_0(given->messages, options.messages);
  take_unless_0(given->subscribers, options.subscribers);
  take_unless_0(given->publishers, options.publishers);
  return options;
}

Result<QueueOptions> queue_options_of(const ringbell_queue_options* given) {
  QueueOptions options;
  if (given == nullptr) return options;
  if (std::optional<Error> wrong = take_common(*given, options)) return tl::unexpected(*wrong);
  take_unless_0(given->messages, options.messages);
  take_unless_0(given->message_bytes, options.message_bytes);
  take_unless_0(given->participants, options.participants);
  return options;
}

Result<CollectorOptions> collector_options_of(const ringbell_collector_options* given) {
  CollectorOptions options;
  if (given == nullptr) return options;
  if (std::optional<Error> wrong = take_common(*given, options)) return tl::unexpected(*wrong);
  take_unless_0(given->capacity_bytes, options.capacity_bytes);
  if ((given->flags & ~std::uint32_t{RINGBELL_COLLECTOR_TIMED}) != 0) {
    return refused("flags has none of enum ringbell_collector_flags");
  }
  options.timed = (given->flags & RINGBELL_COLLECTOR_TIMED) != 0;
  take_unless_0(given->contributors, options.contributors);
  take_unless_0(given->record_alignment, options.record_alignment);
  return options;
}

Result<ServiceOptions> service_options_of(const ringbell_service_options* given) {
  ServiceOptions options;
  if (given == nullptr) return options;
  if (std::optional<Error> wrong = take_common(*given, options)) return tl::unexpected(*wrong);
  take_unless_0(given->clients, options.clients);
  options.tickets = given->tickets;
  take_unless_0(given->message_bytes, options.message_bytes);
  return options;
}

Result<StateOptions> state_options_of(const ringbell_state_options* given) {
  StateOptions options;
  if (given == nullptr) return options;
  if (std::optional<Error> wrong = take_common(*given, options)) return tl::unexpected(*wrong);
  take_unless_0(given->value_bytes, options.value_bytes);
  take_unless_0(given->keys, options.keys);
  options.readers_in_place = given->readers_in_place;
  return options;
}

Result<WaitOptions> wait_options_of(const ringbell_wait_options* options) {
  WaitOptions wait;
  if (options == nullptr) return wait;
  constexpr std::uint32_t kKnown = RINGBELL_WAIT_SPIN | RINGBELL_WAIT_YIELD |
                                   RINGBELL_WAIT_QUICK_WAKE | RINGBELL_WAIT_PAST_QUOTA;
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
  wait.within_quota = (options->flags & RINGBELL_WAIT_PAST_QUOTA) == 0;
  wait.quick_wake = (options->flags & RINGBELL_WAIT_QUICK_WAKE) != 0;
  return wait;
}

Result<ConnectOptions> connect_options_of(const ringbell_connect_options* given) {
  ConnectOptions options;
  if (given == nullptr) return options;
  if (given->reserved_word != 0 || !all_zero(given->reserved)) {
    return refused("something reserved is not 0: start from a zeroed struct");
  }
  const Result<Place> place = place_of(given->place);
  if (!place) return tl::unexpected(place.error());
  const Result<WaitOptions> wait = wait_options_of(given->wait);
  if (!wait) return tl::unexpected(wait.error());
  options.place = *place;
  if (given->listener_uid != nullptr) options.listener_uid = *given->listener_uid;
  options.wait = *wait;
  if (given->give_up != nullptr) {
    options.give_up = [ask = given->give_up, argument = given->argument] {
      return ask(argument) != 0;
    };
  }
  return options;
}

Result<Place> place_of(std::int64_t place) {
  switch (place) {
    case RINGBELL_PLACE_FOLDER:
      return Place::folder;
    case RINGBELL_PLACE_GROUP:
      return Place::group;
    case RINGBELL_PLACE_ABSTRACT:
      return Place::abstract;
    default:
      return refused("place is none of enum ringbell_place");
  }
}

}  // namespace ringbell::capi
