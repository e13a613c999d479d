// Rings that are set aside for a newer one of their name, and read to their end.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/names/generations.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/left_behind.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/text_messages.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::in_a_process_that_is_killed;
using test::leave_behind;
using test::receive_text;
using test::send_text;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Timeout kPatience = 20s;
const ChannelOptions kSmall{.capacity_bytes = 4096};
const ChannelOptions kSmallToo{.capacity_bytes = 4096, .replace = Replace::when_drained};
const ChannelOptions kLarger{.capacity_bytes = 8192, .replace = Replace::when_drained};
const ChannelOptions kLargest{.capacity_bytes = 16384, .replace = Replace::when_drained};

class GenerationsTest : public ::testing::Test {
 protected:
  // A ring in which these are, by a sender that has closed.
  static void write(const ChannelOptions& options, const std::vector<std::string>& texts) {
    Sender sender = Sender::create("orders", options).value();
    for (const std::string& text : texts) ASSERT_TRUE(send_text(sender, text));
  }
  void say_another_layout(const std::string& name) const {
    std::fstream file(folder.path() + "/" + name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offsetof(core::RegionHeader, layout_version));
    file.put(99);
  }
  static std::uint64_t capacity(const Receiver& receiver) {
    return receiver.channel().region().geometry().capacity_bytes;
  }

  test::TemporaryNameFolder folder;
};

TEST_F(GenerationsTest, AReaderFinishesTheOldRingAndGoesOnInTheNew) {
  Receiver receiver = Receiver::create("orders", kSmall).value();
  write(kSmall, {"one", "two"});
  Sender sender = Sender::create("orders", kLarger).value();
  ASSERT_TRUE(send_text(sender, "three"));
  EXPECT_THAT(folder.files(), ElementsAre("orders.1.past", "orders.ring"));
  EXPECT_EQ(receive_text(receiver), "one");
  EXPECT_EQ(receive_text(receiver), "two");
  EXPECT_EQ(capacity(receiver), 4096U);
  EXPECT_EQ(receive_text(receiver), "three");
  EXPECT_EQ(capacity(receiver), 8192U);
  EXPECT_THAT(folder.files(), ElementsAre("orders.ring"));
}

TEST_F(GenerationsTest, AReaderOfTheOldRingIsToldThatTheNewOneIsSpoilt) {
  Receiver receiver = Receiver::create("orders", kSmall).value();
  write(kSmall, {"one"});
  const Sender sender = Sender::create("orders", kLarger).value();
  sender.channel().region().spsc_control().head = 3;  // where no record can begin
  EXPECT_EQ(receive_text(receiver), "one");
  EXPECT_EQ(code_of(receiver.peek_for(kPatience)), ErrorCode::corrupt);
}

TEST_F(GenerationsTest, ByDefaultTheNameIsInUse) {
  const Receiver receiver = Receiver::create("orders", kSmall).value();
  write(kSmall, {"one"});
  const Result<Sender> sender = Sender::create("orders", {.capacity_bytes = 8192});
  ASSERT_FALSE(sender);
  EXPECT_EQ(code_of(sender), ErrorCode::other_ring);
}

TEST_F(GenerationsTest, TheSameOptionsGoOnInTheSameRing) {
  Receiver receiver = Receiver::create("orders", kSmall).value();
  write(kSmallToo, {"one"});
  write(kSmallToo, {"two"});
  EXPECT_THAT(folder.files(), ElementsAre("orders.ring"));
  EXPECT_EQ(receive_text(receiver), "one");
  EXPECT_EQ(receive_text(receiver), "two");
}

TEST_F(GenerationsTest, ARingWithASenderIsNotSetAside) {
  const Sender old = Sender::create("orders", kSmall).value();
  const Result<Sender> sender = Sender::create("orders", kLarger);
  ASSERT_FALSE(sender);
  EXPECT_EQ(code_of(sender), ErrorCode::busy);
  EXPECT_THAT(folder.files(), ElementsAre("orders.ring"));
}

TEST_F(GenerationsTest, WhatIsDeadAndEmptyIsReplaced) {
  leave_behind("orders", kSmall, {});
  const Sender sender = Sender::create("orders", kLarger).value();
  EXPECT_THAT(folder.files(), ElementsAre("orders.ring"));
}

TEST_F(GenerationsTest, WhatIsDeadAndNotReadIsSetAside) {
  leave_behind("orders", kSmall, {"one"});
  write(kLarger, {"two"});
  write(kLargest, {"three"});
  EXPECT_THAT(folder.files(), ElementsAre("orders.1.past", "orders.2.past", "orders.ring"));
  Receiver receiver = Receiver::open("orders", kPatience).value();
  EXPECT_EQ(receive_text(receiver), "one");
  EXPECT_EQ(receive_text(receiver), "two");
  EXPECT_EQ(receive_text(receiver), "three");
  EXPECT_THAT(receive_text(receiver), "error: closed");
}

TEST_F(GenerationsTest, AReceiverThatMakesTheRingBeginsWithTheOldestToo) {
  leave_behind("orders", kSmall, {"one"});
  write(kLarger, {"two"});
  Receiver receiver = Receiver::create("orders", kLarger).value();
  EXPECT_EQ(receive_text(receiver), "one");
  EXPECT_EQ(receive_text(receiver), "two");
}

TEST_F(GenerationsTest, TheNextReceiverFollowsADeadOneInTheOldRing) {
  leave_behind("orders", kSmall, {"one"});
  write(kLarger, {"two"});
  in_a_process_that_is_killed([] {
    Receiver receiver = Receiver::open("orders", kPatience).value();
    (void)receiver.peek();
    return receiver;
  });
  Receiver receiver = Receiver::open("orders", kPatience).value();
  EXPECT_EQ(receive_text(receiver), "one");
  EXPECT_EQ(receive_text(receiver), "two");
}

// What is newer waits for what is older.
TEST_F(GenerationsTest, OnlyOneReceiverReadsAName) {
  leave_behind("orders", kSmall, {"one"});
  const Sender sender = Sender::create("orders", kLarger).value();
  const Receiver first = Receiver::open("orders", kPatience).value();
  EXPECT_EQ(code_of(Receiver::open("orders", 0s)), ErrorCode::busy);
}

TEST_F(GenerationsTest, OldRingsThatAreReadToTheirEndGo) {
  leave_behind("orders", kSmall, {"one"});
  write(kLarger, {"two"});
  in_a_process_that_is_killed([] {  // before it has taken the name away
    Receiver receiver = Receiver::open("orders", kPatience).value();
    (void)receive_text(receiver);
    (void)receiver.peek();
    return receiver;
  });
  Receiver receiver = Receiver::open("orders", kPatience).value();
  EXPECT_THAT(folder.files(), ElementsAre("orders.ring"));
  EXPECT_EQ(receive_text(receiver), "two");
}

TEST_F(GenerationsTest, AReceiverWaitsForASenderOfTheNewRing) {
  Receiver receiver = Receiver::create("orders", kSmall).value();
  write(kSmall, {"one"});
  in_a_process_that_is_killed([] { return Sender::create("orders", kLarger).value(); });
  EXPECT_EQ(receive_text(receiver), "one");
  EXPECT_EQ(receiver.peek_for(30ms).value(), std::nullopt);
  EXPECT_EQ(capacity(receiver), 4096U) << "it has nowhere to go";
  auto sending = std::async(std::launch::async, [] {
    std::this_thread::sleep_for(30ms);
    Sender sender = Sender::create("orders", kLarger).value();
    EXPECT_TRUE(send_text(sender, "two"));
    return sender;
  });
  EXPECT_EQ(receive_text(receiver), "two");
}

TEST_F(GenerationsTest, WaitingForTheNewRingIsInterrupted) {
  Receiver receiver = Receiver::create("orders", kSmall).value();
  write(kSmall, {});
  in_a_process_that_is_killed([] { return Sender::create("orders", kLarger).value(); });
  std::thread other([&] {
    std::this_thread::sleep_for(30ms);
    receiver.interrupt();
  });
  EXPECT_EQ(code_of(receiver.peek_for(kPatience)), ErrorCode::cancelled);
  other.join();
}

// They would be gone with the old ring.
TEST_F(GenerationsTest, HeldRecordsKeepTheReceiverInTheOldRing) {
  Receiver receiver = Receiver::create("orders", kSmall).value();
  write(kSmall, {"one"});
  write(kLarger, {"two"});
  const auto held = receiver.peek();
  ASSERT_TRUE(held);
  receiver.hold();
  EXPECT_EQ(code_of(receiver.peek_for(kPatience)), ErrorCode::closed);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(held->data()), held->size()), "one");
  receiver.release_to(receiver.position());
  EXPECT_EQ(receive_text(receiver), "two");
}

TEST_F(GenerationsTest, ARingOfAnotherLayoutIsSetAsideForThoseThatCanReadIt) {
  leave_behind("orders", kSmall, {"one"});
  say_another_layout("orders.ring");
  const Sender sender = Sender::create("orders", kLarger).value();
  EXPECT_THAT(folder.files(), ElementsAre("orders.1.past", "orders.ring"));
  const Result<Receiver> receiver = Receiver::open("orders", kPatience);
  ASSERT_FALSE(receiver);
  EXPECT_EQ(code_of(receiver), ErrorCode::version_mismatch);
  EXPECT_THAT(message_of(receiver), HasSubstr("ringbell clean"));
}

TEST_F(GenerationsTest, ARingOfAnotherLayoutWithASenderIsNot) {
  const Sender old = Sender::create("orders", kSmall).value();
  say_another_layout("orders.ring");
  EXPECT_EQ(code_of(Sender::create("orders", kLarger)), ErrorCode::busy);
}

TEST_F(GenerationsTest, AnOlderRingThatAnotherVersionReadsIsWaitedFor) {
  const Receiver old = Receiver::create("orders", kSmall).value();
  write(kSmall, {"one"});
  const Sender sender = Sender::create("orders", kLarger).value();
  say_another_layout("orders.1.past");
  EXPECT_EQ(code_of(Receiver::open("orders", 10ms)), ErrorCode::not_found);
}

TEST_F(GenerationsTest, AReceiverIsToldWhyItCannotGoOn) {
  Receiver receiver = Receiver::create("orders", kSmall).value();
  write(kSmall, {"one"});
  const Sender sender = Sender::create("orders", kLarger).value();
  say_another_layout("orders.ring");
  EXPECT_EQ(receive_text(receiver), "one");
  EXPECT_EQ(code_of(receiver.peek_for(kPatience)), ErrorCode::version_mismatch);
}

TEST_F(GenerationsTest, AnOlderRingOfAnotherTypeIsAnError) {
  leave_behind("orders", {.capacity_bytes = 4096, .type = type_of<int>()}, {"1234"});
  ChannelOptions doubles = kSmallToo;
  doubles.type = type_of<double>();
  const Sender sender = Sender::create("orders", doubles).value();
  EXPECT_THAT(folder.files(), ElementsAre("orders.1.past", "orders.ring"));
  const auto receiver = typed::Receiver<double>::open("orders", 0s);
  ASSERT_FALSE(receiver);
  EXPECT_EQ(code_of(receiver), ErrorCode::other_ring);
  EXPECT_THAT(message_of(receiver), HasSubstr("in an older ring of it"));
}

TEST_F(GenerationsTest, ABrokenRingIsNotSetAside) {
  leave_behind("orders", kSmall, {"one"});
  Region::open(Backing::file, folder.path() + "/orders.ring").value().spsc_control().head = 3;
  const Sender sender = Sender::create("orders", kLarger).value();
  EXPECT_THAT(folder.files(), ElementsAre("orders.ring"));
}

TEST_F(GenerationsTest, AreListedAndRemovedLikeOtherNames) {
  leave_behind("orders", kSmall, {"one"});
  const Sender sender = Sender::create("orders", kLarger).value();
  const std::vector<names::Entry> all = names::list().value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].newer, "");
  EXPECT_EQ(all[1].name, "orders.1.past");
  EXPECT_EQ(all[1].newer, "orders");
  EXPECT_FALSE(all[1].alive);
  EXPECT_EQ(names::remove_dead().value().size(), 1U);
  EXPECT_THAT(folder.files(), ElementsAre("orders.ring"));
}

TEST(PastTest, IsWhatHasANameAndANumber) {
  using generations::Past;
  const std::optional<Past> past = Past::of("a.b.12.past");
  ASSERT_TRUE(past);
  EXPECT_EQ(past->name, "a.b");
  EXPECT_EQ(past->number, 12U);
  EXPECT_EQ(past->file(), "a.b.12.past");
  for (const char* file : {"a.past", "a..past", ".1.past", "a.-1.past", "a.01.past", "a.1x.past",
                           "a.1.ring", "a.99999999999999999999.past", "past", ""}) {
    EXPECT_FALSE(Past::of(file)) << file;
  }
}

}  // namespace
}  // namespace ringbell
