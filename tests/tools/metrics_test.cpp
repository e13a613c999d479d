// `ringbell metrics`: what it tells of each kind of ring, in both formats; that counters never go
// back; and what promtool says to it.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include "tests/support/name_folder.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tools/command/application.hpp"
#include "tools/command/look/exposition.hpp"

namespace ringbell::tools {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::seconds kPatience{10};
constexpr std::array<std::byte, 8> kMessage{};

int run(std::vector<std::string> words) {
  words.insert(words.begin(), "ringbell");
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  return run_command(static_cast<int>(words.size()), arguments.data());
}

std::string printed(const std::vector<std::string>& words) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(run(words), 0);
  return testing::internal::GetCapturedStdout();
}

std::string contents_of_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// One ring of each kind, with something in it.
struct RingsOfAllKinds {
  RingsOfAllKinds() {
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(sender.try_send(kMessage));
      EXPECT_TRUE(queue_sender.send(kMessage).value());
      EXPECT_TRUE(lossless.publish(kMessage).value());
      EXPECT_TRUE(lossy.publish(kMessage).value());
      EXPECT_TRUE(contributor.try_send(kMessage));
    }
    EXPECT_TRUE(queue_receiver.peek());
    EXPECT_TRUE(client.claim_for(8).value());
    client.call();
  }

  Sender sender = Sender::create("bytes", {.capacity_bytes = 4096}).value();
  QueueSender queue_sender =
      QueueSender::create("work", {.messages = 8, .message_bytes = 8, .participants = 4}).value();
  QueueReceiver queue_receiver = QueueReceiver::open("work", kPatience).value();
  Publisher lossless =
      Publisher::create(
          "prices", {.policy = TopicOptions::Policy::lossless, .messages = 8, .message_bytes = 8})
          .value();
  Subscriber member = Subscriber::open("prices", Subscriber::Start::oldest, kPatience).value();
  Publisher lossy = Publisher::create("ticks", {.messages = 8, .message_bytes = 8}).value();
  Subscriber guest = Subscriber::open("ticks", Subscriber::Start::oldest, kPatience).value();
  Collector collector = Collector::create("log", {.contributors = 1}).value();
  Contributor contributor = Contributor::open("log", kPatience).value();
  Server server = Server::create("sums", {.clients = 1}).value();
  Client client = Client::open("sums", kPatience).value();
};

class Metrics : public testing::Test {
 protected:
  test::TemporaryNameFolder folder_;
};

TEST_F(Metrics, NoRingsAreNoSamples) {
  EXPECT_EQ(printed({"metrics"}), "# EOF\n");
  EXPECT_EQ(printed({"metrics", "--format", "prometheus"}), "");
}

TEST_F(Metrics, EachKindOfRingTellsWhatItHas) {
  const RingsOfAllKinds rings;
  const std::string text = printed({"metrics"});
  for (const char* const line : {
           ("ringbell_ring_info{ring=\"bytes\",kind=\"channel\",doorbell=\"futex\","
            "backing=\"file\"} 1\n"),
           "ringbell_capacity_bytes{ring=\"bytes\"} 4096\n",
           "ringbell_lag_bytes{ring=\"bytes\"} 48\n",
           "ringbell_lag_messages{ring=\"bytes\"} 3\n",
           "ringbell_written_bytes_total{ring=\"bytes\"} 48\n",
           "ringbell_read_bytes_total{ring=\"bytes\"} 0\n",
           "ringbell_participants{ring=\"bytes\",role=\"reader\"} 0\n",
           "ringbell_participants{ring=\"bytes\",role=\"writer\"} 1\n",
           "ringbell_capacity_messages{ring=\"work\"} 8\n",
           "ringbell_fill_ratio{ring=\"work\"} 0.375\n",
           "ringbell_lag_messages{ring=\"work\"} 2\n",
           "ringbell_in_hand_messages{ring=\"work\"} 1\n",
           "ringbell_written_messages_total{ring=\"work\"} 3\n",
           "ringbell_read_messages_total{ring=\"work\"} 0\n",
           "ringbell_redeliveries_total{ring=\"work\"} 0\n",
           "ringbell_written_messages_total{ring=\"prices\"} 3\n",
           "ringbell_subscribers{ring=\"ticks\"} 1\n",
           "ringbell_written_messages_total{ring=\"ticks\"} 3\n",
           "ringbell_lag_bytes{ring=\"log\",participant=\"1\"} 48\n",
           "ringbell_calls_total{ring=\"sums\",participant=\"1\"} 1\n",
           "ringbell_open_calls{ring=\"sums\"} 1\n",
           "ringbell_dead_participants{ring=\"sums\",role=\"server\"} 0\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, testing::ContainsRegex("ringbell_lag_messages.ring=\"prices\",participant="
                                           "\"[0-9]+\". 3\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE ringbell_written_bytes counter\n"));
  EXPECT_THAT(text, testing::EndsWith("\n# EOF\n"));
  const std::string older = printed({"metrics", "--format", "prometheus"});
  EXPECT_THAT(older, HasSubstr("# TYPE ringbell_written_bytes_total counter\n"));
  EXPECT_THAT(older, Not(HasSubstr("# EOF")));
}

TEST_F(Metrics, ATimedChannelTellsTheAgeOfItsOldestMessage) {
  Sender timed = Sender::create("orders", {.capacity_bytes = 4096, .timed = true}).value();
  Sender plain = Sender::create("bytes", {.capacity_bytes = 4096}).value();
  ASSERT_TRUE(plain.try_send(kMessage));
  EXPECT_THAT(printed({"metrics"}), Not(HasSubstr("_age_seconds")));
  ASSERT_TRUE(timed.try_send(kMessage));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  ASSERT_TRUE(timed.try_send(kMessage));
  const std::string text = printed({"metrics"});
  const std::string family = "ringbell_oldest_message_age_seconds{ring=\"";
  const std::size_t found = text.find(family + "orders\"} ");
  ASSERT_NE(found, std::string::npos) << text;
  const double age_s = std::stod(text.substr(text.find("} ", found) + 2));
  EXPECT_GE(age_s, 0.2);
  EXPECT_LT(age_s, 60);
  EXPECT_THAT(text, Not(HasSubstr(family + "bytes")));
}

TEST_F(Metrics, PromtoolHasNothingToSay) {
  if (::access("/usr/bin/promtool", X_OK) != 0) {
    GTEST_SKIP() << "promtool is not installed: apt-get install prometheus";
  }
  const RingsOfAllKinds rings;
  const test::ScratchFolder scratch("/tmp");
  const std::string path = scratch.path() + "/all.prom";
  ASSERT_EQ(run({"metrics", "--textfile", path}), 0);
  const std::string said = scratch.path() + "/said";
  const int status = std::system(
      fmt::format("/usr/bin/promtool check metrics < {} > {} 2>&1", path, said).c_str());
  EXPECT_EQ(status, 0);
  EXPECT_EQ(contents_of_file(said), "");
}

TEST_F(Metrics, ATextfileIsReplacedWholeAndReadableByOthers) {
  const RingsOfAllKinds rings;
  const test::ScratchFolder scratch("/tmp");
  const std::string path = scratch.path() + "/ringbell.prom";
  std::ofstream(path) << "old\n";
  ASSERT_EQ(run({"metrics", "--textfile", path}), 0);
  EXPECT_EQ(contents_of_file(path), printed({"metrics", "--format", "prometheus"}));
  struct stat about {};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0644U);
  EXPECT_EQ(std::system(fmt::format("test $(ls -A {} | wc -l) = 1", scratch.path()).c_str()), 0);
}

// A decrease is a restart to a monitoring system: it would show rates that never were.
TEST_F(Metrics, CountersOfAQueueNeverGoBackUnderLoad) {
  const QueueOptions options{.messages = 16, .message_bytes = 8, .participants = 8};
  std::atomic<bool> over = false;
  QueueSender first = QueueSender::create("work", options).value();
  QueueReceiver last = QueueReceiver::open("work", kPatience).value();
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      QueueSender sender = QueueSender::open("work", kPatience).value();
      while (!over) (void)sender.send(kMessage, std::chrono::milliseconds(1));
    });
    threads.emplace_back([&] {
      QueueReceiver receiver = QueueReceiver::open("work", kPatience).value();
      std::array<std::byte, 8> into{};
      while (!over) (void)receiver.receive(into, std::chrono::milliseconds(1));
    });
  }
  SlotFacts before;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (int looks = 0; looks < 300 || before.read < 1000; ++looks) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    const SlotFacts now = look_at("work").value().slots.value();
    EXPECT_GE(now.written, before.written);
    EXPECT_GE(now.read, before.read);
    EXPECT_LE(now.read, now.written);
    EXPECT_LE(now.in.all(), 16U);
    before = now;
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace ringbell::tools
