// A ManyLossless ring in plain memory, two writers, and readers that check each byte.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <gtest/gtest.h>

#include <ringbell/core/many_lossless.hpp>

#include <tests/support/many_memory.hpp>
#include <tests/support/message.hpp>

namespace ringbell::core {

// Alice and Bob write.
class ManyLosslessTest : public testing::Test {
 protected:
  using Ring = ManyLossless<>;

  static constexpr ParticipantId kAlice = 1;
  static constexpr ParticipantId kBob = 2;
  static constexpr ParticipantId kCarol = 3;
  static constexpr ParticipantId kDave = 4;
  static constexpr ParticipantId kErin = 5;
  static constexpr std::uint64_t kSlots = 16;
  static constexpr std::uint64_t kStep = kSlots / 8;

  static bool send(Ring::Writer& writer, std::uint64_t number) {
    const std::span<std::byte> room = writer.claim();
    if (room.empty()) return false;
    test::write_message(room, number);
    EXPECT_TRUE(writer.commit());
    return true;
  }
  // By both in turn; the number is the position. Returns how many there are then.
  std::uint64_t send_all_there_is_room_for(std::uint64_t sent = 0) {
    while (send(sent % 2 == 0 ? alice_ : bob_, sent)) ++sent;
    return sent;
  }
  void send_and_be_read_by_none(std::uint64_t count) {
    for (std::uint64_t number = 0; number < count; ++number) {
      ASSERT_TRUE(send(number % 3 == 0 ? alice_ : bob_, number));
    }
  }
  static void expect(Ring::Reader& reader, std::uint64_t number) {
    const std::span<const std::byte> message = reader.peek();
    ASSERT_EQ(message.size(), reader.message_bytes()) << "nothing where " << number << " was due";
    EXPECT_TRUE(test::is_message(message, number)) << number;
    reader.release();
  }
  [[nodiscard]] Ring::Reader join(ParticipantId id,
                                  BroadcastStart start = BroadcastStart::oldest) const {
    return *Ring::Reader::join(storage_.memory(), id, start);
  }

  test::PlainManyMemory storage_{kSlots, 24, 3};
  Ring::Writer alice_{storage_.memory(), kAlice};
  Ring::Writer bob_{storage_.memory(), kBob};
};

}  // namespace ringbell::core
