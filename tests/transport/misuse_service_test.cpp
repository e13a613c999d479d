// As misuse_test.cpp, of a client and a server.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/out_of_turn.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::Buffer;
using test::copy_of;
using test::expect_harmless;
using test::kBytes;
using test::kFourGiBAnd8;
using test::kLong;
using test::said_to_have;

// What is received is the response to what is sent.
struct ServicePair {
  Region region =
      Region::create(ServiceOptions{.clients = 2, .message_bytes = kBytes}.region()).value();
  Server server = Server::open(copy_of(region)).value();
  Client client = Client::open(copy_of(region)).value();

  bool send(std::span<const std::byte> message) {
    const auto room = client.claim_for(message.size(), kLong).value();
    if (!room || room->size() != message.size()) return false;
    std::memcpy(room->data(), message.data(), message.size());
    client.call();
    const std::span<const std::byte> asked = server.request_for(kLong).value().value();
    const std::vector<std::byte> request(asked.begin(), asked.end());
    const std::span<std::byte> answer = server.claim(request.size()).value();
    if (answer.size() != request.size()) return false;
    std::memcpy(answer.data(), request.data(), request.size());
    server.respond();
    return true;
  }
  std::size_t receive(std::span<std::byte> into) {
    const auto answer = client.answer_for(kLong).value().value();
    std::memcpy(into.data(), answer.data(), answer.size());
    return answer.size();
  }
};

// NOLINTNEXTLINE(readability-function-size): a table
TEST(ServiceMisuseTest, EachCall) {
  using Pair = ServicePair;
  expect_harmless<Pair>({
      {"call() without a claim",
       [](Pair& p) {
         p.client.call();
         EXPECT_FALSE(p.server.request());
       }},
      {"call() twice",
       [](Pair& p) {
         ASSERT_TRUE(p.client.claim_for(8, 0ns).value());
         p.client.call();
         p.client.call();
         ASSERT_EQ(p.server.request().value().size(), 8U);
         ASSERT_EQ(p.server.claim(8).value().size(), 8U);
         p.server.respond();
         EXPECT_EQ(p.client.answer_for(kLong).value().value().size(), 8U);
       }},
      {"answer_for() without a call",
       [](Pair& p) {
         p.client.abandon();  // of a call that was answered: its response is gone
         EXPECT_EQ(code_of(p.client.answer_for(0ns)), ErrorCode::invalid_argument);
         EXPECT_TRUE(p.client.answered());
       }},
      {"abandon() twice, and waiting for what was abandoned",
       [](Pair& p) {
         ASSERT_TRUE(p.client.claim_for(8, 0ns).value());
         p.client.call();
         ASSERT_EQ(p.server.request().value().size(), 8U);
         p.client.abandon();
         p.client.abandon();
         EXPECT_EQ(code_of(p.client.answered_for(0ns)), ErrorCode::invalid_argument);
         EXPECT_FALSE(p.client.claim_for(8, 0ns).value());  // the server still serves it
         ASSERT_EQ(p.server.claim(8).value().size(), 8U);
         p.server.respond();
       }},
      {"a second call while one is under way",
       [](Pair& p) {
         ASSERT_TRUE(p.client.claim_for(8, 0ns).value());
         p.client.call();
         EXPECT_EQ(code_of(p.client.claim_for(8, 0ns)), ErrorCode::invalid_argument);
         p.client.call();
         ASSERT_EQ(p.server.request().value().size(), 8U);
         ASSERT_EQ(p.server.claim(1).value().size(), 1U);
         p.server.respond();
         EXPECT_EQ(p.client.answer_for(kLong).value().value().size(), 1U);
       }},
      {"requests of too much",
       [](Pair& p) {
         Buffer into{};
         EXPECT_EQ(code_of(p.client.claim_for(1 << 20, 0ns)), ErrorCode::too_large);
         EXPECT_EQ(code_of(p.client.call(said_to_have(kFourGiBAnd8), into, 0ns)),
                   ErrorCode::too_large);
         p.client.call();
       }},
      {"claim() and respond() without a request",
       [](Pair& p) {
         EXPECT_FALSE(p.server.claim(8));
         p.server.respond();
       }},
      {"responses of too much",
       [](Pair& p) {
         ASSERT_TRUE(p.client.claim_for(8, 0ns).value());
         p.client.call();
         ASSERT_EQ(p.server.request().value().size(), 8U);
         EXPECT_FALSE(p.server.claim(4096));
         EXPECT_FALSE(p.server.claim(kFourGiBAnd8));
         p.server.respond();  // nothing was claimed
         EXPECT_FALSE(p.client.answered());
         ASSERT_EQ(p.server.claim(3).value().size(), 3U);
         p.server.respond();
         p.server.respond();
         EXPECT_EQ(p.client.answer_for(kLong).value().value().size(), 3U);
       }},
      {"serve() with an answer that claims what cannot be",
       [](Pair& p) {
         ASSERT_TRUE(p.client.claim_for(8, 0ns).value());
         p.client.call();
         EXPECT_EQ(p.server.serve([](auto, auto claim) { EXPECT_FALSE(claim(4096)); }, 1, kLong),
                   1U);
         EXPECT_EQ(p.client.answer_for(kLong).value().value().size(), 0U);
       }},
      {"a line that there is not",
       [](Pair& p) { EXPECT_EQ(p.server.finding(UINT32_MAX).field, nullptr); }},
  });
}

TEST(ServiceMisuseTest, CallsThatWereBegun) {
  using Pair = ServicePair;
  expect_harmless<Pair>({
      {"put_back() of what was not given, and twice",
       [](Pair& p) {
         p.client.abandon();
         p.client.put_back();
         EXPECT_EQ(code_of(p.client.answer_for(0ns)), ErrorCode::invalid_argument);
         ASSERT_TRUE(p.client.claim_for(8, 0ns).value());
         p.client.put_back();
         p.client.call();
         p.client.put_back();
         EXPECT_EQ(p.server.serve([](auto, auto claim) { claim(3); }, 1, kLong), 1U);
         EXPECT_EQ(p.client.answer_for(kLong).value().value().size(), 3U);
         p.client.put_back();
         p.client.put_back();
         EXPECT_EQ(p.client.next_for(0ns).value().value().size(), 3U) << "as if not given yet";
       }},
      {"begin() while a call is under way, and of too much",
       [](Pair& p) {
         const std::array<std::byte, 8> request{};
         ASSERT_TRUE(p.client.claim_for(16, 0ns).value());
         ASSERT_TRUE(p.client.begin(request, 0ns).value());
         p.client.call();  // nothing is claimed
         EXPECT_EQ(code_of(p.client.begin(request, 0ns)), ErrorCode::invalid_argument);
         EXPECT_EQ(code_of(p.client.begin(said_to_have(kFourGiBAnd8), 0ns)), ErrorCode::too_large);
         p.client.call();
         ASSERT_EQ(p.server.request().value().size(), 8U);
         ASSERT_EQ(p.server.claim(1).value().size(), 1U);
         p.server.respond();
         EXPECT_FALSE(p.server.request());
         EXPECT_EQ(p.client.answer_for(kLong).value().value().size(), 1U);
       }},
      {"next_for() without a call, and behind the end",
       [](Pair& p) {
         p.client.abandon();
         p.client.ask_for_more();
         EXPECT_EQ(code_of(p.client.next_for(0ns)), ErrorCode::invalid_argument);
         ASSERT_TRUE(p.client.begin({}, 0ns).value());
         EXPECT_EQ(p.server.serve([](auto, auto claim) { claim(3); }, 1, kLong), 1U);
         EXPECT_EQ(p.client.next_for(kLong).value().value().size(), 3U);
         EXPECT_EQ(code_of(p.client.next_for(kLong)), ErrorCode::closed);
         EXPECT_EQ(code_of(p.client.next_for(kLong)), ErrorCode::closed);
       }},
      {"ask_for_more() where no part was given, and twice",
       [](Pair& p) {
         const std::array<std::byte, 8> parts{};
         ASSERT_TRUE(p.client.begin({}, 0ns).value());
         p.client.ask_for_more();
         TakenRequest taken = p.server.take_for(kLong).value().value();
         for (std::size_t size = 1; size < 4; ++size) {
           ASSERT_TRUE(taken.send(std::span(parts).first(size), kLong).value());
           EXPECT_EQ(p.client.answer_for(kLong).value().value().size(), size);
           p.client.ask_for_more();
           p.client.ask_for_more();
         }
         EXPECT_TRUE(taken.finish());
         EXPECT_EQ(code_of(p.client.next_for(kLong)), ErrorCode::closed);
       }},
  });
}

TEST(EmptyMessageTest, AsRequestAndAsResponse) {
  ServicePair pair;
  Buffer into{};
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(pair.send({}));
    ASSERT_EQ(pair.receive(into), 0U);
    ASSERT_TRUE(pair.send(std::span(into).first(100)));
    ASSERT_EQ(pair.receive(into), 100U);
    ASSERT_EQ(pair.client.claim_for(0, kLong).value().value().size(), 0U);
    pair.client.call();
    ASSERT_EQ(pair.server.serve([](auto asked, auto) { EXPECT_TRUE(asked.empty()); }, 1, kLong),
              1U);
    ASSERT_EQ(pair.client.answer_for(kLong).value().value().size(), 0U);
  }
}

}  // namespace
}  // namespace ringbell
