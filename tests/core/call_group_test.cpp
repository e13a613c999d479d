// CallGroup by one thread: turns among lines, lines that fall quiet and are found again by their
// bit or without it, successors, and callers that write nonsense.
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/core/call_group.hpp>

#include <tests/support/call_group_memory.hpp>
#include <tests/support/message.hpp>

namespace ringbell::core {
namespace {

using test::CallGroupStorage;
using Caller = CallGroup<>::Caller;
using Server = CallGroup<>::Server;

constexpr LanePace kHasty{.patience = 2, .kept_lanes = 0};

template <class AnyCaller>
void call(AnyCaller& caller, std::uint64_t number, std::uint32_t size_bytes = 8) {
  const std::span<std::byte> room = caller.claim(size_bytes);
  ASSERT_EQ(room.size(), size_bytes);
  test::write_message(room, number);
  caller.call();
}

// Answers the next request, which must be this one, with as many bytes.
void serve(Server& server, std::uint32_t line, std::uint64_t number) {
  const std::span<const std::byte> request = server.request();
  ASSERT_FALSE(request.empty()) << "line " << line << ", call " << number;
  ASSERT_EQ(server.line(), line);
  ASSERT_TRUE(test::is_message(request, number));
  test::write_message(server.claim(static_cast<std::uint32_t>(request.size())), ~number);
  server.respond();
}

void expect_answer(Caller& caller, std::uint64_t number) {
  ASSERT_TRUE(caller.answered());
  EXPECT_FALSE(caller.failed());
  EXPECT_TRUE(test::is_message(caller.response(), ~number)) << number;
}

// So many polls that find nothing: every line falls quiet.
void poll_in_vain(Server& server, int times) {
  for (int i = 0; i < times; ++i) ASSERT_TRUE(server.request().empty());
}

TEST(CallGroupTest, EachCallerGetsTheAnswerToItsCall) {
  CallGroupStorage storage(3, 500);
  Server server = storage.server();
  std::vector<Caller> callers;
  for (std::uint32_t line = 0; line < 3; ++line) callers.emplace_back(storage.memory(), line);
  for (const std::uint32_t size : {8U, 48U, 49U, 500U}) {
    for (std::uint32_t line = 0; line < 3; ++line) {
      ASSERT_NO_FATAL_FAILURE(call(callers[line], 10 * size + line, size));
    }
    std::vector<bool> served(3);
    for (int i = 0; i < 3; ++i) {
      ASSERT_FALSE(server.request().empty());
      const std::uint32_t line = server.line();
      served[line] = true;
      ASSERT_NO_FATAL_FAILURE(serve(server, line, 10 * size + line));
    }
    EXPECT_EQ(served, std::vector<bool>(3, true));
    for (std::uint32_t line = 0; line < 3; ++line) {
      ASSERT_NO_FATAL_FAILURE(expect_answer(callers[line], 10 * size + line));
    }
  }
  EXPECT_TRUE(server.request().empty());
}

TEST(CallGroupTest, TheSameRequestComesUntilItIsAnswered) {
  CallGroupStorage storage(2);
  Server server = storage.server();
  Caller first(storage.memory(), 0);
  Caller second(storage.memory(), 1);
  ASSERT_NO_FATAL_FAILURE(call(first, 1));
  ASSERT_NO_FATAL_FAILURE(call(second, 2));
  ASSERT_FALSE(server.request().empty());
  const std::uint32_t line = server.line();
  EXPECT_TRUE(test::is_message(server.request(), line + 1));
  EXPECT_EQ(server.line(), line);
  ASSERT_NO_FATAL_FAILURE(serve(server, line, line + 1));
  serve(server, 1 - line, 2 - line);
}

TEST(CallGroupTest, NobodyIsServedTwiceWhileAnotherWaits) {
  constexpr std::uint32_t kLines = 5;
  CallGroupStorage storage(kLines);
  Server server = storage.server();
  std::vector<Caller> callers;
  for (std::uint32_t line = 0; line < kLines; ++line) callers.emplace_back(storage.memory(), line);
  std::vector<std::uint64_t> served(kLines);
  for (std::uint32_t line = 0; line < kLines; ++line) call(callers[line], 0);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_FALSE(server.request().empty());
    const std::uint32_t line = server.line();
    ASSERT_NO_FATAL_FAILURE(serve(server, line, served[line]++));
    for (const std::uint64_t others : served) ASSERT_LE(served[line], others + 2);
    ASSERT_NO_FATAL_FAILURE(expect_answer(callers[line], served[line] - 1));
    ASSERT_NO_FATAL_FAILURE(call(callers[line], served[line]));  // at once, again
  }
}

TEST(CallGroupTest, AQuietLineIsFoundByItsBitAtOnce) {
  CallGroupStorage storage(64);
  Server server = storage.server(kHasty);
  poll_in_vain(server, 200);
  ASSERT_EQ(server.active_lines(), 0U);
  Caller caller(storage.memory(), 40);
  ASSERT_NO_FATAL_FAILURE(call(caller, 7));
  serve(server, 40, 7);
}

TEST(CallGroupTest, AQuietLineIsFoundWithoutItsBitWithinAsManyPollsAsLines) {
  constexpr std::uint32_t kLines = 100;
  CallGroupStorage storage(kLines);
  Server server = storage.server(kHasty);
  poll_in_vain(server, 300);
  CallLine<>::Caller silent(storage.memory().line(70));  // calls, and dies before the signal
  ASSERT_NO_FATAL_FAILURE(call(silent, 7));
  std::uint32_t polls = 1;
  while (server.request().empty() && polls < 2 * kLines) ++polls;
  EXPECT_LE(polls, kLines);
  serve(server, 70, 7);
}

TEST(CallGroupTest, AnythingLooksAtAllLinesAndBeginsNoCall) {
  CallGroupStorage storage(200);
  {
    Server server = storage.server(kHasty);
    poll_in_vain(server, 16);
    EXPECT_FALSE(server.anything());
    CallLine<>::Caller silent(storage.memory().line(150));
    ASSERT_NO_FATAL_FAILURE(call(silent, 7));
    EXPECT_TRUE(server.anything());
  }
  Server successor = storage.server(kHasty);
  serve(successor, 150, 7);
}

TEST(CallGroupTest, ANewServerFailsWhatWasBegunAndServesTheRest) {
  CallGroupStorage storage(3);
  Caller begun(storage.memory(), 0);
  Caller waiting(storage.memory(), 2);
  {
    Server dead = storage.server();
    ASSERT_NO_FATAL_FAILURE(call(begun, 1));
    ASSERT_FALSE(dead.request().empty());
    ASSERT_NO_FATAL_FAILURE(call(waiting, 2));
  }
  Server server = storage.server();
  ASSERT_TRUE(begun.answered());
  EXPECT_TRUE(begun.failed());
  ASSERT_NO_FATAL_FAILURE(serve(server, 2, 2));
  ASSERT_NO_FATAL_FAILURE(expect_answer(waiting, 2));
  ASSERT_NO_FATAL_FAILURE(call(begun, 3));
  ASSERT_NO_FATAL_FAILURE(serve(server, 0, 3));
  expect_answer(begun, 3);
}

TEST(CallGroupTest, ALineOfNonsenseIsSetAsideAndHarmsNobody) {
  CallGroupStorage storage(3);
  Server server = storage.server(kHasty);
  Caller honest(storage.memory(), 2);
  storage.memory().lines[0].cell.state = CallState(CallState::kRequest, 1, 4000).word();
  for (ReadyLine& line : storage.memory().control->ready) line.bits = UINT64_MAX;
  for (std::uint64_t number = 0; number < 100; ++number) {
    ASSERT_NO_FATAL_FAILURE(call(honest, number));
    for (int polls = 0; server.request().empty(); ++polls) ASSERT_LT(polls, 4);
    ASSERT_NO_FATAL_FAILURE(serve(server, 2, number));
    ASSERT_NO_FATAL_FAILURE(expect_answer(honest, number));
  }
  EXPECT_TRUE(server.request().empty());
  EXPECT_EQ(server.corrupt_lines(), 1U);
  EXPECT_TRUE(server.corrupt(0));
  EXPECT_NE(server.finding(0).field, nullptr);
  EXPECT_EQ(server.finding(2).field, nullptr);
  EXPECT_FALSE(server.corrupt(2));
  EXPECT_FALSE(server.anything());
  EXPECT_EQ(server.calls(), 0U) << "a spoilt line asks nothing";
}

}  // namespace
}  // namespace ringbell::core
