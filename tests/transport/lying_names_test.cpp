// Rings that lie in the folder of the names and cannot be what a program asks for by name; and
// regions that look like a topic and are none.
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using test::copy_of;

// A channel that rings by eventfd: those descriptors are in no file.
TEST(LyingNamesTest, AChannelWhoseBellsAreElsewhereIsRefused) {
  const test::TemporaryNameFolder folder;
  const auto place = [&](const std::string& file) {
    RegionOptions options =
        ChannelOptions{.capacity_bytes = 4096, .doorbell = DoorbellKind::eventfd}.region();
    options.memory.backing = Backing::file;
    options.memory.name = folder.path() + "/" + file;
    ASSERT_TRUE(Region::create(options));
  };
  ASSERT_NO_FATAL_FAILURE(place("orders.ring"));
  const auto opened = Receiver::open("orders", 0ns);
  ASSERT_FALSE(opened);
  EXPECT_EQ(code_of(opened), code_of(Sender::create("orders", {.capacity_bytes = 4096})));
  EXPECT_EQ(code_of(opened), code_of(Sender::open("orders", 0ns)));
  ASSERT_NO_FATAL_FAILURE(place("news.1.past"));
  EXPECT_EQ(code_of(opened), code_of(Receiver::open("news", 0ns)));
}

// Its reader is about to let go of it, or a writer has it that cannot be there any more.
TEST(LyingNamesTest, ARingThatWasSetAsideIsWaitedFor) {
  const test::TemporaryNameFolder folder;
  RegionOptions options = ChannelOptions{.capacity_bytes = 4096}.region();
  options.memory.backing = Backing::file;
  options.memory.name = folder.path() + "/news.1.past";
  const Region ring = Region::create(options).value();
  {
    ring.spsc_control().reader_state = std::uint32_t(core::SideState::closed);
    const auto reads = ParticipantLock::take(ring.fd(), 1, "reader").value();
    EXPECT_EQ(code_of(Receiver::open("news", 0ns)), ErrorCode::not_found);
  }
  const auto writes = ParticipantLock::take(ring.fd(), 0, "writer").value();
  EXPECT_EQ(code_of(Receiver::open("news", 0ns)), ErrorCode::not_found);
  EXPECT_EQ(folder.files().size(), 1U) << "it is not removed meanwhile";
}

TEST(LyingNamesTest, ATopicWhoseSlotsHoldNoSizeIsRefused) {
  const Region region =
      Region::create(RegionOptions{.shape = {.kind = core::RingKind::broadcast_lossless,
                                             .slot_count = 16,
                                             .message_bytes = 4,
                                             .participants = 4}})
          .value();
  EXPECT_EQ(code_of(Topic::attach({.memory = region.fd(), .bells = -1})), ErrorCode::not_a_region);
}

TEST(LyingNamesTest, ALossyTopicThatIsSpoiltHasNoPublisher) {
  Topic topic = Topic::create({.messages = 8, .message_bytes = 64}).value();
  const core::Geometry& geometry = topic.region().geometry();
  std::memset(topic.region().data(), 0xff, geometry.region_bytes - geometry.data_offset);
  EXPECT_EQ(code_of(Publisher::open(std::move(topic))), ErrorCode::corrupt);
}

// Where it would have gone on is not to be found.
TEST(LyingNamesTest, ALosslessTopicThatIsSpoiltIsCorruptForASubscriberThatWasInIt) {
  const Topic topic =
      Topic::create({.policy = TopicOptions::Policy::lossless, .messages = 8, .message_bytes = 64})
          .value();
  const core::Geometry& geometry = topic.region().geometry();
  std::memset(topic.region().data(), 0xff, geometry.region_bytes - geometry.data_offset);
  Subscriber subscriber =
      Subscriber::open(Topic::attach(topic.fds()).value(), TopicStart::at(3)).value();
  EXPECT_EQ(code_of(subscriber.peek_for(20s)), ErrorCode::corrupt);
}

// Another process has it open, and its publisher is not there: not yet, or not any more.
TEST(LyingNamesTest, ALossyTopicIsNotOpenedBeforeItsPublisherLives) {
  const test::TemporaryNameFolder folder;
  const Publisher publisher = Publisher::create("news").value();
  const Region ring = copy_of(publisher.region());
  ring.participant(0).state = std::uint32_t(core::SideState::absent);
  EXPECT_EQ(code_of(Subscriber::open("news", Subscriber::Start::usual, 0ns)), ErrorCode::not_found);
  ring.participant(0).state = std::uint32_t(core::SideState::open);
  EXPECT_TRUE(Subscriber::open("news", Subscriber::Start::usual, 20s));
}

}  // namespace
}  // namespace ringbell
