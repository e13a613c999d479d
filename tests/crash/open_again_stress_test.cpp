// The usual loop: an end opens its ring by name again when its other side is gone, while that side
// comes, closes and dies, and another process has a place in the ring all the time, so that the
// name stays. Waiting means waiting: a life of the other side is opened once. (The ends of a queue
// have no other side, and never learn `closed`.)
#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>

#include <tests/crash/random_records.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/shared_pages.hpp>
#include <tests/support/troupe.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using crash::is_gone;
using crash::said;
using test::Player;
using test::Stage;

constexpr const char* kName = "again";
constexpr WaitOptions kWait{.spin_budget = 5us, .longest_sleep = 2ms};
constexpr auto kAWhile = 5ms;
constexpr auto kPause = 100us;
constexpr int kTurns = 20;            // of each life
constexpr std::uint32_t kFar = 1000;  // a number that none of these rings gives away
constexpr std::size_t kBytes = 200;
using Buffer = std::array<std::byte, 256>;

class OpenAgainTest : public ::testing::Test {
 protected:
  // Opens, is used until its other side is gone, and again: what goes on here is that it opens.
  template <class Open, class Use>
  [[nodiscard]] Player opens_again(const char* role, Open open, Use use) {
    const auto play = [this, open, use](Stage& stage) -> std::string {
      while (!stage.is_over(Stage::kFirstEnds)) {
        auto end = open();
        if (!end && code_of(end) == ErrorCode::not_found) continue;
        if (!end) return said(end.error());
        std::atomic_ref(opens_).fetch_add(1);
        stage.went_on();
        Result<bool> used = true;
        while (used && !stage.is_over(Stage::kFirstEnds)) used = use(*end);
        if (!used && !is_gone(used.error())) return said(used.error());
      }
      return {};
    };
    return {role, play};
  }

  // Comes, does its part, closes, and stays away for a while.
  template <class Create, class Act>
  [[nodiscard]] Player comes_and_goes(const char* role, Create create, Act act) {
    const auto play = [this, create, act](Stage& stage) -> std::string {
      while (!stage.is_over(Stage::kFirstEnds)) {
        std::optional end = create();
        if (!*end) return said(end->error());
        std::atomic_ref(lives_).fetch_add(1);
        for (int turn = 0; turn < kTurns; ++turn) {
          const Result<bool> acted = act(**end);
          if (!acted && !is_gone(acted.error())) return said(acted.error());
          std::this_thread::sleep_for(kPause);
        }
        end.reset();
        std::this_thread::sleep_for(kAWhile);
      }
      return {};
    };
    return {role, play};
  }

  void perform(const std::string& what, std::vector<Player> players) {
    players.push_back(
        {"another", [this](Stage& stage) { return keep_name(stage); }, Stage::kSecondEnds});
    test::Troupe troupe(what, std::move(players));
    const std::size_t kills = crash::kills_of_each();
    troupe.perform(kills);
    constexpr std::uint64_t kFew = 5;
    EXPECT_LE(opens_, lives_ + kills + kFew) << "it opened what had closed or died";
  }

 private:
  // Has a place in whatever ring stands under the name, and in the end removes it: nothing of these
  // rings is to be delivered.
  [[nodiscard]] std::string keep_name(const Stage& stage) const {
    const std::string path = fmt::format("{}/{}.ring", folder_.path(), kName);
    std::optional<ParticipantLock> place;
    while (!stage.is_over(Stage::kSecondEnds)) {
      const FileDescriptor file{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
      if (file) {
        Result<ParticipantLock> taken = ParticipantLock::take(file.get(), kFar, "another");
        if (taken) place.emplace(std::move(*taken));  // else it has it already
      }
      std::this_thread::sleep_for(kPause);
    }
    ::unlink(path.c_str());
    return {};
  }

  test::TemporaryNameFolder folder_;
  test::SharedPages pages_{4096};
  std::uint64_t& opens_ = *pages_.take<std::uint64_t>();
  std::uint64_t& lives_ = *pages_.take<std::uint64_t>();
};

constexpr auto kSomething = [](const auto& optional) { return optional.has_value(); };

using Policy = TopicOptions::Policy;
class OpenTopicAgainTest : public OpenAgainTest,
                           public ::testing::WithParamInterface<std::tuple<Policy, std::uint32_t>> {
};

INSTANTIATE_TEST_SUITE_P(EveryKind, OpenTopicAgainTest,
                         ::testing::Combine(::testing::Values(Policy::lossless, Policy::lossy),
                                            ::testing::Values(1U, 2U)),
                         [](const auto& one) {
                           const bool lossy = std::get<0>(one.param) == Policy::lossy;
                           return fmt::format("{}Of{}", lossy ? "Lossy" : "Lossless",
                                              std::get<1>(one.param));
                         });

TEST_P(OpenTopicAgainTest, ASubscriberOpensEachLifeOnce) {
  const auto [policy, publishers] = GetParam();
  const TopicOptions options{
      .policy = policy, .messages = 64, .message_bytes = kBytes, .publishers = publishers};
  std::vector<Player> players{opens_again(
      "subscriber", [] { return Subscriber::open(kName, TopicStart::usual, kAWhile, kWait); },
      [](Subscriber& subscriber) -> Result<bool> {
        Buffer buffer;
        return subscriber.receive(buffer, kAWhile).map(kSomething);
      })};
  for (std::uint32_t i = 0; i < publishers; ++i) {
    players.push_back(comes_and_goes(
        "publisher", [options] { return Publisher::create(kName, options, kWait); },
        [](Publisher& publisher) {
          return publisher.publish(std::array<std::byte, kBytes>{}, 0ns);
        }));
  }
  perform(fmt::format("Topic of {}, opened again", publishers), players);
}

TEST_F(OpenAgainTest, AContributorOpensEachLifeOfItsCollectorOnce) {
  const CollectorOptions options{.contributors = 4, .capacity_bytes = 4096};
  perform("Collector, opened again",
          {opens_again(
               "contributor",
               [] {
                 Result<Contributor> contributor = Contributor::open(kName, kAWhile, kWait);
                 if (contributor) contributor->require_reader();
                 return contributor;
               },
               [](Contributor& contributor) {
                 return contributor.send(std::array<std::byte, kBytes>{}, kAWhile);
               }),
           comes_and_goes(
               "collector", [options] { return Collector::create(kName, options, kWait); },
               [](Collector& collector) -> Result<bool> {
                 Buffer buffer;
                 return collector.receive(buffer, kPause).map(kSomething);
               })});
}

TEST_F(OpenAgainTest, AClientOpensEachLifeOfItsServerOnce) {
  const ServiceOptions options{.clients = 4, .message_bytes = kBytes};
  perform(
      "Service, opened again",
      {opens_again(
           "client", [] { return Client::open(kName, kAWhile, kWait); },
           [](Client& client) -> Result<bool> {
             Buffer response;
             return client.call(std::array<std::byte, kBytes>{}, response, kAWhile).map(kSomething);
           }),
       comes_and_goes(
           "server", [options] { return Server::create(kName, options, kWait); },
           [](Server& server) -> Result<bool> {
             const auto answer = [](auto request, auto&& claim) { claim(request.size()); };
             return server.serve(answer, 1, kPause).map([](auto count) { return count == 1; });
           })});
}

TEST_F(OpenAgainTest, AReceiverOpensEachLifeOfItsSenderOnce) {
  const ChannelOptions options{.capacity_bytes = 4096};
  perform(
      "Channel, opened again",
      {opens_again(
           "receiver", [] { return Receiver::open(kName, kAWhile, kWait); },
           [](Receiver& receiver) -> Result<bool> {
             Buffer buffer;
             return receiver.receive(buffer, kAWhile).map(kSomething);
           }),
       comes_and_goes(
           "sender", [options] { return Sender::create(kName, options, kWait); },
           [](Sender& sender) { return sender.send(std::array<std::byte, kBytes>{}, kPause); })});
}

TEST_F(OpenAgainTest, AReaderOfAStateOpensEachLifeOfItsWriterOnce) {
  const StateOptions options{.value_bytes = kBytes};
  perform("State, opened again",
          {opens_again(
               "reader", [] { return StateReader::open(kName, kAWhile, kWait); },
               [](StateReader& reader) -> Result<bool> {
                 Buffer buffer;
                 const Result<bool> changed = reader.wait_changed(kAWhile);
                 if (changed && *changed) (void)reader.get(buffer);
                 return changed;
               }),
           comes_and_goes(
               "writer", [options] { return StateWriter::create(kName, options, kWait); },
               [](StateWriter& writer) -> Result<bool> {
                 return writer.set(std::array<std::byte, kBytes>{}).map([] { return true; });
               })});
}

}  // namespace
}  // namespace ringbell
