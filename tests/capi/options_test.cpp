// Each field of the C API's options reaches the option that it stands for, and nothing else.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <ringbell/capi/options.hpp>
#include <ringbell/capi/status.hpp>
#include <ringbell/ringbell.hpp>
#include <tests/support/failure.hpp>

// The structs are C's, and what is not named is 0.
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

namespace ringbell::capi {
namespace {

using namespace std::chrono_literals;

template <class Options>
void expect_defaults_of_memory(const Options& options) {
  EXPECT_EQ(options.memory.backing, Backing::memfd);
  EXPECT_EQ(options.memory.huge_pages, HugePages::never);
  EXPECT_TRUE(options.memory.prefault);
  EXPECT_FALSE(options.memory.lock_memory);
  EXPECT_EQ(options.doorbell, core::DoorbellKind::futex);
}

// What the options of every kind of ring have in common.
template <class Given, class Convert>
void expect_common_fields(Convert convert) {
  expect_defaults_of_memory(convert(nullptr).value());
  const auto of = [&](const Given& given) { return convert(&given); };
  expect_defaults_of_memory(of({}).value());
  EXPECT_EQ(of({.doorbell = RINGBELL_DOORBELL_EVENTFD}).value().doorbell,
            core::DoorbellKind::eventfd);
  EXPECT_EQ(of({.doorbell = RINGBELL_DOORBELL_NONE}).value().doorbell, core::DoorbellKind::none);
  EXPECT_EQ(of({.huge_pages = RINGBELL_HUGE_PAGES_PREFER}).value().memory.huge_pages,
            HugePages::prefer);
  EXPECT_EQ(of({.huge_pages = RINGBELL_HUGE_PAGES_REQUIRE}).value().memory.huge_pages,
            HugePages::require);
  const auto without_prefault = of({.memory_flags = RINGBELL_NO_PREFAULT}).value();
  EXPECT_FALSE(without_prefault.memory.prefault);
  EXPECT_FALSE(without_prefault.memory.lock_memory);
  const auto locked = of({.memory_flags = RINGBELL_LOCK_MEMORY}).value();
  EXPECT_TRUE(locked.memory.prefault);
  EXPECT_TRUE(locked.memory.lock_memory);
  EXPECT_EQ(locked.memory.mode, 0600U);
  EXPECT_EQ(of({.memory_flags = RINGBELL_FOR_GROUP}).value().memory.mode, 0660U);

  for (const std::uint32_t unknown : {3U, 0x80000000U}) {
    EXPECT_EQ(code_of(of({.doorbell = unknown})), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(of({.huge_pages = unknown})), ErrorCode::invalid_argument);
  }
  for (std::uint32_t bit = 0; bit < 32; ++bit) {
    const std::uint32_t flag = std::uint32_t{1} << bit;
    const bool known =
        flag == RINGBELL_NO_PREFAULT || flag == RINGBELL_LOCK_MEMORY || flag == RINGBELL_FOR_GROUP;
    EXPECT_EQ(bool(of({.memory_flags = flag})), known) << flag;
  }
  for (std::size_t i = 0; i < std::size(Given{}.reserved); ++i) {
    Given given{};
    given.reserved[i] = 1;
    EXPECT_EQ(code_of(of(given)), ErrorCode::invalid_argument) << i;
  }
}

TEST(OptionsTest, OfAChannel) {
  expect_common_fields<ringbell_channel_options>(channel_options_of);
  const ringbell_channel_options given{.capacity_bytes = 8192, .record_alignment = 64};
  EXPECT_EQ(channel_options_of(&given)->capacity_bytes, 8192U);
  EXPECT_EQ(channel_options_of(&given)->record_alignment, 64U);
  const ringbell_channel_options zero{};
  EXPECT_EQ(channel_options_of(&zero)->capacity_bytes, ChannelOptions{}.capacity_bytes);
  EXPECT_EQ(channel_options_of(&zero)->record_alignment, ChannelOptions{}.record_alignment);
}

TEST(OptionsTest, OfATopic) {
  expect_common_fields<ringbell_topic_options>(topic_options_of);
  const ringbell_topic_options given{
      .policy = RINGBELL_TOPIC_LOSSLESS, .message_bytes = 48, .messages = 32, .subscribers = 5};
  const TopicOptions options = topic_options_of(&given).value();
  EXPECT_EQ(options.policy, TopicOptions::Policy::lossless);
  EXPECT_EQ(options.message_bytes, 48U);
  EXPECT_EQ(options.messages, 32U);
  EXPECT_EQ(options.subscribers, 5U);
  const ringbell_topic_options zero{};
  const TopicOptions defaults = topic_options_of(&zero).value();
  EXPECT_EQ(defaults.policy, TopicOptions::Policy::lossy);
  EXPECT_EQ(defaults.message_bytes, TopicOptions{}.message_bytes);
  EXPECT_EQ(defaults.messages, TopicOptions{}.messages);
  EXPECT_EQ(defaults.subscribers, TopicOptions{}.subscribers);
  const ringbell_topic_options unknown{.policy = RINGBELL_TOPIC_LOSSLESS + 1};
  EXPECT_EQ(code_of(topic_options_of(&unknown)), ErrorCode::invalid_argument);
}

TEST(OptionsTest, OfAQueue) {
  expect_common_fields<ringbell_queue_options>(queue_options_of);
  const auto of = [](const ringbell_queue_options& given) { return queue_options_of(&given); };
  const QueueOptions options = of({.messages = 32,
                                   .message_bytes = 48,
                                   .participants = 5,
                                   .payload_alignment = 64,
                                   .memory_name = "/a/b",
                                   .backing = RINGBELL_BACKING_FILE})
                                   .value();
  EXPECT_EQ(options.messages, 32U);
  EXPECT_EQ(options.message_bytes, 48U);
  EXPECT_EQ(options.participants, 5U);
  EXPECT_EQ(options.payload_alignment, 64U);
  EXPECT_EQ(options.memory.backing, Backing::file);
  EXPECT_EQ(options.memory.name, "/a/b");
  const QueueOptions defaults = of({}).value();
  EXPECT_EQ(defaults.messages, QueueOptions{}.messages);
  EXPECT_EQ(defaults.message_bytes, QueueOptions{}.message_bytes);
  EXPECT_EQ(defaults.participants, QueueOptions{}.participants);
  EXPECT_EQ(defaults.payload_alignment, 8U);
  EXPECT_EQ(of({.memory_name = "a", .backing = RINGBELL_BACKING_SHM})->memory.backing,
            Backing::posix_shm);
  EXPECT_EQ(of({.backing = RINGBELL_BACKING_SYSTEM_V})->memory.backing, Backing::system_v);
  EXPECT_EQ(of({.backing = RINGBELL_BACKING_ANONYMOUS})->memory.backing, Backing::anonymous);
  for (const ringbell_queue_options& wrong :
       {ringbell_queue_options{.memory_name = "a"},
        ringbell_queue_options{.backing = RINGBELL_BACKING_FILE},
        ringbell_queue_options{.backing = RINGBELL_BACKING_ANONYMOUS + 1},
        ringbell_queue_options{.reserved_word = 1}}) {
    EXPECT_EQ(code_of(of(wrong)), ErrorCode::invalid_argument);
  }
}

TEST(OptionsTest, OfACollector) {
  expect_common_fields<ringbell_collector_options>(collector_options_of);
  const ringbell_collector_options given{
      .capacity_bytes = 8192, .contributors = 3, .record_alignment = 64, .payload_alignment = 32};
  EXPECT_EQ(collector_options_of(&given)->capacity_bytes, 8192U);
  EXPECT_EQ(collector_options_of(&given)->contributors, 3U);
  EXPECT_EQ(collector_options_of(&given)->record_alignment, 64U);
  EXPECT_EQ(collector_options_of(&given)->payload_alignment, 32U);
  EXPECT_FALSE(collector_options_of(&given)->timed);
  const ringbell_collector_options timed{.flags = RINGBELL_COLLECTOR_TIMED};
  EXPECT_TRUE(collector_options_of(&timed)->timed);
  const ringbell_collector_options unknown{.flags = RINGBELL_COLLECTOR_TIMED << 1U};
  EXPECT_EQ(code_of(collector_options_of(&unknown)), ErrorCode::invalid_argument);
  const ringbell_collector_options zero{};
  EXPECT_EQ(collector_options_of(&zero)->capacity_bytes, CollectorOptions{}.capacity_bytes);
  EXPECT_EQ(collector_options_of(&zero)->contributors, CollectorOptions{}.contributors);
}

TEST(OptionsTest, OfAService) {
  expect_common_fields<ringbell_service_options>(service_options_of);
  const ringbell_service_options given{.clients = 3, .message_bytes = 100, .tickets = 5};
  EXPECT_EQ(service_options_of(&given)->tickets, 5U);
  EXPECT_EQ(service_options_of(&given)->clients, 3U);
  EXPECT_EQ(service_options_of(&given)->message_bytes, 100U);
  const ringbell_service_options zero{};
  EXPECT_EQ(service_options_of(&zero)->clients, ServiceOptions{}.clients);
  EXPECT_EQ(service_options_of(&zero)->message_bytes, ServiceOptions{}.message_bytes);
  const ringbell_service_options reserved{.reserved = {1}};
  EXPECT_EQ(code_of(service_options_of(&reserved)), ErrorCode::invalid_argument);
}

TEST(OptionsTest, OfAWait) {
  const auto of = [](const ringbell_wait_options& given) { return wait_options_of(&given); };
  const WaitOptions defaults;
  for (const WaitOptions& same : {wait_options_of(nullptr).value(), of({}).value()}) {
    EXPECT_EQ(same.kind, WaitOptions::Kind::park);
    EXPECT_EQ(same.spin_budget, defaults.spin_budget);
    EXPECT_EQ(same.longest_sleep, defaults.longest_sleep);
    EXPECT_FALSE(same.yield || same.quick_wake);
  }
  EXPECT_EQ(of({.flags = RINGBELL_WAIT_SPIN})->kind, WaitOptions::Kind::spin);
  EXPECT_TRUE(of({.flags = RINGBELL_WAIT_YIELD})->yield);
  EXPECT_FALSE(of({.flags = RINGBELL_WAIT_YIELD})->quick_wake);
  EXPECT_TRUE(of({.flags = RINGBELL_WAIT_QUICK_WAKE})->quick_wake);
  EXPECT_FALSE(of({.flags = RINGBELL_WAIT_QUICK_WAKE})->yield);
  EXPECT_TRUE(of({.flags = RINGBELL_WAIT_QUICK_WAKE})->within_quota);
  EXPECT_FALSE(of({.flags = RINGBELL_WAIT_PAST_QUOTA})->within_quota);
  EXPECT_EQ(of({.spin_budget_ns = 7})->spin_budget, 7ns);
  EXPECT_EQ(of({.spin_budget_ns = -7})->spin_budget, 0ns);
  EXPECT_EQ(of({.longest_sleep_ns = 7'000'000})->longest_sleep, 7ms);
  EXPECT_EQ(code_of(of({.flags = 16})), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(of({.reserved_flags = 1})), ErrorCode::invalid_argument);
  ringbell_wait_options reserved{};
  reserved.reserved[sizeof reserved.reserved / sizeof reserved.reserved[0] - 1] = 1;
  EXPECT_EQ(code_of(of(reserved)), ErrorCode::invalid_argument);
}

TEST(OptionsTest, OfAConnect) {
  const auto of = [](const ringbell_connect_options& given) { return connect_options_of(&given); };
  for (const ConnectOptions& same : {connect_options_of(nullptr).value(), of({}).value()}) {
    EXPECT_EQ(same.place, Place::folder);
    EXPECT_EQ(same.listener_uid, std::nullopt);
    EXPECT_EQ(same.wait.kind, WaitOptions::Kind::park);
    EXPECT_FALSE(same.give_up);
  }
  EXPECT_EQ(of({.place = RINGBELL_PLACE_GROUP})->place, Place::group);
  EXPECT_EQ(of({.place = RINGBELL_PLACE_ABSTRACT})->place, Place::abstract);
  const std::uint32_t root = 0;
  EXPECT_EQ(of({.listener_uid = &root})->listener_uid, 0U);
  const ringbell_wait_options spins{.flags = RINGBELL_WAIT_SPIN};
  EXPECT_EQ(of({.wait = &spins})->wait.kind, WaitOptions::Kind::spin);
  int answer = 0;
  const auto asked = [](void* argument) { return *static_cast<int*>(argument); };
  const ConnectOptions options = of({.give_up = asked, .argument = &answer}).value();
  EXPECT_FALSE(options.give_up());
  answer = -1;
  EXPECT_TRUE(options.give_up());
  const ringbell_wait_options wrong{.reserved_flags = 1};
  EXPECT_EQ(code_of(of({.wait = &wrong})), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(of({.place = 3})), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(of({.reserved_word = 1})), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(of({.reserved = {0, 0, 0, 1}})), ErrorCode::invalid_argument);
}

TEST(StatusTest, EveryCodeHasItsNumberAndItsName) {
  for (int number = 0; number <= int(ErrorCode::cancelled); ++number) {
    const ErrorCode code{static_cast<std::uint8_t>(number)};
    EXPECT_LT(code_of(code), 0);
    EXPECT_STREQ(ringbell_code_name(code_of(code)), name_of(code));
  }
}

TEST(StatusTest, ReportKeepsErrnoAndAsMuchOfTheTextAsFits) {
  ringbell_error where{};
  EXPECT_EQ(report(Error{ErrorCode::system, 7, "short"}, &where), RINGBELL_SYSTEM);
  EXPECT_EQ(where.code, RINGBELL_SYSTEM);
  EXPECT_EQ(where.errno_value, 7);
  EXPECT_STREQ(where.message, "short");
  const std::string longest(sizeof where.message - 1, 'x');
  (void)report(RINGBELL_BUSY, longest + "yz", &where);
  EXPECT_EQ(where.message, longest);
  EXPECT_EQ(where.errno_value, 0);
  EXPECT_EQ(report(Error{ErrorCode::closed, 0, "no place for it"}, nullptr), RINGBELL_CLOSED);
}

}  // namespace
}  // namespace ringbell::capi
