// Channels by name after their makers: which end follows a dead one, and which takes the name away.
#include <chrono>
#include <csignal>
#include <fstream>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/left_behind.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/open_files.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/text_messages.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::in_a_process_that_is_killed;
using test::leave_behind;
using test::receive_text;
using test::send_text;
using test::Signal;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Timeout kPatience = 20s;
const ChannelOptions kSmall{.capacity_bytes = 4096};
const ChannelOptions kLarger{.capacity_bytes = 8192};

class NameRecoveryTest : public ::testing::Test {
 protected:
  test::TemporaryNameFolder folder;
};

// --- after a death ------------------------------------------------------------------------------

TEST_F(NameRecoveryTest, NextCreatorGoesOnWithTheRing) {
  leave_behind("orders", kSmall, {"one", "two"});
  Sender sender = Sender::create("orders", kSmall).value();
  ASSERT_TRUE(send_text(sender, "three"));
  Receiver receiver = Receiver::open("orders").value();
  EXPECT_EQ(receive_text(receiver), "one");
  EXPECT_EQ(receive_text(receiver), "two");
  EXPECT_EQ(receive_text(receiver), "three");
}

TEST_F(NameRecoveryTest, ReaderStaysWhileTheWriterIsReplaced) {
  std::optional<Receiver> receiver;
  Signal ready;
  ChildProcess child = ChildProcess::fork([&] {
    Sender sender = Sender::create("orders", kSmall).value();
    (void)send_text(sender, "from the first");
    ready.tell();
    ::pause();
    return 0;
  });
  ASSERT_TRUE(ready.wait());
  receiver.emplace(Receiver::open("orders").value());
  child.kill_now();
  EXPECT_EQ(receive_text(*receiver), "from the first");
  EXPECT_EQ(receive_text(*receiver), "error: peer_dead");
  Sender sender = Sender::create("orders", kSmall).value();
  ASSERT_TRUE(send_text(sender, "from the second"));
  EXPECT_EQ(receive_text(*receiver), "from the second");
}

TEST_F(NameRecoveryTest, WriterStaysWhileTheReaderIsReplaced) {
  Sender sender = Sender::create("orders", kSmall).value();
  in_a_process_that_is_killed([] { return Receiver::open("orders", kPatience).value(); });
  ASSERT_TRUE(send_text(sender, "hello"));
  Receiver receiver = Receiver::open("orders").value();
  EXPECT_EQ(receive_text(receiver), "hello");
}

TEST_F(NameRecoveryTest, CreatorAfterTwoDeathsWaitsForANewPeer) {
  in_a_process_that_is_killed([] {
    Sender sender = Sender::create("orders", kSmall).value();
    return std::pair(std::move(sender), Receiver::open("orders").value());
  });
  Receiver receiver = Receiver::create("orders", kSmall, {.longest_sleep = 1ms}).value();
  EXPECT_EQ(receive_text(receiver, 30ms), "") << "no sender has come yet: that is no death";
}

TEST_F(NameRecoveryTest, OtherOptionsReplaceWhatTheDeadLeft) {
  leave_behind("orders", kSmall, {"lost"});
  Sender sender = Sender::create("orders", kLarger).value();
  ASSERT_TRUE(send_text(sender, "new"));
  Receiver receiver = Receiver::open("orders").value();
  EXPECT_EQ(receiver.channel().region().geometry().capacity_bytes, 8192U);
  EXPECT_EQ(receive_text(receiver), "new");
}

TEST_F(NameRecoveryTest, AnyOtherOptionReplacesWhatTheDeadLeft) {
  const ChannelOptions left{.capacity_bytes = 4096, .record_alignment = 64};
  std::vector<ChannelOptions> others(4, left);
  others[0].capacity_bytes = 8192;
  others[1].record_alignment = 32;
  others[2].payload_alignment = 64;
  others[3].doorbell = core::DoorbellKind::none;
  for (const ChannelOptions& other : others) {
    leave_behind("orders", left, {"lost"});
    Sender sender = Sender::create("orders", other).value();
    const Region& region = sender.channel().region();
    EXPECT_EQ(region.geometry().capacity_bytes, other.capacity_bytes);
    EXPECT_EQ(region.geometry().record_alignment, other.record_alignment);
    EXPECT_EQ(region.geometry().payload_alignment, other.payload_alignment);
    EXPECT_EQ(region.doorbell(), other.doorbell);
    ASSERT_TRUE(send_text(sender, "new"));
    Receiver receiver = Receiver::open("orders").value();
    EXPECT_EQ(receive_text(receiver), "new");
  }
}

TEST_F(NameRecoveryTest, BrokenRingOfTheDeadIsReplaced) {
  leave_behind("orders", kSmall, {"lost"});
  {
    const std::string path = folder.path() + "/orders.ring";
    const Region region = Region::open(Backing::file, path).value();
    region.spsc_control().head = 3;  // where no record can begin
  }
  Sender sender = Sender::create("orders", kSmall).value();
  ASSERT_TRUE(send_text(sender, "new"));
  Receiver receiver = Receiver::open("orders").value();
  EXPECT_EQ(receive_text(receiver), "new");
}

TEST_F(NameRecoveryTest, RubbishUnderANameIsReplaced) {
  std::ofstream(folder.path() + "/orders.ring") << "rubbish";
  EXPECT_EQ(code_of(Receiver::open("orders", 10ms)), ErrorCode::not_found);
  EXPECT_TRUE(Sender::create("orders"));
}

TEST_F(NameRecoveryTest, SymbolicLinkUnderANameIsNotFollowed) {
  { const std::ofstream victim(folder.path() + "/victim"); }
  ASSERT_EQ(::symlink("victim", (folder.path() + "/orders.ring").c_str()), 0);
  EXPECT_THAT(message_of(Sender::create("orders")), HasSubstr("in the way"));
  EXPECT_THAT(message_of(Receiver::open("orders")), HasSubstr("in the way"));
}

TEST_F(NameRecoveryTest, ReaderFindsWhatTheDeadLeft) {
  leave_behind("orders", kSmall, {"one", "two"});
  {
    Receiver receiver = Receiver::open("orders", Timeout::zero()).value();
    EXPECT_EQ(receive_text(receiver), "one");
    EXPECT_EQ(receive_text(receiver), "two");
    EXPECT_EQ(receive_text(receiver), "error: peer_dead");
  }
  EXPECT_THAT(folder.files(), IsEmpty());
}

TEST_F(NameRecoveryTest, EmptyRingOfTheDeadIsNobody) {
  leave_behind("orders", kSmall, {});
  const Result<Receiver> receiver = Receiver::open("orders", 10ms);
  ASSERT_FALSE(receiver);
  EXPECT_EQ(code_of(receiver), ErrorCode::not_found);
  EXPECT_THAT(message_of(receiver), HasSubstr("gone"));
  EXPECT_EQ(code_of(Sender::open("orders", 10ms)), ErrorCode::not_found);
}

TEST_F(NameRecoveryTest, OpenWaitsForTheSuccessorOfTheDead) {
  leave_behind("orders", kSmall, {});
  auto opening = std::async(std::launch::async, [] { return Receiver::open("orders", kPatience); });
  EXPECT_EQ(opening.wait_for(30ms), std::future_status::timeout);
  Sender sender = Sender::create("orders", kSmall).value();
  EXPECT_TRUE(opening.get());
}

TEST_F(NameRecoveryTest, PidNamespacesSeeTheSameLife) {
  Signal ready;
  Signal refused;
  ChildProcess child = ChildProcess::fork([&] {
    if (::unshare(CLONE_NEWPID) != 0) return refused.tell(), 1;
    if (::fork() != 0) return ::pause();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Sender sender = Sender::create("orders", kSmall).value();  // as pid 1
    (void)send_text(sender, "from inside");
    ready.tell();
    return ::pause();
  });
  if (refused.wait(0ms) || !ready.wait()) GTEST_SKIP() << "no new pid namespace to be had";
  Receiver receiver = Receiver::open("orders").value();
  EXPECT_EQ(receive_text(receiver), "from inside");
  EXPECT_THAT(message_of(Sender::create("orders", kSmall)), HasSubstr("in use by pid 1"));
  child.kill_now();
  EXPECT_EQ(receive_text(receiver), "error: peer_dead");
  EXPECT_TRUE(Sender::create("orders", kSmall));
}

// Each child makes, opens, uses and ends channels of one name until it is killed somewhere in that.
TEST_F(NameRecoveryTest, KilledAtAnyMomentTheNameStaysUsable) {
  const test::PrintedSeed printed;
  test::Dice dice(test::seed());
  for (int round = 0; round < 60; ++round) {
    std::vector<ChildProcess> children;
    children.reserve(2);
    for (int i = 0; i < 2; ++i) {
      children.push_back(ChildProcess::fork([i] {
        for (;;) {
          Result<Sender> sender =
              i == 0 ? Sender::create("orders", kSmall) : Sender::open("orders", Timeout::zero());
          Result<Receiver> receiver = Receiver::open("orders", Timeout::zero());
          if (sender) (void)send_text(*sender, "text");
          if (receiver) (void)receiver->peek();
        }
        return 0;
      }));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(2000 + dice.roll(3000)));
    for (ChildProcess& child : children) child.kill_now();
    Sender sender = Sender::create("orders", kSmall).value();
    Receiver receiver = Receiver::open("orders", Timeout::zero()).value();
    for (std::string text = "text"; text == "text";) text = receive_text(receiver, Timeout::zero());
    ASSERT_TRUE(send_text(sender, "now"));
    ASSERT_EQ(receive_text(receiver), "now");
  }
  EXPECT_THAT(folder.files(), IsEmpty());
}

// --- the end ------------------------------------------------------------------------------------

TEST_F(NameRecoveryTest, LastOneTakesTheNameAway) {
  for (const bool writer_first : {true, false}) {
    std::optional<Sender> sender(Sender::create("orders").value());
    std::optional<Receiver> receiver(Receiver::open("orders").value());
    EXPECT_THAT(folder.files(), ElementsAre("orders.ring"));
    if (writer_first) {
      sender.reset();
    } else {
      receiver.reset();
    }
    EXPECT_THAT(folder.files(), ElementsAre("orders.ring"));
    sender.reset();
    receiver.reset();
    EXPECT_THAT(folder.files(), IsEmpty());
  }
}

TEST_F(NameRecoveryTest, NameWithoutAnyPeerGoesWithItsMaker) {
  { const Sender sender = Sender::create("orders").value(); }
  { const Receiver receiver = Receiver::create("orders").value(); }
  EXPECT_THAT(folder.files(), IsEmpty());
}

TEST_F(NameRecoveryTest, WhatNobodyHasReadYetStays) {
  {
    Sender sender = Sender::create("orders").value();
    ASSERT_TRUE(send_text(sender, "for later"));
  }
  EXPECT_THAT(folder.files(), ElementsAre("orders.ring"));
  {
    Receiver receiver = Receiver::open("orders").value();
    EXPECT_EQ(receive_text(receiver), "for later");
    EXPECT_EQ(receive_text(receiver), "error: closed");
  }
  EXPECT_THAT(folder.files(), IsEmpty());
}

TEST_F(NameRecoveryTest, WhatADeadReaderHadNotReadStays) {
  {
    Sender sender = Sender::create("orders").value();
    in_a_process_that_is_killed([] { return Receiver::open("orders", kPatience).value(); });
    ASSERT_TRUE(send_text(sender, "for its successor"));
  }
  Receiver receiver = Receiver::open("orders", Timeout::zero()).value();
  EXPECT_EQ(receive_text(receiver), "for its successor");
}

TEST_F(NameRecoveryTest, WhatAReaderDidNotWantGoes) {
  {
    Sender sender = Sender::create("orders").value();
    ASSERT_TRUE(send_text(sender, "unwanted"));
    { const Receiver receiver = Receiver::open("orders").value(); }
  }
  EXPECT_THAT(folder.files(), IsEmpty());
}

TEST_F(NameRecoveryTest, NextOneMayComeAtOnce) {
  std::optional<Receiver> receiver(Receiver::create("orders").value());
  for (int i = 0; i < 50; ++i) {
    Sender sender = Sender::open("orders", Timeout::zero()).value();
    ASSERT_TRUE(send_text(sender, std::to_string(i)));
    ASSERT_EQ(receive_text(*receiver), std::to_string(i));
  }
}

TEST_F(NameRecoveryTest, ChildOfForkTakesNothingAway) {
  std::optional<Sender> sender(Sender::create("orders").value());
  ChildProcess child = ChildProcess::fork([&] {
    sender.reset();
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_THAT(folder.files(), ElementsAre("orders.ring"));
  EXPECT_TRUE(Receiver::open("orders", Timeout::zero()));
}

TEST_F(NameRecoveryTest, NothingIsLeftAfterwards) {
  const auto before = test::open_files();
  {
    const Sender sender = Sender::create("orders").value();
    const Receiver receiver = Receiver::open("orders").value();
    EXPECT_FALSE(Sender::create("orders"));
    EXPECT_FALSE(Receiver::open("absent", Timeout::zero()));
  }
  EXPECT_EQ(test::open_files(), before);
}

}  // namespace
}  // namespace ringbell
