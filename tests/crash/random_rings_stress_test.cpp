// Each ring under load, with SIGKILLs at random moments for its participants.
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/call_group.hpp>
#include <ringbell/core/fan_in.hpp>
#include <ringbell/core/mpmc_ring.hpp>
#include <ringbell/core/spsc_ring.hpp>

#include <tests/crash/random_records.hpp>
#include <tests/support/message.hpp>
#include <tests/support/shared_pages.hpp>
#include <tests/support/troupe.hpp>

namespace ringbell::core {
namespace {

using crash::Checker;
using crash::is_right;
using crash::kills_of_each;
using crash::next_of;
using crash::number_in;
using crash::Record;
using crash::size_of;
using test::Player;
using test::Progress;
using test::SharedPages;
using test::Stage;
using test::Troupe;

// --- SpscRing, and the lanes of a FanIn ----------------------------------------------------------

template <class Writer>
std::string write_until_over(Writer writer, Record& record, const Stage& stage) {
  if (writer.corrupt()) return "the writer finds the ring corrupt";
  std::uint64_t number = next_of(writer.tail(), record);
  record.written = {.begun = number, .done = number};
  while (!stage.is_over(Stage::kFirstEnds)) {
    const std::span<std::byte> room = writer.claim(size_of(number));
    if (room.empty()) {
      if (writer.corrupt()) return "the reader's position is impossible";
      std::this_thread::yield();
      continue;
    }
    test::write_message(room, number);
    record.tail = writer.tail();
    record.written.begin();
    writer.commit();
    record.written.finish();
    ++number;
  }
  return {};
}

TEST(RandomKillsTest, SpscRing) {
  constexpr std::uint64_t kCapacity = 4096;
  SharedPages pages(32768);
  const SpscMemory memory{.control = pages.take<SpscControl>(),
                          .data = pages.take<std::byte>(2 * kCapacity),
                          .capacity_bytes = kCapacity,
                          .record_alignment = 8};
  Record& record = *pages.take<Record>();
  const auto write = [&](Stage& stage) {
    return write_until_over(SpscRing<>::Writer(memory), record, stage);
  };
  const auto read = [&](Stage& stage) -> std::string {
    SpscRing<>::Reader reader(memory);
    // An eighth of the ring, in the smallest of records, and the one that it had in hand.
    Checker checker(record, kCapacity / SpscRing<>::kHeadPublications / 24 + 1);
    while (true) {
      const bool last_look = stage.is_over(Stage::kSecondEnds);
      const std::span<const std::byte> message = reader.peek();
      if (message.empty()) {
        if (reader.corrupt()) return "a header is impossible";
        if (last_look) return {};
        std::this_thread::yield();
        continue;
      }
      if (std::string wrong = checker.check(message); !wrong.empty()) return wrong;
      checker.give_back([&] { reader.release(); });
      stage.went_on();
    }
  };
  Troupe troupe("SpscRing", {{"writer", write}, {"reader", read, Stage::kSecondEnds}});
  troupe.perform(kills_of_each());
  EXPECT_EQ(record.read.least(), record.written.least()) << "committed, and never read";
}

TEST(RandomKillsTest, FanIn) {
  constexpr std::uint32_t kLanes = 3;
  constexpr std::uint64_t kCapacity = 4096;
  constexpr FanInPace kPace{.burst = 4, .lanes = {.patience = 8, .kept_lanes = 1}};
  SharedPages pages(65536);
  const FanInMemory memory{.control = pages.take<ReadyControl>(),
                           .lanes = pages.take<FanInLaneControl>(kLanes),
                           .data = pages.take<std::byte>(kLanes * 2 * kCapacity),
                           .lane_stride_bytes = 2 * kCapacity,
                           .capacity_bytes = kCapacity,
                           .record_alignment = 8,
                           .lane_count = kLanes};
  std::array<Record*, kLanes> records{};
  std::vector<Player> players;
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    Record& record = *(records[lane] = pages.take<Record>());
    players.push_back({fmt::format("writer {}", lane), [&memory, &record, lane](Stage& stage) {
                         return write_until_over(FanIn<>::Writer(memory, lane), record, stage);
                       }});
  }
  const auto read = [&](Stage& stage) -> std::string {
    std::vector<FanIn<>::ReaderLane> storage(kLanes);
    FanIn<>::Reader reader(memory, storage, kPace);
    std::vector<Checker> checkers;
    checkers.reserve(records.size());
    for (Record* const record : records) checkers.emplace_back(*record, kPace.burst + 1);
    while (true) {
      const bool last_look = stage.is_over(Stage::kSecondEnds);
      const std::span<const std::byte> message = reader.peek();
      if (message.empty()) {
        if (reader.corrupt_lanes() > 0) return "a lane is corrupt";
        if (last_look && !reader.anything()) return {};
        std::this_thread::yield();
        continue;
      }
      Checker& checker = checkers[reader.lane()];
      if (std::string wrong = checker.check(message); !wrong.empty()) {
        return fmt::format("lane {}: {}", reader.lane(), wrong);
      }
      checker.give_back([&] { reader.release(); });
      stage.went_on();
    }
  };
  players.push_back({"reader", read, Stage::kSecondEnds});
  Troupe troupe("FanIn", players);
  troupe.perform(kills_of_each());
  for (const Record* const record : records) {
    EXPECT_EQ(record->read.least(), record->written.least()) << "committed, and never read";
  }
}

// --- MpmcRing ------------------------------------------------------------------------------------

constexpr std::uint32_t kSlotMessageBytes = 48;

// NOLINTNEXTLINE(readability-function-size): the lives of both sides, in turn
TEST(RandomKillsTest, MpmcRing) {
  constexpr std::uint64_t kSlots = 64;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 26;  // of each writer
  constexpr std::uint8_t kMarked = 16;  // deliveries: marked ones count 16, the others 1
  SharedPages pages(2 * kMost + 65536);
  const MpmcMemory memory{.control = pages.take<MpmcControl>(),
                          .slots = pages.take<std::byte>(kSlots * 64),
                          .slot_count = kSlots,
                          .slot_bytes = MpmcMemory::slot_bytes_for(kSlotMessageBytes),
                          .message_bytes = kSlotMessageBytes};
  std::array<Progress*, 2> written{};
  std::array<std::uint8_t*, 2> deliveries{};
  std::array<std::set<std::uint64_t>, 2> uncertain;  // begun by one that died
  const auto recover = [&](ParticipantId dead) {
    MpmcRing<>::Writer undertaker(memory, 99);
    (void)undertaker.recover([&](ParticipantId id) { return id == dead; });
  };
  std::vector<Player> players;
  for (std::uint64_t w = 0; w < 2; ++w) {
    written[w] = pages.take<Progress>();
    deliveries[w] = pages.take<std::uint8_t>(kMost);
    const auto id = static_cast<ParticipantId>(1 + w);
    const auto write = [&, w, id](Stage& stage) -> std::string {
      MpmcRing<>::Writer writer(memory, id);
      while (!stage.is_over(Stage::kFirstEnds)) {
        const std::uint64_t number = written[w]->most();
        const std::span<std::byte> room = number < kMost ? writer.claim() : std::span<std::byte>();
        if (room.empty()) {
          if (writer.corrupt()) return "the writer finds the ring corrupt";
          std::this_thread::yield();
          continue;
        }
        test::write_message(room, number << 1 | w);
        written[w]->begin();
        if (!writer.commit()) return "a living writer was declared dead";
        written[w]->finish();
      }
      return {};
    };
    const auto bury = [&, w, id] {
      recover(id);
      // Its successor goes on behind the one that it may have committed.
      if (written[w]->most() > written[w]->least()) uncertain[w].insert(written[w]->least());
      written[w]->finish();
    };
    players.push_back({fmt::format("writer {}", w), write, Stage::kFirstEnds, bury});
  }
  for (ParticipantId id = 3; id < 5; ++id) {
    const auto read = [&, id](Stage& stage) -> std::string {
      MpmcRing<>::Reader reader(memory, id);
      std::array<std::uint64_t, 2> least{};
      while (true) {
        const bool last_look = stage.is_over(Stage::kSecondEnds);
        const std::span<const std::byte> message = reader.peek();
        if (message.empty()) {
          if (reader.corrupt()) return "the reader finds the ring corrupt";
          if (last_look) return {};
          std::this_thread::yield();
          continue;
        }
        const std::uint64_t number = number_in(message) >> 1;
        const std::uint64_t w = number_in(message) & 1;
        if (number >= kMost || !test::is_message(message, number << 1 | w)) return "torn";
        std::atomic_ref<std::uint8_t> times(deliveries[w][number]);
        if (reader.redelivered()) {
          times.fetch_add(kMarked);
        } else {
          if (times.fetch_add(1) != 0) return fmt::format("{} came again, unmarked", number);
          if (number < least[w]) return fmt::format("{} of {} is out of order", number, w);
          least[w] = number + 1;
        }
        if (!reader.release()) return "a living reader was declared dead";
        stage.went_on();
      }
    };
    players.push_back(
        {fmt::format("reader {}", id - 3), read, Stage::kSecondEnds, [&, id] { recover(id); }});
  }
  Troupe troupe("MpmcRing", players);
  troupe.perform(kills_of_each());
  for (std::uint64_t w = 0; w < 2; ++w) {
    for (std::uint64_t number = 0; number < written[w]->least(); ++number) {
      ASSERT_TRUE(deliveries[w][number] > 0 || uncertain[w].contains(number))
          << number << " of writer " << w << " was committed, and never read";
    }
  }
}

// --- BroadcastRing: messages are numbered by their positions -------------------------------------

// Whether the end that a new writer finds agrees with what the dead writer had done.
std::string take_over(Progress& progress, std::uint64_t position) {
  if (position < progress.least() || position > progress.most()) {
    return fmt::format("ends at {}, but {} to {} were written", position, progress.least(),
                       progress.most());
  }
  progress = {.begun = position, .done = position};
  return {};
}

TEST(RandomKillsTest, BroadcastLossless) {
  using Ring = BroadcastLossless<>;
  constexpr std::uint64_t kSlots = 64;
  SharedPages pages(65536);
  const BroadcastMemory memory{
      .control = pages.take<BroadcastControl>(),
      .slots = {.slots = pages.take<std::byte>(kSlots * 64),
                .slot_count = kSlots,
                .slot_bytes = BroadcastSlots<std::byte>::slot_bytes_for(kSlotMessageBytes),
                .message_bytes = kSlotMessageBytes},
      .max_readers = 2};
  Progress& written = *pages.take<Progress>();
  const auto write = [&](Stage& stage) -> std::string {
    Ring::Writer writer(memory);
    if (std::string wrong = take_over(written, writer.position()); !wrong.empty()) return wrong;
    while (!stage.is_over(Stage::kFirstEnds)) {
      const std::span<std::byte> room = writer.claim();
      if (room.empty()) {
        if (writer.corrupt()) return "the writer finds the ring corrupt";
        std::this_thread::yield();
        continue;
      }
      test::write_message(room, writer.position());
      written.begin();
      writer.commit();
      written.finish();
    }
    return {};
  };
  std::vector<Player> players = {{"writer", write}};
  for (ParticipantId id = 1; id <= 2; ++id) {
    const auto read = [&, id](Stage& stage) -> std::string {
      std::optional<Ring::Reader> reader = Ring::Reader::join(memory, id);
      if (!reader) return "no cell is free";
      while (true) {
        const bool last_look = stage.is_over(Stage::kSecondEnds);
        const std::span<const std::byte> message = reader->peek();
        if (message.empty()) {
          if (reader->corrupt() || reader->evicted()) return "corrupt, or evicted alive";
          if (!last_look) {
            std::this_thread::yield();
            continue;
          }
          return reader->position() == written.least() ? "" : "not all was read";
        }
        if (!test::is_message(message, reader->position())) return "torn, or another one";
        reader->release();
        stage.went_on();
      }
    };
    const auto bury = [&, id] {
      (void)Ring::evict(memory, [&](ParticipantId owner) { return owner == id; });
    };
    players.push_back({fmt::format("reader {}", id), read, Stage::kSecondEnds, bury});
  }
  Troupe troupe("BroadcastLossless", players);
  troupe.perform(kills_of_each());
}

TEST(RandomKillsTest, BroadcastLossy) {
  using Ring = BroadcastLossy<>;
  constexpr std::uint64_t kSlots = 64;
  constexpr std::uint32_t kBytes = 600;
  SharedPages pages(65536 + kSlots * 1024);
  const std::uint32_t slot_bytes = BroadcastSlots<std::byte>::slot_bytes_for(kBytes);
  const BroadcastSlots<std::byte> slots{.slots = pages.take<std::byte>(kSlots * slot_bytes),
                                        .slot_count = kSlots,
                                        .slot_bytes = slot_bytes,
                                        .message_bytes = kBytes};
  Progress& written = *pages.take<Progress>();
  const auto write = [&](Stage& stage) -> std::string {
    Ring::Writer writer(slots);
    if (std::string wrong = take_over(written, writer.position()); !wrong.empty()) return wrong;
    std::vector<std::byte> message(kBytes);
    while (!stage.is_over(Stage::kFirstEnds)) {
      test::write_message(message, writer.position());
      written.begin();
      writer.publish(message);
      written.finish();
      if (writer.position() % kSlots == 0) std::this_thread::yield();  // it never waits
    }
    return writer.corrupt() ? "the writer finds the ring corrupt" : "";
  };
  const auto read = [&](Stage& stage) -> std::string {
    Ring::Reader reader(BroadcastSlots<const std::byte>{slots.slots, kSlots, slot_bytes, kBytes});
    const std::uint64_t start = reader.position();
    std::vector<std::byte> message(kBytes);
    std::uint64_t received = 0;
    while (true) {
      const bool last_look = stage.is_over(Stage::kSecondEnds);
      if (!reader.receive(message)) {
        if (reader.corrupt()) return "the reader finds the ring corrupt";
        if (!last_look) {
          std::this_thread::yield();
          continue;
        }
        if (reader.position() != written.least()) return "not all was received or missed";
        return reader.position() - start == received + reader.missed() ? "" : "miscounted";
      }
      ++received;
      if (!test::is_message(message, reader.position() - 1)) return "torn, or another one";
      stage.went_on();
    }
  };
  Troupe troupe("BroadcastLossy", {{"writer", write},
                                   {"reader 1", read, Stage::kSecondEnds},
                                   {"reader 2", read, Stage::kSecondEnds}});
  troupe.perform(kills_of_each());
}

// --- CallGroup -----------------------------------------------------------------------------------

TEST(RandomKillsTest, CallGroup) {
  constexpr std::uint32_t kLines = 2;
  constexpr std::uint32_t kBuffer = 400;
  constexpr std::uint64_t kAnswer = std::uint64_t{1} << 40;
  SharedPages pages(65536);
  const CallGroupMemory memory{.control = pages.take<ReadyControl>(),
                               .lines = pages.take<CallGroupLine>(kLines),
                               .buffers = pages.take<std::byte>(2 * kLines * kBuffer),
                               .buffer_bytes = kBuffer,
                               .lane_count = kLines};
  struct Calls {
    Progress called;
    std::uint64_t served;  // one more than the last one that was begun
  };
  std::array<Calls*, kLines> calls{};
  std::vector<Player> players;
  for (std::uint32_t line = 0; line < kLines; ++line) {
    Calls& mine = *(calls[line] = pages.take<Calls>());
    const auto call = [&, line](Stage& stage) -> std::string {
      CallGroup<>::Caller caller(memory, line);
      while (!stage.is_over(Stage::kFirstEnds)) {
        const std::uint64_t number = mine.called.most();
        const std::span<std::byte> room = caller.claim(size_of(number));
        if (room.empty()) {
          if (caller.corrupt()) return "the caller finds the line corrupt";
          std::this_thread::yield();
          continue;
        }
        test::write_message(room, number);
        mine.called.begin();
        caller.call();
        mine.called.finish();
        while (!caller.answered()) {
          if (caller.corrupt()) return "the caller finds the line corrupt";
          std::this_thread::yield();
        }
        if (caller.failed()) continue;
        const std::span<const std::byte> response = caller.response();
        if (response.size() != size_of(number) || !test::is_message(response, number + kAnswer)) {
          return "the answer is torn, or to another call";
        }
        stage.went_on();
      }
      return {};
    };
    players.push_back({fmt::format("caller {}", line), call, Stage::kFirstEnds,
                       [&mine] { mine.called.finish(); }});
  }
  const auto serve = [&](Stage& stage) -> std::string {
    std::vector<CallGroup<>::ServerLine> storage(kLines);
    CallGroup<>::Server server(memory, storage);
    while (!stage.is_over(Stage::kSecondEnds)) {
      const std::span<const std::byte> request = server.request();
      if (request.empty()) {
        if (server.corrupt_lines() > 0) return "a line is corrupt";
        std::this_thread::yield();
        continue;
      }
      if (!is_right(request)) return "a request is torn";
      const std::uint64_t number = number_in(request);
      std::uint64_t& served = calls[server.line()]->served;
      if (number < served) return fmt::format("call {} was begun twice", number);
      served = number + 1;
      test::write_message(server.claim(size_of(number)), number + kAnswer);
      server.respond();
    }
    return {};
  };
  players.push_back({"server", serve, Stage::kSecondEnds});
  Troupe troupe("CallGroup", players);
  troupe.perform(kills_of_each());
}

}  // namespace
}  // namespace ringbell::core
