// A program that uses core/ and nothing else: every ring once, in its own memory. It is compiled
// without exceptions and run-time type information, and linked without a C++ library.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/call_group.hpp>
#include <ringbell/core/fan_in.hpp>
#include <ringbell/core/many_lossless.hpp>
#include <ringbell/core/many_lossy.hpp>
#include <ringbell/core/mpmc_ring.hpp>
#include <ringbell/core/parking.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/core/typed.hpp>

namespace {

using namespace ringbell::core;

struct Quote {
  std::uint64_t number = 0;
  std::uint64_t price = 0;
};
constexpr std::uint64_t kQuotes = 1000;
constexpr std::uint64_t kCapacityBytes = 256;
constexpr std::uint64_t kSlots = 8;
constexpr std::uint32_t kSlotBytes = MpmcMemory::slot_bytes_for(sizeof(Quote));

// Zeroed, as new memory for a ring must be. Records of an SpscRing may reach behind its capacity.
alignas(128) std::array<std::byte, 2 * kCapacityBytes> bytes;
alignas(128) std::array<std::byte, kSlots * kSlotBytes> slots;

// Each number through the ring and back out.
template <class Writer, class Reader>
bool passes(Writer& writer, Reader& reader) {
  TypedWriter<Quote, Writer> out(writer);
  TypedReader<Quote, Reader> in(reader);
  for (std::uint64_t number = 1; number <= kQuotes; ++number) {
    Quote quote;
    if (!out.try_write({.number = number, .price = ~number})) return false;
    if (!in.try_read(quote) || quote.number != number || quote.price != ~number) return false;
  }
  return true;
}

bool spsc_passes() {
  static SpscControl control;
  bytes = {};
  const SpscMemory memory{.control = &control,
                          .data = bytes.data(),
                          .capacity_bytes = kCapacityBytes,
                          .record_alignment = 8};
  SpscRing<>::Writer writer(memory);
  SpscRing<>::Reader reader(memory);
  return passes(writer, reader);
}

// New ones, for writers that claim them.
MpmcMemory claimed_slots() {
  static MpmcControl control;
  control = {};
  slots = {};
  return {.control = &control,
          .slots = slots.data(),
          .slot_count = kSlots,
          .slot_bytes = kSlotBytes,
          .message_bytes = sizeof(Quote)};
}

bool mpmc_passes() {
  const MpmcMemory memory = claimed_slots();
  MpmcRing<>::Writer writer(memory, 1);
  MpmcRing<>::Reader reader(memory, 2);
  return passes(writer, reader);
}

template <class Byte>
BroadcastSlots<Byte> broadcast_slots() {
  return {.slots = slots.data(),
          .slot_count = kSlots,
          .slot_bytes = BroadcastSlots<Byte>::slot_bytes_for(sizeof(Quote)),
          .message_bytes = sizeof(Quote)};
}

bool lossy_passes() {
  slots = {};
  BroadcastLossy<>::Writer writer(broadcast_slots<std::byte>());
  BroadcastLossy<>::Reader reader(broadcast_slots<const std::byte>());
  return passes(writer, reader);
}

bool lossless_passes() {
  static BroadcastControl control;
  slots = {};
  const BroadcastMemory memory{.control = &control, .slots = broadcast_slots<std::byte>()};
  BroadcastLossless<>::Writer writer(memory);
  std::optional<BroadcastLossless<>::Reader> reader = BroadcastLossless<>::Reader::join(memory, 1);
  return reader && passes(writer, *reader);
}

bool many_pass() {
  static ManyControl control;
  slots = {};
  const ManyMemory memory{.control = &control,
                          .slots = slots.data(),
                          .slot_count = kSlots,
                          .slot_bytes = kSlotBytes,
                          .message_bytes = sizeof(Quote)};
  ManyLossless<>::Writer writer(memory, 1);
  std::optional<ManyLossless<>::Reader> reader = ManyLossless<>::Reader::join(memory, 2);
  return reader && passes(writer, *reader);
}

bool many_lossy_passes() {
  const MpmcMemory memory = claimed_slots();
  ManyLossy<>::Writer writer(memory, 1);
  ManyLossy<>::Reader reader(view_of(memory));
  return passes(writer, reader);
}

bool fan_in_passes() {
  static ReadyControl control;
  static FanInLaneControl lane;
  static std::array<FanIn<>::ReaderLane, 1> storage;
  bytes = {};
  const FanInMemory memory{.control = &control,
                           .lanes = &lane,
                           .data = bytes.data(),
                           .lane_stride_bytes = bytes.size(),
                           .capacity_bytes = kCapacityBytes,
                           .record_alignment = 8,
                           .lane_count = 1};
  FanIn<>::Writer writer(memory, 0);
  FanIn<>::Reader reader(memory, storage);
  return passes(writer, reader);
}

bool calls_pass() {
  static ReadyControl control;
  static CallGroupLine line;
  static std::array<CallGroup<>::ServerLine, 1> storage;
  const CallGroupMemory memory{
      .control = &control, .lines = &line, .buffers = nullptr, .buffer_bytes = 0, .lane_count = 1};
  CallGroup<>::Caller caller(memory, 0);
  CallGroup<>::Server server(memory, storage);
  constexpr std::uint32_t kSize = 8;
  for (int i = 0; i < 100; ++i) {
    const std::span<std::byte> question = caller.claim(kSize);
    if (question.size() != kSize) return false;
    std::memset(question.data(), i, kSize);
    caller.call();
    const std::span<const std::byte> asked = server.request();
    if (asked.size() != kSize || asked[0] != std::byte(i)) return false;
    const std::span<std::byte> reply = server.claim(kSize);
    std::memset(reply.data(), i + 1, kSize);
    server.respond();
    if (!caller.answered() || caller.response()[0] != std::byte(i + 1)) return false;
  }
  return true;
}

bool parking_works() {
  static std::uint32_t word;
  Parking<>::open(word, false);
  const std::uint32_t parked = Parking<>::park(word, false, [] {});
  bool rung = false;
  if (Parking<>::peer_waits(word, true)) Parking<>::ring(word, [&] { rung = true; });
  return rung && word != parked;
}

}  // namespace

// The status names the first that failed.
int main() {
  if (!spsc_passes()) return 1;
  if (!mpmc_passes()) return 2;
  if (!lossy_passes()) return 3;
  if (!lossless_passes()) return 4;
  if (!fan_in_passes()) return 5;
  if (!calls_pass()) return 6;
  if (!parking_works()) return 7;
  if (!many_pass()) return 8;
  if (!many_lossy_passes()) return 9;
}
