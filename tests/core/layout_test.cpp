// The layout as a file format: every byte of a small region after a fixed series of operations,
// against a text that is checked in. If this fails, programs built before and after the change
// cannot talk to each other: raise kLayoutVersion and check the new text in; the failure prints it.
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/core/parking.hpp>
#include <ringbell/ringbell.hpp>

#include <tests/support/hexdump.hpp>

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
      const std::span<std::byte> room = sender.claim(static_cast<std::uint32_t>(text.size()));
      std::memcpy(room.data(), text.data(), text.size());
      sender.stage();
    }
    sender.flush();
    dump += "\nfive records committed, none read\n" + dump_of(witness);
    for (int i = 0; i < 2; ++i) {
      ASSERT_FALSE(receiver->peek().empty());
      receiver->release();
    }
    receiver.reset();
    dump += "\ntwo records read, then the reader closed\n" + dump_of(witness);
  }
  dump += "\nthe writer closed too\n" + dump_of(witness);

  const auto golden = std::filesystem::path(__FILE__).replace_filename("layout_golden.txt");
  std::stringstream expected;
  expected << std::ifstream(golden).rdbuf();
  EXPECT_EQ(dump, expected.str()) << "now:\n" << dump;
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
