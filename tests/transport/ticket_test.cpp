// Many calls of one client under way at a time.
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;

constexpr auto kLong = 20s;
constexpr std::uint32_t kTickets = 4;
constexpr WaitOptions kWait{.longest_sleep = 5ms};

std::array<std::byte, 8> message(std::uint64_t number) {
  std::array<std::byte, 8> bytes{};
  test::write_message(bytes, number);
  return bytes;
}

class TicketTest : public testing::Test {
 protected:
  Ticket start(std::uint64_t number) { return client_.start(message(number)).value(); }
  void serve(std::uint64_t number) {
    const auto asked = server_->request_for(kLong).value();
    ASSERT_TRUE(asked);
    ASSERT_TRUE(test::is_message(*asked, number)) << number;
    test::write_message(server_->claim(8).value(), ~number);
    server_->respond();
  }
  static void expect(Ticket& ticket, std::uint64_t number) {
    EXPECT_TRUE(test::is_message(ticket.wait(kLong).value().value(), ~number)) << number;
    EXPECT_EQ(ticket.fate(), Fate::served);
  }

  Region region_ =
      Region::create(ServiceOptions{.clients = 2, .tickets = kTickets}.region()).value();
  std::optional<Server> server_ = Server::open(copy_of(region_)).value();
  Client client_ = Client::open(copy_of(region_), kWait).value();
};

TEST_F(TicketTest, ManyCallsAreUnderWayAndAnsweredInAnyOrder) {
  for (std::uint64_t round = 0; round < 5; ++round) {
    std::vector<Ticket> tickets;
    std::vector<TakenRequest> taken;
    for (std::uint64_t i = 0; i < kTickets; ++i) {
      tickets.push_back(start(round * kTickets + i));
      EXPECT_FALSE(tickets.back().answered());
      EXPECT_EQ(tickets.back().fate(), Fate::none);
    }
    EXPECT_EQ(server_->lag(), kTickets);
    for (std::uint64_t i = 0; i < kTickets; ++i) {
      taken.push_back(server_->take_for(kLong).value().value());
      EXPECT_EQ(taken.back().client(), taken.front().client());
    }
    EXPECT_FALSE(server_->request());
    EXPECT_FALSE(client_.any_answered_for(0ns).value());
    while (!taken.empty()) {
      std::uint64_t number = 0;
      std::memcpy(&number, taken.back().request().data(), sizeof number);
      ASSERT_TRUE(taken.back().respond(message(~number)));
      taken.pop_back();
      EXPECT_TRUE(client_.any_answered_for(kLong).value());
      Ticket& ticket = tickets.at(number % kTickets);
      EXPECT_TRUE(ticket.answered());
      ASSERT_NO_FATAL_FAILURE(expect(ticket, number));
    }
    EXPECT_TRUE(tickets.front().try_take().value()) << "again";
  }
}

TEST_F(TicketTest, ACallByCallGoesBesideThem) {
  Ticket ticket = start(1);
  const auto request = message(2);
  const auto room = client_.claim_for(8, 0ns).value();
  ASSERT_TRUE(room);
  std::memcpy(room->data(), request.data(), request.size());
  client_.call();
  TakenRequest one = server_->take_for(kLong).value().value();
  TakenRequest two = server_->take_for(kLong).value().value();
  if (test::is_message(one.request(), 1)) std::swap(one, two);
  ASSERT_TRUE(one.respond(message(3)));
  EXPECT_TRUE(test::is_message(client_.answer_for(kLong).value().value(), 3));
  EXPECT_FALSE(ticket.answered());
  ASSERT_TRUE(two.respond(message(~std::uint64_t{1})));
  ASSERT_NO_FATAL_FAILURE(expect(ticket, 1));
}

// What call() asked for stays ready until it was taken, whatever the tickets wait for.
TEST_F(TicketTest, AnAnswerIsToldUntilItIsTakenWhileOneIsOut) {
  WaitSet set = WaitSet::create().value();
  ASSERT_TRUE(set.add(client_));
  const Ticket slow = start(1);
  const TakenRequest taken = server_->take_for(kLong).value().value();
  ASSERT_TRUE(client_.claim_for(8, 0ns).value());
  client_.call();
  EXPECT_TRUE(set.wait(1ms).value().empty());
  ASSERT_TRUE(server_->take_for(kLong).value()->respond(message(3)));
  for (int wait = 0; wait < 3; ++wait) EXPECT_EQ(set.wait(1ms).value().size(), 1U) << wait;
  EXPECT_TRUE(test::is_message(client_.answer_for(0ns).value().value(), 3));
  EXPECT_TRUE(set.wait(1ms).value().empty());
  client_.put_back();
  EXPECT_EQ(set.wait(1ms).value().size(), 1U);
  EXPECT_TRUE(test::is_message(client_.answer_for(0ns).value().value(), 3));
  client_.abandon();
  client_.put_back();
  EXPECT_TRUE(set.wait(1ms).value().empty()) << "nothing is there to be put back";
}

TEST_F(TicketTest, ThereAreAsManyAsTheServiceSays) {
  std::vector<Ticket> tickets;
  for (std::uint64_t i = 0; i < kTickets; ++i) tickets.push_back(start(i));
  EXPECT_EQ(code_of(client_.start(message(9))), ErrorCode::no_place);
  tickets.pop_back();  // taken back: its place is free
  tickets.push_back(start(10));
  const Region none = Region::create(ServiceOptions{}.region()).value();
  Client other = Client::open(copy_of(none)).value();
  EXPECT_EQ(code_of(other.start(message(1))), ErrorCode::no_place);
  const std::vector<std::byte> large(1000);
  EXPECT_EQ(code_of(client_.start(large)), ErrorCode::too_large);
}

TEST_F(TicketTest, OneThatGoesIsTakenBackUnlessItIsBegun) {
  { const Ticket ticket = start(1); }
  EXPECT_FALSE(server_->request());
  {
    Ticket ticket = start(2);
    ASSERT_TRUE(server_->request());
    EXPECT_FALSE(server_->is_cancelled());
    EXPECT_FALSE(ticket.wait(1ms).value()) << "it stays under way";
    EXPECT_FALSE(server_->is_cancelled());
  }
  EXPECT_TRUE(server_->is_cancelled());
  std::vector<Ticket> tickets;
  for (std::uint64_t i = 1; i < kTickets; ++i) tickets.push_back(start(i));
  EXPECT_EQ(code_of(client_.start(message(9))), ErrorCode::no_place) << "its line is taken";
  ASSERT_TRUE(server_->claim(1));
  server_->respond();
  EXPECT_EQ(start(9).abandon(), Fate::withdrawn) << "it is free again";
}

TEST_F(TicketTest, AbandonTellsItsFate) {
  Ticket one = start(1);
  EXPECT_EQ(one.abandon(), Fate::withdrawn);
  EXPECT_EQ(one.abandon(), Fate::withdrawn) << "as before";
  EXPECT_EQ(code_of(one.wait(0ns)), ErrorCode::invalid_argument);
  EXPECT_TRUE(one.answered());
  Ticket two = start(2);
  ASSERT_TRUE(server_->request());
  EXPECT_EQ(two.abandon(), Fate::maybe_served);
  ASSERT_TRUE(server_->claim(1));
  server_->respond();
  Ticket three = start(3);
  ASSERT_NO_FATAL_FAILURE(serve(3));
  EXPECT_EQ(three.abandon(), Fate::served);
  Ticket four = start(4);
  Ticket five = std::move(four);
  EXPECT_EQ(five.fate(), Fate::none);
  five = start(5);
  EXPECT_EQ(five.fate(), Fate::none);
  ASSERT_NO_FATAL_FAILURE(serve(5)) << "and not 4";
  ASSERT_NO_FATAL_FAILURE(expect(five, 5));
}

TEST_F(TicketTest, AnInterruptLeavesItUnderWay) {
  Ticket ticket = start(1);
  client_.interrupt();
  EXPECT_EQ(code_of(ticket.wait(kLong)), ErrorCode::cancelled);
  EXPECT_EQ(ticket.fate(), Fate::none);
  ASSERT_NO_FATAL_FAILURE(serve(1));
  ASSERT_NO_FATAL_FAILURE(expect(ticket, 1));
}

TEST_F(TicketTest, TheServersEndTellsTheFateOfEach) {
  Ticket begun = start(1);
  ASSERT_TRUE(server_->request());
  Ticket answered = start(2);
  Ticket waiting = start(3);
  server_.reset();
  EXPECT_TRUE(waiting.answered());
  for (Ticket* const ticket : {&begun, &waiting}) {
    const auto answer = ticket->wait(kLong);
    EXPECT_EQ(code_of(answer), ErrorCode::closed);
    EXPECT_EQ(fate_of(answer), ticket == &begun ? Fate::maybe_served : Fate::withdrawn);
    EXPECT_EQ(ticket->fate(), fate_of(answer));
    EXPECT_EQ(code_of(ticket->wait(0ns)), ErrorCode::invalid_argument);
  }
  server_ = Server::open(copy_of(region_)).value();
  ASSERT_NO_FATAL_FAILURE(serve(2)) << "whose ticket waits";
  ASSERT_NO_FATAL_FAILURE(expect(answered, 2));
}

TEST_F(TicketTest, OneThatTheServerDropsIsAnError) {
  Ticket ticket = start(1);
  server_->take_for(kLong).value()->drop();
  const auto answer = ticket.wait(kLong);
  EXPECT_EQ(code_of(answer), ErrorCode::dropped);
  EXPECT_EQ(fate_of(answer), Fate::maybe_served);
  EXPECT_EQ(ticket.fate(), Fate::maybe_served);
}

TEST_F(TicketTest, OutlivesItsClient) {
  std::optional<Client> client = std::move(client_);
  std::optional<Ticket> withdrawn = client->start(message(1)).value();
  Ticket begun = client->start(message(2)).value();
  Client moved = std::move(*client);
  withdrawn.reset();
  ASSERT_TRUE(server_->request());
  withdrawn = moved.start(message(3)).value();
  EXPECT_FALSE(begun.wait(1ms).value());
  moved = Client::open(copy_of(region_)).value();  // that one is closed
  EXPECT_EQ(begun.fate(), Fate::maybe_served);
  EXPECT_TRUE(begun.answered());
  EXPECT_EQ(code_of(begun.wait(kLong)), ErrorCode::closed);
  EXPECT_EQ(withdrawn->abandon(), Fate::withdrawn);
  ASSERT_TRUE(server_->claim(1));
  server_->respond();
  EXPECT_FALSE(server_->request());
}

TEST_F(TicketTest, IsNotAChildsOfFork) {
  Ticket ticket = start(1);
  ChildProcess child = ChildProcess::fork([&] {
    if (code_of(ticket.wait(kLong)) != ErrorCode::closed) return 1;
    return ticket.abandon() == Fate::maybe_served ? 0 : 2;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_FALSE(ticket.answered());
  ASSERT_NO_FATAL_FAILURE(serve(1));
  ASSERT_NO_FATAL_FAILURE(expect(ticket, 1));
}

TEST_F(TicketTest, LoopIsWokenByAnyAnswer) {
  ASSERT_GE(client_.waitable_fd().value(), 0);
  Ticket one = start(1);
  Ticket two = start(2);
  EXPECT_TRUE(client_.arm());
  ASSERT_NO_FATAL_FAILURE(serve(1));
  EXPECT_FALSE(client_.arm());
  ASSERT_NO_FATAL_FAILURE(expect(one, 1));
  EXPECT_TRUE(client_.arm()) << "its answer was given";
  one.abandon();
  EXPECT_TRUE(client_.arm());
  two.abandon();
  EXPECT_FALSE(client_.arm()) << "a call can be made";
}

TEST_F(TicketTest, OneThatIsHeldWithItsResponseWakesNothing) {
  WaitSet set = WaitSet::create().value();
  ASSERT_TRUE(set.add(client_));
  Ticket held = start(1);
  ASSERT_NO_FATAL_FAILURE(serve(1));
  const Ticket under_way = start(2);
  EXPECT_EQ(set.wait(kLong).value().size(), 1U);
  ASSERT_NO_FATAL_FAILURE(expect(held, 1));
  EXPECT_FALSE(client_.any_answered_for(1ms).value());
  EXPECT_TRUE(set.wait(1ms).value().empty());
  ASSERT_NO_FATAL_FAILURE(serve(2));
  EXPECT_EQ(set.wait(kLong).value().size(), 1U);
  EXPECT_TRUE(client_.any_answered_for(kLong).value());
  ASSERT_NO_FATAL_FAILURE(expect(held, 1)) << "again";
}

TEST_F(TicketTest, WithoutOneThatWaitsThereIsNothingToWaitFor) {
  Ticket held = start(1);
  ASSERT_NO_FATAL_FAILURE(serve(1));
  ASSERT_NO_FATAL_FAILURE(expect(held, 1));
  EXPECT_EQ(code_of(client_.any_answered_for(kLong)), ErrorCode::invalid_argument);
}

TEST_F(TicketTest, ADeadClientsLinesAreTakenOver) {
  client_ = Client::open(Region::create(ServiceOptions{}.region()).value()).value();
  ChildProcess dies = ChildProcess::fork([&] {
    Client client = Client::open(copy_of(region_)).value();
    std::vector<Ticket> tickets;
    for (std::uint64_t i = 0; i < kTickets; ++i) {
      tickets.push_back(client.start(message(i)).value());
    }
    ::raise(SIGKILL);
    return 1;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
  std::array<Client, 2> next{Client::open(copy_of(region_)).value(),
                             Client::open(copy_of(region_)).value()};
  for (std::uint64_t i = 0; i < kTickets; ++i) {
    EXPECT_TRUE(server_->take_for(kLong).value()->respond({}));
  }
  for (Client& client : next) {
    std::vector<Ticket> tickets;
    for (std::uint64_t i = 0; i < kTickets; ++i) {
      tickets.push_back(client.start(message(i)).value());
      ASSERT_NO_FATAL_FAILURE(serve(i));
      ASSERT_NO_FATAL_FAILURE(expect(tickets.back(), i));
    }
  }
}

// Four calls at a time, in another process, which answers them in threads.
TEST(TicketsTest, AreManyOverManyCalls) {
  constexpr std::uint64_t kCalls = 2'000;
  const Region region =
      Region::create(ServiceOptions{.clients = 1, .tickets = kTickets}.region()).value();
  ChildProcess serves = ChildProcess::fork([&] {
    Server server = Server::open(copy_of(region)).value();
    std::vector<TakenRequest> held;
    for (std::uint64_t served = 0; served < kCalls;) {
      std::optional<TakenRequest> taken = server.take_for(1ms).value();
      if (taken) held.push_back(std::move(*taken));
      if (held.empty() || (taken && held.size() < kTickets - 1)) continue;
      std::uint64_t number = 0;
      std::memcpy(&number, held.back().request().data(), sizeof number);
      if (!held.back().respond(message(~number))) return 1;
      held.pop_back();
      ++served;
    }
    return 0;
  });
  Client client = Client::open(copy_of(region)).value();
  std::deque<std::pair<std::uint64_t, Ticket>> under_way;
  for (std::uint64_t number = 0; number < kCalls || !under_way.empty();) {
    if (number < kCalls && under_way.size() < kTickets) {
      under_way.emplace_back(number, client.start(message(number)).value());
      ++number;
      continue;
    }
    const auto answer = under_way.front().second.wait(kLong).value();
    ASSERT_TRUE(answer);
    ASSERT_TRUE(test::is_message(*answer, ~under_way.front().first)) << number;
    under_way.pop_front();
  }
  EXPECT_EQ(serves.wait(), 0);
}

TEST(TicketsTest, ByNameAsTheServiceIs) {
  const test::TemporaryNameFolder folder;
  const ServiceOptions options{.clients = 3, .tickets = 2};
  Server server = Server::create("tickets", options).value();
  EXPECT_EQ(code_of(Client::create("tickets", {.clients = 3})), ErrorCode::other_ring);
  Client client = Client::open("tickets").value();
  const Ticket one = client.start(message(1)).value();
  const Ticket two = client.start(message(2)).value();
  EXPECT_EQ(code_of(client.start(message(3))), ErrorCode::no_place);
}

struct Question {
  std::uint32_t number;
};
struct Answer {
  std::uint64_t square;
};

TEST(TypedTicketTest, HasTheAnswerAsACopy) {
  const Region region =
      Region::create(typed::fitted_to_call<Question, Answer>({.clients = 1, .tickets = 2}).region())
          .value();
  auto server = typed::Server<Question, Answer>::open(copy_of(region)).value();
  auto client = typed::Client<Question, Answer>::open(copy_of(region)).value();
  auto one = client.start({3}).value();
  auto two = client.start({4}).value();
  EXPECT_FALSE(client.any_answered_for(0ns).value());
  EXPECT_FALSE(one.try_take().value());
  EXPECT_EQ(
      server.serve(
          [](const Question& asked) { return Answer{std::uint64_t{asked.number} * asked.number}; },
          2, kLong),
      2U);
  EXPECT_TRUE(client.any_answered_for(kLong).value());
  EXPECT_TRUE(two.answered());
  EXPECT_EQ(two.wait(kLong).value().value().square, 16U);
  EXPECT_EQ(one.wait(kLong).value().value().square, 9U);
  EXPECT_EQ(one.fate(), Fate::served);
  auto three = client.start({5});
  EXPECT_EQ(code_of(three), ErrorCode::no_place);
  EXPECT_EQ(one.abandon(), Fate::served);
  three = client.start({5});
  EXPECT_EQ(three.value().abandon(), Fate::withdrawn);
}

// The successor starts no call of its own.
TEST_F(TicketTest, CallsOfADeadClientAreGivenUpWhenTheNextOneComes) {
  Region region = Region::create(ServiceOptions{.clients = 1, .tickets = 2}.region()).value();
  Server server = Server::open(copy_of(region), kWait).value();
  ChildProcess dies = ChildProcess::fork([&] {
    Client client = Client::open(copy_of(region)).value();
    const Ticket first = client.start(message(1)).value();
    const Ticket second = client.start(message(2)).value();
    ::pause();
    return 1;
  });
  TakenRequest first = server.take_for(kLong).value().value();
  TakenRequest second = server.take_for(kLong).value().value();
  dies.kill_now();
  const Client next = Client::open(copy_of(region)).value();
  EXPECT_TRUE(first.is_cancelled());
  EXPECT_TRUE(second.is_cancelled());
}

}  // namespace
}  // namespace ringbell
