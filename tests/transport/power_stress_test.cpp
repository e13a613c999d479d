// Files that were in use when the power went: put together of pages from two moments, and of
// another boot. They are the Error `stale`, and only whole records are recovered.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/ends/sealed.hpp>
#include <ringbell/transport/memory/power.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/scratch_folder.hpp>
#include <tests/support/seed.hpp>
#include <tests/support/text_messages.hpp>

namespace ringbell {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using File = std::vector<char>;
constexpr std::size_t kPage = 4096;
constexpr std::uint32_t kLargest = 9000;  // over three pages

class PowerTest : public ::testing::Test {
 protected:
  [[nodiscard]] ChannelOptions options(bool seals = true) const {
    return {.capacity_bytes = 32768,
            .memory = {.backing = Backing::file, .name = path},
            .seals = seals};
  }
  [[nodiscard]] Result<Channel> open() const { return Channel::open(Backing::file, path); }
  [[nodiscard]] File read() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const File& bytes) const {
    std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), std::ssize(bytes));
  }
  // As if the machine had been started anew since.
  void boot_anew() const {
    File file = read();
    file[core::kPowerMarkOffset] ^= 1;
    write(file);
  }
  static std::vector<std::byte> message(std::uint64_t number) {
    std::vector<std::byte> bytes(8 + test::size_of_message(number, kLargest - 8));
    test::write_message(bytes, number);
    return bytes;
  }
  [[nodiscard]] Result<std::vector<std::vector<std::byte>>> recover() const {
    std::vector<std::vector<std::byte>> all;
    const auto done = sealed::recover(path, [&](std::span<const std::byte> bytes) {
      all.emplace_back(bytes.begin(), bytes.end());
    });
    if (!done) return tl::unexpected(done.error());
    EXPECT_EQ(done->records, all.size());
    return all;
  }

  test::ScratchFolder folder{"/dev/shm"};
  std::string path = folder.path() + "/ring";
};

TEST_F(PowerTest, AttachAfterAnotherBootIsStale) {
  for (const bool seals : {false, true}) {
    Channel::create(options(seals)).value();
    boot_anew();
    const Result<Channel> channel = open();
    ASSERT_FALSE(channel);
    EXPECT_EQ(code_of(channel), ErrorCode::stale);
    EXPECT_THAT(message_of(channel), HasSubstr(seals ? "recover" : "start anew"));
    std::remove(path.c_str());
  }
}

TEST_F(PowerTest, RingsOfManyAreStaleTooAndHaveNoSeals) {
  const RegionOptions kinds[] = {QueueOptions{}.region(),
                                 TopicOptions{}.region(),
                                 TopicOptions{.policy = TopicOptions::Policy::lossless}.region(),
                                 CollectorOptions{}.region(),
                                 ServiceOptions{}.region(),
                                 StateOptions{}.region()};
  for (RegionOptions kind : kinds) {
    kind.memory = {.backing = Backing::file, .name = path};
    ASSERT_TRUE(Region::create(kind));
    EXPECT_TRUE(Region::open(Backing::file, path));
    EXPECT_EQ(code_of(recover()), ErrorCode::invalid_argument);
    boot_anew();
    const Result<Region> region = Region::open(Backing::file, path);
    EXPECT_EQ(code_of(region), ErrorCode::stale);
    EXPECT_THAT(message_of(region), HasSubstr("start anew"));
    std::remove(path.c_str());
    kind.seals = true;
    EXPECT_EQ(code_of(Region::create(kind)), ErrorCode::invalid_argument);
  }
}

TEST_F(PowerTest, InTheSameBootItIsNot) {
  Channel::create(options()).value();
  EXPECT_TRUE(open());
}

TEST_F(PowerTest, WhatWasSettledIsNot) {
  {
    Channel channel = Channel::create(options()).value();
    ASSERT_TRUE(channel.region().settle());
  }
  boot_anew();
  EXPECT_TRUE(open()) << "and from now on it is in use";
  boot_anew();
  EXPECT_EQ(code_of(open()), ErrorCode::stale);
}

TEST_F(PowerTest, LookingAtASettledOneDoesNotUseIt) {
  ASSERT_TRUE(Channel::create(options()).value().region().settle());
  EXPECT_TRUE(Region::open(Backing::file, path, {.access = Access::read_only}));
  boot_anew();
  EXPECT_TRUE(open());
}

TEST_F(PowerTest, OnlyFilesAreSettled) {
  EXPECT_EQ(code_of(Channel::create().value().region().settle()), ErrorCode::unsupported);
}

TEST_F(PowerTest, AFileWithoutAMarkIsTakenAsItIs) {
  Channel::create(options(false)).value();
  File file = read();
  std::fill_n(file.begin() + core::kPowerMarkOffset, sizeof(core::PowerMark), '\0');
  write(file);
  EXPECT_TRUE(open());
}

TEST_F(PowerTest, SealsWithoutRoomForThemAreNoRegion) {
  Channel::create(options(false)).value();
  File file = read();
  file[core::kPowerMarkOffset + offsetof(core::PowerMark, seals)] = 1;
  write(file);
  EXPECT_EQ(code_of(open()), ErrorCode::not_a_region);
}

// A folder of names on a disk.
TEST_F(PowerTest, AStaleRingUnderANameIsReplaced) {
  const test::TemporaryNameFolder names;
  { const Sender sender = Sender::create("orders", {.capacity_bytes = 4096}).value(); }
  Sender sender = Sender::create("orders", {.capacity_bytes = 4096}).value();
  ASSERT_TRUE(test::send_text(sender, "one"));
  { const Sender closed = std::move(sender); }
  path = names.path() + "/orders.ring";
  boot_anew();
  EXPECT_EQ(code_of(Receiver::open("orders", Timeout::zero())), ErrorCode::not_found);
  EXPECT_TRUE(Sender::create("orders", {.capacity_bytes = 4096}));
}

TEST_F(PowerTest, AStaleQueueUnderANameIsReplaced) {
  const test::TemporaryNameFolder names;
  {
    QueueSender sender = QueueSender::create("work").value();
    ASSERT_TRUE(sender.send(message(1)).value());
  }
  path = names.path() + "/work.ring";
  boot_anew();
  EXPECT_EQ(code_of(QueueReceiver::open("work", Timeout::zero())), ErrorCode::not_found);
  EXPECT_TRUE(QueueSender::create("work"));
}

TEST_F(PowerTest, SealsAreForAFileAndStandWhereTheTimeWould) {
  ChannelOptions both = options();
  both.timed = true;
  EXPECT_EQ(code_of(Channel::create(both)), ErrorCode::invalid_argument);
  const Result<Channel> in_memory = Channel::create({.seals = true});
  ASSERT_FALSE(in_memory);
  EXPECT_EQ(code_of(in_memory), ErrorCode::invalid_argument);
  Channel timed = Channel::create({.timed = true}).value();
  EXPECT_FALSE(timed.region().has_seals());
  Sender sender = Sender::open(std::move(timed)).value();
  EXPECT_EQ(code_of(sealed::send(sender, message(0))), ErrorCode::invalid_argument);
}

TEST_F(PowerTest, SealedMessagesGoThrough) {
  Channel channel = Channel::create(options()).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::open(std::move(channel)).value();
  std::vector<std::byte> into(kLargest);
  for (std::uint64_t number = 0; number < 200; ++number) {
    ASSERT_EQ(sealed::send(sender, message(number)), true);
    const auto size = sealed::receive(receiver, into);
    ASSERT_TRUE(size) << size.error().message;
    const std::span got = std::span(into).first(**size);
    ASSERT_EQ(std::vector(got.begin(), got.end()), message(number));
  }
  EXPECT_EQ(sealed::receive(receiver, into, Timeout::zero()).value(), std::nullopt);
  const auto fresh = receiver.peek_fresh_for(std::chrono::hours(1), Timeout::zero());
  ASSERT_FALSE(fresh) << "a seal is no time";
  EXPECT_EQ(code_of(fresh), ErrorCode::invalid_argument);
}

TEST_F(PowerTest, ABrokenSealIsCorruptAndTheNextMessageComes) {
  Channel channel = Channel::create(options()).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::open(std::move(channel)).value();
  ASSERT_EQ(sealed::send(sender, message(1)), true);
  receiver.channel().region().data()[30] ^= std::byte{1};
  ASSERT_EQ(sender.send(message(2)), true);  // without one
  ASSERT_EQ(sealed::send(sender, message(3)), true);
  std::vector<std::byte> into(kLargest);
  EXPECT_EQ(code_of(sealed::receive(receiver, into)), ErrorCode::corrupt);
  EXPECT_EQ(code_of(sealed::receive(receiver, into)), ErrorCode::corrupt);
  EXPECT_EQ(sealed::receive(receiver, into), message(3).size());
}

TEST_F(PowerTest, AMessageThatDoesNotFitTheBufferStays) {
  Channel channel = Channel::create(options()).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::open(std::move(channel)).value();
  ASSERT_EQ(sealed::send(sender, message(1)), true);
  std::vector<std::byte> into(kLargest);
  const std::span little = std::span(into).first(message(1).size() - 1);
  EXPECT_EQ(code_of(sealed::receive(receiver, little)), ErrorCode::too_large);
  EXPECT_EQ(sealed::receive(receiver, into), message(1).size());
}

TEST_F(PowerTest, SealedCallsEndAsTheOthersDo) {
  Channel channel = Channel::create(options()).value();
  std::optional receiver = Receiver::attach(channel.fds()).value();
  std::optional sender = Sender::open(std::move(channel)).value();
  const std::vector<std::byte> large(100'000);
  EXPECT_EQ(code_of(sealed::send(*sender, large)), ErrorCode::too_large);
  while (sealed::send(*sender, message(1), Timeout::zero()).value()) {
  }
  std::vector<std::byte> into(kLargest);
  while (sealed::receive(*receiver, into, Timeout::zero()).value()) {
  }
  sender.reset();
  EXPECT_EQ(code_of(sealed::receive(*receiver, into)), ErrorCode::closed);
}

TEST_F(PowerTest, WhatIsNoFileIsNotRecovered) {
  EXPECT_THAT(message_of(recover()), HasSubstr("it is not created yet"));
}

// Where /proc does not tell which boot it is, no file is stale.
TEST_F(PowerTest, BootThatIsNotKnownIsTakenForThisOne) {
  using memory::power::BootId;
  using memory::power::is_stale;
  const BootId one{'1'};
  const BootId other{'2'};
  const core::PowerMark used{.boot_id = one, .unclean = 1, .seals = 0};
  EXPECT_TRUE(is_stale(used, other));
  EXPECT_FALSE(is_stale(used, one));
  EXPECT_FALSE(is_stale(used, BootId{}));
  EXPECT_FALSE(is_stale({.boot_id = {}, .unclean = 1, .seals = 0}, other));
  EXPECT_FALSE(is_stale({.boot_id = one, .unclean = 0, .seals = 0}, other));
}

TEST_F(PowerTest, ChannelsWithoutRoomForSealsTakeNone) {
  Channel channel = Channel::create(options(false)).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::open(std::move(channel)).value();
  EXPECT_EQ(code_of(sealed::send(sender, message(1))), ErrorCode::invalid_argument);
  ASSERT_EQ(sender.send(message(1)), true);
  std::vector<std::byte> into(kLargest);
  EXPECT_EQ(code_of(sealed::receive(receiver, into)), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(recover()), ErrorCode::invalid_argument);
}

TEST_F(PowerTest, WhatIsInUseIsNotRecovered) {
  const Sender sender = Sender::open(Channel::create(options()).value()).value();
  EXPECT_EQ(code_of(recover()), ErrorCode::busy);
}

TEST_F(PowerTest, AllThatWasNotGivenBackIsRecovered) {
  {
    Channel channel = Channel::create(options()).value();
    Receiver receiver = Receiver::attach(channel.fds()).value();
    Sender sender = Sender::open(std::move(channel)).value();
    for (const std::uint64_t number : {1U, 2U, 3U}) {
      ASSERT_EQ(sealed::send(sender, message(number)), true);
    }
    ASSERT_TRUE(receiver.peek());
    receiver.release();
  }
  boot_anew();
  EXPECT_THAT(recover().value(), ElementsAre(message(2), message(3)));
}

TEST_F(PowerTest, AMissingRecordIsAGap) {
  {
    Sender sender = Sender::open(Channel::create(options()).value()).value();
    for (const std::uint64_t number : {1U, 2U, 3U}) {
      ASSERT_EQ(sealed::send(sender, message(number)), true);
    }
  }
  const std::size_t second = 2 * kPage + (24 + message(1).size() + 7) / 8 * 8;
  File file = read();
  file[second + 24] ^= 1;
  write(file);
  const auto done = sealed::recover(path, [](std::span<const std::byte>) {});
  ASSERT_TRUE(done);
  EXPECT_EQ(done->records, 2U);
  EXPECT_EQ(done->gaps, 1U);
}

// A hostile sender writes a seal over: the record's size is not what it says, or cannot be.
TEST_F(PowerTest, ASealOfAnotherSizeIsBroken) {
  const Channel channel = Channel::create(options()).value();
  {
    Sender sender = Sender::attach(channel.fds()).value();
    ASSERT_EQ(sealed::send(sender, message(1)), true);
  }
  const core::SpscPlaces places(channel.region().spsc_memory());
  const auto size = static_cast<std::uint32_t>(message(1).size());
  const auto say = [&](std::uint32_t in_header, std::uint32_t in_seal) {
    places.header_at(0) = core::SpscPlaces::header_of(0, in_header);
    std::memcpy(places.payload_at(0) - sizeof in_seal, &in_seal, sizeof in_seal);
  };
  say(UINT32_MAX, UINT32_MAX);
  EXPECT_TRUE(recover().value().empty());
  say(size, size + 1);
  EXPECT_TRUE(recover().value().empty());
  Receiver receiver = Receiver::attach(channel.fds()).value();
  std::vector<std::byte> into(kLargest);
  EXPECT_EQ(code_of(sealed::receive(receiver, into, Timeout::zero())), ErrorCode::corrupt);
}

// A message that looks like a record, with the seal of the very place where it stands.
TEST_F(PowerTest, WhatStandsInAMessageIsNoRecord) {
  {
    Sender sender = Sender::open(Channel::create(options()).value()).value();
    ASSERT_EQ(sealed::send(sender, {}), true);
    ASSERT_EQ(sealed::send(sender, message(1)), true);
  }
  const std::size_t header = 24;  // the empty record's, and any other's
  const File inner = read();
  std::remove(path.c_str());
  {
    std::vector<std::byte> outer(header + message(1).size());
    std::memcpy(outer.data(), inner.data() + 2 * kPage + header, outer.size());
    Sender sender = Sender::open(Channel::create(options()).value()).value();
    ASSERT_EQ(sealed::send(sender, outer), true);
  }
  EXPECT_EQ(recover().value().size(), 1U);
}

// The header's page is written once; each other page is of either moment.
TEST_F(PowerTest, AThousandMixturesOfTwoMomentsGiveOnlyWholeRecordsInOrder) {
  std::mt19937_64 random(test::seed());
  std::size_t records = 0;
  for (int mixture = 0; mixture < 1000; ++mixture) {
    std::remove(path.c_str());
    std::uint64_t sent = 0;
    File moments[2];
    {
      Channel channel = Channel::create(options()).value();
      Receiver receiver = Receiver::attach(channel.fds()).value();
      Sender sender = Sender::open(std::move(channel)).value();
      std::vector<std::byte> into(kLargest);
      for (File& moment : moments) {
        for (std::uint64_t steps = 1 + random() % 40; steps > 0; --steps) {
          if (random() % 5 < 3) {
            const Result<bool> done = sealed::send(sender, message(sent), Timeout::zero());
            ASSERT_TRUE(done);
            if (*done) ++sent;
          } else {
            ASSERT_TRUE(sealed::receive(receiver, into, Timeout::zero()));
          }
        }
        moment = read();
      }
    }
    File mixed = moments[1];
    for (std::size_t page = 1; page < mixed.size() / kPage; ++page) {
      if (random() % 2 == 0) continue;
      std::memcpy(mixed.data() + page * kPage, moments[0].data() + page * kPage, kPage);
    }
    write(mixed);
    boot_anew();
    ASSERT_EQ(code_of(open()), ErrorCode::stale);
    std::uint64_t due = 0;
    const std::vector<std::vector<std::byte>> recovered = recover().value();
    for (const std::vector<std::byte>& bytes : recovered) {
      std::uint64_t number = 0;
      ASSERT_GE(bytes.size(), sizeof number);
      std::memcpy(&number, bytes.data(), sizeof number);
      ASSERT_LT(number, sent);
      ASSERT_EQ(bytes, message(number)) << "torn, in mixture " << mixture;
      ASSERT_GE(number, due) << "out of order, in mixture " << mixture;
      due = number + 1;
      ++records;
    }
  }
  EXPECT_GT(records, 1000U) << "or nothing was shown";
  std::printf("%zu records\n", records);
}

}  // namespace
}  // namespace ringbell
