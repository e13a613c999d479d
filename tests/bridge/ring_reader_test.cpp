// What a reader of a ring by its name has given back.
#include <array>
#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

#include <ringbell/transport/ends/sender.hpp>

#include "bridge/rings/ring_reader.hpp"

#include <tests/support/name_folder.hpp>

namespace ringbell::bridge {
namespace {

TEST(RingReaderTest, AChannelsSenderLearnsAtOnceOfWhatIsPublishedAsReleased) {
  const test::TemporaryNameFolder folder;
  Result<Sender> sender = Sender::create("orders", {.capacity_bytes = 65'536});
  ASSERT_TRUE(sender) << sender.error().message;
  Result<RingReader> reader = RingReader::open("orders", kForever);
  ASSERT_TRUE(reader) << reader.error().message;
  const std::array<std::byte, 100> record{};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(sender->send(record, Timeout::zero()).value());
  const std::uint64_t all = sender->fill();
  ASSERT_TRUE(reader->next(Timeout::zero()).value());
  const std::uint64_t behind_first = reader->position();
  ASSERT_TRUE(reader->next(Timeout::zero()).value());
  reader->release_to(behind_first);
  ASSERT_EQ(sender->fill(), all) << "it is no step yet";
  reader->publish_released();
  EXPECT_EQ(sender->fill(), all / 3 * 2);
  reader->release_to(reader->position());
  reader->publish_released();
  EXPECT_EQ(sender->fill(), all / 3);
}

}  // namespace
}  // namespace ringbell::bridge
