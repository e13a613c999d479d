// Channels under load, inherited and found by name, and SIGKILLs at random moments for either
// side.
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/crash/random_records.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/leftovers.hpp>
#include <tests/support/shared_pages.hpp>
#include <tests/support/troupe.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using crash::Checker;
using crash::Record;
using crash::said;
using test::Player;
using test::SharedPages;
using test::Stage;
using test::Troupe;

// How soon a survivor asks after its peer is its user's choice; here it is often.
constexpr WaitOptions kWait{.spin_budget = 5us, .longest_sleep = 2ms};
constexpr auto kAWhile = 5ms;
constexpr std::uint64_t kCapacity = 8192;

// The death of the peer is no end: there will be another one.
bool is_death(const Error& error) { return error.code == ErrorCode::peer_dead; }

// --- Channel -------------------------------------------------------------------------------------

std::string send_until_over(Result<Sender> sender, Record& record, const Stage& stage) {
  if (!sender) return said(sender.error());
  std::uint64_t number = crash::next_of(sender->staged_position(), record);
  record.written = {.begun = number, .done = number};
  while (!stage.is_over(Stage::kFirstEnds)) {
    const std::uint32_t size = crash::size_of(number);
    const auto room = sender->claim_for(size, kAWhile);
    if (!room && !is_death(room.error())) return said(room.error());
    if (!room || !*room) continue;
    test::write_message(**room, number);
    record.tail = sender->staged_position();
    record.written.begin();
    sender->commit();
    record.written.finish();
    ++number;
  }
  return {};
}

std::string receive_until_over(Result<Receiver> receiver, Record& record, Stage& stage) {
  if (!receiver) return said(receiver.error());
  // What is not yet published, in the smallest of records, and the one that it had in hand.
  Checker checker(record, kCapacity / core::SpscRing<>::kHeadPublications / 24 + 1);
  while (true) {
    const bool last_look = stage.is_over(Stage::kSecondEnds);
    const auto message = receiver->peek_for(kAWhile);
    if (!message || !*message) {
      const bool ended = !message && code_of(message) == ErrorCode::closed;
      if (last_look) return {};
      if (!message && !ended && !is_death(message.error())) return said(message.error());
      continue;
    }
    if (std::string wrong = checker.check(**message); !wrong.empty()) return wrong;
    checker.give_back([&] { receiver->release(); });
    stage.went_on();
  }
}

class RandomChannelKillsTest : public ::testing::TestWithParam<DoorbellKind> {};

INSTANTIATE_TEST_SUITE_P(EveryDoorbell, RandomChannelKillsTest,
                         ::testing::Values(DoorbellKind::futex, DoorbellKind::eventfd),
                         [](const auto& one) {
                           return one.param == DoorbellKind::futex ? "Futex" : "Eventfd";
                         });

TEST_P(RandomChannelKillsTest, Inherited) {
  const test::Leftovers leftovers;
  {
    const Channel channel =
        Channel::create({.capacity_bytes = kCapacity, .doorbell = GetParam()}).value();
    SharedPages pages(4096);
    Record& record = *pages.take<Record>();
    const auto send = [&](Stage& stage) {
      return send_until_over(Sender::attach(channel.fds(), kWait), record, stage);
    };
    const auto receive = [&](Stage& stage) {
      return receive_until_over(Receiver::attach(channel.fds(), kWait), record, stage);
    };
    Troupe troupe("Channel", {{"sender", send}, {"receiver", receive, Stage::kSecondEnds}});
    troupe.perform(crash::kills_of_each());
    EXPECT_EQ(record.read.least(), record.written.least()) << "committed, and never read";
  }
}

// --- Listener and connect ------------------------------------------------------------------------

// A folder of names of its own, empty in the end.
class RandomConnectionKillsTest : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("RINGBELL_DIR", folder_.c_str(), 1); }
  void TearDown() override {
    ::unsetenv("RINGBELL_DIR");
    std::error_code none;
    std::filesystem::remove_all(folder_, none);
  }

 private:
  std::string folder_ = fmt::format("/dev/shm/ringbell-crash-{}", ::getpid());
};

// The sender's successor goes on with the ring that it finds under the name.
TEST_F(RandomConnectionKillsTest, ChannelByName) {
  const test::Leftovers leftovers;
  SharedPages pages(4096);
  Record& record = *pages.take<Record>();
  const auto send = [&](Stage& stage) {
    return send_until_over(Sender::create("crash", {.capacity_bytes = kCapacity}, kWait), record,
                           stage);
  };
  const auto receive = [&](Stage& stage) {
    return receive_until_over(Receiver::open("crash", 10s, kWait), record, stage);
  };
  Troupe troupe("Channel by name", {{"sender", send}, {"receiver", receive, Stage::kSecondEnds}});
  troupe.perform(crash::kills_of_each());
  EXPECT_EQ(record.read.least(), record.written.least()) << "committed, and never read";
}

// Each peer asks, the other one answers; a death ends the connection, and another one is made.
std::string answer_until_over(Stage& stage) {
  // Of the one before, dead, it takes the name over.
  Result<Listener> listener =
      Listener::open("crash", {.channel = {.capacity_bytes = 8192}, .wait = kWait});
  if (!listener) return said(listener.error());
  std::optional<Connection> connection;
  while (!stage.is_over(Stage::kSecondEnds)) {
    if (!connection) {
      Result<std::optional<Connection>> accepted = listener->accept(kAWhile);
      if (!accepted) return said(accepted.error());
      connection = std::move(*accepted);
      continue;
    }
    const auto asked = connection->receiver.peek_for(kAWhile);
    if (!asked) {
      if (!is_death(asked.error()) && code_of(asked) != ErrorCode::closed) {
        return said(asked.error());
      }
      connection.reset();
      continue;
    }
    if (!*asked) continue;
    if (!crash::is_right(**asked)) return "torn";
    const Result<bool> sent = connection->sender.send(**asked, 1s);
    connection->receiver.release();
    if (!sent) {
      if (!is_death(sent.error()) && code_of(sent) != ErrorCode::closed) {
        return said(sent.error());
      }
      connection.reset();
    }
  }
  return {};
}

std::string ask_until_over(Stage& stage) {
  std::optional<Connection> connection;
  std::vector<std::byte> question;
  for (std::uint64_t number = 0; !stage.is_over(Stage::kFirstEnds);) {
    if (!connection) {
      Result<Connection> made = connect("crash", {.timeout = 10s, .wait = kWait});
      // The listener died in the middle of it.
      if (!made && (is_death(made.error()) || code_of(made) == ErrorCode::timed_out)) continue;
      if (!made) return said(made.error());
      connection = std::move(*made);
    }
    question.resize(crash::size_of(number));
    test::write_message(question, number);
    const Result<bool> sent = connection->sender.send(question, 1s);
    if (sent && !*sent) return "no room for a single question";
    Result<std::optional<std::span<const std::byte>>> answer = tl::unexpected(Error{});
    if (sent) answer = connection->receiver.peek_for(10s);
    if (!sent || !answer) {
      const Error& why = sent ? answer.error() : sent.error();
      if (!is_death(why) && why.code != ErrorCode::closed) return said(why);
      connection.reset();
      continue;
    }
    if (!*answer) return "no answer, and no death";
    if (!std::ranges::equal(**answer, question)) return "torn, or the answer to another question";
    connection->receiver.release();
    stage.went_on();
    ++number;
  }
  return {};
}

TEST_F(RandomConnectionKillsTest, ListenerAndConnector) {
  const test::Leftovers leftovers;
  Troupe troupe("Listener and connect", {{"connector", ask_until_over},
                                         {"listener", answer_until_over, Stage::kSecondEnds}});
  troupe.perform(crash::kills_of_each());
}

}  // namespace
}  // namespace ringbell
