// Channels by name: making one, finding it, and the list of names.
#include <cerrno>
#include <chrono>
#include <fstream>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_flag.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/left_behind.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/open_files.hpp>
#include <tests/support/refusing_child.hpp>
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

class NamesTest : public ::testing::Test {
 protected:
  test::TemporaryNameFolder folder;
};

// --- finding each other -------------------------------------------------------------------------

TEST_F(NamesTest, MessagesGoThroughAName) {
  Sender sender = Sender::create("orders").value();
  Receiver receiver = Receiver::open("orders").value();
  ASSERT_TRUE(send_text(sender, "hello"));
  EXPECT_EQ(receive_text(receiver), "hello");
}

TEST_F(NamesTest, EitherSideMayMakeTheChannel) {
  Receiver receiver = Receiver::create("orders").value();
  Sender sender = Sender::open("orders").value();
  ASSERT_TRUE(send_text(sender, "hello"));
  EXPECT_EQ(receive_text(receiver), "hello");
}

TEST_F(NamesTest, TwoProcessesFindEachOther) {
  ChildProcess child = ChildProcess::fork([] {
    Result<Sender> sender = Sender::create("orders");
    if (!sender) return 1;
    for (int i = 0; i < 1000; ++i) {
      const std::string text = std::to_string(i);
      if (!sender->send(std::as_bytes(std::span(text)), kPatience).value_or(false)) return 2;
    }
    return 0;
  });
  Receiver receiver = Receiver::open("orders", kPatience).value();
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(receive_text(receiver), std::to_string(i));
  EXPECT_EQ(receive_text(receiver), "error: closed");
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(NamesTest, OpenWaitsForTheOtherSide) {
  auto opening = std::async(std::launch::async, [] { return Receiver::open("orders", kPatience); });
  EXPECT_EQ(opening.wait_for(30ms), std::future_status::timeout);
  Sender sender = Sender::create("orders").value();
  Result<Receiver> receiver = opening.get();
  ASSERT_TRUE(receiver) << receiver.error().message;
  ASSERT_TRUE(send_text(sender, "hello"));
  EXPECT_EQ(receive_text(*receiver), "hello");
}

TEST_F(NamesTest, OpenSaysThatNobodyCame) {
  for (const Timeout timeout : {Timeout::zero(), Timeout(20ms)}) {
    for (const Error& error :
         {Receiver::open("orders", timeout).error(), Sender::open("orders", timeout).error()}) {
      EXPECT_EQ(error.code, ErrorCode::not_found);
      EXPECT_THAT(error.message, HasSubstr("'orders' in " + folder.path()));
    }
  }
}

TEST_F(NamesTest, NamesAreChecked) {
  for (const char* name : {"", "../orders", "a/b", ".orders", "Orders"}) {
    EXPECT_EQ(code_of(Sender::create(name)), ErrorCode::invalid_argument) << name;
    EXPECT_EQ(code_of(Receiver::open(name)), ErrorCode::invalid_argument) << name;
  }
}

TEST_F(NamesTest, EventfdHasNoName) {
  const Result<Sender> sender = Sender::create("orders", {.doorbell = core::DoorbellKind::eventfd});
  ASSERT_FALSE(sender);
  EXPECT_EQ(code_of(sender), ErrorCode::invalid_argument);
}

TEST_F(NamesTest, BadOptionsLeaveNothing) {
  EXPECT_EQ(code_of(Sender::create("orders", {.capacity_bytes = 1})), ErrorCode::invalid_argument);
  EXPECT_THAT(folder.files(), IsEmpty());
}

TEST_F(NamesTest, ChannelOfDefaultSizeTakesLittleMemory) {
  const Sender sender = Sender::create("orders").value();
  struct stat status {};
  ASSERT_EQ(::stat((folder.path() + "/orders.ring").c_str(), &status), 0);
  EXPECT_LE(status.st_blocks * 512, 400 * 1024);
  EXPECT_GE(status.st_blocks * 512, 256 * 1024) << "its space is reserved";
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

// --- one at a time ------------------------------------------------------------------------------

TEST_F(NamesTest, SecondOneLearnsWhoHasThePlace) {
  const Sender sender = Sender::create("orders").value();
  const Receiver receiver = Receiver::open("orders").value();
  for (const Error& error :
       {Sender::create("orders").error(), Sender::open("orders").error(),
        Receiver::create("orders").error(), Receiver::open("orders").error()}) {
    EXPECT_EQ(error.code, ErrorCode::busy);
    EXPECT_THAT(error.message, HasSubstr("in use by pid " + std::to_string(::getpid())));
  }
}

TEST_F(NamesTest, PlaceInALivingChannelIsNotForOtherOptions) {
  const Receiver receiver = Receiver::create("orders", kSmall).value();
  const Result<Sender> sender = Sender::create("orders", kLarger);
  ASSERT_FALSE(sender);
  EXPECT_EQ(code_of(sender), ErrorCode::other_ring);
  EXPECT_THAT(message_of(sender), HasSubstr("not "));
  EXPECT_TRUE(Sender::create("orders", kSmall));
}

// Whether the name is free, a dead one's with the same options, or with others.
TEST_F(NamesTest, OfManyWhoCreateItOneWins) {
  constexpr int kRivals = 8;
  constexpr int kRounds = 30;
  for (int round = 0; round < kRounds; ++round) {
    if (round % 3 != 0) leave_behind("orders", round % 3 == 1 ? kSmall : kLarger, {"left"});
    Signal go;
    Signal stop;
    std::vector<Signal> tried(kRivals);
    std::vector<ChildProcess> rivals;
    rivals.reserve(kRivals);
    for (int i = 0; i < kRivals; ++i) {
      rivals.push_back(ChildProcess::fork([&, i] {
        (void)go.wait();
        Result<Sender> sender = Sender::create("orders", kSmall);
        tried[static_cast<std::size_t>(i)].tell();
        if (sender) (void)send_text(*sender, "mine");
        (void)stop.wait();
        if (sender) return 0;
        return code_of(sender) == ErrorCode::busy ? 1 : 2;
      }));
    }
    for (int i = 0; i < kRivals; ++i) go.tell();
    for (const Signal& one : tried) EXPECT_TRUE(one.wait());
    {
      Receiver receiver = Receiver::open("orders").value();
      if (round % 3 == 1) {
        EXPECT_EQ(receive_text(receiver), "left");
      }
      EXPECT_EQ(receive_text(receiver), "mine");
      for (int i = 0; i < kRivals; ++i) stop.tell();
      EXPECT_EQ(receive_text(receiver), "error: closed");
    }
    int winners = 0;
    for (ChildProcess& rival : rivals) {
      const std::optional<int> status = rival.wait();
      EXPECT_THAT(status, ::testing::AnyOf(0, 1));
      if (status == 0) ++winners;
    }
    EXPECT_EQ(winners, 1);
    EXPECT_THAT(folder.files(), IsEmpty());
  }
}

// --- what there is ------------------------------------------------------------------------------

TEST_F(NamesTest, ListTellsTheLivingFromTheDead) {
  leave_behind("orders", kSmall, {"left"});
  const Sender sender = Sender::create("alive").value();
  const Listener listener = Listener::open("talks").value();
  std::ofstream(folder.path() + "/rubbish.ring") << "rubbish";
  std::ofstream(folder.path() + "/ignored") << "no name";
  const std::vector<names::Entry> all = names::list().value();
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].name, "alive");
  EXPECT_EQ(all[0].kind, names::Kind::ring);
  EXPECT_EQ(all[0].ring, core::RingKind::spsc);
  EXPECT_TRUE(all[0].alive);
  EXPECT_EQ(all[0].creator_pid, ::getpid());
  EXPECT_EQ(all[0].size_bytes, sender.channel().region().geometry().region_bytes);
  EXPECT_EQ(all[1].name, "orders");
  EXPECT_FALSE(all[1].alive);
  EXPECT_EQ(all[2].name, "rubbish");
  EXPECT_EQ(all[2].kind, names::Kind::unknown);
  EXPECT_EQ(all[3].name, "talks");
  EXPECT_EQ(all[3].kind, names::Kind::listener);
  EXPECT_TRUE(all[3].alive);
}

TEST_F(NamesTest, OnlyTheDeadAreRemoved) {
  leave_behind("orders", kSmall, {"left"});
  in_a_process_that_is_killed([] { return Listener::open("talked").value(); });
  const Sender sender = Sender::create("alive").value();
  Listener listener = Listener::open("talks").value();
  const std::vector<names::Entry> removed = names::remove_dead().value();
  ASSERT_EQ(removed.size(), 2U);
  EXPECT_EQ(removed[0].name, "orders");
  EXPECT_EQ(removed[1].name, "talked");
  EXPECT_THAT(folder.files(), ElementsAre("alive.ring", "talks.sock"));
  EXPECT_THAT(names::remove_dead().value(), IsEmpty());
  EXPECT_FALSE(listener.accept(Timeout::zero()).value());
  EXPECT_EQ(listener.refused(), 0U) << "being looked at is no visit";
}

TEST_F(NamesTest, WhatCannotBeLookedAtIsAnError) {
  leave_behind("orders", kSmall, {"left"});
  test::expect_well(ChildProcess::fork([] {
    if (!test::deny_flag(SYS_openat, 2, O_RDWR, EMFILE)) return test::kNoFilterHere;
    const bool told = errno_of(names::list()) == EMFILE;
    return told && !names::remove_dead() ? 0 : 1;
  }));
  EXPECT_EQ(names::list().value().size(), 1U);
}

TEST_F(NamesTest, NameOfAnotherByNowStays) {
  std::optional<Sender> first(Sender::create("orders").value());
  ASSERT_EQ(::unlink((folder.path() + "/orders.ring").c_str()), 0);  // by hand
  const Sender second = Sender::create("orders").value();
  first.reset();
  EXPECT_THAT(folder.files(), ElementsAre("orders.ring"));
}

}  // namespace
}  // namespace ringbell
