// A service among several processes: which client gets which answer, every way for a wait to end,
// time-outs and deaths.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/transport/ends/service.hpp>

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
constexpr std::uint32_t kBytes = 2000;

Region new_service(std::uint32_t clients = 4) {
  return Region::create(ServiceOptions{.clients = clients, .message_bytes = kBytes}.region())
      .value();
}

// The answer is the request, each byte plus one.
void answer(std::span<const std::byte> request, auto&& claim) {
  const std::vector<std::byte> asked(request.begin(), request.end());
  const std::span<std::byte> into = claim(asked.size()).value();
  std::transform(asked.begin(), asked.end(), into.begin(), [](std::byte byte) {
    return static_cast<std::byte>(std::to_integer<unsigned>(byte) + 1U);
  });
}

bool call_and_check(Client& client, std::uint64_t number) {
  const std::size_t size = number % 4 == 0 ? 1 + test::mix(number) % kBytes
                                           : 1 + test::mix(number) % core::kInlineCallBytes;
  std::vector<std::byte> request(size);
  test::write_message(request, number);
  std::vector<std::byte> response(kBytes);
  if (client.call(request, response, kLong).value_or(std::nullopt) != size) return false;
  return std::equal(request.begin(), request.end(), response.begin(),
                    [](std::byte asked, std::byte told) {
                      return static_cast<std::byte>(std::to_integer<unsigned>(asked) + 1U) == told;
                    });
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(ServiceTest, WaitingForAnAnswerInSlicesLeavesTheCallUnderWay) {
  const Region region = new_service();
  Server server = Server::open(copy_of(region)).value();
  Client client = Client::open(copy_of(region)).value();
  EXPECT_EQ(code_of(client.answered_for(0ns)), ErrorCode::invalid_argument);
  ASSERT_TRUE(client.claim_for(8, 0ns).value());
  client.call();
  EXPECT_FALSE(client.answered_for(0ns).value());
  EXPECT_FALSE(client.answered_for(1ms).value());
  ASSERT_TRUE(server.request());
  ASSERT_EQ(server.claim(5).value().size(), 5U);
  server.respond();
  EXPECT_TRUE(client.answered_for(kLong).value());
  EXPECT_EQ(client.answer_for(0ns).value().value().size(), 5U);

  ASSERT_TRUE(client.claim_for(8, 0ns).value());
  client.call();
  server = Server::open(new_service()).value();  // of another ring: this one's has closed
  EXPECT_EQ(code_of(client.answered_for(kLong)), ErrorCode::closed);
}

TEST(ServiceTest, EachClientGetsItsOwnAnswersWhoeverSleeps) {
  constexpr std::uint64_t kEach = 5'000;
  constexpr int kClients = 3;
  for (const auto budget : {0us, 20us}) {
    const Region region = new_service();
    const WaitOptions wait{.spin_budget = budget};
    std::vector<ChildProcess> clients;
    clients.reserve(kClients);
    for (int i = 0; i < kClients; ++i) {
      clients.push_back(ChildProcess::fork([&] {
        Client client = Client::open(copy_of(region), wait).value();
        for (std::uint64_t number = 0; number < kEach; ++number) {
          if (!call_and_check(client, number)) return 1;
        }
        return client.missed_rings() == 0 ? 0 : 2;
      }));
    }
    Server server = Server::open(copy_of(region), wait).value();
    EXPECT_EQ(server.serve([](auto request, auto&& claim) { answer(request, claim); },
                           kClients * kEach, kLong),
              kClients * kEach);
    for (ChildProcess& client : clients) EXPECT_EQ(client.wait(), 0);
    EXPECT_EQ(server.corrupt_lines(), 0U);
  }
}

TEST(ServiceTest, CallWithoutAnAnswerTimesOutAndTheLineComesBack) {
  const Region region = new_service();
  Server server = Server::open(copy_of(region)).value();
  Client client = Client::open(copy_of(region)).value();
  std::vector<std::byte> response(kBytes);
  EXPECT_EQ(client.call(bytes_of("one"), response, 5ms).value(), std::nullopt);
  EXPECT_EQ(server.request_for(0ms).value(), std::nullopt);  // taken back
  ASSERT_TRUE(client.claim_for(3, 0ms).value());
  client.call();
  ASSERT_EQ(server.request_for(kLong).value().value().size(), 3U);
  EXPECT_EQ(client.answer_for(5ms).value(), std::nullopt);
  EXPECT_EQ(client.call(bytes_of("three"), response, 5ms).value(), std::nullopt);  // not even sent
  const auto serve_one = [&] {
    return server.serve([](auto request, auto&& claim) { answer(request, claim); }, 1, kLong);
  };
  EXPECT_EQ(serve_one(), 1U);  // that, whose client has gone on
  EXPECT_EQ(server.request_for(5ms).value(), std::nullopt);
  EXPECT_TRUE(client.claim_for(3, 0ms).value());
}

// What is spent waiting for the line to come back is not there any more for the answer. A machine
// that does something else for long may spoil one try, not three.
TEST(ServiceTest, TimeoutOfACallIsForAllOfIt) {
  constexpr auto kTimeout = 1200ms;
  std::chrono::nanoseconds best = 1h;
  for (int i = 0; i < 3 && best > kTimeout * 4 / 3; ++i) {
    const Region region = new_service();
    ChildProcess serves_one = ChildProcess::fork([&] {
      Server server = Server::open(copy_of(region)).value();
      const bool asked = server.request_for(kLong).value().has_value();
      std::this_thread::sleep_for(kTimeout * 2 / 3);
      if (!asked || !server.claim(1)) return 1;
      server.respond();
      ::pause();
      return 2;
    });
    Client client = Client::open(copy_of(region)).value();
    std::vector<std::byte> response(kBytes);
    do {
      EXPECT_EQ(client.call(bytes_of("abandoned"), response, 1ms).value(), std::nullopt);
    } while (client.fate() != Fate::maybe_served);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(client.call(bytes_of("hello"), response, kTimeout).value(), std::nullopt);
    best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - start);
    serves_one.kill_now();
  }
  EXPECT_GE(best, kTimeout);
  EXPECT_LE(best, kTimeout * 4 / 3);
}

TEST(ServiceTest, WhatCannotBeIsAnError) {
  const Region region = new_service(1);
  Client client = Client::open(copy_of(region)).value();
  EXPECT_EQ(code_of(Client::open(copy_of(region))), ErrorCode::no_place);
  std::vector<std::byte> large(kBytes + 200);
  EXPECT_EQ(code_of(client.call(large, large)), ErrorCode::too_large);
  Server server = Server::open(copy_of(region)).value();
  EXPECT_EQ(code_of(Server::open(copy_of(region))), ErrorCode::busy);
  ChildProcess calls = ChildProcess::fork([&] {
    std::array<std::byte, 3> small{};
    return code_of(client.call(bytes_of("four"), small, kLong)) == ErrorCode::too_large ? 0 : 1;
  });
  EXPECT_EQ(server.serve([](auto request, auto&& claim) { answer(request, claim); }, 1, kLong), 1U);
  EXPECT_EQ(calls.wait(), 0);
}

TEST(ServiceTest, CorruptLineIsToldAndHarmsNobody) {
  const Region region = new_service();
  Server server = Server::open(copy_of(region)).value();
  std::vector<Client> clients;  // one for each line: those of clients that are gone are mended
  for (int i = 0; i < 4; ++i) clients.push_back(Client::open(copy_of(region)).value());
  const std::uint64_t nonsense =
      core::CallState(core::CallState::kRequest, 1, core::CallState::kMaxSizeBytes).word();
  region.call_group_memory().lines[3].cell.state = nonsense;
  EXPECT_FALSE(server.request_for(10ms).value());
  EXPECT_EQ(server.corrupt_lines(), 1U);
  EXPECT_STREQ(server.finding(3).field, "CallCell::state");
  EXPECT_EQ(server.finding(3).value, nonsense);
  EXPECT_EQ(server.finding(0).field, nullptr);
  EXPECT_EQ(server.line_count(), 4U);
}

TEST(ServiceTest, ClientLearnsThatTheServerClosed) {
  const Region region = new_service();
  Client client = Client::open(copy_of(region), {.longest_sleep = 5ms}).value();
  { const Server server = Server::open(copy_of(region)).value(); }
  std::vector<std::byte> response(kBytes);
  EXPECT_EQ(code_of(client.call(bytes_of("hello"), response, kLong)), ErrorCode::closed);
}

TEST(ServiceTest, BegunCallOfADeadServerFailsAndTheNextServerGoesOn) {
  const Region region = new_service();
  ChildProcess calls = ChildProcess::fork([&] {
    Client client = Client::open(copy_of(region), {.longest_sleep = 5ms}).value();
    std::vector<std::byte> response(kBytes);
    const auto failed = client.call(bytes_of("first"), response, kLong);
    if (failed || code_of(failed) != ErrorCode::peer_dead) return 1;
    // The line comes back with the next server.
    for (int i = 0; i < 2000; ++i) {
      const auto told = client.call(bytes_of("a"), response, kLong);
      if (told) return *told == 1U && response[0] == std::byte{'b'} ? 0 : 2;
      ::usleep(1000);
    }
    return 3;
  });
  ChildProcess dies = ChildProcess::fork([&] {
    Server server = Server::open(copy_of(region)).value();
    if (!server.request_for(kLong).value()) return 1;
    ::raise(SIGKILL);
    return 2;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
  ::usleep(30'000);  // the client notices
  Server server = Server::open(copy_of(region)).value();
  EXPECT_EQ(server.serve([](auto request, auto&& claim) { answer(request, claim); }, 1, kLong), 1U);
  EXPECT_EQ(calls.wait(), 0);
}

TEST(ServiceTest, DeadClientsLineIsTakenOver) {
  const Region region = new_service(1);
  Server server = Server::open(copy_of(region)).value();
  ChildProcess dies = ChildProcess::fork([&] {
    Client client = Client::open(copy_of(region)).value();
    const auto room = client.claim_for(1, kLong);
    if (!room || !*room) return 1;
    client.call();
    ::raise(SIGKILL);
    return 2;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
  ChildProcess calls = ChildProcess::fork([&] {
    Client client = Client::open(copy_of(region)).value();
    return call_and_check(client, 1) ? 0 : 1;
  });
  EXPECT_EQ(server.serve([](auto request, auto&& claim) { answer(request, claim); }, 2, kLong), 2U);
  EXPECT_EQ(calls.wait(), 0);
}

}  // namespace
}  // namespace ringbell
