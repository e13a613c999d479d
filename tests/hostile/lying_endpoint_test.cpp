// Sender and Receiver of a real channel, in a process of their own, while another process stores
// garbage into all of it: no crash, nothing outside the mapping, no call that overstays its
// time-out, and an Error that says what was seen.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/mman.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/transport/ends/receiver.hpp>
#include <ringbell/transport/ends/sender.hpp>

#include <tests/hostile/attack_time.hpp>
#include <tests/hostile/liar.hpp>
#include <tests/hostile/tally.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/seed.hpp>

namespace ringbell::hostile {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using test::ChildProcess;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kPage = 4096;
constexpr auto kAttack = 400ms;
constexpr std::uint64_t kMuch = 1000;
constexpr auto kLate = 20s;  // on a machine that is busy with other work

struct Shared {
  std::atomic<bool> stop{false};
  Tally victim;
  Tally liar;
  std::uint64_t refused = 0;  // attaches, because of the header
  std::uint64_t opened = 0;
  std::uint64_t closed = 0;   // the peer was said to have closed, or to be dead
  std::uint64_t longest = 0;  // beyond its time-out, in ns

  [[nodiscard]] bool have_done_much() {
    return AttackTime::now(liar.garbage) > kMuch && victim.corrupt > 0 && opened > 0 &&
           victim.messages > 0;
  }
};

// Pages that fault, right in front of the mapping and behind it; none where another mapping is
// already. The header must not be looked at again: it faults, too.
class Walls {
 public:
  explicit Walls(const Region& region)
      : walls_{wall(region.base() - kPage), wall(region.base() + region.mapped_bytes())} {
    HOSTILE_CHECK(::mprotect(region.base(), kPage, PROT_NONE) == 0);
  }
  Walls(const Walls&) = delete;
  Walls& operator=(const Walls&) = delete;
  ~Walls() {
    for (void* const wall : walls_) {
      if (wall != MAP_FAILED) ::munmap(wall, kPage);
    }
  }

 private:
  static void* wall(std::byte* at) {
    return ::mmap(at, kPage, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  }
  void* walls_[2];
};

// Calls that must end in time.
template <class Call>
auto timed(Shared& shared, Timeout timeout, Call&& call) {
  const Clock::time_point start = Clock::now();
  auto result = call();
  const auto late = (Clock::now() - start - timeout).count();
  if (late > 0) shared.longest = std::max(shared.longest, static_cast<std::uint64_t>(late));
  return result;
}

void count(Shared& shared, const Error& error) {
  if (error.code == ErrorCode::corrupt) {
    ++shared.victim.corrupt;
    HOSTILE_CHECK(error.message.find(" is 0") != std::string::npos);
    return;
  }
  HOSTILE_CHECK(error.code == ErrorCode::closed || error.code == ErrorCode::peer_dead);
  ++shared.closed;
}

// True: go on with this endpoint.
bool step(Sender& sender, Shared& shared, Choices& choices) {
  const auto size = static_cast<std::uint32_t>(
      1 + choices.roll(choices.one_in(8) ? sender.max_record_bytes() : 100));
  const Timeout timeout = std::chrono::microseconds(choices.roll(3000));
  const auto room = timed(shared, timeout, [&] { return sender.claim_for(size, timeout); });
  if (!room) {
    count(shared, room.error());
    return false;
  }
  if (!*room) return true;
  HOSTILE_CHECK((*room)->size() == size);
  shared.victim.write(**room);
  sender.commit();
  return true;
}

bool step(Receiver& receiver, Shared& shared, Choices& choices) {
  const Timeout timeout = std::chrono::microseconds(choices.roll(3000));
  if (choices.one_in(4)) {
    receiver.drain([&](auto record) { shared.victim.read(record); });
    return true;
  }
  const auto record = timed(shared, timeout, [&] { return receiver.peek_for(timeout); });
  if (!record) {
    count(shared, record.error());
    return false;
  }
  if (!*record) return true;
  HOSTILE_CHECK((*record)->size() <= receiver.max_record_bytes());
  shared.victim.read(**record);
  receiver.release();
  return true;
}

template <class End>
int suffer(const Channel& channel, Shared& shared, Choices choices) {
  const AttackTime time(kAttack);
  while (time.goes_on([&] { return shared.have_done_much(); })) {
    Result<Channel> own = Channel::attach(channel.fds());
    if (!own) {
      ++shared.refused;
      continue;
    }
    const Walls walls(own->region());
    Result<End> opened = End::open(std::move(*own), {.longest_sleep = 1ms});
    if (!opened) {
      count(shared, opened.error());
      continue;
    }
    ++shared.opened;
    for (int i = 0; i < 100 && step(*opened, shared, choices); ++i) ++shared.victim.steps;
  }
  return 0;
}

// Now and then what an honest peer does, if the hostile one lets it.
template <class End>
class HonestPeer {
 public:
  explicit HonestPeer(const Channel& channel) : fds_(channel.fds()) {}
  void step(Choices& choices) {
    if (!end_ || choices.one_in(500)) {
      end_.reset();
      if (!choices.one_in(64)) return;  // it takes as long as some thousand lies
      Result<End> opened = End::attach(fds_);
      if (opened) end_.emplace(std::move(*opened));
      return;
    }
    if constexpr (std::is_same_v<End, Sender>) {
      const std::vector<std::byte> message(1 + choices.roll(100));
      if (!end_->try_send(message) && choices.one_in(50)) end_.reset();
    } else {
      if (end_->peek()) {
        end_->release();
      } else if (choices.one_in(50)) {
        end_.reset();
      }
    }
  }

 private:
  ChannelFds fds_;
  std::optional<End> end_;
};

template <class Honest>
int lie(const Channel& channel, Shared& shared, Choices choices) {
  const Region& region = channel.region();
  const std::uint64_t capacity = region.geometry().capacity_bytes;
  std::byte* const control = reinterpret_cast<std::byte*>(&region.spsc_control());
  Liar liar({{control, sizeof(core::SpscControl)},
             {control, sizeof(core::SpscControl), core::kFalseSharingBytes},
             {region.data(), capacity}},
            {capacity, 8, capacity / 8});
  // With a wrong header no end gets as far as the ring: that lie is told rarely.
  Liar header_liar({{region.base(), sizeof(core::RegionHeader)}}, {capacity, kPage});
  HonestPeer<Honest> honest(channel);
  std::array<std::byte, kPage> header{};
  std::memcpy(header.data(), region.base(), kPage);
  while (!shared.stop) {
    if (choices.one_in(32)) {
      std::memset(control, 0, sizeof(core::SpscControl));
      std::memset(region.data(), 0, capacity);
      std::memcpy(region.base(), header.data(), kPage);
    }
    if (choices.one_in(64)) shared.liar.garbage += header_liar.strike(choices);
    const std::uint64_t strikes = choices.one_in(4) ? 256 : choices.roll(4);
    for (std::uint64_t i = 0; i < strikes; ++i) shared.liar.garbage += liar.strike(choices);
    for (std::uint64_t i = choices.roll(32); i > 0; --i) honest.step(choices);
  }
  return 0;
}

class LyingEndpointTest : public testing::TestWithParam<DoorbellKind> {
 protected:
  template <class Victim, class Honest>
  void attack(const char* name) {
    const std::uint64_t seed = test::seed();
    const Channel channel =
        Channel::create({.capacity_bytes = 4096, .doorbell = GetParam()}).value();
    auto liar = ChildProcess::fork([&] { return lie<Honest>(channel, *shared_, Choices(seed)); });
    auto victim =
        ChildProcess::fork([&] { return suffer<Victim>(channel, *shared_, Choices(seed + 1)); });
    EXPECT_EQ(victim.wait(), 0) << "the victim crashed, hung, or left the mapping";
    shared_->stop = true;
    EXPECT_EQ(liar.wait(), 0);

    Tally& tally = shared_->victim;
    tally.garbage = shared_->liar.garbage;
    tally.print(name);
    std::printf(
        "  refused %llu times, opened %llu times, peer gone %llu times, at most %llu us late\n",
        static_cast<unsigned long long>(shared_->refused),
        static_cast<unsigned long long>(shared_->opened),
        static_cast<unsigned long long>(shared_->closed),
        static_cast<unsigned long long>(shared_->longest / 1000));
    EXPECT_GT(tally.garbage, kMuch);
    EXPECT_GT(tally.corrupt, 0U);
    EXPECT_GT(shared_->opened, 0U);
    EXPECT_GT(tally.messages, 0U);
    EXPECT_LT(std::chrono::nanoseconds(shared_->longest), kLate);
  }

  test::PrintedSeed printed_;
  WalledBytes memory_{sizeof(Shared), alignof(Shared), Against::left_wall};
  Shared* shared_ = new (memory_.data()) Shared;
};

std::string name_of_bell(const testing::TestParamInfo<DoorbellKind>& bell) {
  if (bell.param == DoorbellKind::none) return "Spinning";
  return bell.param == DoorbellKind::futex ? "Futex" : "Eventfd";
}
INSTANTIATE_TEST_SUITE_P(EveryDoorbell, LyingEndpointTest,
                         testing::Values(DoorbellKind::none, DoorbellKind::futex,
                                         DoorbellKind::eventfd),
                         name_of_bell);

TEST_P(LyingEndpointTest, SenderKeepsItsHeadAndItsDeadline) { attack<Sender, Receiver>("Sender"); }
TEST_P(LyingEndpointTest, ReceiverKeepsItsHeadAndItsDeadline) {
  attack<Receiver, Sender>("Receiver");
}

TEST(CorruptErrorTest, NamesTheFieldAndWhatStoodThere) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::attach(channel.fds()).value();
  // With the stamp of its place, or it would be nothing.
  const core::RecordHeader header = core::SpscPlaces::header_of(0, 0xeeeeeeee);
  std::memcpy(channel.region().data(), &header, sizeof header);
  const auto record = receiver.peek_for(0ns);
  ASSERT_FALSE(record);
  EXPECT_EQ(code_of(record), ErrorCode::corrupt);
  EXPECT_THAT(message_of(record), testing::HasSubstr("RecordHeader is 0x1eeeeeeee"));

  while (sender.try_send(std::vector<std::byte>(64))) {
  }
  channel.region().spsc_control().head = 0x123450;
  const auto room = sender.claim_for(64, 0ns);
  ASSERT_FALSE(room);
  EXPECT_THAT(message_of(room), testing::HasSubstr("SpscControl::head is 0x123450"));
}

}  // namespace
}  // namespace ringbell::hostile
