// Where a process may open no more descriptors, what needs one is done in another way, or left as
// it is; nothing is lost.
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/region_copy.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::copy_of;

constexpr auto kLong = 20s;
constexpr std::array<std::byte, 8> kMessage{std::byte{42}};

// No descriptor is to be had as long as it lives, or only so many at a time.
class NoDescriptors {
 public:
  explicit NoDescriptors(int spare = 0) {
    const FileDescriptor next(::dup(0));
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none{.rlim_cur = static_cast<rlim_t>(next.get() + spare),
                      .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_{};
};

// An end that opened, did something and was killed.
template <class Open, class Use>
void die_with(Open&& open, Use&& use) {
  ChildProcess dies = ChildProcess::fork([&] {
    auto end = open().value();
    if (!use(end)) return 1;
    ::kill(::getpid(), SIGKILL);
    return 2;
  });
  ASSERT_EQ(dies.wait(), -SIGKILL);
}

class FewDescriptorsOfAQueueTest : public ::testing::Test {
 protected:
  Region region_ =
      Region::create(QueueOptions{.messages = 16, .message_bytes = 64, .participants = 8}.region())
          .value();
  QueueReceiver receiver_ = QueueReceiver::open(copy_of(region_), {.longest_sleep = 1ms}).value();
  QueueSender sender_ = QueueSender::open(copy_of(region_)).value();
};

TEST_F(FewDescriptorsOfAQueueTest, AReceiverPassesOverWhatADeadSenderHadClaimed) {
  die_with([&] { return QueueSender::open(copy_of(region_)); },
           [](QueueSender& sender) { return sender.claim().has_value(); });
  ASSERT_EQ(sender_.send(kMessage, kLong), true);
  const NoDescriptors none;
  EXPECT_TRUE(receiver_.peek_for(kLong).value());
  EXPECT_EQ(receiver_.recovered().skipped, 1U);
}

TEST_F(FewDescriptorsOfAQueueTest, AReceiverGetsWhatADeadOneHadInHand) {
  ASSERT_EQ(sender_.send(kMessage, kLong), true);
  die_with([&] { return QueueReceiver::open(copy_of(region_)); },
           [](QueueReceiver& receiver) { return receiver.peek().has_value(); });
  const NoDescriptors none;
  EXPECT_TRUE(receiver_.peek_for(kLong).value());
  EXPECT_TRUE(receiver_.redelivered());
}

// Other lanes cannot be looked at, and may hold messages. As many are to be had as are needed
// before.
TEST(FewDescriptorsTest, TheLastContributorKeepsTheRing) {
  for (const int spare : {0, 1, 2}) {
    const test::TemporaryNameFolder folder;
    const CollectorOptions options{.contributors = 2, .capacity_bytes = 16384};
    std::optional<Collector> collector = Collector::create("log", options).value();
    std::optional<Contributor> one = Contributor::create("log", options).value();
    std::optional<Contributor> other = Contributor::create("log", options).value();
    ASSERT_TRUE(other->region().maps_lanes_alone());
    ASSERT_EQ(one->send(kMessage, kLong), true);
    collector.reset();
    one.reset();
    {
      const NoDescriptors none(spare);
      other.reset();
    }
    ASSERT_FALSE(folder.files().empty()) << spare;
    collector = Collector::open("log", kLong).value();
    EXPECT_EQ(collector->peek_for(kLong).value().value()[0], kMessage[0]);
  }
}

// The kernel says then that the lowest number asked for is none (EINVAL).
TEST(FewDescriptorsTest, ALimitBelowTheLibrarysNumbersIsNamed) {
  const FileDescriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const NoDescriptors none(kFirstOwnDescriptor - 2 - null.get());
  EXPECT_THAT(message_of(duplicate(null.get())), ::testing::HasSubstr("ulimit -n"));
  EXPECT_THAT(message_of(duplicate(-1)), ::testing::HasSubstr("open in this process"));
}

}  // namespace
}  // namespace ringbell
