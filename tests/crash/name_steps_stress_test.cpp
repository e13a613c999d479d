// A process that makes, finds, takes over, replaces or leaves what stands under a name dies at any
// system call on the way, and before many of the instructions. The next process finds the name free
// or what is due under it, and in the end nothing is left.
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

#include <tests/crash/pairs.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/kill_campaign.hpp>
#include <tests/support/left_behind.hpp>
#include <tests/support/leftovers.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/sanitizers.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::crash {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::Progress;

constexpr std::uint64_t kOfTheDead = 400;  // what the dying writer writes
constexpr std::uint64_t kFresh = 100;      // the first of the survivors'
constexpr std::uint64_t kManyFresh = 40;
// Of each scenario, unless all are asked for; a sanitizer needs minutes for one walk through them.
constexpr std::size_t kInstructions = test::kSanitized ? 0 : 20;

// What is under the name when the child comes, what it does there, and what the survivors do.
template <class Pair>
class NameVictim : public test::Victim {
 public:
  using Writer = typename Pair::Writer;
  using Reader = typename Pair::Reader;
  using Step = void (*)(NameVictim&);

  NameVictim(Step before, Step come, Step operation) : come_(come), operation_(operation) {
    before(*this);
  }

  void prepare() override { come_(*this); }
  void operate() override { operation_(*this); }

  void survive() override {
    ASSERT_NO_FATAL_FAILURE(drain());
    ASSERT_NO_FATAL_FAILURE(replace_the_dead());
    ASSERT_NO_FATAL_FAILURE(settle());
    ASSERT_NO_FATAL_FAILURE(pass_some());
    const bool kept =
        Pair::kKeptAtDeath && (Pair::kKeptAtClose || closing.most() == 0) && shape == Shape::usual;
    for (std::uint64_t number = 0; number < left + filled.least(); ++number) {
      ASSERT_LE(came_[number], looks_) << number << " came again";
      if (!kept || number < read.most()) continue;
      ASSERT_EQ(came_[number], 1U) << number << " is lost";
    }
    ASSERT_LE(came_[kOfTheDead], looks_ * written.most()) << "never written, or come again";
    ASSERT_GE(came_[kOfTheDead], kept || reader_was_there_ ? written.least() : 0) << "lost";
    writer.reset();
    reader.reset();
    ASSERT_NO_FATAL_FAILURE(expect_nothing_left());
  }

 private:
  test::SharedPages pages_{4096};

 public:
  // Of the child: messages written, messages read, whether it was closing.
  Progress& written = *pages_.take<Progress>();
  Progress& read = *pages_.take<Progress>();
  Progress& closing = *pages_.take<Progress>();
  Progress& filled = *pages_.take<Progress>();  // messages `left` … that it wrote before
  // The survivors' ends.
  std::optional<Writer> writer;
  std::optional<Reader> reader;
  std::uint64_t left = 0;      // messages 0 … that are there when the child comes
  bool must_be_told = false;   // there was a writer, so the living reader has to learn of its end
  bool unsettled = false;      // the living writer waits for an answer
  Shape shape = Shape::usual;  // of what the survivors ask for

 private:
  void replace_the_dead() {
    if (!writer) {
      Result<Writer> made = Pair::make_writer(shape);
      ASSERT_TRUE(made) << said(made.error());
      writer.emplace(std::move(*made));
    }
    if (!reader) {
      Result<Reader> opened = Pair::open_reader();
      ASSERT_TRUE(opened) << said(opened.error());
      reader.emplace(std::move(*opened));
    }
  }
  void note(const std::optional<std::uint64_t>& number) {
    ASSERT_NE(number, kTorn);
    if (number) ++came_.at(*number);
  }

  // The reader that lives reads all that it can get of the dead writer's.
  void drain() {
    if (!reader) return;
    reader_was_there_ = true;
    for (;;) {
      const Read got = Pair::read(*reader, must_be_told ? kLong : Timeout(2ms));
      if (!got) {
        const auto code = code_of(got);
        ASSERT_TRUE(code == ErrorCode::peer_dead || code == ErrorCode::closed) << said(got.error());
        // The guests of a lossy topic are not counted: its name may be gone, and a new one its own.
        if (std::is_same_v<Pair, LossyPair> && code == ErrorCode::closed) {
          reader.reset();
          ++looks_;
        }
        return;
      }
      if (!*got && !must_be_told) return;
      ASSERT_TRUE(*got) << "it is not told";
      ASSERT_NO_FATAL_FAILURE(note(*got));
    }
  }
  void settle() {
    if (!unsettled) return;
    const Read got = Pair::read(*reader, 0ms);
    ASSERT_TRUE(got) << said(got.error());
    ASSERT_NO_FATAL_FAILURE(note(*got));
    const Result<void> settled = Pair::settle(*writer);
    if (settled) return;
    ASSERT_EQ(code_of(settled), ErrorCode::peer_dead) << said(settled.error());
    ASSERT_EQ(read.most(), 1U) << "it was not begun, and it failed";
  }
  void pass_some() {
    for (std::uint64_t number = kFresh; number < kFresh + kManyFresh; ++number) {
      bool sent = false;
      const auto deadline = std::chrono::steady_clock::now() + kLong;
      while (came_[number] == 0) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline) << number << " does not arrive";
        if (!sent) {
          const Result<bool> went = Pair::write(*writer, number, 0ms);
          ASSERT_TRUE(went) << said(went.error());
          sent = *went;
        }
        const Read got = Pair::read(*reader, sent ? 100ms : 0ms);
        ASSERT_TRUE(got) << said(got.error());
        ASSERT_NO_FATAL_FAILURE(note(*got));
      }
      const Result<void> settled = Pair::settle(*writer);
      ASSERT_TRUE(settled) << said(settled.error());
    }
    const Read more = Pair::read(*reader, 0ms);
    ASSERT_TRUE(more && !*more) << "one too many";
  }
  static void expect_nothing_left() {
    const auto names = names::list();
    ASSERT_TRUE(names) << said(names.error());
    ASSERT_TRUE(names->empty()) << names->front().name << " is left";
  }

  Step come_;
  Step operation_;
  std::array<std::uint64_t, 500> came_{};
  bool reader_was_there_ = false;
  std::uint64_t looks_ = 1;  // readers that looked from the oldest message on
};

// --- what is there -------------------------------------------------------------------------------

template <class Pair>
void nothing(NameVictim<Pair>& /*at*/) {}

template <class Pair>
void write_all(typename Pair::Writer& writer) {
  for (std::uint64_t number = 0; number < Pair::kUnread; ++number) {
    (void)Pair::write(writer, number, kLong).value();
  }
}

template <class Pair>
void living_reader(NameVictim<Pair>& at) {
  if constexpr (Pair::kReaderMakes) at.reader.emplace(Pair::make_reader().value());
}

template <class Pair>
void living_writer(NameVictim<Pair>& at) {
  at.writer.emplace(Pair::make_writer().value());
  write_all<Pair>(*at.writer);
  at.left = Pair::kUnread;
  at.unsettled = std::is_same_v<Pair, ServicePair>;
}

template <class Pair>
void reader_of_the_dead(NameVictim<Pair>& at) {
  const test::Signal there;
  ChildProcess first = ChildProcess::fork([&] {
    auto writer = Pair::make_writer().value();
    write_all<Pair>(writer);
    there.tell();
    return ::pause();
  });
  EXPECT_TRUE(there.wait());
  at.reader.emplace(Pair::open_reader().value());
  first.kill_now();
  at.left = Pair::kUnread;
  at.must_be_told =
      std::is_same_v<Pair, ChannelPair> || std::is_same_v<typename Pair::Reader, Subscriber>;
}

template <class Pair>
void left_by_the_dead(NameVictim<Pair>& at) {
  test::in_a_process_that_is_killed([] {
    auto writer = Pair::make_writer().value();
    write_all<Pair>(writer);
    return writer;
  });
  at.left = Pair::kUnread;
}

template <class Pair>
void left_with_other_options(NameVictim<Pair>& at) {
  left_by_the_dead(at);
  at.shape = Shape::other;
}

// --- what the child does -------------------------------------------------------------------------

template <class Pair>
void write_and_close(NameVictim<Pair>& at, Result<typename Pair::Writer> writer) {
  at.written.begin();
  // No room: the line of a dead client, whose call is not answered yet.
  if (Pair::write(*writer, kOfTheDead, 1ms).value()) at.written.finish();
  at.closing.begin();
}

template <class Pair>
void make_writer(NameVictim<Pair>& at) {
  write_and_close(at, Pair::make_writer(at.shape));
}

template <class Pair>
void open_writer(NameVictim<Pair>& at) {
  write_and_close(at, Pair::open_writer());
}

template <class Pair>
void make_reader(NameVictim<Pair>& /*at*/) {
  auto reader = Pair::make_reader();
  (void)Pair::read(*reader, 0ms);
}

template <class Pair>
void open_reader(NameVictim<Pair>& at) {
  auto reader = Pair::open_reader();
  at.read.begin();
  (void)Pair::read(*reader, kLong);
  at.read.finish();
}

template <class Pair>
void inherit_reader(NameVictim<Pair>& at) {
  auto reader = Pair::inherit_reader();
  for (std::uint64_t number = 0; number < Pair::kUnread; ++number) {
    at.read.begin();
    (void)Pair::read(*reader, 1ms);
    at.read.finish();
  }
}

// --- what it does while it waits -----------------------------------------------------------------

template <class Pair>
void quiet_writer(NameVictim<Pair>& at) {
  at.writer.emplace(Pair::make_writer().value());
}

template <class Pair>
void come_to_read(NameVictim<Pair>& at) {
  at.reader.emplace(Pair::open_reader().value());
}

template <class Pair>
void come_with_a_loop(NameVictim<Pair>& at) {
  come_to_read(at);
  (void)at.reader->waitable_fd();  // a channel by name has none, but can be armed
}

template <class Pair>
void come_to_fill(NameVictim<Pair>& at) {
  at.writer.emplace(Pair::make_writer().value());
  for (bool room = true; room;) {
    at.filled.begin();
    room = Pair::write(*at.writer, at.left + at.filled.least(), 0ms).value();
    if (room) at.filled.finish();
  }
}

template <class Pair>
void wait_for_message(NameVictim<Pair>& at) {
  (void)Pair::read(*at.reader, 1ms);
}

template <class Pair>
void wait_for_room(NameVictim<Pair>& at) {
  (void)Pair::write(*at.writer, kOfTheDead, 1ms);
}

template <class Pair>
void arm_for_message(NameVictim<Pair>& at) {
  (void)at.reader->arm();
  at.reader->disarm();
}

template <class Pair>
void remove_the_dead(NameVictim<Pair>& at) {
  at.read.begin(Pair::kUnread);  // they go with the name
  (void)names::remove_dead();
}

// -------------------------------------------------------------------------------------------------

template <class Pair>
class NameStepsTest : public ::testing::Test {
 protected:
  using Step = typename NameVictim<Pair>::Step;

  static void kill_on_the_way(const char* what, Step before, Step operation) {
    test::kill_at_every_system_call(
        fmt::format("{} by name, {}", Pair::kName, what),
        [&] { return std::make_unique<NameVictim<Pair>>(before, nothing<Pair>, operation); },
        kInstructions);
  }
  static void kill_waiting(const char* what, Step before, Step prepare, Step operation) {
    test::kill_at_every_system_call(
        fmt::format("{} by name, {}", Pair::kName, what),
        [&] { return std::make_unique<NameVictim<Pair>>(before, prepare, operation); },
        2 * kInstructions);
  }

 private:
  test::TemporaryNameFolder folder_;
  test::Leftovers leftovers_;
};

using AllPairs =
    ::testing::Types<ChannelPair, QueuePair, LosslessPair, LossyPair, CollectorPair, ServicePair>;
TYPED_TEST_SUITE(NameStepsTest, AllPairs, PairNames);

TYPED_TEST(NameStepsTest, WhoDiesMakingItLeavesNothingInTheWay) {
  TestFixture::kill_on_the_way("writer makes", nothing<TypeParam>, make_writer<TypeParam>);
  if constexpr (TypeParam::kReaderMakes) {
    TestFixture::kill_on_the_way("reader makes", nothing<TypeParam>, make_reader<TypeParam>);
  }
}

TYPED_TEST(NameStepsTest, WhoDiesJoiningTheLivingLeavesHisPlaceToAnother) {
  TestFixture::kill_on_the_way("reader joins", living_writer<TypeParam>, open_reader<TypeParam>);
  if constexpr (TypeParam::kReaderMakes) {
    TestFixture::kill_on_the_way("writer joins", living_reader<TypeParam>, open_writer<TypeParam>);
  }
}

TYPED_TEST(NameStepsTest, WhoDiesFollowingTheDeadLosesNothingOfTheirs) {
  TestFixture::kill_on_the_way("writer follows", reader_of_the_dead<TypeParam>,
                               make_writer<TypeParam>);
  TestFixture::kill_on_the_way("writer inherits", left_by_the_dead<TypeParam>,
                               make_writer<TypeParam>);
  if constexpr (TypeParam::kReaderMakes) {
    TestFixture::kill_on_the_way("reader inherits", left_by_the_dead<TypeParam>,
                                 inherit_reader<TypeParam>);
  }
}

TYPED_TEST(NameStepsTest, WhoDiesWaitingKeepsNobodyFromGoingOn) {
  TestFixture::kill_waiting("reader waits", quiet_writer<TypeParam>, come_to_read<TypeParam>,
                            wait_for_message<TypeParam>);
  TestFixture::kill_waiting("reader's loop waits", quiet_writer<TypeParam>,
                            come_with_a_loop<TypeParam>, arm_for_message<TypeParam>);
  constexpr auto kReaderInTheWay =
      TypeParam::kReaderMakes ? living_reader<TypeParam> : reader_of_the_dead<TypeParam>;
  if constexpr (!std::is_same_v<TypeParam, LossyPair> && !std::is_same_v<TypeParam, ServicePair>) {
    TestFixture::kill_waiting("writer waits", kReaderInTheWay, come_to_fill<TypeParam>,
                              wait_for_room<TypeParam>);
  }
}

TYPED_TEST(NameStepsTest, WhoDiesReplacingWhatTheDeadLeftLeavesItToTheNext) {
  TestFixture::kill_on_the_way("writer replaces", left_with_other_options<TypeParam>,
                               make_writer<TypeParam>);
}

using CleaningStepsTest = NameStepsTest<ChannelPair>;

TEST_F(CleaningStepsTest, WhoDiesRemovingWhatTheDeadLeftLeavesItToTheNext) {
  kill_on_the_way("remove_dead", left_by_the_dead<ChannelPair>, remove_the_dead<ChannelPair>);
}

}  // namespace
}  // namespace ringbell::crash
