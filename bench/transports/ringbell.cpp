#include "bench/transports/ringbell.hpp"

#include <algorithm>
#include <bit>
#include <chrono>

#include <fmt/format.h>

#include "bench/floors/floor.hpp"
#include "bench/transports/entry.hpp"

namespace ringbell::bench {
namespace {

core::DoorbellKind doorbell_of(Wait wait) noexcept {
  switch (wait) {
    case Wait::park:
      return core::DoorbellKind::futex;
    case Wait::eventfd:
      return core::DoorbellKind::eventfd;
    default:
      return core::DoorbellKind::none;
  }
}

WaitOptions wait_of(const LinkOptions& options) noexcept {
  WaitOptions wait;
  wait.kind = sleeps(options.wait) ? WaitOptions::Kind::park : WaitOptions::Kind::spin;
  if (!options.spin_first) wait.spin_budget = std::chrono::nanoseconds::zero();
  wait.yield = options.yield;
  wait.within_quota = options.within_quota;
  return wait;
}

Result<Channel> create_nameless(const ChannelOptions& options) {
  Result<Channel> channel = Channel::create(options);
  if (!channel || options.memory.name.empty()) return channel;
  const Result<void> removed = Region::remove(options.memory.backing, options.memory.name);
  if (!removed) return tl::unexpected(removed.error());
  return channel;
}

}  // namespace

std::uint64_t Ringbell::ring_bytes(std::size_t message_bytes) noexcept {
  constexpr std::uint64_t kSmallest = 256UL * 1024;
  constexpr std::uint64_t kDepthOfLarge = 16;
  constexpr std::uint64_t kLargest = kLargestRingOfLines;
  const std::uint64_t deep = std::bit_ceil(message_bytes) * kDepthOfLarge;
  return std::clamp(deep, kSmallest, kLargest);
}

Result<Ringbell> Ringbell::open(const LinkOptions& options) {
  ChannelOptions channel;
  channel.capacity_bytes = ring_bytes(options.message_bytes);
  channel.doorbell = doorbell_of(options.wait);
  if (options.memory != nullptr) {
    channel.memory = *options.memory;
    channel.capacity_bytes = kBackingRingBytes;
  }
  Result<Channel> to_second = create_nameless(channel);
  if (!to_second) return tl::unexpected(to_second.error());
  Result<Channel> to_first = create_nameless(channel);
  if (!to_first) return tl::unexpected(to_first.error());
  return Ringbell(std::move(*to_second), std::move(*to_first), options);
}

Result<RingbellEnd> Ringbell::end(Party party) const {
  Channel& out = channels_[party == Party::first ? 0 : 1];
  Channel& in = channels_[party == Party::first ? 1 : 0];
  const WaitOptions wait = wait_of(options_);
  const bool by_fork = out.region().backing() == Backing::anonymous;
  Result<Sender> sender =
      by_fork ? Sender::open(std::move(out), wait) : Sender::attach(out.fds(), wait);
  if (!sender) return tl::unexpected(sender.error());
  Result<Receiver> receiver =
      by_fork ? Receiver::open(std::move(in), wait) : Receiver::attach(in.fds(), wait);
  if (!receiver) return tl::unexpected(receiver.error());
  return RingbellEnd(std::move(*sender), std::move(*receiver));
}

void Ringbell::describe(Row& row) const {
  const Region& region = channels_[0].region();
  set(row, "ring_bytes", region.geometry().capacity_bytes);
  if (options_.memory == nullptr) return;
  if (const Result<MemoryInUse> used = region.memory_in_use()) {
    set(row, "page_bytes", used->page_bytes);
    set(row, "mapped_bytes", region.mapped_bytes());
    set(row, "huge_bytes", used->huge_bytes);
  }
}

std::span<std::byte> RingbellEnd::wait_for_room(std::uint32_t size_bytes) {
  auto room = sender_.claim_for(size_bytes);
  if (room) return **room;
  failed(std::move(room.error()));
  return {};
}

std::span<const std::byte> RingbellEnd::wait_for_record() {
  auto record = receiver_.peek_for();
  if (record) return **record;
  failed(std::move(record.error()));
  return {};
}

std::size_t RingbellEnd::wrong_size(std::size_t size_bytes) {
  if (size_bytes != 0) {
    failed(ErrorCode::corrupt, fmt::format("a message of {} bytes came, of another size than was "
                                           "sent",
                                           size_bytes));
  }
  return 0;
}

// Each in a source of its own.
extern template class RoundTrip<Ringbell>;
extern template class Throughput<Ringbell>;
extern template class OpenLoop<Ringbell>;

template TransportEntry entry<Ringbell>(std::string_view name, Family family);

}  // namespace ringbell::bench
