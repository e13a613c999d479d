// Tags of a sender: what its successor under the same name resumes from.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

class TagsTest : public ::testing::Test {
 protected:
  static void stage(Sender& sender) {
    ASSERT_TRUE(sender.claim(8));
    sender.stage();
  }

  test::TemporaryNameFolder folder_;
};

TEST_F(TagsTest, SuccessorKnowsTheLastTag) {
  std::optional<Receiver> receiver;
  {
    Sender first = Sender::create("tagged").value();
    receiver.emplace(Receiver::open("tagged").value());
    EXPECT_EQ(first.last_tag(), std::nullopt);
    for (const std::uint64_t tag : {3U, 4U}) {
      stage(first);
      stage(first);
      EXPECT_FALSE(receiver->peek());
      first.flush_tagged(tag);
      EXPECT_EQ(receiver->drain([](auto) {}), 2U);
      EXPECT_EQ(first.last_tag(), (core::LastTag{tag, true}));
    }
    stage(first);  // and is gone before it shows it
  }
  Sender second = Sender::create("tagged").value();
  EXPECT_EQ(second.last_tag(), (core::LastTag{4, true}));
  stage(second);
  second.flush();
  EXPECT_EQ(second.last_tag(), (core::LastTag{4, true})) << "a plain flush is no tag";
}

// As if a sender had died between the announcement of a tag and the flush.
TEST_F(TagsTest, TagThatDidNotComeToItStaysSo) {
  Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  core::SpscIntent<>(channel.region().spsc_control().intent).announce(0, 9);
  Sender next = Sender::attach(channel.fds()).value();
  EXPECT_EQ(next.last_tag(), (core::LastTag{9, false}));
  EXPECT_TRUE(next.try_send(std::array<std::byte, 8>{}));
  EXPECT_EQ(next.last_tag(), (core::LastTag{9, false})) << "another record stands there now";
}

TEST_F(TagsTest, CallsOutOfTurnDoNothing) {
  Sender sender = Sender::create("tagged").value();
  Receiver receiver = Receiver::open("tagged").value();
  sender.flush_tagged(1);
  EXPECT_EQ(sender.last_tag(), std::nullopt);
  stage(sender);
  sender.flush_tagged(core::kTagLimit);
  EXPECT_FALSE(receiver.peek()) << "a tag that is too large";
  sender.abort();
  sender.flush_tagged(2);
  EXPECT_EQ(sender.last_tag(), std::nullopt);
  EXPECT_FALSE(receiver.peek());
}

}  // namespace
}  // namespace ringbell
