// Queues, topics, collectors and services under load, with SIGKILLs at random moments. No process
// is told of a death here: the endpoints find out and recover by themselves.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/crash/random_records.hpp>
#include <tests/support/leftovers.hpp>
#include <tests/support/shared_pages.hpp>
#include <tests/support/troupe.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using crash::is_gone;
using crash::number_in;
using crash::said;
using test::Player;
using test::Progress;
using test::SharedPages;
using test::Stage;
using test::Troupe;

constexpr WaitOptions kWait{.spin_budget = 5us, .longest_sleep = 2ms};
constexpr auto kAWhile = 5ms;
constexpr std::uint64_t kMost = std::uint64_t{1} << 24;  // messages of each writer
constexpr std::uint32_t kBytes = 100;

Region attach(const Region& region) {
  return Region::attach(FileDescriptor(::fcntl(region.fd(), F_DUPFD_CLOEXEC, 0))).value();
}

// Two writers, any number of readers: how often each message came.
class Deliveries {
  SharedPages pages_{2 * kMost + 4096};

 public:
  struct Writer {
    Progress* written;
    std::uint8_t* times;
    std::set<std::uint64_t> uncertain;  // begun by one that died
  };

  std::array<Writer, 2> writers = {make(), make()};

  [[nodiscard]] static std::uint64_t name(std::uint64_t writer, std::uint64_t number) {
    return number << 1 | writer;
  }
  // What this one writes next, into `message`. Nothing: it has written enough.
  [[nodiscard]] bool next(std::uint64_t w, std::span<std::byte> message) const {
    if (writers[w].written->least() >= kMost) return false;
    test::write_message(message, name(w, writers[w].written->least()));
    return true;
  }
  void bury(std::uint64_t w) {
    Progress& written = *writers[w].written;
    if (written.most() > written.least()) writers[w].uncertain.insert(written.least());
    written.finish();
  }
  // How often it had come before; nothing if it is torn.
  [[nodiscard]] std::optional<std::uint8_t> came(std::span<const std::byte> message,
                                                 std::uint8_t count = 1) const {
    if (message.size() < sizeof(std::uint64_t)) return std::nullopt;
    const std::uint64_t number = number_in(message) >> 1;
    const std::uint64_t w = number_in(message) & 1;
    if (number >= kMost || !test::is_message(message, name(w, number))) return std::nullopt;
    return std::atomic_ref<std::uint8_t>(writers[w].times[number]).fetch_add(count);
  }
  // Times that a message came, the first ones not counted.
  std::uint64_t expect_all() const {
    std::uint64_t again = 0;
    for (const Writer& writer : writers) {
      for (std::uint64_t number = 0; number < writer.written->least(); ++number) {
        if (writer.times[number] == 0) {
          EXPECT_TRUE(writer.uncertain.contains(number)) << number << " is lost";
        } else {
          again += writer.times[number] - 1U;
        }
      }
    }
    return again;
  }

 private:
  Writer make() { return {pages_.take<Progress>(), pages_.take<std::uint8_t>(kMost), {}}; }
};

// --- Queue ---------------------------------------------------------------------------------------

TEST(RandomGroupKillsTest, Queue) {
  constexpr std::uint8_t kMarked = 16;
  const test::Leftovers leftovers;
  const Region region =
      Region::create(
          QueueOptions{.messages = 64, .message_bytes = kBytes, .participants = 6}.region())
          .value();
  Deliveries deliveries;
  std::vector<Player> players;
  for (std::uint64_t w = 0; w < 2; ++w) {
    const auto send = [&, w](Stage& stage) -> std::string {
      Result<QueueSender> sender = QueueSender::open(attach(region), kWait);
      if (!sender) return said(sender.error());
      Progress& written = *deliveries.writers[w].written;
      std::array<std::byte, kBytes> message{};
      while (!stage.is_over(Stage::kFirstEnds)) {
        if (!deliveries.next(w, message)) continue;
        written.begin();
        const Result<bool> sent = sender->send(message, 1s);
        if (!sent) return said(sent.error());
        if (*sent) {
          written.finish();
        }
      }
      return {};
    };
    players.push_back({fmt::format("sender {}", w), send, Stage::kFirstEnds,
                       [&deliveries, w] { deliveries.bury(w); }});
  }
  const auto receive = [&](Stage& stage) -> std::string {
    Result<QueueReceiver> receiver = QueueReceiver::open(attach(region), kWait);
    if (!receiver) return said(receiver.error());
    while (true) {
      const bool last_look = stage.is_over(Stage::kSecondEnds);
      const auto message = receiver->peek_for(kAWhile);
      if (!message) return said(message.error());
      if (!*message) {
        if (last_look) return {};
        continue;
      }
      const bool marked = receiver->redelivered();
      const std::optional<std::uint8_t> before = deliveries.came(**message, marked ? kMarked : 1);
      if (!before) return "torn";
      if (!marked && *before != 0) return "came again, unmarked";
      if (!receiver->release()) return "a living receiver was declared dead";
      stage.went_on();
    }
  };
  for (int i = 1; i <= 2; ++i) {
    players.push_back({fmt::format("receiver {}", i), receive, Stage::kSecondEnds});
  }
  Troupe troupe("Queue", players);
  troupe.perform(crash::kills_of_each());
  (void)deliveries.expect_all();
}

// --- Topic: messages are numbered by their positions ---------------------------------------------

constexpr const char* kMissed = "missed, in a lossless topic";

class RandomTopicKillsTest : public ::testing::TestWithParam<TopicOptions::Policy> {};

INSTANTIATE_TEST_SUITE_P(EveryPolicy, RandomTopicKillsTest,
                         ::testing::Values(TopicOptions::Policy::lossless,
                                           TopicOptions::Policy::lossy),
                         [](const auto& one) {
                           return one.param == TopicOptions::Policy::lossy ? "Lossy" : "Lossless";
                         });

TEST_P(RandomTopicKillsTest, Topic) {
  const test::Leftovers leftovers;
  Topic topic =
      Topic::create(
          {.policy = GetParam(), .messages = 64, .message_bytes = kBytes, .subscribers = 4})
          .value();
  const TopicFds fds = topic.fds();
  SharedPages pages(4096);
  Progress& written = *pages.take<Progress>();
  const auto publish = [&](Stage& stage) -> std::string {
    Result<Publisher> publisher = Publisher::open(std::move(topic), kWait);
    if (!publisher) return said(publisher.error());
    const std::uint64_t position = publisher->position();
    if (position < written.least() || position > written.most()) return "ends somewhere else";
    written = {.begun = position, .done = position};
    std::array<std::byte, kBytes> message{};
    while (!stage.is_over(Stage::kFirstEnds)) {
      test::write_message(message, publisher->position());
      written.begin();
      const Result<bool> published = publisher->publish(message, 1s);
      if (!published) return said(published.error());
      if (*published) {
        written.finish();
      }
      if (publisher->position() % 64 == 0) ::sched_yield();  // a lossy one never waits
    }
    return {};
  };
  const bool lossy = GetParam() == TopicOptions::Policy::lossy;
  const auto subscribe = [&](Stage& stage) -> std::string {
    Result<Topic> mine = Topic::attach(fds);
    if (!mine) return said(mine.error());
    Result<Subscriber> subscriber =
        Subscriber::open(std::move(*mine), Subscriber::Start::oldest, kWait);
    if (!subscriber) return said(subscriber.error());
    std::array<std::byte, kBytes> message{};
    const std::uint64_t start = subscriber->position();
    std::uint64_t received = 0;
    while (true) {
      const bool last_look = stage.is_over(Stage::kSecondEnds);
      const auto size = subscriber->receive(message, kAWhile);
      if (!size && !is_gone(size.error())) return said(size.error());
      if (!size || !*size) {
        if (!lossy && subscriber->missed() != 0) return kMissed;
        if (!last_look) continue;
        if (subscriber->position() != written.least()) return "not all was received or missed";
        return subscriber->position() - start == received + subscriber->missed() ? ""
                                                                                 : "miscounted";
      }
      ++received;
      if (**size != kBytes || !test::is_message(message, subscriber->position() - 1)) {
        return "torn, or another one";
      }
      stage.went_on();
    }
  };
  Troupe troupe(lossy ? "Topic, lossy" : "Topic, lossless",
                {{"publisher", publish},
                 {"subscriber 1", subscribe, Stage::kSecondEnds},
                 {"subscriber 2", subscribe, Stage::kSecondEnds}});
  troupe.perform(crash::kills_of_each());
}

// --- Topic of several publishers -----------------------------------------------------------------

TEST_P(RandomTopicKillsTest, TopicOfSeveralPublishers) {
  const test::Leftovers leftovers;
  const bool lossy = GetParam() == TopicOptions::Policy::lossy;
  const Topic topic =
      Topic::create(
          {.policy = GetParam(), .messages = 64, .message_bytes = kBytes, .publishers = 2})
          .value();
  Deliveries deliveries;
  SharedPages pages(2 * kMost + 4096);
  const std::array<std::uint8_t*, 2> published{pages.take<std::uint8_t>(kMost),
                                               pages.take<std::uint8_t>(kMost)};
  std::vector<Player> players;
  for (std::uint64_t w = 0; w < 2; ++w) {
    const auto publish = [&, w](Stage& stage) -> std::string {
      Result<Publisher> publisher = Publisher::open(Topic::attach(topic.fds()).value(), kWait);
      if (!publisher) return said(publisher.error());
      Progress& written = *deliveries.writers[w].written;
      std::array<std::byte, kBytes> message{};
      while (!stage.is_over(Stage::kFirstEnds)) {
        if (!deliveries.next(w, message)) continue;
        const std::uint64_t number = written.least();
        written.begin();
        const Result<bool> sent = publisher->publish(message, 1s);
        if (!sent) return said(sent.error());
        if (*sent) {
          std::atomic_ref(published[w][number]).store(1);
          written.finish();
        }
        if (number % 64 == 0) ::sched_yield();  // a lossy one seldom waits
      }
      return {};
    };
    players.push_back({fmt::format("publisher {}", w), publish, Stage::kFirstEnds,
                       [&deliveries, w] { deliveries.bury(w); }});
  }
  const auto subscribe = [&](Stage& stage) -> std::string {
    Result<Subscriber> subscriber =
        Subscriber::open(Topic::attach(topic.fds()).value(), Subscriber::Start::oldest, kWait);
    if (!subscriber) return said(subscriber.error());
    std::array<std::byte, kBytes> message{};
    std::array<std::optional<std::uint64_t>, 2> due;
    std::uint64_t lost = 0;
    while (true) {
      const bool last_look = stage.is_over(Stage::kSecondEnds);
      const auto size = subscriber->receive(message, kAWhile);
      if (!size && !is_gone(size.error())) return said(size.error());
      if (!size || !*size) {
        if (!lossy && subscriber->missed() != 0) return kMissed;
        if (last_look) return {};
        continue;
      }
      if (!deliveries.came(message)) return "torn";
      const std::uint64_t w = number_in(message) & 1;
      const std::uint64_t number = number_in(message) >> 1;
      if (due[w] && number < *due[w]) return "out of order, or again";
      for (std::uint64_t missed = due[w].value_or(number); missed < number; ++missed) {
        lost += std::atomic_ref(published[w][missed]).load();
      }
      if (lost > subscriber->missed()) return "published, and neither received nor missed";
      due[w] = number + 1;
      stage.went_on();
    }
  };
  for (int i = 1; i <= 2; ++i) {
    players.push_back({fmt::format("subscriber {}", i), subscribe, Stage::kSecondEnds});
  }
  Troupe troupe(lossy ? "Lossy topic of several publishers" : "Topic of several publishers",
                players);
  troupe.perform(crash::kills_of_each());
}

// --- Collector -----------------------------------------------------------------------------------

TEST(RandomGroupKillsTest, Collector) {
  const test::Leftovers leftovers;
  const Region region =
      Region::create(CollectorOptions{.contributors = 4, .capacity_bytes = 4096}.region()).value();
  Deliveries deliveries;
  std::vector<Player> players;
  for (std::uint64_t w = 0; w < 2; ++w) {
    const auto contribute = [&, w](Stage& stage) -> std::string {
      Result<Contributor> contributor = Contributor::open(attach(region), kWait);
      if (!contributor) return said(contributor.error());
      Progress& written = *deliveries.writers[w].written;
      std::array<std::byte, kBytes> message{};
      while (!stage.is_over(Stage::kFirstEnds)) {
        if (!deliveries.next(w, message)) continue;
        written.begin();
        const Result<bool> sent = contributor->send(message, kAWhile);
        if (!sent && !is_gone(sent.error())) return said(sent.error());
        if (sent && *sent) {
          written.finish();
        }
      }
      return {};
    };
    players.push_back({fmt::format("contributor {}", w), contribute, Stage::kFirstEnds,
                       [&deliveries, w] { deliveries.bury(w); }});
  }
  const auto collect = [&](Stage& stage) -> std::string {
    Result<Collector> collector = Collector::open(attach(region), kWait);
    if (!collector) return said(collector.error());
    while (true) {
      const bool last_look = stage.is_over(Stage::kSecondEnds);
      const auto message = collector->peek_for(kAWhile);
      if (!message) return said(message.error());
      if (!*message) {
        if (collector->corrupt_lanes() > 0) return "a lane is corrupt";
        if (last_look) return {};
        continue;
      }
      if (!deliveries.came(**message)) return "torn";
      collector->release();
      stage.went_on();
    }
  };
  players.push_back({"collector", collect, Stage::kSecondEnds});
  Troupe troupe("Collector", players);
  const std::size_t kills = crash::kills_of_each();
  troupe.perform(kills);
  EXPECT_LE(deliveries.expect_all(), (kills + 1) * (core::FanInPace{}.burst + 1));
}

// --- Service -------------------------------------------------------------------------------------

TEST(RandomGroupKillsTest, Service) {
  const test::Leftovers leftovers;
  const Region region =
      Region::create(ServiceOptions{.clients = 4, .message_bytes = kBytes}.region()).value();
  Deliveries calls;  // what came to a server
  std::vector<Player> players;
  for (std::uint64_t w = 0; w < 2; ++w) {
    const auto call = [&, w](Stage& stage) -> std::string {
      Result<Client> client = Client::open(attach(region), kWait);
      if (!client) return said(client.error());
      Progress& called = *calls.writers[w].written;
      std::array<std::byte, kBytes> request{};
      std::array<std::byte, kBytes> response{};
      while (!stage.is_over(Stage::kFirstEnds)) {
        if (!calls.next(w, request)) continue;
        called.begin();
        const auto answered = client->call(request, response, 10s);
        called.finish();
        if (!answered && is_gone(answered.error())) continue;
        if (!answered) return said(answered.error());
        if (!*answered) return "no answer, and no death";
        std::ranges::reverse(response);
        if (response != request) return "the answer is torn, or to another call";
        stage.went_on();
      }
      return {};
    };
    players.push_back(
        {fmt::format("client {}", w), call, Stage::kFirstEnds, [&calls, w] { calls.bury(w); }});
  }
  const auto serve = [&](Stage& stage) -> std::string {
    Result<Server> server = Server::open(attach(region), kWait);
    if (!server) return said(server.error());
    while (!stage.is_over(Stage::kSecondEnds)) {
      const auto request = server->request_for(kAWhile);
      if (!request) return said(request.error());
      if (!*request) continue;
      const std::optional<std::uint8_t> before = calls.came(**request);
      if (!before) return "torn";
      if (*before != 0) return "begun twice";
      std::array<std::byte, kBytes> answer{};
      std::ranges::reverse_copy(**request, answer.begin());
      std::ranges::copy(answer, server->claim(kBytes).value().begin());
      server->respond();
    }
    return {};
  };
  players.push_back({"server", serve, Stage::kSecondEnds});
  Troupe troupe("Service", players);
  troupe.perform(crash::kills_of_each());
}

}  // namespace
}  // namespace ringbell
