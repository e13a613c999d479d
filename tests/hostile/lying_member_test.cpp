// The endpoints of rings of many (Queue, Topic, Collector, Service), each in a process of its own,
// while another process stores garbage into the whole region.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>

#include <ringbell/transport/ends/collector.hpp>
#include <ringbell/transport/ends/queue.hpp>
#include <ringbell/transport/ends/service.hpp>
#include <ringbell/transport/ends/topic.hpp>

#include <tests/hostile/attack_time.hpp>
#include <tests/hostile/liar.hpp>
#include <tests/hostile/tally.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/seed.hpp>

namespace ringbell::hostile {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kPage = 4096;
constexpr std::uint32_t kMessageBytes = 100;
constexpr auto kAttack = 250ms;
constexpr std::uint64_t kMuch = 1000;
constexpr auto kLate = 20s;  // on a machine that is busy with other work
constexpr WaitOptions kWait{.longest_sleep = 1ms};

struct Shared {
  std::atomic<bool> stop{false};
  Tally victim;
  Tally liar;
  std::uint64_t opened = 0;
  std::uint64_t refused = 0;  // opens and calls that ended in another Error than corrupt
  std::uint64_t longest = 0;  // beyond its time-out, in ns

  [[nodiscard]] bool have_done_much() {
    return AttackTime::now(liar.garbage) > kMuch && opened + victim.corrupt > 0;
  }
};

Region again(const Region& region) {
  return Region::attach(FileDescriptor(::fcntl(region.fd(), F_DUPFD_CLOEXEC, 0))).value();
}
Topic again(const Topic& topic) { return Topic::attach(topic.fds()).value(); }

// True: go on with this endpoint.
template <class T>
bool went_well(const Result<T>& result, Tally& tally, std::uint64_t& refused) {
  if (result) return true;
  if (code_of(result) == ErrorCode::corrupt) {
    ++tally.corrupt;
    // "field is value", or what could not be joined.
    HOSTILE_CHECK(message_of(result).find(" is ") != std::string::npos);
  } else {
    ++refused;
  }
  return false;
}

// One call of each endpoint, with its time-out. True: go on with it.
struct Steps {
  Shared& shared;
  Choices& choices;
  std::array<std::byte, kMessageBytes> buffer{};
  std::vector<TakenRequest> taken = {};

  [[nodiscard]] std::span<std::byte> some_bytes() {
    return std::span(buffer).first(1 + choices.roll(buffer.size()));
  }
  [[nodiscard]] bool sent(const Result<bool>& put) {
    if (put && *put) ++shared.victim.messages;
    return went_well(put, shared.victim, shared.refused);
  }
  [[nodiscard]] bool received(const Result<std::optional<std::size_t>>& got) {
    if (got && *got) shared.victim.read(std::span(buffer).first(**got));
    return went_well(got, shared.victim, shared.refused);
  }

  bool operator()(QueueSender& queue, Timeout timeout) {
    return sent(queue.send(some_bytes(), timeout));
  }
  bool operator()(QueueReceiver& queue, Timeout timeout) {
    return received(queue.receive(buffer, timeout));
  }
  bool operator()(Publisher& topic, Timeout timeout) {
    if (choices.one_in(2)) return sent(topic.publish(some_bytes(), timeout));
    const Result<std::optional<std::span<std::byte>>> room = topic.claim_for(timeout);
    if (room && *room) {
      shared.victim.write(**room);
      (void)topic.commit(choices.roll(kMessageBytes + 1));
    }
    return went_well(room, shared.victim, shared.refused);
  }
  bool operator()(Subscriber& topic, Timeout timeout) {
    const auto look = [&](std::span<const std::byte> message) { shared.victim.read(message); };
    switch (choices.roll(topic.reads_in_place() ? 3 : 2)) {
      case 0:
        return received(topic.receive(buffer, timeout));
      case 1:
        return went_well(topic.read(look, timeout), shared.victim, shared.refused);
      default:
        break;
    }
    const Result<std::optional<std::span<const std::byte>>> message = topic.peek_for(timeout);
    if (message && *message) {
      look(**message);
      (void)topic.release();
    }
    return went_well(message, shared.victim, shared.refused);
  }
  bool operator()(Contributor& lane, Timeout timeout) {
    return sent(lane.send(some_bytes(), timeout));
  }
  bool operator()(Collector& collector, Timeout timeout) {
    if (const auto message = collector.peek_for(timeout).value()) {
      shared.victim.read(*message);
      collector.release();
    }
    std::uint32_t findings = 0;
    for (std::uint32_t lane = 0; lane < collector.lane_count(); ++lane) {
      findings += collector.finding(lane).field != nullptr ? 1 : 0;
    }
    HOSTILE_CHECK(findings >= collector.corrupt_lanes());
    shared.victim.corrupt += collector.corrupt_lanes();
    return collector.corrupt_lanes() == 0;
  }
  bool operator()(Client& client, Timeout timeout) {
    return received(client.call(some_bytes(), buffer, timeout));
  }
  bool operator()(Server& server, Timeout timeout) {
    if (choices.one_in(2)) {
      if (std::optional<TakenRequest> request = server.take_for(timeout).value()) {
        shared.victim.read(request->request());
        if (choices.one_in(2)) taken.push_back(std::move(*request));  // else it is dropped
      }
      if (taken.size() > 8) {  // in another order, and some of them stale by now
        const auto which = taken.begin() + static_cast<std::ptrdiff_t>(choices.roll(taken.size()));
        (void)which->respond(some_bytes());
        taken.erase(which);
      }
    } else if (const auto request = server.request_for(timeout).value()) {
      shared.victim.read(*request);
      shared.victim.write(
          *server.claim(static_cast<std::uint32_t>(1 + choices.roll(kMessageBytes))));
      server.respond();
    }
    std::uint32_t findings = 0;
    for (std::uint32_t line = 0; line < server.line_count(); ++line) {
      findings += server.finding(line).field != nullptr ? 1 : 0;
    }
    HOSTILE_CHECK(findings >= server.corrupt_lines());
    shared.victim.corrupt += server.corrupt_lines();
    return server.corrupt_lines() == 0;
  }
};

template <class Whole, class Open>
int suffer(const Whole& whole, Open&& open, Shared& shared, Choices choices) {
  Steps step{shared, choices};
  const AttackTime time(kAttack);
  while (time.goes_on([&] { return shared.have_done_much(); })) {
    auto opened = open(again(whole));
    if (!went_well(opened, shared.victim, shared.refused)) continue;
    ++shared.opened;
    for (int i = 0; i < 100; ++i, ++shared.victim.steps) {
      const Timeout timeout = std::chrono::microseconds(choices.roll(2000));
      const Clock::time_point start = Clock::now();
      const bool on = step(*opened, timeout);
      const auto late = (Clock::now() - start - timeout).count();
      if (late > 0) shared.longest = std::max(shared.longest, static_cast<std::uint64_t>(late));
      if (!on) break;
    }
  }
  return 0;
}

// The parts of a region behind its header: what the hostile peer strikes, and now and then makes
// like new.
std::vector<std::span<std::byte>> parts_of(const Region& region) {
  const core::Geometry& geometry = region.geometry();
  return {{region.base() + geometry.control_offset, geometry.data_offset - geometry.control_offset},
          {region.data(), geometry.region_bytes - geometry.data_offset}};
}

template <class Whole, class OpenPeer>
int lie(const Whole& whole, const std::vector<std::span<std::byte>>& parts, OpenPeer&& open_peer,
        Shared& shared, Choices choices) {
  std::vector<Target> targets;
  for (const std::span<std::byte> part : parts) {
    if (part.empty()) continue;
    targets.push_back({part.data(), part.size()});
    targets.push_back({part.data(), part.size(), core::kFalseSharingBytes});
  }
  Liar liar(targets, {kPage, 16, 1, 1U << 20U, kMessageBytes});
  Shared own;  // what the honest peer counts is not needed
  std::optional<std::decay_t<decltype(*open_peer(again(whole)))>> peer;
  Steps step{own, choices};
  while (!shared.stop) {
    if (choices.one_in(32)) {
      for (const std::span<std::byte> part : parts) std::memset(part.data(), 0, part.size());
    }
    if (!peer && choices.one_in(16)) {
      auto opened = open_peer(again(whole));
      if (opened) peer.emplace(std::move(*opened));
    }
    for (std::uint64_t i = choices.roll(16); peer && i > 0; --i) {
      if (!step(*peer, 0ns)) peer.reset();
    }
    const std::uint64_t strikes = choices.one_in(4) ? 256 : choices.roll(4);
    for (std::uint64_t i = 0; i < strikes; ++i) shared.liar.garbage += liar.strike(choices);
  }
  return 0;
}

class LyingMemberTest : public testing::Test {
 protected:
  template <class Whole, class Open, class OpenPeer>
  void attack(const char* name, const Whole& whole, const std::vector<std::span<std::byte>>& parts,
              Open&& open, OpenPeer&& open_peer) {
    const std::uint64_t seed = test::seed();
    auto liar =
        ChildProcess::fork([&] { return lie(whole, parts, open_peer, *shared_, Choices(seed)); });
    auto victim =
        ChildProcess::fork([&] { return suffer(whole, open, *shared_, Choices(seed + 1)); });
    EXPECT_EQ(victim.wait(), 0) << name << " crashed, hung, or left the region";
    shared_->stop = true;
    EXPECT_EQ(liar.wait(), 0);
    Tally& tally = shared_->victim;
    tally.garbage = shared_->liar.garbage;
    tally.print(name);
    std::printf("  opened %llu times, refused %llu times, at most %llu us late\n",
                static_cast<unsigned long long>(shared_->opened),
                static_cast<unsigned long long>(shared_->refused),
                static_cast<unsigned long long>(shared_->longest / 1000));
    EXPECT_GT(tally.garbage, kMuch);
    EXPECT_GT(shared_->opened + tally.corrupt, 0U);
    EXPECT_LT(std::chrono::nanoseconds(shared_->longest), kLate);
    shared_ = new (memory_.data()) Shared;
  }

  test::PrintedSeed printed_;
  WalledBytes memory_{sizeof(Shared), alignof(Shared), Against::left_wall};
  Shared* shared_ = new (memory_.data()) Shared;
};

const auto kOpenQueueSender = [](Region region) {
  return QueueSender::open(std::move(region), kWait);
};
const auto kOpenQueueReceiver = [](Region region) {
  return QueueReceiver::open(std::move(region), kWait);
};
const auto kOpenPublisher = [](Topic topic) { return Publisher::open(std::move(topic), kWait); };
const auto kOpenSubscriber = [](Topic topic) {
  return Subscriber::open(std::move(topic), core::BroadcastStart::oldest, kWait);
};
const auto kOpenContributor = [](Region region) {
  return Contributor::open(std::move(region), kWait);
};
const auto kOpenCollector = [](Region region) { return Collector::open(std::move(region), kWait); };
const auto kOpenClient = [](Region region) { return Client::open(std::move(region), kWait); };
const auto kOpenServer = [](Region region) { return Server::open(std::move(region), kWait); };

TEST_F(LyingMemberTest, Queue) {
  const QueueOptions options{.messages = 16, .message_bytes = kMessageBytes, .participants = 8};
  const Region region = Region::create(options.region()).value();
  attack("QueueSender", region, parts_of(region), kOpenQueueSender, kOpenQueueReceiver);
  attack("QueueReceiver", region, parts_of(region), kOpenQueueReceiver, kOpenQueueSender);
}

TEST_F(LyingMemberTest, LosslessTopic) {
  const Topic topic = Topic::create({.policy = TopicOptions::Policy::lossless,
                                     .messages = 16,
                                     .message_bytes = kMessageBytes,
                                     .subscribers = 4})
                          .value();
  attack("Publisher", topic, parts_of(topic.region()), kOpenPublisher, kOpenSubscriber);
  attack("Subscriber", topic, parts_of(topic.region()), kOpenSubscriber, kOpenPublisher);
}

TEST_F(LyingMemberTest, TopicOfSeveralPublishers) {
  const Topic topic = Topic::create({.policy = TopicOptions::Policy::lossless,
                                     .messages = 16,
                                     .message_bytes = kMessageBytes,
                                     .publishers = 4})
                          .value();
  attack("Publisher, of several", topic, parts_of(topic.region()), kOpenPublisher, kOpenSubscriber);
  attack("Subscriber, of several", topic, parts_of(topic.region()), kOpenSubscriber,
         kOpenPublisher);
}

// Only the process that made its memory can write it.
TEST_F(LyingMemberTest, LossyTopic) {
  const Topic topic =
      Topic::create(
          {.policy = TopicOptions::Policy::lossy, .messages = 16, .message_bytes = kMessageBytes})
          .value();
  attack("Subscriber, lossy", topic, parts_of(topic.region()), kOpenSubscriber, kOpenSubscriber);
}

TEST_F(LyingMemberTest, Collector) {
  const CollectorOptions options{.contributors = 4, .capacity_bytes = 4096};
  const Region region = Region::create(options.region()).value();
  attack("Contributor", region, parts_of(region), kOpenContributor, kOpenCollector);
  attack("Collector", region, parts_of(region), kOpenCollector, kOpenContributor);
}

TEST_F(LyingMemberTest, Service) {
  const ServiceOptions options{.clients = 4, .message_bytes = kMessageBytes};
  const Region region = Region::create(options.region()).value();
  attack("Client", region, parts_of(region), kOpenClient, kOpenServer);
  attack("Server", region, parts_of(region), kOpenServer, kOpenClient);
}

}  // namespace
}  // namespace ringbell::hostile
