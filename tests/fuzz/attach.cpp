// Any bytes as the file of a region: refused with an Error, or a region whose ring can be used
// without harm whatever stands in it.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/call_group.hpp>
#include <ringbell/core/fan_in.hpp>
#include <ringbell/core/many_lossless.hpp>
#include <ringbell/core/many_lossy.hpp>
#include <ringbell/core/mpmc_ring.hpp>
#include <ringbell/core/spsc_ring.hpp>
#include <ringbell/core/state.hpp>
#include <ringbell/transport/memory/region.hpp>

#include <tests/fuzz/region_file.hpp>
#include <tests/fuzz/target.hpp>
#include <tests/hostile/choices.hpp>
#include <tests/hostile/tally.hpp>
#include <tests/hostile/walled_bytes.hpp>

namespace ringbell::fuzz {
namespace {

using core::RingKind;
using hostile::Choices;

constexpr int kAllSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr std::array<int, 8> kSeals = {kAllSeals,
                                       kAllSeals,
                                       kAllSeals,
                                       kAllSeals | F_SEAL_WRITE,
                                       kAllSeals | F_SEAL_FUTURE_WRITE,
                                       0,
                                       F_SEAL_SEAL,
                                       F_SEAL_SHRINK | F_SEAL_GROW};

// The input: a byte for the seals, then what fill_file() takes.
FileDescriptor make_file(Choices& choices) {
  const int seals = kSeals[choices.roll(kSeals.size())];
  FileDescriptor file(::memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  HOSTILE_CHECK(file);
  fill_file(file.get(), choices);
  HOSTILE_CHECK(seals == 0 || ::fcntl(file.get(), F_ADD_SEALS, seals) == 0);
  return file;
}

void use(std::span<const std::byte> bytes) {
  hostile::Tally tally;
  tally.read(bytes);
}
template <class Reader>
void read_some(Reader& reader) {
  for (int i = 0; i < 8; ++i) {
    const std::span<const std::byte> record = reader.peek();
    use(record);
    if (!record.empty()) (void)reader.release();
  }
}
void write_into(std::span<std::byte> room) { std::fill(room.begin(), room.end(), std::byte{7}); }

void use_spsc(const Region& region) {
  core::SpscRing<>::Reader reader(region.spsc_memory());
  read_some(reader);
  core::SpscRing<>::Writer writer(region.spsc_memory());
  const std::span<std::byte> room = writer.claim(writer.max_record_bytes());
  write_into(room);
  if (!room.empty()) writer.commit();
}
void use_mpmc(const Region& region) {
  core::MpmcRing<>::Reader reader(region.mpmc_memory(), 1);
  read_some(reader);
  core::MpmcRing<>::Writer writer(region.mpmc_memory(), 2);
  const std::span<std::byte> room = writer.claim();
  write_into(room);
  if (!room.empty()) (void)writer.commit();
}
void use_lossless(const Region& region) {
  const core::BroadcastMemory memory = region.lossless_memory();
  if (auto reader = core::BroadcastLossless<>::Reader::join(memory, 1)) read_some(*reader);
  core::BroadcastLossless<>::Writer writer(memory);
  const std::span<std::byte> room = writer.claim();
  write_into(room);
  if (!room.empty()) writer.commit();
}
void use_many(const Region& region) {
  const core::ManyMemory memory = region.many_memory();
  if (auto reader = core::ManyLossless<>::Reader::join(memory, 3)) read_some(*reader);
  core::ManyLossless<>::Writer writer(memory, 1);
  const std::span<std::byte> room = writer.claim();
  write_into(room);
  if (!room.empty()) (void)writer.commit();
  (void)writer.recover([](core::ParticipantId id) { return id != 1; });
}
template <class Reader>
std::vector<std::byte> receive_some(Reader reader) {
  std::vector<std::byte> message(reader.message_bytes());
  for (int i = 0; i < 8; ++i) (void)reader.receive(message);
  return message;
}
void use_many_lossy(const Region& region) {
  (void)receive_some(core::ManyLossy<>::Reader(region.lossy_view()));
  core::ManyLossy<>::Writer writer(region.mpmc_memory(), 1);
  const std::span<std::byte> room = writer.claim();
  write_into(room);
  if (!room.empty()) (void)writer.commit();
  (void)writer.recover([](core::ParticipantId id) { return id != 1; });
}
void use_lossy(const Region& region) {
  const std::vector<std::byte> message =
      receive_some(core::BroadcastLossy<>::Reader(region.lossy_view()));
  core::BroadcastLossy<>::Writer writer(region.lossy_memory());
  writer.publish(message);
}
void use_fan_in(const Region& region) {
  const core::FanInMemory memory = region.fan_in_memory();
  std::vector<core::FanIn<>::ReaderLane> lanes(memory.lane_count);
  core::FanIn<>::Reader reader(memory, lanes);
  read_some(reader);
  core::FanIn<>::Writer writer(memory, memory.lane_count - 1);
  const std::span<std::byte> room = writer.claim(writer.max_record_bytes());
  write_into(room);
  if (!room.empty()) writer.commit();
}
void use_calls(const Region& region) {
  const core::CallGroupMemory memory = region.call_group_memory();
  std::vector<core::CallGroup<>::ServerLine> lines(memory.lane_count);
  core::CallGroup<>::Server server(memory, lines);
  for (int i = 0; i < 8; ++i) {
    const std::span<const std::byte> request = server.request();
    use(request);
    if (request.data() == nullptr) continue;
    write_into(server.claim(server.max_message_bytes()));
    server.respond();
  }
  core::CallGroup<>::Caller caller(memory, memory.lane_count - 1);
  write_into(caller.claim(caller.max_message_bytes()));
}

void use_state(const Region& region) {
  core::StateMemory<const std::byte> view = region.state_view();
  view.pins = region.participants().data();
  core::State<>::Reader reader(view, view.participants - 1);
  std::vector<std::byte> value(reader.value_bytes());
  for (std::uint32_t key = 0; key < view.keys && key < 8; ++key) {
    (void)reader.get(key, value);
    if (reader.may_look()) use(reader.look(key).value_or(std::span<const std::byte>()));
  }
  core::StateMemory<std::byte> memory = region.state_memory();
  memory.pins = view.pins;
  core::State<>::Writer writer(memory);
  (void)writer.set(view.keys - 1, value);
}

void use(const Region& region) {
  switch (region.kind()) {
    case RingKind::spsc:
      return use_spsc(region);
    case RingKind::mpmc:
      return use_mpmc(region);
    case RingKind::broadcast_lossless:
      return use_lossless(region);
    case RingKind::broadcast_lossy:
      return use_lossy(region);
    case RingKind::many_lossless:
      return use_many(region);
    case RingKind::many_lossy:
      return use_many_lossy(region);
    case RingKind::fan_in:
      return use_fan_in(region);
    case RingKind::call_group:
      return use_calls(region);
    case RingKind::state:
      return use_state(region);
    case RingKind::bells:
      use(std::as_bytes(std::span(&region.bells(), 1)));
      return;
  }
}

}  // namespace

std::vector<Input> seeds() {
  std::vector<Input> inputs;
  for (const core::RingShape& shape : all_shapes()) {
    inputs.push_back(region_input(shape, Backing::memfd, {0}));
  }
  return inputs;
}

}  // namespace ringbell::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringbell;
  hostile::Choices choices(std::span(data, size));
  Result<Region> region = Region::attach(fuzz::make_file(choices));
  if (region) {
    fuzz::use(*region);
  } else {
    HOSTILE_CHECK(!region.error().message.empty());
  }
  return 0;
}
