// CallLine by one thread: what each side sees when, sizes in the line and beyond, calls given up,
// successors, and a peer that writes nonsense.
#include <array>

#include <gtest/gtest.h>

#include <tests/core/call_line_fixture.hpp>
#include <tests/support/message.hpp>

namespace ringbell::core {
namespace {

class CallLineTest : public CallLineFixture {
 protected:
  static void call(Line::Caller& caller, std::uint64_t number, std::uint32_t size_bytes = 8) {
    const std::span<std::byte> room = caller.claim(size_bytes);
    ASSERT_EQ(room.size(), size_bytes);
    test::write_message(room, number);
    caller.call();
  }
  // Answers with a message of another number.
  static void serve(Line::Server& server, std::uint64_t number, std::uint32_t size_bytes = 8) {
    ASSERT_TRUE(test::is_message(server.request(), number)) << number;
    test::write_message(server.claim(size_bytes), ~number);
    server.respond();
  }
  static void expect(Line::Caller& caller, std::uint64_t number, std::size_t size_bytes = 8) {
    ASSERT_TRUE(caller.answered());
    EXPECT_FALSE(caller.failed());
    EXPECT_EQ(caller.response().size(), size_bytes);
    EXPECT_TRUE(test::is_message(caller.response(), ~number)) << number;
  }
};

TEST_F(CallLineTest, ServerSeesNothingUntilTheCall) {
  EXPECT_TRUE(server_.request().empty());
  test::write_message(caller_.claim(8), 1);
  EXPECT_TRUE(server_.request().empty());
  caller_.call();
  EXPECT_FALSE(caller_.answered());
  serve(server_, 1);
  expect(caller_, 1);
}

TEST_F(CallLineTest, RequestIsTheSameUntilTheResponse) {
  call(caller_, 1, 40);
  EXPECT_EQ(server_.request().data(), server_.request().data());
  EXPECT_EQ(server_.request().size(), 40U);
  EXPECT_FALSE(caller_.answered());
}

TEST_F(CallLineTest, EverySizeInTheLineAndBeyond) {
  for (std::uint32_t size = 0; size <= kBufferBytes; size += size < 64 ? 1 : 117) {
    const std::uint32_t back = kBufferBytes - size;
    ASSERT_NO_FATAL_FAILURE(call(caller_, size, size));
    ASSERT_EQ(server_.request().size(), size);
    ASSERT_NO_FATAL_FAILURE(serve(server_, size, back));
    ASSERT_NO_FATAL_FAILURE(expect(caller_, size, back));
  }
  EXPECT_EQ(caller_.max_message_bytes(), kBufferBytes);
}

TEST_F(CallLineTest, ShortMessagesStayInTheLine) {
  EXPECT_EQ(caller_.claim(kInlineCallBytes).data(), cell_.payload.data());
  EXPECT_EQ(caller_.claim(kInlineCallBytes + 1).data(), request_.data());
}

TEST_F(CallLineTest, WithoutBuffersTheLineIsTheLimit) {
  CallCell cell{};
  const Line::Caller caller(CallMemory{&cell, nullptr, nullptr, 0});
  EXPECT_EQ(caller.max_message_bytes(), kInlineCallBytes);
}

TEST_F(CallLineTest, CallThatIsNotBegunIsTakenBack) {
  EXPECT_EQ(caller_.abandon(), CallFate::none);
  call(caller_, 1);
  EXPECT_EQ(caller_.abandon(), CallFate::withdrawn);
  EXPECT_EQ(caller_.abandon(), CallFate::none);
  EXPECT_FALSE(server_.is_called());
  EXPECT_TRUE(server_.request().empty());
  EXPECT_TRUE(caller_.has_room()) << "at once";
  call(caller_, 2);
  serve(server_, 2);
  expect(caller_, 2);
}

// Between the server's look and its claim: what it looked at is not there any more.
TEST_F(CallLineTest, CallThatIsTakenBackInBetweenIsNotBegun) {
  call(caller_, 1);
  ASSERT_TRUE(server_.is_called());
  ASSERT_EQ(caller_.abandon(), CallFate::withdrawn);
  Line::Caller successor(memory_);
  EXPECT_TRUE(server_.request().empty());
  EXPECT_FALSE(server_.corrupt());
  call(successor, 2);
  serve(server_, 2);
  expect(successor, 2);
}

TEST_F(CallLineTest, CallThatIsBegunMayBeServedAndTheServerLearnsThatItIsCancelled) {
  call(caller_, 1);
  ASSERT_FALSE(server_.request().empty());
  EXPECT_FALSE(server_.is_cancelled());
  EXPECT_EQ(caller_.abandon(), CallFate::maybe_served);
  EXPECT_TRUE(server_.is_cancelled());
  serve(server_, 1);
  EXPECT_TRUE(caller_.has_room());
}

TEST_F(CallLineTest, CallThatIsAnsweredWhileItIsGivenUpIsServed) {
  call(caller_, 1);
  EXPECT_FALSE(caller_.answered());
  serve(server_, 1);
  EXPECT_EQ(caller_.abandon(), CallFate::served);
  EXPECT_TRUE(test::is_message(caller_.response(), ~std::uint64_t{1}));
  EXPECT_TRUE(caller_.has_room());
}

TEST_F(CallLineTest, CallThatFailedWhileItIsGivenUpMayBeServed) {
  call(caller_, 1);
  ASSERT_FALSE(server_.request().empty());
  const Line::Server successor(memory_);
  EXPECT_EQ(caller_.abandon(), CallFate::maybe_served);
  EXPECT_TRUE(caller_.has_room());
}

TEST_F(CallLineTest, NewServerFailsWhatWasBegunAndCancelled) {
  call(caller_, 1);
  ASSERT_FALSE(server_.request().empty());
  ASSERT_EQ(caller_.abandon(), CallFate::maybe_served);
  const Line::Server successor(memory_);
  EXPECT_TRUE(caller_.has_room());
}

TEST_F(CallLineTest, NewCallerCancelsWhatTheOldOneHadAsked) {
  call(caller_, 1);
  ASSERT_FALSE(server_.request().empty());
  Line::Caller successor(memory_);
  EXPECT_TRUE(server_.is_cancelled());
  EXPECT_FALSE(successor.has_room());
  serve(server_, 1);
  EXPECT_TRUE(successor.has_room());
}

TEST_F(CallLineTest, RequestThatIsTakenIsAnsweredLater) {
  for (std::uint64_t number = 0; number < 3; ++number) {
    call(caller_, number, 100);
    ASSERT_FALSE(server_.request().empty());
    Line::Taken taken = server_.take();
    EXPECT_TRUE(server_.request().empty()) << "it is not this handle's any more";
    EXPECT_TRUE(test::is_message(taken.request(), number));
    EXPECT_FALSE(taken.is_cancelled());
    EXPECT_FALSE(caller_.answered());
    test::write_message(taken.claim(200), ~number);
    taken.respond();
    expect(caller_, number, 200);
  }
}

TEST_F(CallLineTest, RequestThatIsTakenAndDroppedFails) {
  call(caller_, 1);
  ASSERT_FALSE(server_.request().empty());
  Line::Taken taken = server_.take();
  taken.drop();
  ASSERT_TRUE(caller_.answered());
  EXPECT_TRUE(caller_.failed());
  EXPECT_TRUE(caller_.dropped());
  call(caller_, 2);
  serve(server_, 2);
  expect(caller_, 2);
  EXPECT_FALSE(caller_.dropped());
}

TEST_F(CallLineTest, AbandonedCallKeepsTheLineUntilItIsAnswered) {
  call(caller_, 1);
  ASSERT_FALSE(server_.request().empty());
  EXPECT_TRUE(caller_.waiting());
  EXPECT_FALSE(caller_.has_room());
  caller_.abandon();
  EXPECT_FALSE(caller_.waiting());
  EXPECT_FALSE(caller_.has_room());
  EXPECT_TRUE(caller_.claim(8).empty());
  serve(server_, 1);
  EXPECT_TRUE(caller_.has_room());
  call(caller_, 2);
  EXPECT_FALSE(caller_.answered()) << "the answer to the first call is not that to the second";
  serve(server_, 2);
  expect(caller_, 2);
}

TEST_F(CallLineTest, NewCallerWaitsForTheOldOnesCall) {
  call(caller_, 1);
  Line::Caller successor(memory_);
  EXPECT_TRUE(successor.claim(8).empty());
  serve(server_, 1);
  call(successor, 2);
  serve(server_, 2);
  expect(successor, 2);
}

TEST_F(CallLineTest, NewServerServesWhatWasNotBegun) {
  call(caller_, 1);
  Line::Server successor(memory_);
  EXPECT_FALSE(caller_.answered());
  serve(successor, 1);
  expect(caller_, 1);
}

TEST_F(CallLineTest, NewServerFailsWhatWasBegun) {
  call(caller_, 1);
  ASSERT_FALSE(server_.request().empty());
  Line::Server successor(memory_);
  EXPECT_TRUE(successor.request().empty()) << "at most one server begins a call";
  ASSERT_TRUE(caller_.answered());
  EXPECT_TRUE(caller_.failed());
  EXPECT_TRUE(caller_.response().empty());
  call(caller_, 2);
  serve(successor, 2);
  expect(caller_, 2);
}

TEST_F(CallLineTest, GenerationsWrapAround) {
  cell_.state = CallState(CallState::kResponse, UINT32_MAX - 1, 8).word();
  Line::Caller caller(memory_);
  for (std::uint64_t number = 0; number < 4; ++number) {
    ASSERT_NO_FATAL_FAILURE(call(caller, number));
    ASSERT_NO_FATAL_FAILURE(serve(server_, number));
    ASSERT_NO_FATAL_FAILURE(expect(caller, number));
    EXPECT_EQ(caller.generation(), static_cast<std::uint32_t>(UINT32_MAX + number));
  }
}

TEST_F(CallLineTest, NonsenseFromTheServerIsCorrupt) {
  const std::array nonsense{CallState(CallState::kResponse, 2, 8),
                            CallState(CallState::kResponse, 1, kBufferBytes + 1),
                            CallState(CallState::kPart, 1, kBufferBytes + 1),
                            CallState(CallState::kIdle, 0, 0),
                            CallState(CallState::kFailed, 0, 0),
                            CallState(~std::uint64_t{0})};
  for (const CallState state : nonsense) {
    cell_ = {};
    Line::Caller caller(memory_);
    ASSERT_NO_FATAL_FAILURE(call(caller, 1));
    cell_.state = state.word();
    EXPECT_FALSE(caller.answered()) << state.word();
    EXPECT_TRUE(caller.corrupt()) << state.word();
    cell_.state = CallState(CallState::kResponse, 1, 8).word();
    EXPECT_FALSE(caller.answered()) << "for good";
    EXPECT_EQ(caller.abandon(), CallFate::maybe_served) << "nothing is known";
  }
}

TEST_F(CallLineTest, NonsenseFromTheCallerIsCorrupt) {
  for (const std::uint32_t size : {kBufferBytes + 1, CallState::kMaxSizeBytes}) {
    cell_.state = CallState(CallState::kRequest, 1, size).word();
    Line::Server server(memory_);
    EXPECT_TRUE(server.request().empty()) << size;
    EXPECT_TRUE(server.corrupt()) << size;
    cell_.state = CallState(CallState::kRequest, 1, 8).word();
    EXPECT_TRUE(server.request().empty()) << "for good";
  }
}

TEST_F(CallLineTest, ALineHasNoRoomBeforeAnAbandonedCallIsAnswered) {
  Line::Caller caller(memory_);
  EXPECT_TRUE(caller.has_room());
  ASSERT_NO_FATAL_FAILURE(call(caller, 1));
  EXPECT_FALSE(caller.has_room());
  ASSERT_FALSE(server_.request().empty());
  caller.abandon();
  EXPECT_FALSE(caller.has_room());
}

}  // namespace
}  // namespace ringbell::core
