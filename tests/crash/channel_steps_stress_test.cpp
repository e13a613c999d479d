// A channel whose sender or receiver dies before any instruction of any of its calls, and at any
// system call of opening one.
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/kill_campaign.hpp>
#include <tests/support/message.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;

constexpr std::uint32_t kLargest = 700;
constexpr auto kLong = 10s;
// A survivor asks after its peer once a millisecond; how soon it asks is its user's choice and does
// not count.
constexpr WaitOptions kWait{.spin_budget = 0ns, .longest_sleep = 1ms};

std::uint32_t size_of(std::uint64_t number) { return test::size_of_message(number, kLargest); }

std::span<const std::byte> message(std::uint64_t number) {
  static const std::vector<std::vector<std::byte>> all = [] {
    std::vector<std::vector<std::byte>> made(300);
    for (std::uint64_t n = 0; n < made.size(); ++n) {
      made[n].resize(size_of(n));
      test::write_message(made[n], n);
    }
    return made;
  }();
  return all.at(number);
}

// As if the other side slept: the bell is rung.
void pretend_sleep(std::uint32_t& bell) { bell = core::Parking<>::kParked; }

// One of its sides is the child's, the other one the parent's.
class ChannelVictim : public test::Victim {
 public:
  using Operation = std::function<void(ChannelVictim&)>;

  explicit ChannelVictim(DoorbellKind doorbell)
      : channel(Channel::create({.capacity_bytes = 4096, .doorbell = doorbell}).value()) {
    // To the middle of the ring, by sides that close in order.
    Sender first = Sender::attach(channel.fds(), kWait).value();
    Receiver second = Receiver::attach(channel.fds(), kWait).value();
    for (; sent < 12; ++sent, ++read) {
      pretend_sleep(channel.region().spsc_control().data_bell.word);  // the linker's lazy work
      EXPECT_TRUE(first.try_send(message(sent)));
      EXPECT_TRUE(std::ranges::equal(second.peek().value(), message(read)));
      second.release();
    }
  }

  void operate() override { operation(*this); }

  Operation before;
  Operation operation;
  bool may_be_closed = false;
  bool tagged = false;  // the operation's messages have the tags 1, 2, 3

 private:
  test::SharedPages pages_{4096};

 public:
  const Channel channel;
  test::Progress& progress = *pages_.take<test::Progress>();
  std::optional<Sender> sender;
  std::optional<Receiver> receiver;
  std::uint64_t sent = 0;  // the next that is written
  std::uint64_t read = 0;  // the next that is due

 protected:
  void read_to(Receiver& by, std::uint64_t end) {
    for (; read < end; ++read) {
      const auto record = by.peek_for(kLong);
      ASSERT_TRUE(record) << record.error().message;
      ASSERT_TRUE(*record) << read;
      ASSERT_TRUE(std::ranges::equal(**record, message(read))) << read;
      by.release();
    }
  }
  void pass_some(Sender& from, Receiver& to) {
    for (const std::uint64_t end = sent + 40; sent < end; ++sent) {
      ASSERT_EQ(from.send(message(sent), kLong), true) << sent;
      ASSERT_NO_FATAL_FAILURE(read_to(to, sent + 1));
      ASSERT_FALSE(to.peek());
    }
  }
  // How the end of the peer may look to the survivor.
  void expect_end(const Error& error) const {
    if (may_be_closed) {
      ASSERT_TRUE(error.code == ErrorCode::peer_dead || error.code == ErrorCode::closed)
          << error.message;
    } else {
      ASSERT_EQ(error.code, ErrorCode::peer_dead) << error.message;
    }
  }
};

// --- the sender ----------------------------------------------------------------------------------

class DyingSender : public ChannelVictim {
 public:
  explicit DyingSender(DoorbellKind doorbell)
      : ChannelVictim(doorbell), survivor_(Receiver::attach(channel.fds(), kWait).value()) {}

  void prepare() override {
    sender = Sender::attach(channel.fds(), kWait).value();
    for (int i = 0; i < 2; ++i) {
      progress.begin();
      (void)sender->try_send(message(sent++));
      progress.finish();
    }
    before(*this);
  }

  void survive() override {
    const std::uint64_t start = read;
    ASSERT_NO_FATAL_FAILURE(read_to(survivor_, start + progress.least()));
    auto more = survivor_.peek_for(kLong);
    if (more) {
      ASSERT_NO_FATAL_FAILURE(read_to(survivor_, start + progress.most()));
      more = survivor_.peek_for(kLong);
    }
    ASSERT_FALSE(more) << "it was never sent";
    ASSERT_NO_FATAL_FAILURE(expect_end(more.error()));
    Result<Sender> next = Sender::attach(channel.fds(), kWait);
    ASSERT_TRUE(next) << next.error().message;
    if (tagged) {
      const std::optional<core::LastTag> last = next->last_tag();
      const std::uint64_t visible = !last ? 0 : last->visible ? last->tag : last->tag - 1;
      ASSERT_EQ(visible, read - start - 2) << "what a successor resumes from is wrong";
    }
    sent = read;
    ASSERT_NO_FATAL_FAILURE(pass_some(*next, survivor_));
  }

 private:
  Receiver survivor_;
};

void send_two(ChannelVictim& at) {
  for (int i = 0; i < 2; ++i) {
    at.progress.begin();
    (void)at.sender->try_send(message(at.sent++));
    at.progress.finish();
  }
}

void send_to_sleeper(ChannelVictim& at) {
  pretend_sleep(at.channel.region().spsc_control().data_bell.word);
  at.progress.begin();
  (void)at.sender->try_send(message(at.sent++));
  at.progress.finish();
}

void flush_batch(ChannelVictim& at) {
  for (int i = 0; i < 3; ++i) {
    const std::span<const std::byte> from = message(at.sent++);
    const auto size = static_cast<std::uint32_t>(from.size());
    std::memcpy(at.sender->claim(size).value().data(), from.data(), size);
    at.sender->stage();
  }
  pretend_sleep(at.channel.region().spsc_control().data_bell.word);
  at.progress.begin(3);
  at.sender->flush();
  at.progress.finish();
}

void flush_tagged(ChannelVictim& at) {
  for (std::uint64_t tag = 1; tag <= 3; ++tag) {
    const std::span<const std::byte> from = message(at.sent++);
    std::memcpy(at.sender->claim(from.size()).value().data(), from.data(), from.size());
    at.sender->stage();
    at.progress.begin();
    at.sender->flush_tagged(tag);
    at.progress.finish();
  }
}

void fill(ChannelVictim& at) {
  at.progress.begin();
  while (at.sender->try_send(message(at.sent))) {
    at.progress.finish();
    ++at.sent;
    at.progress.begin();
  }
}

void wait_for_room(ChannelVictim& at) { (void)at.sender->send(message(at.sent), 1ms); }

void arm_sender(ChannelVictim& at) {
  (void)at.sender->arm(size_of(at.sent));
  at.sender->disarm();
}

void close_sender(ChannelVictim& at) {
  pretend_sleep(at.channel.region().spsc_control().data_bell.word);
  at.sender.reset();
}

// --- the receiver --------------------------------------------------------------------------------

class DyingReceiver : public ChannelVictim {
 public:
  explicit DyingReceiver(DoorbellKind doorbell)
      : ChannelVictim(doorbell), survivor_(Sender::attach(channel.fds(), kWait).value()) {
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(survivor_.try_send(message(sent++)));
  }

  void prepare() override {
    receiver = Receiver::attach(channel.fds(), kWait).value();
    before(*this);
  }

  void survive() override {
    Result<bool> went = true;
    while (went && *went) {
      went = survivor_.send(message(sent), kLong);
      if (went && *went) ++sent;
    }
    ASSERT_FALSE(went) << "the ring is full, no reader lives, and it is not told";
    ASSERT_NO_FATAL_FAILURE(expect_end(went.error()));
    Result<Receiver> next = Receiver::attach(channel.fds(), kWait);
    ASSERT_TRUE(next) << next.error().message;
    const std::uint64_t given_back = read + progress.most();
    const std::span<const std::byte> first = next->peek().value_or(std::span<const std::byte>{});
    while (read < given_back && !std::ranges::equal(first, message(read))) ++read;
    ASSERT_TRUE(std::ranges::equal(first, message(read))) << "it was skipped unread";
    ASSERT_NO_FATAL_FAILURE(read_to(*next, sent));
    ASSERT_NO_FATAL_FAILURE(pass_some(survivor_, *next));
  }

 private:
  Sender survivor_;
};

void release_two(ChannelVictim& at) {
  for (int i = 0; i < 2; ++i) {
    (void)at.receiver->peek();
    at.progress.begin();
    at.receiver->release();
    at.progress.finish();
  }
}

void drain_for_sleeper(ChannelVictim& at) {
  pretend_sleep(at.channel.region().spsc_control().space_bell.word);
  at.progress.begin(6);
  (void)at.receiver->drain([](std::span<const std::byte>) {});
  (void)at.receiver->peek();  // publishes what is left
  at.progress.finish();
}

void drain(ChannelVictim& at) {
  at.progress.begin(6);
  (void)at.receiver->drain([](std::span<const std::byte>) {});
}

void wait_for_message(ChannelVictim& at) { (void)at.receiver->peek_for(1ms); }

void arm_receiver(ChannelVictim& at) {
  (void)at.receiver->arm();
  at.receiver->disarm();
}

void close_receiver(ChannelVictim& at) {
  pretend_sleep(at.channel.region().spsc_control().space_bell.word);
  at.progress.begin();
  (void)at.receiver->peek();
  at.receiver->release();
  at.receiver.reset();
}

struct Case {
  const char* name;
  void (*operation)(ChannelVictim&);
  void (*before)(ChannelVictim&) = [](ChannelVictim&) {};
  bool closes = false;
  bool tagged = false;
};

struct CaseOfDoorbell {
  Case what;
  DoorbellKind doorbell;
};

std::string name_of(DoorbellKind doorbell) {
  constexpr std::array kNames = {"", "Spin", "Futex", "Eventfd"};
  return kNames.at(static_cast<std::size_t>(doorbell));
}

void PrintTo(const CaseOfDoorbell& one, std::ostream* out) {
  *out << one.what.name << ' ' << name_of(one.doorbell);
}

std::vector<CaseOfDoorbell> with_both_doorbells(std::initializer_list<Case> cases) {
  std::vector<CaseOfDoorbell> all;
  for (const Case& one : cases) {
    for (const DoorbellKind doorbell : {DoorbellKind::futex, DoorbellKind::eventfd}) {
      all.push_back({one, doorbell});
    }
  }
  return all;
}

constexpr auto kNameOf = [](const auto& info) {
  return info.param.what.name + name_of(info.param.doorbell);
};

template <class Dying>
void kill_at_every_instruction(const char* role, const CaseOfDoorbell& one) {
  test::kill_at_every_instruction(
      fmt::format("Channel, {}, {}, {}", role, one.what.name, name_of(one.doorbell)), [&] {
        auto victim = std::make_unique<Dying>(one.doorbell);
        victim->before = one.what.before;
        victim->operation = one.what.operation;
        victim->may_be_closed = one.what.closes;
        victim->tagged = one.what.tagged;
        return victim;
      });
}

class SenderStepsTest : public ::testing::TestWithParam<CaseOfDoorbell> {};
class ReceiverStepsTest : public ::testing::TestWithParam<CaseOfDoorbell> {};

INSTANTIATE_TEST_SUITE_P(Every, SenderStepsTest,
                         ::testing::ValuesIn(with_both_doorbells(
                             {{"Send", send_two},
                              {"SendToSleeper", send_to_sleeper},
                              {"Flush", flush_batch},
                              {.name = "FlushTagged", .operation = flush_tagged, .tagged = true},
                              {"WaitForRoom", wait_for_room, fill},
                              {"Arm", arm_sender, fill},
                              {"Close", close_sender, [](ChannelVictim&) {}, true}})),
                         kNameOf);
INSTANTIATE_TEST_SUITE_P(Every, ReceiverStepsTest,
                         ::testing::ValuesIn(with_both_doorbells(
                             {{"Release", release_two},
                              {"DrainForSleeper", drain_for_sleeper},
                              {"WaitForMessage", wait_for_message, drain},
                              {"Arm", arm_receiver, drain},
                              {"Close", close_receiver, [](ChannelVictim&) {}, true}})),
                         kNameOf);

TEST_P(SenderStepsTest, DeathIsToldAfterWhatWasCommittedAndASuccessorGoesOn) {
  kill_at_every_instruction<DyingSender>("sender", GetParam());
}

TEST_P(ReceiverStepsTest, DeathIsToldWhenTheRingIsFullAndASuccessorGoesOn) {
  kill_at_every_instruction<DyingReceiver>("receiver", GetParam());
}

// --- opening -------------------------------------------------------------------------------------

// Dies on its way into a role; the one before it had closed in order.
class DyingNewcomer : public ChannelVictim {
 public:
  DyingNewcomer(DoorbellKind doorbell, Operation open) : ChannelVictim(doorbell) {
    operation = std::move(open);
  }

  void survive() override {
    Result<Sender> from = Sender::attach(channel.fds(), kWait);
    ASSERT_TRUE(from) << from.error().message;
    Result<Receiver> to = Receiver::attach(channel.fds(), kWait);
    ASSERT_TRUE(to) << to.error().message;
    ASSERT_NO_FATAL_FAILURE(pass_some(*from, *to));
  }
};

class OpeningStepsTest : public ::testing::TestWithParam<DoorbellKind> {};

INSTANTIATE_TEST_SUITE_P(EveryDoorbell, OpeningStepsTest,
                         ::testing::Values(DoorbellKind::none, DoorbellKind::futex,
                                           DoorbellKind::eventfd),
                         [](const auto& one) { return name_of(one.param); });

TEST_P(OpeningStepsTest, DeathOnTheWayInLeavesTheRoleFree) {
  test::kill_at_every_system_call("Channel, sender, attach, " + name_of(GetParam()), [] {
    return std::make_unique<DyingNewcomer>(GetParam(), [](ChannelVictim& at) {
      at.sender = Sender::attach(at.channel.fds(), kWait).value();
    });
  });
  test::kill_at_every_system_call("Channel, receiver, attach, " + name_of(GetParam()), [] {
    return std::make_unique<DyingNewcomer>(GetParam(), [](ChannelVictim& at) {
      at.receiver = Receiver::attach(at.channel.fds(), kWait).value();
    });
  });
}

TEST_P(OpeningStepsTest, DeathOnTheWayToANewChannelLeavesNothing) {
  test::kill_at_every_system_call("Channel, create, " + name_of(GetParam()), [] {
    return std::make_unique<DyingNewcomer>(GetParam(), [](ChannelVictim&) {
      (void)Channel::create({.capacity_bytes = 4096, .doorbell = GetParam()}).value();
    });
  });
}

}  // namespace
}  // namespace ringbell
