// What many ends ask the kernel, counted: which ends live, and which place is free. What each asks
// must not grow with their number.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <future>
#include <numeric>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

constexpr std::uint32_t kMostNumbers = 256;

// About locks on the bytes of regions, in all threads of this program.
struct Questions {
  std::atomic<std::uint64_t> locks = 0;                          // F_OFD_SETLK, to take one
  std::array<std::atomic<std::uint64_t>, kMostNumbers> about{};  // F_OFD_GETLK, by number
};
Questions questions;

void note(int command, const struct flock* range) noexcept {
  if (command == F_OFD_SETLK && range->l_type == F_WRLCK) ++questions.locks;
  if (command == F_OFD_GETLK && range->l_start < off_t{kMostNumbers}) {
    ++questions.about.at(static_cast<std::size_t>(range->l_start));
  }
}

}  // namespace
}  // namespace ringbell

// The C library's, for the whole program: it notes what is asked.
extern "C" int fcntl(int fd, int cmd, ...) {
  va_list more;
  va_start(more, cmd);
  void* const argument = va_arg(more, void*);
  va_end(more);
  if (cmd == F_OFD_SETLK || cmd == F_OFD_GETLK) {
    ringbell::note(cmd, static_cast<const struct flock*>(argument));
  }
  return static_cast<int>(::syscall(SYS_fcntl, fd, cmd, argument));
}

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::copy_of;
using Clock = std::chrono::steady_clock;

Region new_queue(std::uint32_t participants) {
  return Region::create(
             QueueOptions{.messages = 16, .message_bytes = 64, .participants = participants}
                 .region())
      .value();
}

// So many ends of this ring, one after the other.
template <class End>
std::vector<End> open_all(const Region& ring, std::uint32_t count) {
  std::vector<End> ends;
  for (std::uint32_t i = 0; i < count; ++i) ends.push_back(End::open(copy_of(ring)).value());
  return ends;
}

TEST(QuestionsTest, AnEndTriesNoNumberThatALivingOneHas) {
  constexpr std::uint32_t kEnds = 64;
  const Region queue = new_queue(kEnds);
  const std::uint64_t before = questions.locks;
  std::vector<QueueReceiver> ends = open_all<QueueReceiver>(queue, kEnds);
  EXPECT_EQ(questions.locks - before, kEnds);
  EXPECT_EQ(code_of(QueueReceiver::open(copy_of(queue))), ErrorCode::no_place);
  ends.erase(ends.begin() + 7);
  const std::uint64_t full = questions.locks;
  EXPECT_TRUE(QueueReceiver::open(copy_of(queue)));
  EXPECT_EQ(questions.locks - full, 1U);
}

TEST(QuestionsTest, AContributorTriesNoNumberThatALivingOneHas) {
  constexpr std::uint32_t kEnds = 32;
  const Region ring = Region::create(CollectorOptions{.contributors = kEnds}.region()).value();
  const std::uint64_t before = questions.locks;
  const std::vector<Contributor> ends = open_all<Contributor>(ring, kEnds);
  EXPECT_EQ(questions.locks - before, kEnds);
}

// No line tells of it.
TEST(QuestionsTest, AProcessTriesNoSeatThatItHas) {
  constexpr std::uint32_t kSeats = 200;
  const Region queue = new_queue(2);
  const std::uint64_t before = questions.locks;
  std::vector<ParticipantLock> seats;
  for (std::uint32_t i = 0; i < kSeats; ++i) {
    seats.push_back(ParticipantLock::take_seat(queue.fd()).value());
  }
  EXPECT_LE(questions.locks - before, 2 * kSeats);
}

// All wait, in slices, while nothing comes.
TEST(QuestionsTest, ACrowdThatWaitsAsksAfterEachOnceInASlice) {
  constexpr std::uint32_t kEnds = 48;
  constexpr auto kSlice = 100ms;
  constexpr auto kTime = 1s;
  const Region queue = new_queue(kEnds);
  std::vector<QueueReceiver> ends;
  for (std::uint32_t i = 0; i < kEnds; ++i) {
    const WaitOptions wait{.spin_budget = 0ns, .longest_sleep = kSlice};
    ends.push_back(QueueReceiver::open(copy_of(queue), wait).value());
  }
  const auto all_about = [] {
    return std::vector<std::uint64_t>(questions.about.begin(), questions.about.begin() + kEnds);
  };
  const std::vector<std::uint64_t> before = all_about();
  const Clock::time_point begin = Clock::now();
  std::vector<std::future<bool>> crowd;
  for (QueueReceiver& end : ends) {
    crowd.push_back(
        std::async(std::launch::async, [&] { return end.peek_for(kTime).value().has_value(); }));
  }
  for (std::future<bool>& end : crowd) EXPECT_FALSE(end.get());
  const auto slices = static_cast<std::uint64_t>((Clock::now() - begin) / kSlice);
  std::vector<std::uint64_t> asked = all_about();
  for (std::uint32_t number = 0; number < kEnds; ++number) asked[number] -= before[number];
  std::sort(asked.begin(), asked.end());
  EXPECT_LE(asked.back(), slices + 3);
  // But for one that asks after all the others each time: it does not ask after itself.
  EXPECT_GE(asked[1], 5U);
}

std::uint64_t all_questions() {
  return std::accumulate(questions.about.begin(), questions.about.end(), std::uint64_t{0});
}

constexpr WaitOptions kSleeps{.spin_budget = 0ns, .longest_sleep = 20ms};

// Many short waits in a row ask no more than so many questions in this time.
template <class Wait>
void expect_short_waits_to_ask(std::uint64_t asks, std::chrono::nanoseconds time, Wait&& wait) {
  const std::uint64_t before = all_questions();
  const Clock::time_point begin = Clock::now();
  for (int turn = 0; turn < 2000; ++turn) EXPECT_FALSE(wait(10us));
  const auto times = static_cast<std::uint64_t>((Clock::now() - begin) / time);
  const std::uint64_t asked = all_questions() - before;
  EXPECT_GE(asked, 1U);
  EXPECT_LE(asked, asks * (times + 2));
}

TEST(QuestionsTest, ShortWaitsInAQueueAskAfterSomeOfACrowdInASlice) {
  constexpr std::uint32_t kEnds = 200;
  const Region queue = new_queue(kEnds);
  const std::vector<QueueSender> crowd = open_all<QueueSender>(queue, kEnds - 1);
  QueueReceiver receiver = QueueReceiver::open(copy_of(queue), kSleeps).value();
  expect_short_waits_to_ask(kAsksASlice, kSleeps.longest_sleep, [&](Timeout timeout) {
    return receiver.peek_for(timeout).value().has_value();
  });
}

TEST(QuestionsTest, ShortWaitsForAPeerAskOnceAMillisecond) {
  Topic topic = Topic::create({.policy = TopicOptions::Policy::lossless}).value();
  Topic same = Topic::attach(topic.fds()).value();
  const Publisher publisher = Publisher::open(std::move(topic)).value();
  Subscriber subscriber = Subscriber::open(std::move(same), TopicStart::oldest, kSleeps).value();
  expect_short_waits_to_ask(
      1, 1ms, [&](Timeout timeout) { return subscriber.has_message_for(timeout).value(); });
}

TEST(QuestionsTest, AServerAsksAfterSomeClientsOfTakenRequestsInASliceInTurn) {
  constexpr std::uint32_t kClients = 200;
  const Region region = Region::create(ServiceOptions{.clients = kClients}.region()).value();
  Server server = Server::open(copy_of(region), kSleeps).value();
  std::vector<Client> clients = open_all<Client>(region, kClients);
  std::vector<TakenRequest> taken;
  for (Client& client : clients) {
    ASSERT_TRUE(client.begin({}, 0ns).value());
    taken.push_back(server.take_for(20s).value().value());
  }
  expect_short_waits_to_ask(kAsksASlice, kSleeps.longest_sleep, [&](Timeout timeout) {
    return server.request_for(timeout).value().has_value();
  });
  clients.clear();
  const auto are_cancelled = [&] {
    return std::all_of(taken.begin(), taken.end(),
                       [](const TakenRequest& each) { return each.is_cancelled(); });
  };
  const Clock::time_point deadline = Clock::now() + 20s;
  while (!are_cancelled() && Clock::now() < deadline) (void)server.request_for(1ms);
  EXPECT_TRUE(are_cancelled());
}

}  // namespace
}  // namespace ringbell
