// The layout as a file format: every byte of a small region, or of a ring's memory, after a fixed
// series of operations, against a text that is checked in. If this fails, programs built before and
// after the change cannot talk to each other: raise kLayoutVersion and check the new text in; the
// failure prints it.
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/call_line.hpp>
#include <ringbell/core/fan_in.hpp>
#include <ringbell/core/many_lossless.hpp>
#include <ringbell/core/mpmc_ring.hpp>
#include <ringbell/core/parking.hpp>
#include <ringbell/core/typed.hpp>
#include <ringbell/ringbell.hpp>

#include <tests/support/broadcast_memory.hpp>
#include <tests/support/fan_in_memory.hpp>
#include <tests/support/hexdump.hpp>
#include <tests/support/many_memory.hpp>
#include <tests/support/mpmc_memory.hpp>

namespace ringbell {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// What differs from run to run is not part of the format: pids, the time, and whether this machine
// has the heavy barrier.
void blank_what_differs(Region& region) {
  auto& header = *reinterpret_cast<core::RegionHeader*>(region.base());
  header.creator_pid = 0;
  header.created_unix_ns = 0;
  core::SpscControl& control = region.spsc_control();
  control.reader_pid = 0;
  control.writer_pid = 0;
  control.data_bell.word &= ~core::Parking<>::kFence;
  control.space_bell.word &= ~core::Parking<>::kFence;
}

std::string dump_of(Region& region) {
  blank_what_differs(region);
  return test::hexdump({region.base(), region.geometry().region_bytes});
}

void expect_as_checked_in(const char* file, const std::string& dump) {
  const auto golden = std::filesystem::path(RINGBELL_TESTS_FOLDER) / "core" / file;
  std::stringstream expected;
  expected << std::ifstream(golden).rdbuf();
  EXPECT_EQ(dump, expected.str()) << "now:\n" << dump;
}

TEST(LayoutTest, BytesOfASmallRegionAreAsCheckedIn) {
  Channel channel =
      Channel::create({.capacity_bytes = 4096, .doorbell = core::DoorbellKind::futex}).value();
  Region witness = Region::attach(FileDescriptor(::dup(channel.fds().memory))).value();
  std::string dump = "a new region\n" + dump_of(witness);
  {
    std::optional<Receiver> receiver = Receiver::attach(channel.fds()).value();
    Sender sender = Sender::open(std::move(channel)).value();
    ASSERT_TRUE(sender.try_send(bytes_of("one")));
    ASSERT_TRUE(sender.try_send(bytes_of("sixteen bytes :-)")));
    for (const std::string_view text : {"a", "batch", "of three records"}) {
      const std::span<std::byte> room = sender.claim(text.size()).value();
      std::memcpy(room.data(), text.data(), text.size());
      sender.stage();
    }
    sender.flush();
    dump += "\nfive records committed, none read\n" + dump_of(witness);
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(receiver->peek());
      receiver->release();
    }
    receiver.reset();
    dump += "\ntwo records read, then the reader closed\n" + dump_of(witness);
  }
  dump += "\nthe writer closed too\n" + dump_of(witness);

  expect_as_checked_in("layout_golden.txt", dump);
}

// --- the other rings: what stands in their words, which no assert in layout.hpp knows ------------

using Text = std::array<char, 8>;
constexpr Text kOne{'o', 'n', 'e'};
constexpr Text kTwo{'t', 'w', 'o'};

template <class T>
std::string dump_of(const char* title, const T* words, std::size_t count = 1) {
  return std::string(title) + "\n" + test::hexdump(std::as_bytes(std::span(words, count)));
}
template <class Writer>
void write(Writer& writer, const Text& text) {
  ASSERT_TRUE(core::typed_writer<Text>(writer).try_write(text));
}

std::string mpmc_dump() {
  const test::PlainMpmcMemory storage(4, sizeof(Text));
  const core::MpmcMemory memory = storage.memory();
  core::MpmcRing<>::Writer writer(memory, 0x11);
  core::MpmcRing<>::Reader reader(memory, 0x22);
  for (int lap = 0; lap < 4; ++lap) {
    write(writer, kOne);
    EXPECT_FALSE(reader.peek().empty());
    reader.release();
  }
  write(writer, kTwo);
  write(writer, kOne);
  EXPECT_FALSE(reader.peek().empty());
  EXPECT_FALSE(writer.claim().empty());
  return dump_of("MpmcRing, in lap 1: taken by 0x22, ready, claimed by 0x11, free", memory.slots,
                 std::size_t{4} * memory.slot_bytes);
}

std::string lossy_dump() {
  const test::PlainBroadcastMemory storage(2, sizeof(Text));
  core::BroadcastLossy<>::Writer writer(storage.slots<std::byte>());
  for (const Text& text : {kOne, kTwo, kTwo}) write(writer, text);
  const auto slots = storage.slots<const std::byte>();
  std::string dump = dump_of("BroadcastLossy of 2 slots, 3 messages", slots.slots,
                             slots.slot_count * slots.slot_bytes);
  storage.sequence(1) = core::writing_sequence(3);
  return dump +
         dump_of("\nthe fourth being written", slots.slots, slots.slot_count * slots.slot_bytes);
}

std::string lossless_dump() {
  const test::PlainBroadcastMemory storage(2, sizeof(Text));
  const core::BroadcastMemory memory = storage.memory();
  core::BroadcastLossless<>::Writer writer(memory);
  auto reader = *core::BroadcastLossless<>::Reader::join(memory, 0x33);
  for (const Text& text : {kOne, kTwo, kOne}) {
    write(writer, text);
    EXPECT_FALSE(reader.peek().empty());
    reader.release();
  }
  return dump_of("BroadcastLossless of 2 slots, 3 messages: limit, reader 0x33", memory.control) +
         dump_of("slots", memory.slots.slots, memory.slots.slot_count * memory.slots.slot_bytes);
}

std::string many_dump() {
  const test::PlainManyMemory storage(4, sizeof(Text));
  const core::ManyMemory memory = storage.memory();
  auto reader = *core::ManyLossless<>::Reader::join(memory, 0x33);
  core::ManyLossless<>::Writer writer(memory, 0x11);
  for (const Text& text : {kOne, kTwo, kOne}) {
    write(writer, text);
    EXPECT_FALSE(reader.peek().empty());
    reader.release();
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(writer.claim().empty());
    writer.abort();
  }
  EXPECT_FALSE(writer.claim().empty());
  return dump_of("ManyLossless of 4 slots, 3 messages, 2 aborts, a claim by 0x11: limit, reader",
                 memory.control) +
         dump_of("slots", memory.slots, memory.slot_count * memory.slot_bytes);
}

std::string fan_in_dump() {
  test::FanInStorage storage(66, 64);
  const core::FanInMemory memory = storage.memory();
  const core::FanIn<>::Reader reader = storage.reader();
  core::FanIn<>::Writer writer(memory, 65);
  write(writer, kOne);
  EXPECT_EQ(reader.active_lanes(), 0U);
  return dump_of("FanIn of 66 lanes, a message in lane 65: ready bits", memory.control) +
         dump_of("its control lines", &memory.lanes[65]) +
         dump_of("its data", memory.ring(65).data, memory.capacity_bytes);
}

std::string call_line_dump() {
  core::CallCell cell{};
  const core::CallMemory memory{&cell, nullptr, nullptr, 0};
  core::CallLine<>::Caller caller(memory);
  core::CallLine<>::Server server(memory);
  std::string dump;
  for (const char* const title : {"CallLine, called", "\nagain, after an answer"}) {
    const std::span<std::byte> request = caller.claim(sizeof kOne);
    std::memcpy(request.data(), kOne.data(), sizeof kOne);
    caller.call();
    dump += dump_of(title, &cell);
    EXPECT_FALSE(server.request().empty());
    dump += dump_of("begun", &cell);
    const std::span<std::byte> response = server.claim(sizeof kTwo);
    std::memcpy(response.data(), kTwo.data(), sizeof kTwo);
    server.respond();
    dump += dump_of("answered", &cell);
    EXPECT_TRUE(caller.answered());
  }
  return dump;
}

TEST(LayoutTest, WordsOfTheOtherRingsAreAsCheckedIn) {
  expect_as_checked_in("ring_layout_golden.txt", mpmc_dump() + "\n" + lossy_dump() + "\n" +
                                                     lossless_dump() + "\n" + many_dump() + "\n" +
                                                     fan_in_dump() + "\n" + call_line_dump());
}

TEST(LayoutTest, ZeroedMemoryIsNoRegion) {
  constexpr core::RegionHeader kZeros{};
  EXPECT_NE(kZeros.magic, core::kRegionMagic);
  EXPECT_NE(kZeros.layout_version, core::kLayoutVersion);
  EXPECT_NE(kZeros.ring_kind, std::uint32_t(core::RingKind::spsc));
  EXPECT_NE(kZeros.doorbell_kind, std::uint32_t(core::DoorbellKind::none));
}

}  // namespace
}  // namespace ringbell
