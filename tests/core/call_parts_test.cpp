// CallLine by one thread: answers in parts, given up between two of them, ended by either side, and
// successors.
#include <gtest/gtest.h>

#include <tests/core/call_line_fixture.hpp>
#include <tests/support/message.hpp>

namespace ringbell::core {
namespace {

using Standing = CallLine<>::Taken::Standing;

class CallPartsTest : public CallLineFixture {
 protected:
  Line::Taken begin(Line::Caller& caller, std::uint64_t number) {
    test::write_message(caller.claim(8), number);
    caller.call();
    EXPECT_TRUE(test::is_message(server_.request(), number));
    return server_.take();
  }
  static void send(Line::Taken& taken, std::uint64_t number, std::uint32_t size_bytes = 8) {
    ASSERT_EQ(taken.look(), Standing::here);
    test::write_message(taken.claim(size_bytes), number);
    ASSERT_TRUE(taken.part());
  }
  static void expect(Line::Caller& caller, std::uint64_t number, std::uint32_t size_bytes = 8) {
    ASSERT_TRUE(caller.answered());
    EXPECT_FALSE(caller.failed() || caller.over());
    EXPECT_EQ(caller.response().size(), size_bytes);
    EXPECT_TRUE(test::is_message(caller.response(), number)) << number;
  }
  // The line serves on.
  void expect_another_call(Line::Caller& caller, std::uint64_t number) {
    ASSERT_TRUE(caller.has_room());
    Line::Taken taken = begin(caller, number);
    test::write_message(taken.claim(8), number);
    taken.respond();
    ASSERT_NO_FATAL_FAILURE(expect(caller, number));
    EXPECT_FALSE(caller.has_more());
  }
};

TEST_F(CallPartsTest, EachIsReadBeforeTheNextIsWritten) {
  for (const bool answers : {false, true}) {
    Line::Taken taken = begin(caller_, 1);
    for (std::uint64_t part = 0; part < 5; ++part) {
      const std::uint32_t size = part % 2 == 0 ? 8 : 200;
      ASSERT_NO_FATAL_FAILURE(send(taken, part, size));
      EXPECT_EQ(taken.look(), Standing::out);
      EXPECT_FALSE(server_.is_called());
      EXPECT_TRUE(server_.is_asked());
      ASSERT_NO_FATAL_FAILURE(expect(caller_, part, size));
      EXPECT_TRUE(caller_.has_more());
      EXPECT_FALSE(caller_.has_room());
      EXPECT_EQ(taken.look(), Standing::out);
      EXPECT_TRUE(caller_.next());
      EXPECT_FALSE(caller_.has_more());
      EXPECT_FALSE(caller_.answered());
      EXPECT_EQ(taken.look(), Standing::here);
      EXPECT_FALSE(taken.is_cancelled());
    }
    if (answers) {
      test::write_message(taken.claim(8), 9);
      taken.respond();
      ASSERT_NO_FATAL_FAILURE(expect(caller_, 9));
      EXPECT_FALSE(caller_.has_more());
      EXPECT_FALSE(caller_.next());
    } else {
      taken.finish();
      ASSERT_TRUE(caller_.answered());
    }
    EXPECT_TRUE(caller_.over());
    EXPECT_FALSE(caller_.failed());
    EXPECT_EQ(caller_.response().data(), nullptr);
    EXPECT_EQ(caller_.abandon(), CallFate::none);
    ASSERT_NO_FATAL_FAILURE(expect_another_call(caller_, 2));
  }
}

TEST_F(CallPartsTest, FinishMakesThePartThatIsOutTheLast) {
  for (const bool looked : {false, true}) {
    Line::Taken taken = begin(caller_, 1);
    ASSERT_NO_FATAL_FAILURE(send(taken, 5));
    if (looked) {
      ASSERT_TRUE(caller_.answered());
      EXPECT_TRUE(caller_.has_more());
    }
    taken.finish();
    EXPECT_FALSE(server_.is_asked());
    ASSERT_NO_FATAL_FAILURE(expect(caller_, 5));
    EXPECT_EQ(caller_.has_more(), looked) << "as far as the caller knows";
    EXPECT_FALSE(caller_.next());
    EXPECT_TRUE(caller_.answered());
    EXPECT_TRUE(caller_.over());
    ASSERT_NO_FATAL_FAILURE(expect_another_call(caller_, 2));
  }
}

TEST_F(CallPartsTest, FinishAfterTheCallerHasAskedForMoreEndsTheCall) {
  Line::Taken taken = begin(caller_, 1);
  ASSERT_NO_FATAL_FAILURE(send(taken, 5));
  ASSERT_TRUE(caller_.answered());
  ASSERT_TRUE(caller_.next());
  taken.finish();  // without a look
  ASSERT_TRUE(caller_.answered());
  EXPECT_TRUE(caller_.over());
  ASSERT_NO_FATAL_FAILURE(expect_another_call(caller_, 2));
}

TEST_F(CallPartsTest, NoPartsAreAnAnswer) {
  Line::Taken taken = begin(caller_, 1);
  taken.finish();
  ASSERT_TRUE(caller_.answered());
  EXPECT_TRUE(caller_.over());
  EXPECT_FALSE(caller_.failed());
  ASSERT_NO_FATAL_FAILURE(expect_another_call(caller_, 2));
}

TEST_F(CallPartsTest, WhatIsGivenUpBetweenTwoIsSeenByTheServer) {
  for (const bool looked : {false, true}) {
    Line::Taken taken = begin(caller_, 1);
    ASSERT_NO_FATAL_FAILURE(send(taken, 5));
    if (looked) {
      ASSERT_TRUE(caller_.answered());
    }
    EXPECT_EQ(caller_.abandon(), CallFate::maybe_served);
    EXPECT_EQ(caller_.abandon(), CallFate::none);
    EXPECT_FALSE(caller_.has_more());
    EXPECT_FALSE(caller_.has_room());
    EXPECT_EQ(taken.look(), Standing::here);
    EXPECT_TRUE(taken.is_cancelled());
    looked ? taken.drop() : taken.finish();
    ASSERT_NO_FATAL_FAILURE(expect_another_call(caller_, 2));
  }
}

TEST_F(CallPartsTest, WhatIsGivenUpWhileTheNextIsWaitedForIsSeenByTheServer) {
  Line::Taken taken = begin(caller_, 1);
  ASSERT_NO_FATAL_FAILURE(send(taken, 5));
  ASSERT_TRUE(caller_.answered());
  ASSERT_TRUE(caller_.next());
  EXPECT_EQ(caller_.abandon(), CallFate::maybe_served);
  EXPECT_FALSE(caller_.has_more());
  EXPECT_EQ(taken.look(), Standing::here);
  EXPECT_TRUE(taken.is_cancelled());
  (void)taken.claim(8);
  EXPECT_FALSE(taken.part()) << "that the server has not looked makes no difference";
  EXPECT_EQ(taken.look(), Standing::here);
  EXPECT_FALSE(caller_.has_room());
  taken.drop();
  ASSERT_NO_FATAL_FAILURE(expect_another_call(caller_, 2));
}

TEST_F(CallPartsTest, WhatIsGivenUpAsItEndsIsServed) {
  Line::Taken taken = begin(caller_, 1);
  ASSERT_NO_FATAL_FAILURE(send(taken, 5));
  ASSERT_TRUE(caller_.answered());
  taken.finish();
  EXPECT_EQ(caller_.abandon(), CallFate::served);
  ASSERT_NO_FATAL_FAILURE(expect_another_call(caller_, 2));
}

TEST_F(CallPartsTest, DropTakesTheCallFromTheCaller) {
  for (const bool asked : {false, true}) {
    Line::Taken taken = begin(caller_, 1);
    ASSERT_NO_FATAL_FAILURE(send(taken, 5));
    ASSERT_NO_FATAL_FAILURE(expect(caller_, 5));
    if (asked) {
      ASSERT_TRUE(caller_.next());
    }
    taken.drop();
    if (!asked) {
      EXPECT_TRUE(test::is_message(caller_.response(), 5)) << "it stays the caller's";
      EXPECT_FALSE(caller_.next());
    }
    ASSERT_TRUE(caller_.answered());
    EXPECT_TRUE(caller_.dropped());
    ASSERT_NO_FATAL_FAILURE(expect_another_call(caller_, 2));
  }
}

TEST_F(CallPartsTest, NewServerFailsTheCallWhereverItIs) {
  for (const bool asked : {false, true}) {
    Line::Taken taken = begin(caller_, 1);
    ASSERT_NO_FATAL_FAILURE(send(taken, 5));
    ASSERT_NO_FATAL_FAILURE(expect(caller_, 5));
    if (asked) {
      ASSERT_TRUE(caller_.next());
    }
    Line::Server successor(memory_);
    if (!asked) {
      EXPECT_TRUE(test::is_message(caller_.response(), 5)) << "it stays the caller's";
      EXPECT_FALSE(caller_.next());
    }
    ASSERT_TRUE(caller_.answered());
    EXPECT_TRUE(caller_.failed());
    EXPECT_FALSE(caller_.dropped());
    server_ = std::move(successor);
    ASSERT_NO_FATAL_FAILURE(expect_another_call(caller_, 2));
  }
}

TEST_F(CallPartsTest, NewCallerGivesUpTheOldOnesCall) {
  Line::Taken taken = begin(caller_, 1);
  ASSERT_NO_FATAL_FAILURE(send(taken, 5));
  Line::Caller successor(memory_);
  EXPECT_EQ(taken.look(), Standing::here) << "whatever that one does next";
  EXPECT_FALSE(successor.has_room());
  EXPECT_FALSE(successor.has_more());
  EXPECT_TRUE(taken.is_cancelled());
  taken.drop();
  ASSERT_NO_FATAL_FAILURE(expect_another_call(successor, 2));
}

TEST_F(CallPartsTest, NewCallerGivesUpWhatIsBegunLater) {
  test::write_message(caller_.claim(8), 1);
  caller_.call();
  Line::Caller successor(memory_);
  ASSERT_TRUE(test::is_message(server_.request(), 1)) << "it is served all the same";
  Line::Taken taken = server_.take();
  ASSERT_NO_FATAL_FAILURE(send(taken, 5));
  EXPECT_EQ(taken.look(), Standing::out);
  EXPECT_TRUE(successor.claim(8).empty());
  EXPECT_FALSE(successor.has_more());
  EXPECT_FALSE(successor.corrupt());
  EXPECT_EQ(taken.look(), Standing::here);
  EXPECT_TRUE(taken.is_cancelled());
  taken.drop();
  ASSERT_NO_FATAL_FAILURE(expect_another_call(successor, 2));
}

// While the caller has a part, its server can only end the call.
TEST_F(CallPartsTest, NonsenseFromTheServerIsCorrupt) {
  for (const CallState state :
       {CallState(CallState::kRequest, 1, 8), CallState(CallState::kServing, 1, 0),
        CallState(CallState::kCancelled, 1, 0), CallState(CallState::kIdle, 1, 0),
        CallState(CallState::kPart, 0, 8), CallState(CallState::kResponse, 2, 8),
        CallState(CallState::kResponse, 1, kBufferBytes + 1)}) {
    cell_ = {};
    Line::Caller caller(memory_);
    Line::Taken taken = begin(caller, 1);
    ASSERT_NO_FATAL_FAILURE(send(taken, 5));
    ASSERT_TRUE(caller.answered());
    cell_.state = state.word();
    EXPECT_FALSE(caller.next());
    EXPECT_TRUE(caller.corrupt()) << state.word();
    EXPECT_EQ(caller.finding().value, state.word());
    EXPECT_FALSE(caller.has_more() || caller.answered());
    EXPECT_EQ(cell_.state, state.word()) << "it is left alone";
  }
}

TEST_F(CallPartsTest, NonsenseFromTheCallerIsSpoilt) {
  for (const CallState state :
       {CallState(CallState::kRequest, 1, 8), CallState(CallState::kIdle, 1, 0),
        CallState(CallState::kServing, 2, 0), CallState(CallState::kPart, 0, 8),
        CallState(CallState::kResponse, 1, 8)}) {
    cell_ = {};
    Line::Caller caller(memory_);
    Line::Taken taken = begin(caller, 1);
    ASSERT_NO_FATAL_FAILURE(send(taken, 5));
    cell_.state = state.word();
    EXPECT_EQ(taken.look(), Standing::spoilt) << state.word();
  }
}

}  // namespace
}  // namespace ringbell::core
