// Requests that a server answers later: in any order, on other threads, not at all, and after its
// end.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

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
constexpr std::uint32_t kBytes = 64;
constexpr WaitOptions kWait{.longest_sleep = 5ms};

class TakenRequestTest : public testing::Test {
 protected:
  static void call(Client& client, std::uint64_t number) {
    const auto room = client.claim_for(8, 0ns).value();
    ASSERT_TRUE(room);
    test::write_message(*room, number);
    client.call();
  }
  TakenRequest take() { return server_->take_for(kLong).value().value(); }
  static Result<void> respond(TakenRequest& to, std::uint64_t number) {
    std::array<std::byte, 8> response{};
    test::write_message(response, number);
    return to.respond(response);
  }
  static void expect(Client& client, std::uint64_t number) {
    EXPECT_TRUE(test::is_message(client.answer_for(kLong).value().value(), number)) << number;
  }

  Region region_ =
      Region::create(ServiceOptions{.clients = 3, .message_bytes = kBytes}.region()).value();
  std::optional<Server> server_ = Server::open(copy_of(region_), kWait).value();
  std::array<Client, 3> clients_{Client::open(copy_of(region_)).value(),
                                 Client::open(copy_of(region_)).value(),
                                 Client::open(copy_of(region_)).value()};
};

TEST_F(TakenRequestTest, AreAnsweredInAnyOrder) {
  EXPECT_FALSE(server_->take_for(0ns).value());
  for (int round = 0; round < 3; ++round) {
    std::vector<TakenRequest> taken;
    for (std::uint64_t i = 0; i < 3; ++i) {
      ASSERT_NO_FATAL_FAILURE(call(clients_.at(i), i));
      taken.push_back(take());
      EXPECT_TRUE(test::is_message(taken.back().request(), i));
      EXPECT_EQ(server_->client(), taken.back().client());
    }
    EXPECT_EQ(server_->lag(), 3U);
    EXPECT_FALSE(server_->request());
    for (std::uint64_t i = 3; i-- > 0;) {
      EXPECT_FALSE(taken[i].is_cancelled());
      ASSERT_TRUE(respond(taken[i], i + 100));
      ASSERT_NO_FATAL_FAILURE(expect(clients_.at(i), i + 100));
    }
    EXPECT_EQ(server_->lag(), 0U);
  }
}

TEST_F(TakenRequestTest, OneThatIsInHandIsTaken) {
  ASSERT_NO_FATAL_FAILURE(call(clients_[0], 7));
  ASSERT_TRUE(server_->request());
  ASSERT_TRUE(server_->claim(8));
  TakenRequest taken = take();
  server_->respond();  // nothing is in hand any more
  EXPECT_FALSE(clients_[0].answered());
  ASSERT_TRUE(respond(taken, 8));
  ASSERT_NO_FATAL_FAILURE(expect(clients_[0], 8));
}

TEST_F(TakenRequestTest, ThatIsDroppedIsAnErrorOfTheClient) {
  for (const bool by_hand : {false, true}) {
    ASSERT_NO_FATAL_FAILURE(call(clients_[0], 1));
    std::optional<TakenRequest> taken = take();
    if (by_hand) taken->drop();
    if (!by_hand) taken.reset();
    const auto answer = clients_[0].answer_for(kLong);
    EXPECT_EQ(code_of(answer), ErrorCode::dropped);
    EXPECT_EQ(fate_of(answer), Fate::maybe_served);
  }
  ASSERT_NO_FATAL_FAILURE(call(clients_[0], 2));
  TakenRequest first = take();
  ASSERT_NO_FATAL_FAILURE(call(clients_[1], 3));
  first = take();  // drops the one before
  EXPECT_EQ(code_of(clients_[0].answer_for(kLong)), ErrorCode::dropped);
  ASSERT_TRUE(respond(first, 4));
  ASSERT_NO_FATAL_FAILURE(expect(clients_[1], 4));
}

TEST_F(TakenRequestTest, WhatCannotBeIsAnError) {
  ASSERT_NO_FATAL_FAILURE(call(clients_[0], 1));
  TakenRequest taken = take();
  const std::vector<std::byte> large(1000);
  EXPECT_EQ(code_of(taken.respond(large)), ErrorCode::too_large);
  ASSERT_TRUE(taken.respond(taken.request().subspan(2)));
  EXPECT_EQ(clients_[0].answer_for(kLong).value().value().size(), 6U);
  EXPECT_EQ(code_of(respond(taken, 1)), ErrorCode::invalid_argument);
  EXPECT_TRUE(taken.request().empty());
  EXPECT_TRUE(taken.is_cancelled());
  taken.drop();
  TakenRequest moved = std::move(taken);
  EXPECT_EQ(code_of(respond(moved, 1)), ErrorCode::invalid_argument);
}

TEST_F(TakenRequestTest, TellsThatItsClientHasGivenUp) {
  ASSERT_NO_FATAL_FAILURE(call(clients_[0], 1));
  TakenRequest taken = take();
  EXPECT_FALSE(taken.is_cancelled());
  EXPECT_EQ(clients_[0].abandon(), Fate::maybe_served);
  EXPECT_TRUE(taken.is_cancelled());
  EXPECT_TRUE(respond(taken, 2));
  ASSERT_NO_FATAL_FAILURE(call(clients_[0], 3));
  taken = take();
  EXPECT_FALSE(taken.is_cancelled());
}

TEST(TakenRequestsTest, TellThatTheirClientHasDied) {
  const Region region = Region::create(ServiceOptions{.clients = 1}.region()).value();
  Server server = Server::open(copy_of(region), kWait).value();
  ChildProcess dies = ChildProcess::fork([&] {
    Client client = Client::open(copy_of(region)).value();
    if (!client.claim_for(8, kLong).value()) return 1;
    client.call();
    ::pause();
    return 2;
  });
  TakenRequest taken = server.take_for(kLong).value().value();
  EXPECT_FALSE(server.request_for(20ms).value());
  EXPECT_FALSE(taken.is_cancelled());
  dies.kill_now();
  while (!taken.is_cancelled()) (void)server.request_for(20ms);
  EXPECT_TRUE(taken.respond({}));
}

TEST(TakenRequestsTest, TellThatTheirClientHasDiedToAServerThatOnlyPolls) {
  const Region region = Region::create(ServiceOptions{.clients = 1}.region()).value();
  Server server = Server::open(copy_of(region), kWait).value();
  ChildProcess dies = ChildProcess::fork([&] {
    auto* const never_closed = new Client(Client::open(copy_of(region)).value());
    return never_closed->begin({}, kLong).value() ? 0 : 1;
  });
  ASSERT_EQ(dies.wait(), 0);
  const TakenRequest taken = server.take_for(kLong).value().value();
  EXPECT_FALSE(taken.is_cancelled());
  constexpr int kPollsEnough = 10'000;
  for (int polls = 0; polls < kPollsEnough; ++polls) EXPECT_FALSE(server.request());
  EXPECT_TRUE(taken.is_cancelled());
}

// Neither wakes the set: it looks after the clients once its slice is over.
TEST(TakenRequestsTest, TellInAWaitSetThatTheirClientHasDied) {
  const Region region = Region::create(ServiceOptions{.clients = 1}.region()).value();
  Server server = Server::open(copy_of(region), kWait).value();
  WaitSet set = WaitSet::create({.wait = kWait}).value();
  ASSERT_TRUE(set.add(server));
  ChildProcess dies = ChildProcess::fork([&] {
    Client client = Client::open(copy_of(region)).value();
    if (!client.claim_for(8, kLong).value()) return 1;
    client.call();
    ::pause();
    return 2;
  });
  ASSERT_EQ(set.wait(kLong).value().size(), 1U);
  TakenRequest taken = server.take_for(0ns).value().value();
  EXPECT_TRUE(set.wait(20ms).value().empty());
  EXPECT_FALSE(taken.is_cancelled());
  dies.kill_now();
  for (int slices = 0; slices < 20 && !taken.is_cancelled(); ++slices) {
    EXPECT_TRUE(set.wait(5ms).value().empty());
  }
  EXPECT_TRUE(taken.is_cancelled());
}

TEST_F(TakenRequestTest, OutlivesItsServerAndIsNotAnswered) {
  ASSERT_NO_FATAL_FAILURE(call(clients_[0], 1));
  ASSERT_NO_FATAL_FAILURE(call(clients_[1], 2));
  TakenRequest first = take();
  TakenRequest second = take();
  server_.reset();
  EXPECT_TRUE(first.is_cancelled());
  const Error failed = clients_[0].answer_for(kLong).error();
  EXPECT_TRUE(failed.code == ErrorCode::dropped || failed.code == ErrorCode::closed);
  EXPECT_EQ(failed.fate, Fate::maybe_served);
  server_ = Server::open(copy_of(region_), kWait).value();
  EXPECT_FALSE(server_->request()) << "they are over";
  EXPECT_EQ(first.request().size(), 8U) << "it may be looked at";
  EXPECT_EQ(code_of(respond(first, 1)), ErrorCode::closed);
  second.drop();
  for (Client& client : clients_) client.abandon();
  ASSERT_NO_FATAL_FAILURE(call(clients_[0], 3));
  TakenRequest third = take();
  ASSERT_TRUE(respond(third, 4));
  ASSERT_NO_FATAL_FAILURE(expect(clients_[0], 4));
}

TEST_F(TakenRequestTest, GoesOnWhenItsServerIsMoved) {
  ASSERT_NO_FATAL_FAILURE(call(clients_[0], 1));
  TakenRequest taken = take();
  Server moved = std::move(*server_);
  ASSERT_TRUE(respond(taken, 2));
  ASSERT_NO_FATAL_FAILURE(expect(clients_[0], 2));
}

TEST_F(TakenRequestTest, IsNotAChildsOfFork) {
  ASSERT_NO_FATAL_FAILURE(call(clients_[0], 1));
  TakenRequest taken = take();
  ChildProcess child = ChildProcess::fork([&] {
    if (!taken.is_cancelled() || !taken.request().empty()) return 1;
    if (code_of(respond(taken, 3)) != ErrorCode::closed) return 2;
    taken.drop();
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_FALSE(clients_[0].answered());
  ASSERT_TRUE(respond(taken, 2));
  ASSERT_NO_FATAL_FAILURE(expect(clients_[0], 2));
}

// Requests on their way to the threads that answer them.
class Jobs {
 public:
  void put(TakenRequest request) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(request));
    }
    changed_.notify_one();
  }
  std::optional<TakenRequest> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !jobs_.empty(); });
    if (jobs_.empty()) return std::nullopt;
    TakenRequest job = std::move(jobs_.front());
    jobs_.pop_front();
    return job;
  }
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<TakenRequest> jobs_;
  bool closed_ = false;
};

TEST(TakenRequestsTest, AreAnsweredByWorkersWhileOthersCome) {
  constexpr std::uint64_t kEach = 2'000;
  std::vector<ChildProcess> callers;
  const Region region = Region::create(ServiceOptions{.clients = 3}.region()).value();
  for (int i = 0; i < 3; ++i) {
    callers.push_back(ChildProcess::fork([&] {
      Client client = Client::open(copy_of(region)).value();
      std::array<std::byte, 8> request{};
      std::array<std::byte, 8> response{};
      for (std::uint64_t number = 0; number < kEach; ++number) {
        test::write_message(request, number);
        if (client.call(request, response, kLong).value() != 8U) return 1;
        if (!test::is_message(response, ~number)) return 2;
      }
      return 0;
    }));
  }
  Server server = Server::open(copy_of(region)).value();
  Jobs jobs;
  std::vector<std::thread> workers;
  for (int i = 0; i < 2; ++i) {
    workers.emplace_back([&] {
      while (std::optional<TakenRequest> job = jobs.take()) {
        std::uint64_t number = 0;
        std::memcpy(&number, job->request().data(), sizeof number);
        std::array<std::byte, 8> response{};
        test::write_message(response, ~number);
        EXPECT_TRUE(job->respond(response));
      }
    });
  }
  for (std::uint64_t served = 0; served < 3 * kEach; ++served) {
    std::optional<TakenRequest> taken = server.take_for(kLong).value();
    ASSERT_TRUE(taken);
    jobs.put(std::move(*taken));
  }
  jobs.close();
  for (std::thread& worker : workers) worker.join();
  for (ChildProcess& caller : callers) EXPECT_EQ(caller.wait(), 0);
}

struct Question {
  std::uint32_t number;
};
struct Answer {
  std::uint64_t square;
};

TEST(TypedTakenRequestTest, IsAnsweredLater) {
  const Region region =
      Region::create(typed::fitted_to_call<Question, Answer>({.clients = 2}).region()).value();
  auto server = typed::Server<Question, Answer>::open(copy_of(region)).value();
  std::vector<std::thread> callers;
  for (std::uint32_t i = 1; i <= 2; ++i) {
    callers.emplace_back([&region, i] {
      auto client = typed::Client<Question, Answer>::open(copy_of(region)).value();
      EXPECT_EQ(client.call({i * 10}, kLong).value().value().square, 100U * i * i);
    });
  }
  auto one = server.take(kLong).value().value();
  auto two = server.take(kLong).value().value();
  EXPECT_FALSE(server.take(Timeout::zero()).value());
  EXPECT_EQ(one->number + two->number, 30U);
  for (auto* const taken : {&two, &one}) {
    EXPECT_FALSE(taken->is_cancelled());
    EXPECT_TRUE(taken->respond({std::uint64_t{(*taken)->number} * (*taken)->number}));
  }
  for (std::thread& caller : callers) caller.join();
}

// --- a client that overwrites its line ---------------------------------------------------------

core::CallState state_of(const Region& region, std::uint32_t line) {
  return core::CallState(region.call_group_memory().lines[line].cell.state);
}
void store(const Region& region, std::uint32_t line, core::CallState state) {
  region.call_group_memory().lines[line].cell.state = state.word();
}

// It writes a second request over one that was taken, so that both are out at a time.
TEST_F(TakenRequestTest, DoesNotAnswerWhatIsInItsLineByNow) {
  using State = core::CallState;
  ASSERT_NO_FATAL_FAILURE(call(clients_[0], 1));
  TakenRequest old = take();
  const std::uint32_t line = old.client();
  const State serving = state_of(region_, line);
  store(region_, line, State(State::kRequest, serving.generation() + 1, 4));
  TakenRequest fresh = take();
  ASSERT_EQ(fresh.request().size(), 4U);
  const State again = state_of(region_, line);
  EXPECT_TRUE(old.is_cancelled());
  EXPECT_FALSE(fresh.is_cancelled());
  const Result<void> refused = respond(old, 7);
  EXPECT_EQ(code_of(refused), ErrorCode::corrupt);
  EXPECT_EQ(code_of(respond(old, 7)), ErrorCode::invalid_argument) << "it is over";
  EXPECT_EQ(state_of(region_, line).word(), again.word()) << "nothing was stored";
  ASSERT_TRUE(respond(fresh, 8));
  EXPECT_EQ(state_of(region_, line).word(), State(State::kResponse, again.generation(), 8).word());
  EXPECT_EQ(server_->lag(), 0U);
}

TEST_F(TakenRequestTest, DroppedDoesNotEndWhatIsInItsLineByNow) {
  using State = core::CallState;
  ASSERT_NO_FATAL_FAILURE(call(clients_[0], 1));
  std::optional<TakenRequest> old = take();
  const std::uint32_t line = old->client();
  store(region_, line, State(State::kRequest, state_of(region_, line).generation() + 1, 4));
  TakenRequest fresh = take();
  old.reset();
  EXPECT_EQ(state_of(region_, line).phase(), State::kServing);
  ASSERT_TRUE(respond(fresh, 8));
}

// The line was spoilt while its request was out, its client died, and another one has it: that one
// is never given the answer to the first one's question.
TEST(TakenRequestsTest, DoNotAnswerTheClientThatHasTheLineAfterwards) {
  using State = core::CallState;
  for (const bool is_asked : {false, true}) {
    const Region region = Region::create(ServiceOptions{.clients = 1}.region()).value();
    Server server = Server::open(copy_of(region), kWait).value();
    ChildProcess dies = ChildProcess::fork([&] {
      Client client = Client::open(copy_of(region)).value();
      if (!client.claim_for(8, kLong).value()) return 1;
      client.call();
      ::pause();
      return 2;
    });
    TakenRequest old = server.take_for(kLong).value().value();
    store(region, 0, State(State::kRequest, 1, State::kMaxSizeBytes));
    EXPECT_FALSE(server.request_for(1ms).value());
    ASSERT_EQ(server.corrupt_lines(), 1U);
    dies.kill_now();
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while (server.corrupt_lines() > 0 && std::chrono::steady_clock::now() < deadline) {
      EXPECT_FALSE(server.request_for(5ms).value());
    }
    ASSERT_EQ(server.corrupt_lines(), 0U);
    EXPECT_TRUE(old.is_cancelled());

    Client next = Client::open(copy_of(region)).value();
    if (is_asked) {
      ASSERT_TRUE(next.claim_for(8, kLong).value());
      next.call();
    }
    const State before = state_of(region, 0);
    std::array<std::byte, 8> secret{};
    EXPECT_EQ(code_of(old.respond(secret)), ErrorCode::corrupt);
    EXPECT_EQ(state_of(region, 0).word(), before.word());
    if (!is_asked) continue;
    TakenRequest fresh = server.take_for(kLong).value().value();
    EXPECT_TRUE(fresh.respond(std::span(secret).first(3)));
    EXPECT_EQ(next.answer_for(kLong).value().value().size(), 3U);
  }
}

}  // namespace
}  // namespace ringbell
