// The survivor is a process that sleeps, with the usual longest sleep, when the one it waits for is
// killed before an instruction of what would wake it. It wakes, learns of the death where its
// end is told of deaths, has what was committed, and goes on with the next one.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
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
#include <tests/support/name_folder.hpp>
#include <tests/support/shared_pages.hpp>

namespace ringbell::crash {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::Progress;
using test::Signal;
using Clock = std::chrono::steady_clock;

constexpr WaitOptions kSleepy{.spin_budget = 0ns};  // else the defaults
constexpr std::uint64_t kOfTheDead = 400;
constexpr std::uint64_t kOfAnother = 99;  // of the writer beside the dead one
constexpr std::uint64_t kFresh = 100;
constexpr std::uint64_t kManyFresh = 40;
constexpr std::size_t kInstructions = 12;  // of each operation, unless all are asked for

// The same as by name, but rung by eventfd.
struct EventfdPair : ChannelPair {
  static constexpr const char* kName = "Channel, eventfd";

  [[nodiscard]] Result<Sender> make_writer(Shape /*shape*/ = {},
                                           const WaitOptions& wait = kWait) const {
    return Sender::attach(channel.fds(), wait);
  }
  [[nodiscard]] Result<Receiver> open_reader(Timeout /*timeout*/ = {},
                                             const WaitOptions& wait = kWait) const {
    return Receiver::attach(channel.fds(), wait);
  }

  Channel channel =
      Channel::create({.capacity_bytes = 4096, .doorbell = core::DoorbellKind::eventfd}).value();
};

// Whether a reader is told of the end of its writer, a writer of that of its reader; whether others
// may write beside it.
template <class Pair>
struct Traits {
  static constexpr bool kChannel = std::is_base_of_v<ChannelPair, Pair>;
  static constexpr bool kTopic = std::is_same_v<typename Pair::Reader, Subscriber>;
  static constexpr bool kReaderIsTold = kChannel || kTopic;
  static constexpr bool kWriterIsTold =
      kChannel || std::is_same_v<Pair, CollectorPair> || std::is_same_v<Pair, ServicePair>;
  static constexpr bool kManyWrite = !kReaderIsTold;
  // Where a surviving writer has done: several rings full, or that many calls.
  static constexpr std::uint64_t kEnd = std::is_same_v<Pair, ServicePair> ? 40 : 300;
};

// What the survivor tells of itself.
struct Scene {
  std::uint64_t at_work;  // it waits for its peer, and for nothing else
  std::uint64_t moves;    // messages that it wrote or read
  std::uint64_t sleeps;
  std::uint64_t told;  // that its peer is gone
  std::uint64_t trouble;
  std::array<std::uint64_t, 500> came;

  static void put(std::uint64_t& word, std::uint64_t value) noexcept {
    std::atomic_ref<std::uint64_t>(word).store(value);
  }
  static std::uint64_t get(std::uint64_t& word) noexcept {
    return std::atomic_ref<std::uint64_t>(word).load();
  }
};

template <class Condition>
bool comes_to(Condition&& condition) {
  const auto deadline = Clock::now() + 20s;
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(20us);
  }
  return true;
}

bool is_asleep(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  const std::size_t name_ends = line.rfind(')');
  return name_ends != std::string::npos && line.substr(name_ends, 3) == ") S";
}

template <class Pair>
class SleepingVictim : public test::Victim {
 public:
  ~SleepingVictim() override {
    survivor_.reset();
    other_.reset();
    (void)names::remove_dead();
  }

 protected:
  using Writer = typename Pair::Writer;
  using Reader = typename Pair::Reader;

  // In the child: until the survivor sleeps.
  void await_sleep() {
    const bool slept = comes_to([&] {
      const std::uint64_t moves = Scene::get(scene_.moves);
      const auto still = [&] {
        return Scene::get(scene_.at_work) == 1 && is_asleep(survivor_->pid()) &&
               Scene::get(scene_.moves) == moves;
      };
      if (!still()) return false;
      std::this_thread::sleep_for(100us);
      return still();
    });
    if (!slept) ::_exit(1);
  }

  // In the survivor: what it does when it learns that its peer is gone. False: it is another error.
  bool hear_of_the_end(const Error& error) {
    if (error.code != ErrorCode::peer_dead && error.code != ErrorCode::closed) {
      return complain(said(error));
    }
    Scene::put(scene_.told, 1);
    return next_is_there_.wait();
  }
  bool complain(const std::string& what) {
    std::fprintf(stderr, "the survivor: %s\n", what.c_str());
    Scene::put(scene_.trouble, 1);
    return false;
  }
  void expect_well() {
    ASSERT_EQ(Scene::get(scene_.trouble), 0U);
    ASSERT_GE(Scene::get(scene_.sleeps), 1U) << "it never slept";
  }
  bool await_told() {
    EXPECT_TRUE(comes_to([&] { return Scene::get(scene_.told) == 1; })) << "it is not told";
    return true;
  }

  test::SharedPages pages_{16384};
  Scene& scene_ = *pages_.take<Scene>();
  Progress& progress_ = *pages_.take<Progress>();  // of the dying: written, or read
  Signal next_is_there_;
  Pair pair_;
  std::optional<Writer> other_;
  std::optional<ChildProcess> survivor_;
};

// --- a reader sleeps -----------------------------------------------------------------------------

template <class Pair>
class DyingWriter : public SleepingVictim<Pair> {
 public:
  DyingWriter() {
    if constexpr (Traits<Pair>::kManyWrite) this->other_.emplace(Pair::make_writer().value());
    this->survivor_.emplace(ChildProcess::fork([&] { return read_for_ever(); }));
  }

  void prepare() override {
    writer_.emplace(this->pair_.make_writer().value());
    this->await_sleep();
  }
  void operate() override {
    this->progress_.begin();
    (void)Pair::write(*writer_, kOfTheDead, 0ns);
    this->progress_.finish();
    writer_.reset();
  }

  bool notice() override { return Traits<Pair>::kReaderIsTold && this->await_told(); }

  void survive() override {
    Scene& scene = this->scene_;
    const auto came = [&](std::uint64_t number) { return Scene::get(scene.came[number]); };
    if (this->other_) {
      ASSERT_NO_FATAL_FAILURE(write(*this->other_, kOfAnother));
      ASSERT_TRUE(comes_to([&] { return came(kOfAnother) == 1; })) << "held up by the dead writer";
    }
    Result<typename Pair::Writer> next = this->pair_.make_writer();
    ASSERT_TRUE(next) << said(next.error());
    this->next_is_there_.tell();
    for (std::uint64_t number = kFresh; number < kFresh + kManyFresh; ++number) {
      ASSERT_NO_FATAL_FAILURE(write(*next, number));
    }
    ASSERT_TRUE(comes_to([&] { return came(kFresh + kManyFresh - 1) == 1; })) << "it sleeps on";
    for (std::uint64_t number = kFresh; number < kFresh + kManyFresh; ++number) {
      ASSERT_EQ(came(number), 1U) << number;
    }
    ASSERT_GE(came(kOfTheDead), this->progress_.least()) << "written, and lost";
    // A lossy topic may be joined again where it stands, at its oldest message.
    const std::uint64_t looks = std::is_same_v<Pair, LossyPair> ? 2 : 1;
    ASSERT_LE(came(kOfTheDead), looks * this->progress_.most()) << "never written, or come again";
    ASSERT_NO_FATAL_FAILURE(this->expect_well());
  }

 private:
  static void write(typename Pair::Writer& writer, std::uint64_t number) {
    const Result<bool> went = Pair::write(writer, number, kLong);
    ASSERT_TRUE(went) << said(went.error());
    ASSERT_TRUE(*went);
    const Result<void> settled = Pair::settle(writer);
    ASSERT_TRUE(settled) << said(settled.error());
  }

  int read_for_ever() {
    Scene& scene = this->scene_;
    std::optional<typename Pair::Reader> reader(this->pair_.open_reader(kLong, kSleepy).value());
    Scene::put(scene.at_work, 1);
    while (true) {
      const Read got = Pair::read(*reader, kLong);
      Scene::put(scene.sleeps, scene.sleeps + reader->stats().sleeps);
      if (!got) {
        if (!this->hear_of_the_end(got.error())) return 1;
        // The guests of a lossy topic are not counted: the next publisher's may be another one.
        if constexpr (std::is_same_v<Pair, LossyPair>) {
          if (code_of(got) == ErrorCode::closed) {
            reader.emplace(this->pair_.open_reader(kLong, kSleepy).value());
          }
        }
        continue;
      }
      if (!*got || **got == kTorn) {
        (void)this->complain("torn, or nothing");
        return 1;
      }
      Scene::put(scene.came[**got], scene.came[**got] + 1);
      Scene::put(scene.moves, scene.moves + 1);
    }
  }

  std::optional<typename Pair::Writer> writer_;
};

// --- a writer sleeps -----------------------------------------------------------------------------

template <class Pair>
class DyingReader : public SleepingVictim<Pair> {
  static constexpr std::uint64_t kEnd = Traits<Pair>::kEnd;

 public:
  DyingReader() {
    this->survivor_.emplace(ChildProcess::fork([&] { return write_to_the_end(); }));
  }

  // So far that the next ones give room back.
  void prepare() override {
    reader_.emplace(this->pair_.open_reader(kLong).value());
    reader_is_there_.tell();
    this->await_sleep();
    if constexpr (!std::is_same_v<Pair, ServicePair>) {
      read(9);
      this->await_sleep();
    }
  }
  void operate() override {
    read(3);
    reader_.reset();
  }

  bool notice() override {
    if constexpr (Traits<Pair>::kWriterIsTold) return this->await_told();
    if constexpr (std::is_same_v<Pair, LosslessPair>) {
      EXPECT_TRUE(comes_to([&] { return Scene::get(this->scene_.moves) == kEnd; }))
          << "a dead subscriber holds it up";
      return true;
    }
    return false;
  }

  void survive() override {
    Result<typename Pair::Reader> next = this->pair_.open_reader();
    ASSERT_TRUE(next) << said(next.error());
    this->next_is_there_.tell();
    std::array<std::uint64_t, kEnd> came{};
    while (came[kEnd - 1] == 0) {
      const Read got = Pair::read(*next, kLong);
      ASSERT_TRUE(got) << said(got.error());
      ASSERT_TRUE(*got) << "it sleeps on";
      ASSERT_LT(**got, kEnd) << "torn";
      ++came[**got];
    }
    if constexpr (!Traits<Pair>::kTopic) {  // a newcomer there has what is kept
      for (std::uint64_t number = this->progress_.most(); number < kEnd; ++number) {
        ASSERT_GE(came[number], 1U) << number << " is lost";
      }
    }
    ASSERT_TRUE(comes_to([&] { return Scene::get(this->scene_.moves) == kEnd; }));
    ASSERT_NO_FATAL_FAILURE(this->expect_well());
  }

 private:
  void read(int count) {
    for (int i = 0; i < count; ++i) {
      this->progress_.begin();
      (void)Pair::read(*reader_, kLong);
      this->progress_.finish();
    }
  }

  int write_to_the_end() {
    Scene& scene = this->scene_;
    auto writer = this->pair_.make_writer(Shape::usual, kSleepy).value();
    if (!reader_is_there_.wait()) return 1;
    Scene::put(scene.at_work, 1);
    for (std::uint64_t number = 0; number < kEnd;) {
      const Result<bool> went = Pair::write(writer, number, kLong);
      const Result<void> settled = went ? Pair::settle(writer) : Result<void>{};
      Scene::put(scene.sleeps, writer.stats().sleeps);
      if (!went || !settled) {
        if (!this->hear_of_the_end(went ? settled.error() : went.error())) return 1;
        continue;
      }
      if (!*went) {
        (void)this->complain("no room");
        return 1;
      }
      Scene::put(scene.moves, ++number);
    }
    ::pause();
    return 0;
  }

  Signal reader_is_there_;
  std::optional<typename Pair::Reader> reader_;
};

// -------------------------------------------------------------------------------------------------

template <class Pair>
class SleepingSurvivorTest : public ::testing::Test {
 protected:
  SleepingSurvivorTest() { (void)messages(); }  // not by each child anew
  template <class Victim>
  static void kill_the_other(const char* what) {
    test::kill_at_some_instructions(
        fmt::format("{}, {}", Pair::kName, what), [] { return std::make_unique<Victim>(); },
        kInstructions);
  }

 private:
  test::TemporaryNameFolder folder_;
};

using AllPairs = ::testing::Types<ChannelPair, EventfdPair, QueuePair, LosslessPair, LossyPair,
                                  CollectorPair, ServicePair>;
TYPED_TEST_SUITE(SleepingSurvivorTest, AllPairs, PairNames);

TYPED_TEST(SleepingSurvivorTest, ReaderWakesWhereverItsWriterDies) {
  TestFixture::template kill_the_other<DyingWriter<TypeParam>>("a reader sleeps, writer");
}

// The publisher of a lossy topic never waits.
template <class Pair>
class SleepingWriterTest : public SleepingSurvivorTest<Pair> {};
using PairsThatWait =
    ::testing::Types<ChannelPair, EventfdPair, QueuePair, LosslessPair, CollectorPair, ServicePair>;
TYPED_TEST_SUITE(SleepingWriterTest, PairsThatWait, PairNames);

TYPED_TEST(SleepingWriterTest, WakesWhereverItsReaderDies) {
  TestFixture::template kill_the_other<DyingReader<TypeParam>>("a writer sleeps, reader");
}

}  // namespace
}  // namespace ringbell::crash
