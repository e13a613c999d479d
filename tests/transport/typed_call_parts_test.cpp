// Answers in parts, of types.
#include <chrono>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;

constexpr auto kLong = 20s;

struct Range {
  std::uint32_t first;
  std::uint32_t count;
};
struct Number {
  std::uint64_t value;
};

TEST(TypedCallPartsTest, ComeInTurn) {
  const Region region =
      Region::create(typed::fitted_to_call<Range, Number>({.clients = 1, .tickets = 1}).region())
          .value();
  auto server = typed::Server<Range, Number>::open(copy_of(region)).value();
  auto client = typed::Client<Range, Number>::open(copy_of(region)).value();
  std::jthread serving([&] {
    for (int call = 0; call < 2; ++call) {
      auto taken = server.take(kLong).value().value();
      for (std::uint32_t i = 0; i < taken->count; ++i) {
        EXPECT_TRUE(taken.send({std::uint64_t{taken->first} + i}, kLong).value());
      }
      EXPECT_TRUE(taken.finish());
    }
  });
  ASSERT_TRUE(client.begin({7, 3}).value());
  for (const std::uint64_t expected : {7U, 8U, 9U}) {
    EXPECT_EQ(client.next(kLong).value().value().value, expected);
  }
  EXPECT_EQ(code_of(client.next(kLong)), ErrorCode::closed);
  EXPECT_EQ(client.abandon(), Fate::served);
  auto ticket = client.start({1, 1}).value();
  EXPECT_EQ(ticket.next(kLong).value().value().value, 1U);
  EXPECT_EQ(code_of(ticket.next(kLong)), ErrorCode::closed);
}

}  // namespace
}  // namespace ringbell
