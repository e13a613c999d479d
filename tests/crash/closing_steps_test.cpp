// One side asks after the other, which closes in order at any moment of the asking: before each
// system call, and behind each. It is never said to have died.
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/region_copy.hpp>
#include <tests/support/shared_pages.hpp>
#include <tests/support/stepped_process.hpp>

namespace ringbell {
namespace {

using Ask = std::function<PeerState()>;

struct Pair {
  std::function<void()> close;  // here
  std::function<Ask()> attach;  // in the other process
};

// What is done with the same ring in the one process and in the other.
template <class Ring, class Close, class Attach>
Pair pair_of(Result<Ring> made, Close closing, Attach asking) {
  const auto ring = std::make_shared<Ring>(std::move(made).value());
  auto end = closing(*ring).value();
  const auto open = std::make_shared<std::optional<decltype(end)>>(std::move(end));
  return {.close = [open] { open->reset(); },
          .attach = [ring, asking]() -> Ask {
            auto other = asking(*ring).value();
            const auto kept = std::make_shared<decltype(other)>(std::move(other));
            return [kept] { return kept->peer(); };
          }};
}

template <class Closing, class Asking>
Pair of_channel() {
  return pair_of(
      Channel::create(), [](const Channel& channel) { return Closing::attach(channel.fds()); },
      [](const Channel& channel) { return Asking::attach(channel.fds()); });
}

template <class Closing, class Asking>
Pair of_group(const RegionOptions& options) {
  return pair_of(
      Region::create(options),
      [](const Region& region) { return Closing::open(test::copy_of(region)); },
      [](const Region& region) { return Asking::open(test::copy_of(region)); });
}

// Only the one that was made can be written; what is attached, looked at.
template <class Closing, class Asking, class Held, class Options>
Pair of_held(const Options& options) {
  Held made = Held::create(options).value();
  return pair_of(
      Held::attach(made.fds()), [&](const Held&) { return Closing::open(std::move(made)); },
      [](const Held& held) { return Asking::open(Held::attach(held.fds()).value()); });
}

struct Case {
  const char* name;
  Pair (*make)();

  friend std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.name; }
};

class ClosingStepsTest : public ::testing::TestWithParam<Case> {};

TEST_P(ClosingStepsTest, WhatClosesInOrderHasNotDied) {
  std::size_t stops = 0;
  for (bool is_over = false; !is_over; ++stops) {
    const Pair pair = GetParam().make();
    test::SharedPages pages(4096);
    auto* const answer = pages.take<PeerState>();
    Ask ask;
    test::SteppedProcess child([&] { ask = pair.attach(); }, [&] { *answer = ask(); });
    if (child.is_forbidden()) GTEST_SKIP() << child.trouble();
    for (std::size_t stop = 0; stop < stops && !child.is_over(); ++stop) {
      child.step_to_system_call();
    }
    is_over = child.is_over();
    pair.close();
    while (!child.is_over() && child.trouble().empty()) child.step_to_system_call();
    ASSERT_EQ(child.trouble(), "");
    EXPECT_NE(*answer, PeerState::dead) << "closed at stop " << stops;
  }
  EXPECT_GT(stops, 2U) << "it asked nothing";
}

INSTANTIATE_TEST_SUITE_P(
    Ends, ClosingStepsTest,
    ::testing::Values(
        Case{"SenderAsks", of_channel<Receiver, Sender>},
        Case{"ReceiverAsks", of_channel<Sender, Receiver>},
        Case{"SubscriberAsks",
             [] {
               return of_held<Publisher, Subscriber, Topic>(TopicOptions{.message_bytes = 64});
             }},
        Case{"SubscriberOfSeveralAsks",
             [] {
               return of_held<Publisher, Subscriber, Topic>(
                   TopicOptions{.policy = TopicOptions::Policy::lossless, .publishers = 2});
             }},
        Case{"LossySubscriberOfSeveralAsks",
             [] { return of_held<Publisher, Subscriber, Topic>(TopicOptions{.publishers = 2}); }},
        Case{"StateReaderAsks",
             [] {
               return of_held<StateWriter, StateReader, State>(StateOptions{.value_bytes = 64});
             }},
        Case{"ClientAsks", [] { return of_group<Server, Client>(ServiceOptions{}.region()); }},
        Case{"ContributorAsks",
             [] { return of_group<Collector, Contributor>(CollectorOptions{}.region()); }}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace ringbell
