// Calls that come to nothing: the server closes, spoils the line or gives no more, the client dies,
// an end is used once its call is over.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using State = core::CallState;
using test::ChildProcess;
using test::copy_of;

constexpr auto kLong = 20s;
constexpr WaitOptions kWait{.longest_sleep = 5ms};
constexpr std::array<std::byte, 8> kMessage{std::byte{42}};

// One client, whose line is 0; that of its only ticket is 1.
class CallRefusalsTest : public ::testing::Test {
 protected:
  TakenRequest take() { return server_->take_for(kLong).value().value(); }
  void spoil(std::uint32_t line) const {
    region_.call_group_memory().lines[line].cell.state =
        State(State::kResponse, 77, State::kMaxSizeBytes).word();
  }

  Region region_ = Region::create(ServiceOptions{.clients = 1, .tickets = 1}.region()).value();
  std::optional<Server> server_ = Server::open(copy_of(region_), kWait).value();
  std::optional<Client> client_ = Client::open(copy_of(region_), kWait).value();
};

TEST_F(CallRefusalsTest, AClientIsToldAtOnceThatTheServerClosed) {
  ASSERT_TRUE(client_->begin(kMessage, kLong).value());
  EXPECT_FALSE(client_->answered());
  server_.reset();
  EXPECT_TRUE(client_->answered());
  EXPECT_EQ(code_of(client_->answer_for(0ns)), ErrorCode::closed);
}

TEST_F(CallRefusalsTest, AClientIsToldAtOnceThatItsLineIsSpoilt) {
  ASSERT_TRUE(client_->begin(kMessage, kLong).value());
  spoil(0);
  EXPECT_TRUE(client_->answered());
  EXPECT_TRUE(client_->answered()) << "still";
  EXPECT_EQ(code_of(client_->answer_for(0ns)), ErrorCode::corrupt);
}

TEST_F(CallRefusalsTest, ATicketIsToldAtOnceThatItsLineIsSpoilt) {
  Ticket ticket = client_->start(kMessage).value();
  EXPECT_FALSE(ticket.answered());
  spoil(1);
  EXPECT_TRUE(ticket.answered());
  EXPECT_TRUE(client_->any_answered_for(0ns).value());
  EXPECT_EQ(code_of(ticket.wait(0ns)), ErrorCode::corrupt);
}

TEST_F(CallRefusalsTest, NoTicketIsStartedOnASpoiltLine) {
  Ticket ticket = client_->start(kMessage).value();
  const TakenRequest taken = take();
  EXPECT_EQ(ticket.abandon(), Fate::maybe_served);
  EXPECT_EQ(code_of(client_->start(kMessage)), ErrorCode::no_place) << "it is still being served";
  spoil(1);
  EXPECT_EQ(code_of(client_->start(kMessage)), ErrorCode::corrupt);
}

TEST_F(CallRefusalsTest, ATicketThatIsOverHasNoNextPart) {
  Ticket ticket = client_->start(kMessage).value();
  Ticket& same = ticket;
  ticket = std::move(same);
  EXPECT_EQ(ticket.fate(), Fate::none) << "still under way";
  EXPECT_EQ(ticket.abandon(), Fate::withdrawn);
  EXPECT_EQ(code_of(ticket.next(0ns)), ErrorCode::invalid_argument);
  Ticket outlives = client_->start(kMessage).value();
  client_.reset();
  EXPECT_EQ(code_of(outlives.next(kLong)), ErrorCode::closed);
}

// It does not know what becomes of its parent's call, and takes nothing back.
TEST_F(CallRefusalsTest, AChildOfForkThatLetsTheClientGoLeavesTheCallAsItIs) {
  Ticket ticket = client_->start(kMessage).value();
  ChildProcess child = ChildProcess::fork([&] {
    client_.reset();
    return ticket.fate() == Fate::maybe_served ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
  ASSERT_TRUE(take().respond(kMessage));
  EXPECT_EQ(ticket.wait(kLong).value().value().size(), kMessage.size());
}

TEST_F(CallRefusalsTest, TheLastPartWaitsUntilTheClientAsksForIt) {
  ASSERT_TRUE(client_->begin(kMessage, kLong).value());
  TakenRequest taken = take();
  ASSERT_EQ(taken.send(kMessage, kLong), true);
  ASSERT_TRUE(client_->answer_for(kLong).value());
  std::thread responds([&] { EXPECT_TRUE(taken.respond(std::span(kMessage).first(3))); });
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(client_->answer_for(kLong).value().value().size(), kMessage.size()) << "as before";
  EXPECT_EQ(client_->next_for(kLong).value().value().size(), 3U);
  responds.join();
}

TEST_F(CallRefusalsTest, ATakenRequestOfAServerThatClosedCannotBeFinished) {
  ASSERT_TRUE(client_->begin(kMessage, kLong).value());
  TakenRequest taken = take();
  TakenRequest& same = taken;
  taken = std::move(same);
  EXPECT_FALSE(taken.is_cancelled()) << "still under way";
  server_.reset();
  EXPECT_EQ(code_of(taken.finish()), ErrorCode::closed);
}

TEST_F(CallRefusalsTest, NoPartIsSentToAClientThatDied) {
  client_.reset();
  ChildProcess dies = ChildProcess::fork([&] {
    Client client = Client::open(copy_of(region_)).value();
    if (!client.begin(kMessage, kLong).value()) return 1;
    ::pause();
    return 2;
  });
  TakenRequest taken = take();
  dies.kill_now();
  while (!taken.is_cancelled()) (void)server_->request_for(20ms);
  EXPECT_EQ(code_of(taken.send(kMessage, kLong)), ErrorCode::dropped);
}

}  // namespace
}  // namespace ringbell
