// A connector or a listener dies at any system call of opening, handshake, one question and answer
// and closing, and before many of the instructions. The other side, a process that lives through
// all these deaths, goes on with the next one, and has in the end as many descriptors as before.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/crash/pairs.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/kill_campaign.hpp>
#include <tests/support/leftovers.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/open_files.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::crash {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using test::ChildProcess;

constexpr std::uint64_t kOfTheDead = 400;
constexpr std::uint64_t kRounds = 40;
// Of each side, unless all are asked for; a sanitizer needs minutes for one walk through them.
constexpr std::size_t kInstructions = test::kSanitized ? 0 : 60;

struct Way {
  Place place;
  DoorbellKind doorbell;

  friend std::ostream& operator<<(std::ostream& out, const Way& way) {
    return out << (way.place == Place::abstract ? "Abstract" : "Folder")
               << (way.doorbell == DoorbellKind::futex ? "Futex" : "Eventfd");
  }
};

// What the survivor tells of itself. Only it stores.
struct Desk {
  std::uint64_t open;         // connections
  std::uint64_t of_the_dead;  // questions of dead ones that came, or answers
  std::uint64_t rounds;       // questions and their answers
  std::uint64_t descriptors;  // when no connection was open
  std::uint64_t trouble;      // something went wrong, and it is over

  static void put(std::uint64_t& word, std::uint64_t value) noexcept {
    std::atomic_ref<std::uint64_t>(word).store(value);
  }
  static std::uint64_t get(std::uint64_t& word) noexcept {
    return std::atomic_ref<std::uint64_t>(word).load();
  }
};

bool is_end(const Error& error) {
  return error.code == ErrorCode::peer_dead || error.code == ErrorCode::closed;
}

int complain(const std::string& what) {
  std::fprintf(stderr, "the survivor: %s\n", what.c_str());
  return 1;
}

// A survivor that sleeps on an eventfd is woken by the hang-up, however long it would sleep.
WaitOptions waiting(const Way& way) {
  WaitOptions wait = kWait;
  if (way.doorbell == DoorbellKind::eventfd) wait.longest_sleep = WaitOptions{}.longest_sleep;
  return wait;
}

Result<Listener> listen(const Way& way, const std::string& name) {
  return Listener::open(name, {.place = way.place,
                               .channel = {.capacity_bytes = 4096},
                               .doorbell = way.doorbell,
                               .handshake_timeout = kLong,  // of one that goes step by step
                               .wait = kWait});
}

// Takes one message, checks it, and says which it was. Nothing: not now.
Read take(Connection& connection, Timeout timeout) {
  return ChannelPair::read(connection.receiver, timeout);
}

// --- the connector dies --------------------------------------------------------------------------

// Answers every connector, for ever.
int answer(const Way& way, const std::string& name, Desk& desk) {
  Result<Listener> listener = listen(way, name);
  if (!listener) return complain(said(listener.error()));
  std::list<Connection> peers;
  while (true) {
    Result<std::optional<Connection>> accepted = listener->accept(peers.empty() ? 1ms : 0ms);
    if (!accepted) return complain(said(accepted.error()));
    if (*accepted) peers.push_back(std::move(**accepted));
    for (auto peer = peers.begin(); peer != peers.end();) {
      const Read asked = take(*peer, 1ms);
      if (!asked && !is_end(asked.error())) return complain(said(asked.error()));
      if (asked && *asked) {
        if (**asked == kTorn) return complain("torn");
        if (**asked == kOfTheDead) Desk::put(desk.of_the_dead, desk.of_the_dead + 1);
        const Result<bool> sent = peer->sender.send(messages().get(**asked), kLong);
        if (!sent && !is_end(sent.error())) return complain(said(sent.error()));
      }
      peer = asked ? std::next(peer) : peers.erase(peer);
    }
    Desk::put(desk.open, peers.size());
    if (peers.empty()) Desk::put(desk.descriptors, static_cast<std::uint64_t>(test::open_files()));
  }
}

// The process that survives, for all deaths of a test.
class Survivor {
 public:
  template <class Body>
  explicit Survivor(Body&& body) {
    process_.emplace(ChildProcess::fork([&] {
      const int status = body(desk_);
      Desk::put(desk_.trouble, 1);
      return status;
    }));
  }

  // Until what it tells is so; false if it never is.
  template <class Condition>
  [[nodiscard]] bool comes_to(Condition&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while (!condition(desk_)) {
      if (std::chrono::steady_clock::now() > deadline || Desk::get(desk_.trouble) > 0) return false;
      std::this_thread::sleep_for(50us);
    }
    return true;
  }
  [[nodiscard]] Desk& desk() noexcept { return desk_; }
  void kill_now() { process_.reset(); }

 private:
  test::SharedPages pages_{4096};
  Desk& desk_ = *pages_.take<Desk>();
  std::optional<ChildProcess> process_;
};

class DyingConnector : public test::Victim {
 public:
  DyingConnector(const Way& way, std::string name, Survivor& listener)
      : way_(way),
        name_(std::move(name)),
        listener_(listener),
        came_before_(Desk::get(listener.desk().of_the_dead)) {}

  void operate() override {
    Connection connection = reach().value();
    sent_.begin();
    (void)connection.sender.send(messages().get(kOfTheDead), kLong);
    sent_.finish();
    (void)take(connection, kLong);
  }

  void survive() override {
    {
      Result<Connection> connection = reach();
      ASSERT_TRUE(connection) << said(connection.error());
      for (std::uint64_t number = 0; number < kRounds; ++number) {
        const Result<bool> sent = connection->sender.send(messages().get(number), kLong);
        ASSERT_TRUE(sent && *sent) << (sent ? "no room" : said(sent.error()));
        const Read got = take(*connection, kLong);
        ASSERT_TRUE(got) << said(got.error());
        ASSERT_EQ(*got, number);
      }
      ASSERT_TRUE(listener_.comes_to([](Desk& desk) { return Desk::get(desk.open) == 1; }))
          << "the connection of the dead process is kept";
    }
    const std::uint64_t came = Desk::get(listener_.desk().of_the_dead) - came_before_;
    ASSERT_GE(came, sent_.least()) << "sent, and lost";
    ASSERT_LE(came, sent_.most()) << "never sent, or come again";
    ASSERT_TRUE(listener_.comes_to([](Desk& desk) { return Desk::get(desk.open) == 0; }));
  }

 private:
  [[nodiscard]] Result<Connection> reach() const {
    return connect(name_, {.place = way_.place, .timeout = kLong, .wait = kWait});
  }

  test::SharedPages pages_{4096};
  test::Progress& sent_ = *pages_.take<test::Progress>();
  Way way_;
  std::string name_;
  Survivor& listener_;
  std::uint64_t came_before_;
};

// --- the listener dies ---------------------------------------------------------------------------

// Asks the listener that is there, for ever; a death ends the connection, and it makes another one.
int ask(const Way& way, const std::string& name, Desk& desk) {
  std::optional<Connection> connection;
  for (std::uint64_t number = 0;; number = (number + 1) % 100) {
    if (!connection) {
      Desk::put(desk.open, 0);
      Desk::put(desk.descriptors, static_cast<std::uint64_t>(test::open_files()));
      Result<Connection> made =
          connect(name, {.place = way.place, .timeout = kLong, .wait = waiting(way)});
      // The listener died amid the handshake.
      if (!made && code_of(made) == ErrorCode::peer_dead) continue;
      if (!made) return complain(said(made.error()));
      connection.emplace(std::move(*made));
      Desk::put(desk.open, 1);
    }
    const Result<bool> sent = connection->sender.send(messages().get(number), kLong);
    Read answer = tl::unexpected(Error{});
    if (sent) answer = take(*connection, kLong);
    if (!sent || !answer) {
      const Error& why = sent ? answer.error() : sent.error();
      if (!is_end(why)) return complain(said(why));
      connection.reset();
    } else if (*answer != number) {
      return complain(*answer ? "a wrong answer" : "no answer, and no death");
    } else {
      Desk::put(desk.rounds, desk.rounds + 1);
    }
  }
}

class DyingListener : public test::Victim {
 public:
  DyingListener(const Way& way, std::string name, Survivor& connector)
      : way_(way), name_(std::move(name)), connector_(connector) {
    EXPECT_TRUE(connector.comes_to([](Desk& desk) { return Desk::get(desk.open) == 0; }));
    rounds_before_ = Desk::get(connector.desk().rounds);
  }

  void operate() override {
    Listener listener = listen(way_, name_).value();
    Connection connection = listener.accept(kLong).value().value();
    const Read asked = take(connection, kLong);
    answered_.begin();
    (void)connection.sender.send(messages().get(asked.value().value()), kLong);
    answered_.finish();
  }

  void survive() override {
    Result<Listener> listener = listen(way_, name_);
    ASSERT_TRUE(listener) << said(listener.error());
    Result<std::optional<Connection>> accepted = listener->accept(kLong);
    ASSERT_TRUE(accepted) << said(accepted.error());
    ASSERT_TRUE(*accepted) << "the connector does not come again";
    const std::uint64_t rounds = Desk::get(connector_.desk().rounds) - rounds_before_;
    ASSERT_GE(rounds, answered_.least()) << "answered, and lost";
    ASSERT_LE(rounds, answered_.most()) << "never answered";
    Connection& connection = **accepted;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const Read asked = take(connection, kLong);
      ASSERT_TRUE(asked) << said(asked.error());
      ASSERT_TRUE(*asked && **asked != kTorn) << "no question, or half of one";
      const Result<bool> sent = connection.sender.send(messages().get(**asked), kLong);
      ASSERT_TRUE(sent && *sent) << (sent ? "no room" : said(sent.error()));
    }
    ASSERT_TRUE(connector_.comes_to([&](Desk& desk) {
      return Desk::get(desk.rounds) == rounds_before_ + rounds + kRounds;
    })) << "an answer is lost";
  }

 private:
  test::SharedPages pages_{4096};
  test::Progress& answered_ = *pages_.take<test::Progress>();
  Way way_;
  std::string name_;
  Survivor& connector_;
  std::uint64_t rounds_before_ = 0;
};

// -------------------------------------------------------------------------------------------------

class ConnectionStepsTest : public ::testing::TestWithParam<Way> {
 protected:
  [[nodiscard]] std::string what(const char* role) const {
    return fmt::format("Connection, {}, {}", role, ::testing::PrintToString(GetParam()));
  }

  test::TemporaryNameFolder folder;
  const std::string name = fmt::format("crash-{}", ::getpid());  // all share the abstract names
  test::Leftovers leftovers;
};

INSTANTIATE_TEST_SUITE_P(Every, ConnectionStepsTest,
                         ::testing::Values(Way{Place::folder, DoorbellKind::eventfd},
                                           Way{Place::folder, DoorbellKind::futex},
                                           Way{Place::abstract, DoorbellKind::eventfd}),
                         ::testing::PrintToStringParamName());

TEST_P(ConnectionStepsTest, ConnectorsDeathCostsTheListenerNothing) {
  Survivor listener([&](Desk& desk) { return answer(GetParam(), name, desk); });
  ASSERT_TRUE(listener.comes_to([](Desk& desk) { return Desk::get(desk.descriptors) > 0; }));
  const std::uint64_t descriptors = Desk::get(listener.desk().descriptors);
  test::kill_at_every_system_call(
      what("connector, from connect to close"),
      [&] { return std::make_unique<DyingConnector>(GetParam(), name, listener); }, kInstructions);
  EXPECT_TRUE(listener.comes_to([&](Desk& desk) {
    return Desk::get(desk.descriptors) == descriptors;
  })) << "descriptors of dead processes are left";
  listener.kill_now();
  EXPECT_EQ(names::remove_dead().value().size(), GetParam().place == Place::folder ? 1U : 0U);
}

TEST_P(ConnectionStepsTest, ListenersDeathLeavesItsNameAndItsPeersToTheNext) {
  Survivor connector([&](Desk& desk) { return ask(GetParam(), name, desk); });
  ASSERT_TRUE(connector.comes_to([](Desk& desk) { return Desk::get(desk.descriptors) > 0; }));
  const std::uint64_t descriptors = Desk::get(connector.desk().descriptors);
  test::kill_at_every_system_call(
      what("listener, from open to close"),
      [&] { return std::make_unique<DyingListener>(GetParam(), name, connector); }, kInstructions);
  EXPECT_TRUE(connector.comes_to([&](Desk& desk) {
    return Desk::get(desk.descriptors) == descriptors;
  })) << "descriptors of dead processes are left";
}

}  // namespace
}  // namespace ringbell::crash
