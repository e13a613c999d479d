// A peer that stores anything anywhere, at any time: each load may return something else than the
// one before it, from the same word. No side reads or writes outside the memory (guard bytes; the
// sanitizers see the rest), and no call takes more steps than it may.
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/fan_in.hpp>

#include <tests/support/broadcast_memory.hpp>
#include <tests/support/fan_in_memory.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/watched_atomics.hpp>

namespace ringbell::core {
namespace {

using test::operations_of;
using Watched = test::WatchedAtomics;

class LyingPeerTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kSlots = 16;
  static constexpr std::uint32_t kSlotBits = 5;
  static constexpr std::uint64_t kRounds = 5000;

  void TearDown() override { Watched::watch() = {}; }

  // From now on one load in so many is a lie; 0: none. Lies are often near the truth.
  void lie_once_in(std::uint64_t loads) {
    Watched::watch().see = [this, loads](std::uint64_t value) {
      if (loads == 0 || dice_.roll(loads) != 0) return value;
      switch (dice_.roll(5)) {
        case 0:
          return std::uint64_t{0};
        case 1:
          return value + dice_.roll(4) - 2;
        case 2:
          return value + 2 * kSlots * (dice_.roll(9) - 4);  // as if laps had gone by
        case 3:
          return value ^ (std::uint64_t{1} << dice_.roll(64));
        default:
          return test::mix(dice_.roll(UINT64_MAX)) >> dice_.roll(64);
      }
    };
  }
  // A truthful peer now and then, so that the calls get beyond their first check.
  void lie_somehow() {
    constexpr std::array<std::uint64_t, 6> kOften = {1, 3, 10, 40, 400, 0};
    lie_once_in(kOften[dice_.roll(kOften.size())]);
  }
  [[nodiscard]] bool heads() { return dice_.roll(2) == 0; }
  [[nodiscard]] BroadcastStart somewhere() {
    return heads() ? BroadcastStart::oldest : BroadcastStart::newest;
  }

  template <class Call>
  static void expect_at_most(std::uint64_t operations, Call&& call) {
    EXPECT_LE(operations_of(call), operations);
  }

  test::PrintedSeed printed_;
  test::Dice dice_{test::seed()};
};

TEST_F(LyingPeerTest, LossyRing) {
  using Lossy = BroadcastLossy<Watched>;
  constexpr std::uint32_t kBytes = 20;
  constexpr std::uint64_t kSearch = 1 + kSlotBits;
  constexpr std::uint64_t kTries = 4;
  const std::array<std::byte, kBytes> message{};
  std::array<std::byte, kBytes> into{};
  std::uint64_t got_through = 0;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    lie_somehow();
    const test::PlainBroadcastMemory storage(kSlots, kBytes);
    std::optional<Lossy::Writer> writer;
    std::optional<Lossy::Reader> reader;
    expect_at_most(kSearch, [&] { writer.emplace(storage.slots<std::byte>()); });
    expect_at_most(kSearch, [&] { reader.emplace(storage.slots<const std::byte>(), somewhere()); });
    for (int i = 0; i < 30; ++i) {
      if (heads()) lie_somehow();
      expect_at_most(6, [&] { writer->publish(message); });
      const std::uint64_t before = reader->position();
      const std::uint64_t missed = reader->missed();
      bool received = false;
      expect_at_most(kTries * (5 + kSearch), [&] { received = reader->receive(into); });
      got_through += received ? 1 : 0;
      EXPECT_EQ(reader->position() - before, reader->missed() - missed + (received ? 1 : 0));
      if (dice_.roll(8) == 0) writer.emplace(storage.slots<std::byte>());
      if (dice_.roll(8) == 0) reader.emplace(storage.slots<const std::byte>(), somewhere());
    }
  }
  EXPECT_GT(got_through, kRounds);
}

TEST_F(LyingPeerTest, LosslessRing) {
  using Lossless = BroadcastLossless<Watched>;
  constexpr std::uint32_t kReaders = 3;
  constexpr std::uint64_t kSearch = 1 + kSlotBits;
  constexpr std::uint64_t kLook = 2 * kReaders + 2;
  constexpr std::uint64_t kJoin = kSearch + 2 * kReaders + 4 * 3 + 1;
  std::uint64_t got_through = 0;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    lie_somehow();
    const test::PlainBroadcastMemory storage(kSlots, 8, kReaders);
    std::optional<Lossless::Writer> writer;
    std::array<std::optional<Lossless::Reader>, kReaders> readers;
    const auto join = [&](std::size_t i) {
      readers[i].reset();
      const auto id = static_cast<ParticipantId>(i + 1);
      expect_at_most(
          kJoin, [&] { readers[i] = Lossless::Reader::join(storage.memory(), id, somewhere()); });
    };
    expect_at_most(kSearch, [&] { writer.emplace(storage.memory()); });
    for (std::size_t i = 0; i < kReaders; ++i) join(i);
    for (int i = 0; i < 30; ++i) {
      if (heads()) lie_somehow();
      expect_at_most(kLook + 1, [&] {
        const std::span<std::byte> room = writer->claim();
        if (room.empty()) return;
        std::fill(room.begin(), room.end(), std::byte{1});
        writer->commit();
      });
      const std::size_t one = dice_.roll(kReaders);
      if (!readers[one] || dice_.roll(8) == 0) join(one);
      if (!readers[one]) continue;
      expect_at_most(2 + 1, [&] {
        if (readers[one]->peek().empty()) return;
        readers[one]->release();
        ++got_through;
      });
      if (dice_.roll(8) == 0) writer.emplace(storage.memory());
      expect_at_most(2 * kReaders, [&] {
        (void)Lossless::evict(storage.memory(), [&](ParticipantId) { return heads(); });
      });
    }
  }
  EXPECT_GT(got_through, kRounds);
}

TEST_F(LyingPeerTest, FanIn) {
  using FanIn = core::FanIn<Watched>;
  constexpr std::uint32_t kLanes = 70;
  constexpr std::uint64_t kCapacityBytes = 128;
  // A look at a lane, with what follows; the rest of a round and a whole one look at each twice.
  constexpr std::uint64_t kLook = 5;
  constexpr std::uint64_t kAll = kLook * kLanes;
  std::uint64_t got_through = 0;
  for (std::uint64_t round = 0; round < kRounds / 10; ++round) {
    lie_somehow();
    const test::FanInStorage storage(kLanes, kCapacityBytes);
    const FanInMemory memory = storage.memory();
    std::vector<FanIn::ReaderLane> kept(kLanes);
    const FanInPace pace{.burst = 3, .lanes = {.patience = 2, .kept_lanes = 1}};
    std::optional<FanIn::Reader> reader;
    expect_at_most(2 * kAll, [&] { reader.emplace(memory, kept, pace); });
    std::optional<FanIn::Writer> writer;
    for (int i = 0; i < 100; ++i) {
      if (heads()) lie_somehow();
      if (!writer || dice_.roll(8) == 0) {
        const auto lane = static_cast<std::uint32_t>(dice_.roll(kLanes));
        expect_at_most(1 + kCapacityBytes / 8, [&] { writer.emplace(memory, lane); });
      }
      expect_at_most(8, [&] {
        const auto bytes = static_cast<std::uint32_t>(1 + dice_.roll(40));
        const std::span<std::byte> room = writer->claim(bytes);
        if (room.data() == nullptr) return;
        std::fill(room.begin(), room.end(), std::byte{1});
        writer->commit();
      });
      std::span<const std::byte> record;
      expect_at_most(2 * kAll + 2, [&] { record = reader->peek(); });
      if (record.data() == nullptr) {
        expect_at_most(kAll, [&] { (void)reader->anything(); });
        continue;
      }
      ASSERT_LT(reader->lane(), kLanes);
      const std::byte* const data = memory.data + reader->lane() * memory.lane_stride_bytes;
      ASSERT_GE(record.data(), data);
      ASSERT_LE(record.data() + record.size(), data + memory.lane_stride_bytes);
      expect_at_most(2, [&] { reader->release(); });
      ++got_through;
      if (dice_.roll(20) == 0) reader.emplace(memory, kept, pace);
    }
  }
  EXPECT_GT(got_through, kRounds / 10);
}

}  // namespace
}  // namespace ringbell::core
