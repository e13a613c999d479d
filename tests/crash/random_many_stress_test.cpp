// A broadcast ring of many writers under load, with SIGKILLs at random moments for its
// participants. Messages tell their position and their writer, so that another order shows.
#include <atomic>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ringbell/core/many_lossless.hpp>

#include <tests/crash/random_records.hpp>
#include <tests/support/many_memory.hpp>
#include <tests/support/message.hpp>
#include <tests/support/shared_pages.hpp>
#include <tests/support/troupe.hpp>

namespace ringbell::core {
namespace {

using crash::kills_of_each;
using crash::number_in;
using test::Player;
using test::SharedPages;
using test::Stage;
using test::Troupe;

using Ring = ManyLossless<>;

constexpr std::uint64_t kSlots = 64;
constexpr std::uint32_t kBytes = 48;
constexpr std::uint64_t kMost = std::uint64_t{1} << 26;  // positions

// What became of each position: both would be a loss.
constexpr std::uint8_t kCommitted = 1;
constexpr std::uint8_t kPassedOver = 2;

class World {
 public:
  std::string write(ParticipantId id, const Stage& stage) {
    Ring::Writer writer(memory, id);
    while (!stage.is_over(Stage::kFirstEnds)) {
      const std::span<std::byte> room = writer.claim();
      if (room.empty() || writer.position() >= kMost) {
        if (writer.corrupt()) return "the writer finds the ring corrupt";
        (void)writer.abort();
        std::this_thread::yield();
        continue;
      }
      test::write_message(room, writer.position() << 8U | id);
      if (!writer.commit()) return "a living writer was declared dead";
      mark(writer.position(), kCommitted);
    }
    return {};
  }

  std::string read(ParticipantId id, Stage& stage) {
    std::optional<Ring::Reader> reader = Ring::Reader::join(memory, id);
    if (!reader) return "no cell is free";
    while (true) {
      const bool last_look = stage.is_over(Stage::kSecondEnds);
      const std::uint64_t due = reader->position();
      const std::span<const std::byte> message = reader->peek();
      for (std::uint64_t passed = due; passed < reader->position(); ++passed) {
        if (passed < kMost) mark(passed, kPassedOver);
      }
      if (message.empty()) {
        if (reader->corrupt() || reader->evicted()) return "corrupt, or evicted alive";
        if (!last_look) {
          std::this_thread::yield();
          continue;
        }
        return reader->lag() == 0 ? "" : "not all was read";
      }
      const std::uint64_t number = number_in(message);
      if (number >> 8U != reader->position()) return "a message of another position";
      if (!test::is_message(message, number)) return "torn";
      reader->release();
      stage.went_on();
    }
  }

  void bury(ParticipantId dead) const {
    (void)Ring::recover(memory, [&](ParticipantId id) { return id == dead; });
  }

  // Of all that was committed.
  [[nodiscard]] std::uint64_t lost() const {
    std::uint64_t found = 0;
    for (std::uint64_t at = 0; at < memory.control->readers.limit && at < kMost; ++at) {
      if (fate_[at] == (kCommitted | kPassedOver)) ++found;
    }
    return found;
  }

 private:
  void mark(std::uint64_t position, std::uint8_t fate) {
    std::atomic_ref<std::uint8_t>(fate_[position]).fetch_or(fate);
  }

  SharedPages pages_{kMost + 65536};

 public:
  const ManyMemory memory = take_many_memory(pages_, kSlots, kBytes, 2);

 private:
  std::uint8_t* fate_ = pages_.take<std::uint8_t>(kMost);
};

TEST(RandomKillsTest, ManyLossless) {
  World world;
  std::vector<Player> players;
  for (ParticipantId id = 1; id <= 2; ++id) {
    players.push_back({fmt::format("writer {}", id),
                       [&, id](Stage& stage) { return world.write(id, stage); }, Stage::kFirstEnds,
                       [&, id] { world.bury(id); }});
  }
  for (ParticipantId id = 3; id <= 4; ++id) {
    players.push_back({fmt::format("reader {}", id),
                       [&, id](Stage& stage) { return world.read(id, stage); }, Stage::kSecondEnds,
                       [&, id] { world.bury(id); }});
  }
  Troupe troupe("ManyLossless", players);
  troupe.perform(kills_of_each());
  EXPECT_EQ(world.lost(), 0U) << "committed, and passed over";
}

}  // namespace
}  // namespace ringbell::core
