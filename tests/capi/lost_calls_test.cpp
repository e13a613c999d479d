// Without memory no call of a service is lost: each allocation of each step of a call fails once.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <gtest/gtest.h>

#include <ringbell/ringbell.h>

#include <tests/capi/out_of_memory.hpp>

namespace ringbell {
namespace {

using test::OutOfMemoryTest;

// A call that failed is made again, by each side at each step: the server is asked once, and the
// client has its answer. The lines of the tickets and the list of what was taken are made anew.
TEST_F(OutOfMemoryTest, LosesNoCallInC) {
  constexpr std::uint64_t kQuestion = 7;
  constexpr std::uint64_t kAnswer = 49;
  ringbell_error error{};
  ringbell_service_options options{};
  options.clients = 2;
  options.tickets = 1;  // one that was lost leaves no place
  ringbell_server* server = nullptr;
  ringbell_client* client = nullptr;
  ASSERT_EQ(ringbell_server_create("sums", &options, nullptr, &server, &error), RINGBELL_OK);
  ASSERT_EQ(ringbell_client_open_name("sums", 0, nullptr, &client, &error), RINGBELL_OK);
  const auto done = [this](auto&& call) { each_allocation_fails_until_it_is_done(call); };
  const void* asked = nullptr;
  const void* told = nullptr;
  std::size_t size_bytes = 0;
  const auto is = [&](const void* bytes, std::uint64_t number) {
    return size_bytes == sizeof number && std::memcmp(bytes, &number, sizeof number) == 0;
  };
  for (int round = 0; round < 3 && !HasFatalFailure(); ++round) {
    // Answered later, and waited for by a ticket.
    ringbell_ticket* ticket = nullptr;
    ringbell_taken* taken = nullptr;
    done([&] {
      return ringbell_client_start(client, &kQuestion, sizeof kQuestion, &ticket, &error);
    });
    ASSERT_EQ(ringbell_server_lag(server), 1U);
    done([&] { return ringbell_server_take(server, 0, &taken, &error); });
    ASSERT_NE(taken, nullptr);
    EXPECT_TRUE(is(ringbell_taken_request(taken, &size_bytes), kQuestion));
    EXPECT_EQ(ringbell_server_lag(server), 1U);
    done([&] { return ringbell_taken_respond(taken, &kAnswer, sizeof kAnswer, &error); });
    EXPECT_EQ(ringbell_server_lag(server), 0U);
    done([&] { return ringbell_client_wait_any(client, 0, &error); });
    done([&] { return ringbell_ticket_wait(ticket, 0, &told, &size_bytes, &error); });
    EXPECT_TRUE(is(told, kAnswer));
    ringbell_taken_destroy(taken);
    ringbell_ticket_destroy(ticket);

    // Answered at once.
    std::uint64_t answer = 0;
    done([&] { return ringbell_client_begin(client, &kQuestion, sizeof kQuestion, &error); });
    done([&] { return ringbell_server_request(server, 0, &asked, &size_bytes, &error); });
    EXPECT_TRUE(is(asked, kQuestion));
    done([&] { return ringbell_server_respond(server, &kAnswer, sizeof kAnswer, &error); });
    done([&] {
      return ringbell_client_finish(client, &answer, sizeof answer, &size_bytes, &error);
    });
    EXPECT_TRUE(is(&answer, kAnswer));
    EXPECT_EQ(ringbell_server_lag(server), 0U);
  }
  ringbell_client_close(client);
  ringbell_server_close(server);
}

}  // namespace
}  // namespace ringbell
