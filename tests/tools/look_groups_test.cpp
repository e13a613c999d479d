// What inspect and top tell of rings of many: how far each reader of a topic is, each lane of a
// collector, each caller's calls; and that looking changes nothing. Which place a
// participant gets is left to chance.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <ringbell/ringbell.hpp>

#include "tests/support/name_folder.hpp"
#include "tools/command/application.hpp"
#include "tools/command/look/facts.hpp"

namespace ringbell::tools {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr std::chrono::seconds kPatience{10};
constexpr std::array<std::byte, 8> kMessage{};

class LookAtGroups : public testing::Test {
 protected:
  // What the command prints.
  static std::string run(std::vector<std::string> words) {
    words.insert(words.begin(), "ringbell");
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    testing::internal::CaptureStdout();
    EXPECT_EQ(run_command(static_cast<int>(words.size()), arguments.data()), 0);
    return testing::internal::GetCapturedStdout();
  }
  static nlohmann::json inspected(const std::string& name) {
    return nlohmann::json::parse(run({"inspect", "--json", name}));
  }
  [[nodiscard]] std::string bytes_of(const std::string& name) const {
    std::ifstream file(folder_.path() + "/" + name + ".ring", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  test::TemporaryNameFolder folder_;
};

TEST_F(LookAtGroups, ATopicTellsHowFarEachReaderIsBehind) {
  Publisher publisher =
      Publisher::create(
          "prices", {.policy = TopicOptions::Policy::lossless, .messages = 8, .message_bytes = 8})
          .value();
  Subscriber quick = Subscriber::open("prices", Subscriber::Start::oldest, kPatience).value();
  Subscriber slow = Subscriber::open("prices", Subscriber::Start::oldest, kPatience).value();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(publisher.publish(kMessage).value());
  std::array<std::byte, 8> into{};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(quick.receive(into, kPatience).value());

  const std::string before = bytes_of("prices");
  const RingFacts facts = look_at("prices").value();
  EXPECT_EQ(facts.published, 5U);
  ASSERT_EQ(facts.sides.size(), 3U);
  EXPECT_FALSE(facts.sides[0].behind);
  EXPECT_THAT((std::array{facts.sides[1].behind, facts.sides[2].behind}),
              UnorderedElementsAre(2U, 5U));
  const std::optional<Totals> totals = totals_of(facts);
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->written, 5U);
  EXPECT_EQ(totals->lag, 5U);
  EXPECT_DOUBLE_EQ(totals->fill, 5.0 / 8);
  EXPECT_FALSE(totals->in_bytes);

  const nlohmann::json all = inspected("prices");
  EXPECT_EQ(all["published_messages"], 5);
  EXPECT_THAT((std::array{all["sides"][1]["behind_messages"], all["sides"][2]["behind_messages"]}),
              UnorderedElementsAre(2, 5));
  EXPECT_THAT(run({"inspect", "prices"}), HasSubstr("alive, 2 messages behind\n"));
  EXPECT_THAT(run({"top", "--times", "1", "--interval", "0.1"}), ContainsRegex("[+].,.*[+].\n"));
  EXPECT_EQ(bytes_of("prices"), before);
}

TEST_F(LookAtGroups, ATopicOfSeveralPublishersTellsOfEachAndOfItsReaders) {
  const TopicOptions options{
      .policy = TopicOptions::Policy::lossless, .messages = 8, .message_bytes = 8, .publishers = 3};
  Publisher first = Publisher::create("prices", options).value();
  Publisher second = Publisher::create("prices", options).value();
  Subscriber quick = Subscriber::open("prices", Subscriber::Start::oldest, kPatience).value();
  Subscriber slow = Subscriber::open("prices", Subscriber::Start::oldest, kPatience).value();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE((i % 2 == 0 ? first : second).publish(kMessage).value());
  }
  std::array<std::byte, 8> into{};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(quick.receive(into, kPatience).value());
  const RingFacts facts = look_at("prices").value();
  EXPECT_EQ(facts.published, 5U);
  std::vector<std::string> roles;
  std::vector<std::optional<std::uint64_t>> behind;
  for (const Side& side : facts.sides) {
    roles.emplace_back(side.role);
    behind.push_back(side.behind);
  }
  EXPECT_THAT(roles, testing::ElementsAre("writer", "writer", "reader", "reader"));
  EXPECT_THAT(behind, UnorderedElementsAre(std::nullopt, std::nullopt, 2U, 5U));
  EXPECT_EQ(totals_of(facts)->lag, 5U);
  EXPECT_THAT(run({"inspect", "prices"}), HasSubstr("topic (many)"));
  EXPECT_THAT(run({"ls"}), HasSubstr("topic (many)"));
}

TEST_F(LookAtGroups, ALossyTopicTellsWhatWasPublished) {
  for (const std::uint32_t publishers : {1U, 3U}) {
    Publisher publisher =
        Publisher::create("ticks", {.messages = 4, .message_bytes = 8, .publishers = publishers})
            .value();
    for (int i = 0; i < 11; ++i) ASSERT_TRUE(publisher.publish(kMessage).value());
    const RingFacts facts = look_at("ticks").value();
    EXPECT_EQ(facts.published, 11U);
    EXPECT_EQ(totals_of(facts)->written, 11U);
    EXPECT_EQ(totals_of(facts)->lag, 0U);
    EXPECT_THAT(run({"ls"}), HasSubstr(publishers == 1 ? "topic (lossy)" : "topic (lossy, many)"));
  }
}

TEST_F(LookAtGroups, SubscribersOfALossyTopicAreCounted) {
  for (const std::uint32_t publishers : {1U, 3U}) {
    Publisher publisher =
        Publisher::create("ticks", {.messages = 4, .message_bytes = 8, .publishers = publishers})
            .value();
    EXPECT_EQ(look_at("ticks").value().readers, 0U);
    std::vector<Subscriber> joined;
    for (int i = 0; i < 3; ++i) {
      joined.push_back(Subscriber::open("ticks", Subscriber::Start::oldest, kPatience).value());
    }
    EXPECT_EQ(look_at("ticks").value().readers, 3U);
    EXPECT_EQ(inspected("ticks")["subscribers"], 3);
    EXPECT_THAT(run({"inspect", "ticks"}), HasSubstr("readers   3 subscribers\n"));
    EXPECT_THAT(run({"top", "--times", "1", "--interval", "0.1"}), HasSubstr("3 joined\n"));
    joined.clear();
    EXPECT_EQ(inspected("ticks")["subscribers"], 0);
  }
}

TEST_F(LookAtGroups, AQueueTellsWhatIsReadyAndWhatIsInHand) {
  QueueSender sender =
      QueueSender::create("work", {.messages = 8, .message_bytes = 8, .participants = 4}).value();
  QueueReceiver receiver = QueueReceiver::open("work", kPatience).value();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(sender.send(kMessage).value());
  ASSERT_TRUE(receiver.peek());
  ASSERT_TRUE(sender.claim());

  const std::string before = bytes_of("work");
  const RingFacts facts = look_at("work").value();
  EXPECT_EQ(totals_of(facts)->lag, 4U);
  EXPECT_DOUBLE_EQ(totals_of(facts)->fill, 6.0 / 8);
  const nlohmann::json slots = inspected("work")["slots"];
  EXPECT_EQ(slots["ready"], 4);
  EXPECT_EQ(slots["in_hand"], 1);
  EXPECT_EQ(slots["claimed"], 1);
  EXPECT_THAT(run({"inspect", "work"}), HasSubstr("4 ready, 1 in hand, 1 claimed (75 %)\n"));
  EXPECT_EQ(bytes_of("work"), before);
}

TEST_F(LookAtGroups, ACollectorTellsWhatIsInEachLane) {
  Collector collector = Collector::create("log", {.contributors = 4}).value();
  Contributor busy = Contributor::open("log", kPatience).value();
  Contributor silent = Contributor::open("log", kPatience).value();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(busy.send(kMessage).value());

  const std::string before = bytes_of("log");
  const RingFacts facts = look_at("log").value();
  ASSERT_EQ(facts.sides.size(), 3U);
  EXPECT_FALSE(facts.sides[0].lane);
  ASSERT_TRUE(facts.sides[1].lane && facts.sides[2].lane);
  const bool busy_first = facts.sides[1].lane->records != 0;
  const Fill of_busy = *facts.sides[busy_first ? 1 : 2].lane;
  const Fill of_silent = *facts.sides[busy_first ? 2 : 1].lane;
  EXPECT_EQ(of_busy.records, 3U);
  EXPECT_EQ(of_busy.bytes(), 3U * (8 + 8));  // each with its header
  EXPECT_EQ(of_silent.records, 0U);
  EXPECT_EQ(totals_of(facts)->lag, 48U);
  EXPECT_TRUE(totals_of(facts)->in_bytes);
  EXPECT_EQ(inspected("log")["sides"][busy_first ? 1 : 2]["lane"]["records"], 3);
  EXPECT_THAT(run({"inspect", "log"}),
              HasSubstr("; lane: 48 B in 3 records; by all writers it had: written 48, read 0\n"));
  EXPECT_EQ(bytes_of("log"), before);
}

TEST_F(LookAtGroups, AServiceTellsTheCallsOfEachCaller) {
  Server server = Server::create("sums", {.clients = 2}).value();
  Client client = Client::open("sums", kPatience).value();
  for (std::uint32_t call = 1; call <= 2; ++call) {
    ASSERT_EQ(client.claim_for(8, kPatience).value().value().size(), 8U);
    client.call();
    RingFacts facts = look_at("sums").value();
    ASSERT_EQ(facts.sides.size(), 2U);
    EXPECT_FALSE(facts.sides[0].calls);
    ASSERT_TRUE(facts.sides[1].calls);
    EXPECT_EQ(facts.sides[1].calls->made, call);
    EXPECT_STREQ(facts.sides[1].calls->state, "waiting");
    EXPECT_EQ(totals_of(facts)->written, call);
    EXPECT_EQ(totals_of(facts)->lag, 1U);
    EXPECT_DOUBLE_EQ(totals_of(facts)->fill, 0.5);
    ASSERT_EQ(server.serve([](auto, auto&&) {}, 1, kPatience), 1U);
    facts = look_at("sums").value();
    EXPECT_STREQ(facts.sides[1].calls->state, "answered");
    EXPECT_EQ(totals_of(facts)->lag, 0U);
    ASSERT_TRUE(client.answer_for(kPatience).value());
  }
}

// The line goes on counting; what is said of the second caller are not the first one's calls.
TEST_F(LookAtGroups, ACallerIsNotSaidToHaveMadeTheCallsOfTheOneBeforeIt) {
  Server server = Server::create("sums", {.clients = 1}).value();
  {
    Client first = Client::open("sums", kPatience).value();
    for (int call = 0; call < 2; ++call) {
      ASSERT_EQ(first.claim_for(8, kPatience).value().value().size(), 8U);
      first.call();
      ASSERT_EQ(server.serve([](auto, auto&&) {}, 1, kPatience), 1U);
      ASSERT_TRUE(first.answer_for(kPatience).value());
    }
  }
  const Client second = Client::open("sums", kPatience).value();
  const nlohmann::json caller = inspected("sums")["sides"][1];
  EXPECT_FALSE(caller.contains("calls"));
  EXPECT_EQ(caller["line"]["calls"], 2);
  EXPECT_THAT(run({"inspect", "sums"}),
              ContainsRegex("alive; line: [a-z]+; by all callers it had: 2 calls\n"));
}

}  // namespace
}  // namespace ringbell::tools
