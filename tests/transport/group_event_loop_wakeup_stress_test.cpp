// Processes that sleep in epoll on both sides of rings of many, rings so small that each of
// them sleeps all the time, several of them on one bell word. No wake-up may be lost: there are no
// slices that could hide it, and a sleep that lasts its whole limit fails the test.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <vector>

#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/deny_membarrier.hpp>
#include <tests/support/message.hpp>
#include <tests/support/region_copy.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/sleepers.hpp>

namespace ringbell {
namespace {

using enum test::Outcome;
using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;
using Policy = TopicOptions::Policy;

constexpr std::uint64_t kMessages = test::kSanitized ? 1'500 : 10'000;  // of each that sends
constexpr std::uint64_t kMany = 3;                                      // where there may be many
constexpr std::uint32_t kBytes = 40;
constexpr WaitOptions kByBell{.spin_budget = 0ns, .longest_sleep = 1h};
// Beyond the time for which a busy machine takes the CPU from a process that is about to ring.
constexpr int kLimitMs = 20'000;

using Buffer = std::array<std::byte, kBytes>;

// Number and sender are in the first bytes; the rest follows from them.
void write(Buffer& buffer, std::uint64_t sender, std::uint64_t number) {
  test::write_message(buffer, sender << 32U | number);
}
constexpr std::uint64_t kStop = UINT64_MAX;

// What all processes of a test count together.
struct Shared {
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> sleeps{0};
};
Shared* shared = nullptr;  // the test's that runs

// An end's loop.
template <class End>
class Loop {
 public:
  explicit Loop(End& end) : end_(end) {
    epoll_event wanted{.events = EPOLLIN, .data = {}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, end.waitable_fd().value(), &wanted);
  }
  // False: a wake-up was lost.
  template <class Ready, class... Size>
  [[nodiscard]] bool sleep_until(Ready&& ready, Size... size) {
    while (!ready()) {
      if (!end_.arm(size...)) continue;
      ++sleeps_;
      epoll_event event{};
      if (::epoll_wait(epoll_.get(), &event, 1, kLimitMs) != 1) return false;
    }
    return true;
  }
  [[nodiscard]] int outcome(const char* who) const {
    std::printf("%s: %llu sleeps, none too long\n", who, static_cast<unsigned long long>(sleeps_));
    shared->sleeps += sleeps_;
    return kFine;
  }

 private:
  End& end_;
  FileDescriptor epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  std::uint64_t sleeps_ = 0;
};

// What is received from several senders: each one's in order, without a gap unless others share.
class Received {
 public:
  [[nodiscard]] bool take(std::span<const std::byte> bytes, bool with_gaps) {
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    if (bytes.size() != kBytes || !test::is_message(bytes, number)) return false;
    stopped_ = number == kStop;
    if (stopped_) return true;
    const std::uint64_t sender = number >> 32U;
    const std::uint64_t of_sender = number & UINT32_MAX;
    if (sender >= next_.size()) return false;
    const bool in_order = with_gaps ? of_sender >= next_[sender] : of_sender == next_[sender];
    next_[sender] = of_sender + 1;
    ++count_;
    return in_order;
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  std::array<std::uint64_t, kMany> next_{};
  std::uint64_t count_ = 0;
  bool stopped_ = false;
};

class GroupEventLoopWakeupStressTest : public ::testing::Test {
 protected:
  void SetUp() override {
    shared = new (::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared;
  }
  void TearDown() override {
    if (!IsSkipped()) {
      EXPECT_GT(shared->sleeps, 0U) << "no process ever slept";
    }
    ::munmap(shared, sizeof(Shared));
  }

  template <class Body>
  void start(Body&& body) {
    children_.push_back(ChildProcess::fork(std::forward<Body>(body)));
  }
  // False: what was asked of the machine cannot be had.
  bool all_end_well() {
    bool possible = true;
    for (ChildProcess& child : children_) {
      const std::optional<int> outcome = child.wait();
      if (outcome == kNoFilter) {
        possible = false;
      } else {
        EXPECT_EQ(outcome, kFine);
      }
    }
    children_.clear();
    return possible;
  }

  void queue(bool fences);

  std::vector<ChildProcess> children_;
};

// --- queue ---------------------------------------------------------------------------------------

int send_all(const Region& region, std::uint64_t sender, bool fences) {
  if (fences && !test::deny_membarrier()) return kNoFilter;
  Result<QueueSender> end = QueueSender::open(copy_of(region), kByBell);
  if (!end) return kNoEndpoint;
  Loop loop(*end);
  Buffer buffer{};
  for (std::uint64_t number = 0; number < kMessages; ++number) {
    write(buffer, sender, number);
    if (!loop.sleep_until([&] { return end->send(buffer, 0ns).value(); })) return kLostWakeUp;
  }
  return loop.outcome("sender");
}

int receive_all(const Region& region, std::atomic<std::uint64_t>& total, bool fences) {
  if (fences && !test::deny_membarrier()) return kNoFilter;
  Result<QueueReceiver> end = QueueReceiver::open(copy_of(region), kByBell);
  if (!end) return kNoEndpoint;
  Loop loop(*end);
  Buffer buffer{};
  for (Received received;;) {
    std::optional<std::size_t> size;
    if (!loop.sleep_until([&] { return (size = end->receive(buffer, 0ns).value()).has_value(); })) {
      return kLostWakeUp;
    }
    if (!received.take(std::span(buffer).first(*size), true)) return kWrongMessage;
    if (!received.stopped()) continue;
    total += received.count();
    return loop.outcome("receiver");
  }
}

void GroupEventLoopWakeupStressTest::queue(bool fences) {
  const Region region =
      Region::create(
          QueueOptions{.messages = 4, .message_bytes = kBytes, .participants = 8}.region())
          .value();
  std::vector<ChildProcess> receivers;
  for (std::uint64_t i = 0; i < kMany; ++i) {
    receivers.push_back(
        ChildProcess::fork([&] { return receive_all(region, shared->received, fences); }));
  }
  for (std::uint64_t sender = 0; sender < kMany; ++sender) {
    start([&, sender] { return send_all(region, sender, fences); });
  }
  if (!all_end_well()) GTEST_SKIP() << "no seccomp filter can be installed here";
  QueueSender last = QueueSender::open(copy_of(region)).value();
  Buffer stop{};
  test::write_message(stop, kStop);
  for (std::uint64_t i = 0; i < kMany; ++i) ASSERT_EQ(last.send(stop, 20s), true);
  children_ = std::move(receivers);
  all_end_well();
  EXPECT_EQ(shared->received, kMany * kMessages);
}

TEST_F(GroupEventLoopWakeupStressTest, QueueLosesNoWakeUp) { queue(false); }
TEST_F(GroupEventLoopWakeupStressTest, QueueWithFencesLosesNoWakeUp) { queue(true); }

// --- topics --------------------------------------------------------------------------------------

int publish_all(const Topic& topic) {
  Result<Publisher> end = Publisher::open(Topic::attach(topic.fds()).value(), kByBell);
  if (!end) return kNoEndpoint;
  Loop loop(*end);
  Buffer buffer{};
  for (std::uint64_t number = 0; number < kMessages; ++number) {
    write(buffer, 0, number);
    if (!loop.sleep_until([&] { return end->publish(buffer, 0ns).value(); })) return kLostWakeUp;
  }
  return loop.outcome("publisher");
}

// Until the topic is closed. `received` counts what all subscribers have read.
int subscribe(const Topic& topic, const test::Signal& is_there,
              std::atomic<std::uint64_t>& received_by_all) {
  Result<Subscriber> end =
      Subscriber::open(Topic::attach(topic.fds()).value(), Subscriber::Start::oldest, kByBell);
  if (!end) return kNoEndpoint;
  Loop loop(*end);
  is_there.tell();
  Buffer buffer{};
  Received received;
  for (;;) {
    Result<std::optional<std::size_t>> size = std::nullopt;
    const auto is_there_or_over = [&] {
      size = end->receive(buffer, 0ns);
      return !size || *size;
    };
    if (!loop.sleep_until(is_there_or_over)) return kLostWakeUp;
    if (!size) break;
    if (!received.take(std::span(buffer).first(**size), false)) return kWrongMessage;
    ++received_by_all;
  }
  if (received.count() != kMessages) return kWrongMessage;
  return loop.outcome("subscriber");
}

TEST_F(GroupEventLoopWakeupStressTest, LosslessTopicLosesNoWakeUp) {
  const Topic topic =
      Topic::create(
          {.policy = Policy::lossless, .messages = 4, .message_bytes = kBytes, .subscribers = 4})
          .value();
  const test::Signal is_there;
  for (std::uint64_t i = 0; i < kMany; ++i) {
    start([&] { return subscribe(topic, is_there, shared->received); });
  }
  for (std::uint64_t i = 0; i < kMany; ++i) ASSERT_TRUE(is_there.wait());
  start([&] { return publish_all(topic); });
  all_end_well();
  EXPECT_EQ(shared->received, kMany * kMessages);
}

// Its publisher never waits; here it does, for all to have read, so that they sleep each time.
TEST_F(GroupEventLoopWakeupStressTest, LossyTopicLosesNoWakeUp) {
  Topic topic =
      Topic::create({.policy = Policy::lossy, .messages = 64, .message_bytes = kBytes}).value();
  const test::Signal is_there;
  for (std::uint64_t i = 0; i < kMany; ++i) {
    start([&] { return subscribe(topic, is_there, shared->received); });
  }
  for (std::uint64_t i = 0; i < kMany; ++i) ASSERT_TRUE(is_there.wait());
  {
    Publisher publisher = Publisher::open(std::move(topic)).value();
    Buffer buffer{};
    const auto end = std::chrono::steady_clock::now() + 60s;
    for (std::uint64_t number = 0; number < kMessages; ++number) {
      write(buffer, 0, number);
      ASSERT_EQ(publisher.publish(buffer), true);
      while (shared->received < (number + 1) * kMany) {
        ASSERT_LT(std::chrono::steady_clock::now(), end) << "a wake-up was lost";
        ::sched_yield();
      }
    }
  }
  all_end_well();
}

// --- collector -----------------------------------------------------------------------------------

int contribute(const Region& region, std::uint64_t sender) {
  Result<Contributor> end = Contributor::open(copy_of(region), kByBell);
  if (!end) return kNoEndpoint;
  Loop loop(*end);
  Buffer buffer{};
  for (std::uint64_t number = 0; number < 4 * kMessages; ++number) {
    write(buffer, sender, number);
    if (!loop.sleep_until([&] { return end->send(buffer, 0ns).value(); }, kBytes)) {
      return kLostWakeUp;
    }
  }
  return loop.outcome("contributor");
}

int collect(const Region& region) {
  Result<Collector> end = Collector::open(copy_of(region), kByBell);
  if (!end) return kNoEndpoint;
  Loop loop(*end);
  for (Received received; received.count() < kMany * 4 * kMessages;) {
    std::optional<std::span<const std::byte>> message;
    if (!loop.sleep_until([&] { return (message = end->peek()).has_value(); })) return kLostWakeUp;
    if (!received.take(*message, false)) return kWrongMessage;
    end->release();
  }
  return loop.outcome("collector");
}

TEST_F(GroupEventLoopWakeupStressTest, CollectorLosesNoWakeUp) {
  const Region region =
      Region::create(CollectorOptions{.contributors = kMany, .capacity_bytes = 4096}.region())
          .value();
  start([&] { return collect(region); });
  for (std::uint64_t sender = 0; sender < kMany; ++sender) {
    start([&, sender] { return contribute(region, sender); });
  }
  all_end_well();
}

// --- service -------------------------------------------------------------------------------------

int call_all(const Region& region, std::uint64_t sender) {
  Result<Client> end = Client::open(copy_of(region), kByBell);
  if (!end) return kNoEndpoint;
  Loop loop(*end);
  Buffer buffer{};
  for (std::uint64_t number = 0; number < kMessages; ++number) {
    write(buffer, sender, number);
    const auto room = end->claim_for(kBytes, 0ns);
    if (!room || !*room || (*room)->size() != kBytes) return kWrongMessage;
    std::memcpy((*room)->data(), buffer.data(), kBytes);
    end->call();
    if (!loop.sleep_until([&] { return end->answered(); })) return kLostWakeUp;
    const auto answer = end->answer_for(0ns);
    if (!answer || !*answer) return kWrongMessage;
    if (!test::is_message(**answer, sender << 32U | number)) return kWrongMessage;
  }
  return loop.outcome("client");
}

int serve(const Region& region) {
  Result<Server> end = Server::open(copy_of(region), kByBell);
  if (!end) return kNoEndpoint;
  Loop loop(*end);
  for (Received received; received.count() < kMany * kMessages;) {
    std::optional<std::span<const std::byte>> request;
    if (!loop.sleep_until([&] { return (request = end->request()).has_value(); })) {
      return kLostWakeUp;
    }
    Buffer buffer{};
    std::memcpy(buffer.data(), request->data(), std::min(request->size(), buffer.size()));
    if (!received.take(buffer, false)) return kWrongMessage;
    std::memcpy(end->claim(kBytes).value().data(), buffer.data(), kBytes);
    end->respond();
  }
  return loop.outcome("server");
}

TEST_F(GroupEventLoopWakeupStressTest, ServiceLosesNoWakeUp) {
  const Region region = Region::create(ServiceOptions{.clients = kMany}.region()).value();
  start([&] { return serve(region); });
  for (std::uint64_t sender = 0; sender < kMany; ++sender) {
    start([&, sender] { return call_all(region, sender); });
  }
  all_end_well();
}

}  // namespace
}  // namespace ringbell
