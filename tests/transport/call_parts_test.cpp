// Answers in parts: in turn and in place, ended by either side, given up at each point, across two
// processes, and after a death.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;

constexpr auto kLong = 20s;
constexpr std::uint32_t kBytes = 200;
constexpr WaitOptions kWait{.longest_sleep = 5ms};

std::vector<std::byte> message(std::uint64_t number, std::size_t size_bytes = 8) {
  std::vector<std::byte> bytes(size_bytes);
  test::write_message(bytes, number);
  return bytes;
}

class CallPartsTest : public testing::Test {
 protected:
  TakenRequest begin(std::uint64_t number = 1) {
    EXPECT_TRUE(client_.begin(message(number), kLong).value());
    return server_->take_for(kLong).value().value();
  }
  template <class Part>
  static void expect(const Result<std::optional<Part>>& part, std::uint64_t number) {
    ASSERT_TRUE(part) << message_of(part);
    ASSERT_TRUE(*part) << number;
    EXPECT_TRUE(test::is_message(**part, number)) << number;
  }
  template <class Part>
  static void expect_end(const Result<std::optional<Part>>& part, ErrorCode code, Fate fate) {
    EXPECT_EQ(code_of(part), code);
    EXPECT_EQ(fate_of(part), fate);
  }
  // Of one that has read a part and was killed with the next one under way.
  TakenRequest left_by_a_dead_client() {
    ChildProcess dies = ChildProcess::fork([&] {
      Client client = Client::open(copy_of(region_)).value();
      if (!client.begin(message(1), kLong).value()) return 1;
      if (!client.next_for(kLong).value()) return 2;
      ::pause();
      return 3;
    });
    TakenRequest taken = server_->take_for(kLong).value().value();
    EXPECT_TRUE(taken.send(message(2), kLong).value());
    EXPECT_FALSE(taken.send(message(3), 20ms).value());
    dies.kill_now();
    return taken;
  }
  // Nothing is found by looking again.
  void let_server_sleep() {
    server_.reset();
    server_ = Server::open(copy_of(region_), {.longest_sleep = kLong}).value();
  }
  // What came before is over.
  void expect_another_call() {
    TakenRequest taken = begin(77);
    ASSERT_TRUE(taken.respond(message(78)));
    ASSERT_NO_FATAL_FAILURE(expect(client_.answer_for(kLong), 78));
    EXPECT_EQ(server_->lag(), 0U);
  }

  Region region_ =
      Region::create(ServiceOptions{.clients = 2, .tickets = 2, .message_bytes = kBytes}.region())
          .value();
  std::optional<Server> server_ = Server::open(copy_of(region_), kWait).value();
  Client client_ = Client::open(copy_of(region_), kWait).value();
};

TEST_F(CallPartsTest, ComeInTurnUntilThereIsNoMore) {
  for (const bool responds : {false, true}) {
    TakenRequest taken = begin();
    EXPECT_TRUE(test::is_message(taken.request(), 1));
    for (std::uint64_t part = 10; part < 20; ++part) {
      const std::size_t size = part % 3 == 0 ? kBytes : 8;
      ASSERT_TRUE(taken.send(message(part, size), kLong).value());
      EXPECT_TRUE(taken.request().empty());
      EXPECT_FALSE(taken.is_cancelled());
      EXPECT_FALSE(taken.send(message(99), 0ns).value()) << "the client has not asked for more";
      EXPECT_EQ(server_->lag(), 1U);
      ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), part));
      ASSERT_NO_FATAL_FAILURE(expect(client_.answer_for(kLong), part)) << "it stays until then";
      client_.ask_for_more();
    }
    ASSERT_TRUE(responds ? taken.respond(message(20)) : taken.finish());
    EXPECT_EQ(code_of(taken.send(message(21), 0ns)), ErrorCode::invalid_argument);
    if (responds) {
      ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), 20));
    }
    for (int again = 0; again < 2; ++again) {
      expect_end(client_.next_for(kLong), ErrorCode::closed, Fate::served);
    }
    ASSERT_NO_FATAL_FAILURE(expect_another_call());
  }
}

TEST_F(CallPartsTest, OneAnswerIsOnePart) {
  TakenRequest taken = begin();
  ASSERT_TRUE(taken.respond(message(2)));
  ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), 2));
  expect_end(client_.next_for(kLong), ErrorCode::closed, Fate::served);
  ASSERT_NO_FATAL_FAILURE(expect_another_call());
}

TEST_F(CallPartsTest, ThereMayBeNone) {
  TakenRequest taken = begin();
  ASSERT_TRUE(taken.finish());
  EXPECT_EQ(code_of(taken.finish()), ErrorCode::invalid_argument);
  expect_end(client_.answer_for(kLong), ErrorCode::closed, Fate::served);
  EXPECT_EQ(client_.fate(), Fate::served);
  ASSERT_NO_FATAL_FAILURE(expect_another_call());
}

TEST_F(CallPartsTest, FinishDoesNotWaitForTheClient) {
  TakenRequest taken = begin();
  ASSERT_TRUE(taken.send(message(2), kLong).value());
  ASSERT_TRUE(taken.finish());
  ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), 2));
  expect_end(client_.next_for(kLong), ErrorCode::closed, Fate::served);
  ASSERT_NO_FATAL_FAILURE(expect_another_call());
}

TEST_F(CallPartsTest, WhatIsTooLargeLeavesTheCallAsItWas) {
  TakenRequest taken = begin();
  EXPECT_EQ(code_of(taken.send(message(2, 1000), kLong)), ErrorCode::too_large);
  ASSERT_TRUE(taken.send(taken.request(), kLong).value());
  EXPECT_EQ(code_of(taken.send(message(2, 1000), kLong)), ErrorCode::too_large);
  ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), 1));
  ASSERT_TRUE(taken.finish());
  expect_end(client_.next_for(kLong), ErrorCode::closed, Fate::served);
}

TEST_F(CallPartsTest, DropTakesTheCallAway) {
  for (const bool asked : {false, true}) {
    std::optional<TakenRequest> taken = begin();
    ASSERT_TRUE(taken->send(message(2), kLong).value());
    ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), 2));
    if (asked) client_.ask_for_more();
    taken.reset();
    expect_end(client_.next_for(kLong), ErrorCode::dropped, Fate::maybe_served);
    ASSERT_NO_FATAL_FAILURE(expect_another_call());
  }
}

TEST_F(CallPartsTest, EndOfTheServerTakesTheCallAway) {
  for (const bool asked : {false, true}) {
    TakenRequest taken = begin();
    ASSERT_TRUE(taken.send(message(2), kLong).value());
    ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), 2));
    if (asked) client_.ask_for_more();
    server_.reset();
    EXPECT_EQ(code_of(taken.send(message(3), kLong)), ErrorCode::closed);
    expect_end(client_.next_for(kLong), ErrorCode::dropped, Fate::maybe_served);
    server_ = Server::open(copy_of(region_), kWait).value();
    ASSERT_NO_FATAL_FAILURE(expect_another_call());
  }
}

// Where the client may stand when it gives up: with a part that it has not looked at, with one that
// it has, and waiting for the next.
TEST_F(CallPartsTest, ClientThatGivesUpIsSeenByTheServer) {
  for (const int stands : {0, 1, 2}) {
    TakenRequest taken = begin();
    ASSERT_TRUE(taken.send(message(2), kLong).value());
    if (stands > 0) {
      ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), 2));
    }
    if (stands > 1) client_.ask_for_more();
    EXPECT_EQ(client_.abandon(), Fate::maybe_served);
    EXPECT_EQ(client_.fate(), Fate::maybe_served);
    EXPECT_TRUE(taken.is_cancelled());
    EXPECT_EQ(code_of(taken.send(message(3), kLong)), ErrorCode::dropped);
    EXPECT_EQ(code_of(taken.send(message(3), kLong)), ErrorCode::invalid_argument);
    ASSERT_NO_FATAL_FAILURE(expect_another_call());
  }
}

TEST_F(CallPartsTest, NextCallGivesTheRestUp) {
  TakenRequest taken = begin();
  ASSERT_TRUE(taken.send(message(2), kLong).value());
  std::array<std::byte, 8> response{};
  ASSERT_NO_FATAL_FAILURE(expect(client_.answer_for(kLong), 2));
  EXPECT_FALSE(client_.call(message(3), response, 0ns).value()) << "the server is not done";
  EXPECT_EQ(client_.fate(), Fate::withdrawn);
  EXPECT_TRUE(taken.is_cancelled());
  ASSERT_TRUE(taken.respond(message(4))) << "which no process reads";
  ASSERT_NO_FATAL_FAILURE(expect_another_call());
}

TEST_F(CallPartsTest, TimeThatIsUpGivesTheCallUp) {
  TakenRequest taken = begin();
  ASSERT_TRUE(taken.send(message(2), kLong).value());
  ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), 2));
  EXPECT_FALSE(client_.next_for(1ms).value());
  EXPECT_EQ(client_.fate(), Fate::maybe_served);
  EXPECT_EQ(code_of(client_.next_for(1ms)), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(taken.send(message(3), kLong)), ErrorCode::dropped);
  ASSERT_NO_FATAL_FAILURE(expect_another_call());
}

TEST_F(CallPartsTest, ServerThatWaitsIsWoken) {
  let_server_sleep();
  for (const bool gives_up : {false, true}) {
    TakenRequest taken = begin();
    ASSERT_TRUE(taken.send(message(2), kLong).value());
    ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), 2));
    std::jthread client([&] {
      std::this_thread::sleep_for(5ms);
      gives_up ? (void)client_.abandon() : client_.ask_for_more();
    });
    const auto start = std::chrono::steady_clock::now();
    const Result<bool> sent = taken.send(message(3), kLong);
    EXPECT_LT(std::chrono::steady_clock::now() - start, kLong / 2);
    client.join();
    EXPECT_EQ(code_of(sent), gives_up ? std::optional(ErrorCode::dropped) : std::nullopt);
    if (!gives_up) {
      ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), 3));
    }
    taken.drop();
    (void)client_.abandon();
  }
}

TEST_F(CallPartsTest, EndOfTheServerEndsASendThatWaits) {
  let_server_sleep();
  TakenRequest taken = begin();
  ASSERT_TRUE(taken.send(message(2), kLong).value());
  std::jthread ends([&] {
    std::this_thread::sleep_for(5ms);
    server_.reset();
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of(taken.send(message(3), kLong)), ErrorCode::closed);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kLong / 2);
}

TEST_F(CallPartsTest, ClientThatClosesIsSeenByTheServer) {
  std::optional<Client> other = Client::open(copy_of(region_)).value();
  for (const bool by_ticket : {false, true}) {
    std::optional<Ticket> ticket;
    if (by_ticket) ticket = other->start(message(1)).value();
    if (!by_ticket) {
      ASSERT_TRUE(other->begin(message(1), kLong).value());
    }
    TakenRequest taken = server_->take_for(kLong).value().value();
    ASSERT_TRUE(taken.send(message(2), kLong).value());
    if (by_ticket) {
      ASSERT_NO_FATAL_FAILURE(expect(ticket->next(kLong), 2));
    }
    if (!by_ticket) {
      ASSERT_NO_FATAL_FAILURE(expect(other->next_for(kLong), 2));
    }
    other.reset();
    EXPECT_TRUE(taken.is_cancelled());
    EXPECT_EQ(code_of(taken.send(message(3), kLong)), ErrorCode::dropped);
    if (ticket) {
      EXPECT_EQ(ticket->fate(), Fate::maybe_served);
    }
    other = Client::open(copy_of(region_)).value();
  }
}

TEST_F(CallPartsTest, DeathOfTheClientIsFoundBySend) {
  for (const bool polls : {false, true}) {
    TakenRequest taken = left_by_a_dead_client();
    Result<bool> sent = taken.send(message(3), polls ? 0ns : Timeout(kLong));
    const auto end = std::chrono::steady_clock::now() + kLong;
    while (polls && sent && std::chrono::steady_clock::now() < end) {
      sent = taken.send(message(3), 0ns);
    }
    EXPECT_EQ(code_of(sent), ErrorCode::dropped);
  }
  ASSERT_NO_FATAL_FAILURE(expect_another_call());
}

TEST_F(CallPartsTest, NextClientInThePlaceGivesTheCallUp) {
  TakenRequest taken = left_by_a_dead_client();
  Client next = Client::open(copy_of(region_)).value();
  EXPECT_TRUE(taken.is_cancelled());
  EXPECT_FALSE(next.begin(message(4), 0ns).value());
  EXPECT_EQ(code_of(taken.send(message(3), kLong)), ErrorCode::dropped);
  EXPECT_TRUE(next.begin(message(4), kLong).value());
}

TEST_F(CallPartsTest, DeathOfTheServerBetweenPartsIsAnError) {
  server_.reset();
  for (const bool successor : {false, true}) {
    ChildProcess dies = ChildProcess::fork([&] {
      Server server = Server::open(copy_of(region_)).value();
      TakenRequest taken = server.take_for(kLong).value().value();
      if (!taken.send(message(2), kLong).value()) return 1;
      ::pause();
      return 2;
    });
    while (client_.peer() != PeerState::alive) std::this_thread::yield();
    ASSERT_TRUE(client_.begin(message(1), kLong).value());
    ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), 2));
    dies.kill_now();
    if (successor) server_ = Server::open(copy_of(region_), kWait).value();
    ASSERT_NO_FATAL_FAILURE(expect(client_.answer_for(kLong), 2)) << "what it has stays good";
    expect_end(client_.next_for(kLong), ErrorCode::peer_dead, Fate::maybe_served);
  }
  ASSERT_NO_FATAL_FAILURE(expect_another_call());
}

TEST_F(CallPartsTest, TicketsHaveThemToo) {
  Ticket one = client_.start(message(1)).value();
  Ticket two = client_.start(message(2)).value();
  TakenRequest first = server_->take_for(kLong).value().value();
  TakenRequest second = server_->take_for(kLong).value().value();
  if (!test::is_message(first.request(), 1)) std::swap(first, second);
  for (std::uint64_t part = 10; part < 15; ++part) {
    ASSERT_TRUE(first.send(message(part), kLong).value());
    ASSERT_TRUE(client_.any_answered_for(kLong).value());
    EXPECT_FALSE(two.next(0ns).value());
    ASSERT_NO_FATAL_FAILURE(expect(one.next(kLong), part));
    ASSERT_NO_FATAL_FAILURE(expect(one.wait(kLong), part)) << "it stays until then";
    EXPECT_EQ(one.fate(), Fate::none);
    EXPECT_FALSE(client_.any_answered_for(0ns).value());
    EXPECT_FALSE(one.next(0ns).value()) << "and goes on";
  }
  ASSERT_TRUE(first.finish());
  expect_end(one.next(kLong), ErrorCode::closed, Fate::served);
  EXPECT_EQ(one.fate(), Fate::served);
  ASSERT_TRUE(second.send(message(20), kLong).value());
  ASSERT_NO_FATAL_FAILURE(expect(two.next(kLong), 20));
  EXPECT_EQ(two.abandon(), Fate::maybe_served);
  EXPECT_EQ(code_of(second.send(message(21), kLong)), ErrorCode::dropped);
  Ticket three = client_.start(message(3)).value();
  Ticket four = client_.start(message(4)).value();
}

TEST_F(CallPartsTest, ChildOfForkSendsNone) {
  TakenRequest taken = begin();
  ChildProcess child = ChildProcess::fork([&] {
    if (code_of(taken.send(message(2), 0ns)) != ErrorCode::closed) return 1;
    return code_of(taken.finish()) == ErrorCode::closed ? 0 : 2;
  });
  EXPECT_EQ(child.wait(), 0);
  ASSERT_TRUE(taken.send(message(2), kLong).value());
  ASSERT_NO_FATAL_FAILURE(expect(client_.next_for(kLong), 2));
}

// What only a hostile client stores: the request is over, and its line is left alone.
TEST_F(CallPartsTest, LineThatTheClientSpoilsIsLeftAlone) {
  TakenRequest taken = begin();
  ASSERT_TRUE(taken.send(message(2), kLong).value());
  constexpr std::uint32_t kLinesOfEach = 3;  // its own and the tickets'
  core::CallCell& cell = *region_.call_group_memory().line(taken.client() * kLinesOfEach).cell;
  const std::uint64_t spoilt = core::CallState(core::CallState::kRequest, 9, 8).word();
  cell.state = spoilt;
  EXPECT_EQ(code_of(taken.send(message(3), kLong)), ErrorCode::corrupt);
  EXPECT_EQ(cell.state, spoilt);
}

TEST_F(CallPartsTest, StreamsToOtherProcessesComeWholeAndInOrder) {
  constexpr std::uint64_t kCalls = 50;
  constexpr std::uint64_t kParts = 100;
  ChildProcess caller = ChildProcess::fork([&] {
    Client client = Client::open(copy_of(region_)).value();
    for (std::uint64_t call = 0; call < kCalls; ++call) {
      if (!client.begin(message(call), kLong).value()) return 1;
      // Every third is given up half way.
      const std::uint64_t wanted = call % 3 == 2 ? kParts / 2 : kParts;
      for (std::uint64_t part = 0; part < wanted; ++part) {
        const auto got = client.next_for(kLong).value();
        if (!got || !test::is_message(*got, call * kParts + part)) return 2;
      }
      if (wanted < kParts) {
        client.abandon();
      } else if (code_of(client.next_for(kLong)) != ErrorCode::closed) {
        return 3;
      }
    }
    return 0;
  });
  std::uint64_t given_up = 0;
  std::vector<std::jthread> workers;
  for (std::uint64_t call = 0; call < kCalls; ++call) {
    TakenRequest taken = server_->take_for(kLong).value().value();
    std::uint64_t number = 0;
    std::memcpy(&number, taken.request().data(), sizeof number);
    workers.emplace_back([taken = std::move(taken), number, &given_up]() mutable {
      for (std::uint64_t part = 0; part < kParts; ++part) {
        const std::uint64_t content = number * kParts + part;
        const Result<bool> sent = taken.send(message(content, 8 + content % 100), kLong);
        if (!sent) {
          EXPECT_EQ(code_of(sent), ErrorCode::dropped);
          std::atomic_ref(given_up).fetch_add(1);
          return;
        }
        EXPECT_TRUE(*sent);
      }
      EXPECT_TRUE(taken.finish());
    });
  }
  EXPECT_EQ(caller.wait(), 0);
  workers.clear();
  EXPECT_EQ(given_up, kCalls / 3);
}

}  // namespace
}  // namespace ringbell
