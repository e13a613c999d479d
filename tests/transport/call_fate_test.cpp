// What a client learns of a call that gave no answer: whether it was taken back before the server
// began it.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;

constexpr auto kLong = 20s;
constexpr WaitOptions kWait{.longest_sleep = 5ms};

class CallFateTest : public testing::Test {
 protected:
  void call(std::size_t size_bytes = 8) {
    ASSERT_TRUE(client_.claim_for(size_bytes, 0ns).value());
    client_.call();
  }
  void begin() { ASSERT_TRUE(server_->request_for(kLong).value()); }
  void respond() {
    ASSERT_TRUE(server_->claim(4));
    server_->respond();
  }
  void expect_a_whole_call() {
    ASSERT_NO_FATAL_FAILURE(call());
    ASSERT_NO_FATAL_FAILURE(begin());
    ASSERT_NO_FATAL_FAILURE(respond());
    EXPECT_EQ(client_.answer_for(kLong).value().value().size(), 4U);
  }
  // A server in a process of its own dies, before it begins the call or after it.
  static void kill_server(const Region& region, bool begins) {
    ChildProcess dies = ChildProcess::fork([&] {
      Server server = Server::open(copy_of(region)).value();
      if (begins && !server.request_for(kLong).value()) return 1;
      ::raise(SIGKILL);
      return 2;
    });
    ASSERT_EQ(dies.wait(), -SIGKILL);
  }

  Region region_ =
      Region::create(ServiceOptions{.clients = 2, .message_bytes = 64}.region()).value();
  std::optional<Server> server_ = Server::open(copy_of(region_)).value();
  Client client_ = Client::open(copy_of(region_), kWait).value();
  std::array<std::byte, 64> response_{};
};

TEST_F(CallFateTest, CallThatTimedOutBeforeItWasBegunIsWithdrawn) {
  EXPECT_EQ(client_.fate(), Fate::none);
  EXPECT_EQ(client_.call(response_, response_, 1ms).value(), std::nullopt);
  EXPECT_EQ(client_.fate(), Fate::withdrawn);
  EXPECT_FALSE(server_->request());
  EXPECT_EQ(server_->lag(), 0U);
  expect_a_whole_call();
}

TEST_F(CallFateTest, CallThatTimedOutAfterItWasBegunMayBeServed) {
  ASSERT_NO_FATAL_FAILURE(call());
  ASSERT_NO_FATAL_FAILURE(begin());
  EXPECT_FALSE(server_->is_cancelled());
  EXPECT_EQ(client_.answer_for(1ms).value(), std::nullopt);
  EXPECT_EQ(client_.fate(), Fate::maybe_served);
  EXPECT_TRUE(server_->is_cancelled());
  EXPECT_EQ(client_.call(response_, response_, 1ms).value(), std::nullopt);
  EXPECT_EQ(client_.fate(), Fate::withdrawn) << "for that one there was no line";
  ASSERT_NO_FATAL_FAILURE(respond());
  EXPECT_FALSE(server_->is_cancelled());
  expect_a_whole_call();
}

TEST_F(CallFateTest, AbandonTellsIt) {
  EXPECT_EQ(client_.abandon(), Fate::none);
  ASSERT_NO_FATAL_FAILURE(call());
  EXPECT_EQ(client_.abandon(), Fate::withdrawn);
  EXPECT_EQ(client_.abandon(), Fate::none);
  EXPECT_EQ(client_.fate(), Fate::withdrawn) << "of the last call";
  ASSERT_NO_FATAL_FAILURE(call());
  ASSERT_NO_FATAL_FAILURE(begin());
  EXPECT_EQ(client_.abandon(), Fate::maybe_served);
  ASSERT_NO_FATAL_FAILURE(respond());
  ASSERT_NO_FATAL_FAILURE(call());
  ASSERT_NO_FATAL_FAILURE(begin());
  ASSERT_NO_FATAL_FAILURE(respond());
  EXPECT_EQ(client_.abandon(), Fate::served);
  expect_a_whole_call();
}

TEST_F(CallFateTest, AnInterruptTellsIt) {
  client_.interrupt();
  ASSERT_NO_FATAL_FAILURE(call());
  const auto answer = client_.answer_for(kLong);
  EXPECT_EQ(code_of(answer), ErrorCode::cancelled);
  EXPECT_EQ(fate_of(answer), Fate::withdrawn);
  EXPECT_FALSE(server_->request());
  expect_a_whole_call();
}

TEST_F(CallFateTest, AServerThatClosedTellsIt) {
  server_.reset();
  const auto answer = client_.call(response_, response_, kLong);
  EXPECT_EQ(code_of(answer), ErrorCode::closed);
  EXPECT_EQ(fate_of(answer), Fate::withdrawn);
  server_ = Server::open(copy_of(region_)).value();
  EXPECT_FALSE(server_->request()) << "it is not the next server's";
  expect_a_whole_call();
}

TEST_F(CallFateTest, TheServersDeathTellsIt) {
  for (const bool begun : {false, true}) {
    server_.reset();
    ASSERT_NO_FATAL_FAILURE(call());
    ASSERT_NO_FATAL_FAILURE(kill_server(region_, begun));
    const auto answer = client_.answer_for(kLong);
    EXPECT_EQ(code_of(answer), ErrorCode::peer_dead);
    EXPECT_EQ(fate_of(answer), begun ? Fate::maybe_served : Fate::withdrawn);
    server_ = Server::open(copy_of(region_)).value();
    EXPECT_FALSE(server_->request());
    ASSERT_NO_FATAL_FAILURE(expect_a_whole_call());
  }
}

TEST_F(CallFateTest, WhatTheNextServerFailsMayHaveBeenServed) {
  server_.reset();
  ASSERT_NO_FATAL_FAILURE(call());
  ASSERT_NO_FATAL_FAILURE(kill_server(region_, true));
  server_ = Server::open(copy_of(region_)).value();
  const auto answer = client_.answer_for(kLong);
  EXPECT_EQ(code_of(answer), ErrorCode::peer_dead);
  EXPECT_EQ(fate_of(answer), Fate::maybe_served);
  EXPECT_EQ(client_.fate(), Fate::maybe_served);
}

TEST_F(CallFateTest, WhatCannotBeCalledIsWithdrawn) {
  std::vector<std::byte> large(1000);
  EXPECT_EQ(fate_of(client_.call(large, response_, 0ns)), Fate::withdrawn);
  ASSERT_NO_FATAL_FAILURE(call());
  EXPECT_EQ(fate_of(client_.call(response_, response_, 0ns)), Fate::withdrawn);
  EXPECT_EQ(client_.abandon(), Fate::withdrawn) << "of the one before";
}

TEST_F(CallFateTest, AnAnswerThatHasNoRoomWasServed) {
  server_.reset();
  ChildProcess serves = ChildProcess::fork([&] {
    Server server = Server::open(copy_of(region_)).value();
    const auto served = server.serve([](auto, auto&& claim) { EXPECT_TRUE(claim(64)); }, 1, kLong);
    return served == 1U ? 0 : 1;
  });
  const auto give = [&] {
    const auto answer = client_.call(response_, std::span(response_).first(3), kLong);
    // Before the child has come the server is the one that has closed.
    return answer.has_value() ? Error{} : answer.error();
  };
  Error error = give();
  while (error.code == ErrorCode::closed) error = give();
  EXPECT_EQ(error.code, ErrorCode::too_large);
  EXPECT_EQ(error.fate, Fate::served);
  EXPECT_EQ(serves.wait(), 0);
}

TEST_F(CallFateTest, OfACorruptLineNothingIsKnown) {
  ASSERT_NO_FATAL_FAILURE(call());
  for (std::uint32_t line = 0; line < 2; ++line) {
    region_.call_group_memory().lines[line].cell.state = ~std::uint64_t{0};
  }
  const auto answer = client_.answer_for(kLong);
  EXPECT_EQ(code_of(answer), ErrorCode::corrupt);
  EXPECT_EQ(fate_of(answer), Fate::maybe_served);
}

// A client that gives up at any moment, and a server that notes what it begins.
TEST_F(CallFateTest, WhatTheCallersAreToldIsWhatTheServerDid) {
  constexpr std::uint32_t kCalls = 20'000;
  server_.reset();
  test::SharedPages pages(kCalls + 4096);
  auto* const begun = pages.take<std::atomic<std::uint8_t>>(kCalls);
  auto* const over = pages.take<std::atomic<std::uint32_t>>();
  ChildProcess serves = ChildProcess::fork([&] {
    Server server = Server::open(copy_of(region_)).value();
    while (*over == 0) {
      const auto asked = server.request_for(1ms).value();
      if (!asked) continue;
      std::uint32_t number = 0;
      std::memcpy(&number, asked->data(), sizeof number);
      ++begun[number];
      std::memcpy(server.claim(sizeof number)->data(), &number, sizeof number);
      server.respond();
    }
    return 0;
  });
  while (client_.peer() != PeerState::alive) std::this_thread::yield();
  std::array<std::uint32_t, 4> told{};
  for (std::uint32_t number = 0; number < kCalls; ++number) {
    const auto room = client_.claim_for(sizeof number, kLong).value();
    ASSERT_TRUE(room) << number;
    std::memcpy(room->data(), &number, sizeof number);
    client_.call();
    for (std::uint32_t spins = number % 64; spins > 0; --spins) {
      if (client_.answered()) break;
    }
    const Fate fate = client_.abandon();
    ++told.at(static_cast<std::size_t>(fate));
    if (fate == Fate::served) {
      ASSERT_EQ(begun[number], 1U) << number;
    }
    if (fate == Fate::withdrawn) {
      ASSERT_EQ(begun[number], 0U) << number;
      begun[number] = 100;  // were it begun all the same, it would be more
    }
  }
  *over = 1;
  EXPECT_EQ(serves.wait(), 0);
  for (std::uint32_t number = 0; number < kCalls; ++number) {
    ASSERT_TRUE(begun[number] == 1 || begun[number] == 100) << number << " " << int(begun[number]);
  }
  EXPECT_EQ(told[0], 0U);
  EXPECT_GT(told[1] + told[2] + told[3], 0U);
}

}  // namespace
}  // namespace ringbell
