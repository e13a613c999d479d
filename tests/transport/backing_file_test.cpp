// Regions in files: their names, their modes, which owners an attach trusts, and what outlives all
// processes.
#include <csignal>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/backings.hpp>
#include <tests/support/child_process.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/message.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::Place;
using test::PlaceForMemory;
using ::testing::HasSubstr;

ChannelOptions small(const PlaceForMemory& place) {
  return {.capacity_bytes = 8192, .memory = place.options()};
}

void expect_error(const Result<Channel>& channel, ErrorCode code, const std::string& says) {
  ASSERT_FALSE(channel) << "no error, but: " << says;
  EXPECT_STREQ(name_of(code_of(channel)), name_of(code)) << channel.error().message;
  EXPECT_THAT(message_of(channel), HasSubstr(says));
}

class BackingFileTest : public ::testing::TestWithParam<Place> {
 protected:
  [[nodiscard]] Result<Channel> create() const { return Channel::create(small(place)); }
  [[nodiscard]] Result<Channel> open(const AttachOptions& options = {}) const {
    return Channel::open(place.backing(), place.name(), options);
  }
  [[nodiscard]] std::string path() const {
    return (place.backing() == Backing::posix_shm ? "/dev/shm" : "") + place.name();
  }

  PlaceForMemory place{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Every, BackingFileTest,
                         ::testing::Values(Place::posix_shm, Place::tmpfs_file, Place::disk_file),
                         [](const auto& place) { return std::string(test::name_of(place.param)); });

TEST_P(BackingFileTest, OpenedByNameItIsTheSameMemory) {
  Channel made = create().value();
  Channel opened = open().value();
  made.region().data()[100] = std::byte{42};
  EXPECT_EQ(opened.region().data()[100], std::byte{42});
  EXPECT_EQ(opened.region().backing(), place.backing());
}

TEST_P(BackingFileTest, NameThatIsTakenIsAnErrorAndWhatIsThereStays) {
  Channel first = create().value();
  first.region().data()[100] = std::byte{42};
  expect_error(create(), ErrorCode::system, "take another name");
  EXPECT_EQ(open().value().region().data()[100], std::byte{42});
}

TEST_P(BackingFileTest, NameThatIsNotThereIsAnError) {
  expect_error(open(), ErrorCode::system, "it is not created yet, or was removed");
}

TEST_P(BackingFileTest, RemovedNameLeavesTheRegionToThoseWhoHaveIt) {
  Channel made = create().value();
  const Channel opened = open().value();
  ASSERT_TRUE(Region::remove(place.backing(), place.name()));
  expect_error(open(), ErrorCode::system, "it is not created yet, or was removed");
  made.region().data()[100] = std::byte{42};
  EXPECT_EQ(opened.region().data()[100], std::byte{42});
  EXPECT_TRUE(create()) << "the name is free again";
}

TEST_P(BackingFileTest, CreationThatFailsLeavesNoName) {
  ChannelOptions options = small(place);
  options.capacity_bytes = std::uint64_t{1} << 40;
  const Result<Channel> channel = Channel::create(options);
  ASSERT_FALSE(channel);
  EXPECT_EQ(code_of(channel), ErrorCode::no_space) << channel.error().message;
  EXPECT_NE(::access(path().c_str(), F_OK), 0);
}

TEST_P(BackingFileTest, ModeIsAsAskedWhateverTheUmask) {
  const mode_t before = ::umask(0777);
  ChannelOptions options = small(place);
  options.memory.mode = 0640;
  const Result<Channel> channel = Channel::create(options);
  ::umask(before);
  ASSERT_TRUE(channel) << channel.error().message;
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST_P(BackingFileTest, SymbolicLinkIsNotFollowed) {
  const Channel made = create().value();
  const test::ScratchFolder folder("/tmp");
  const std::string link = folder.path() + "/link";
  ASSERT_EQ(::symlink(path().c_str(), link.c_str()), 0);
  expect_error(Channel::open(Backing::file, link), ErrorCode::system, "symbolic link");
}

TEST_P(BackingFileTest, FileThatOthersMayWriteIsTakenOnlyIfTheyAreTrusted) {
  const Channel made = create().value();
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    ASSERT_EQ(::chmod(path().c_str(), mode), 0);
    expect_error(open(), ErrorCode::permission, "trust_others");
    EXPECT_TRUE(open({.trust_others = true}));
  }
  ASSERT_EQ(::chmod(path().c_str(), 0644), 0);
  EXPECT_TRUE(open()) << "reading does no harm";
}

TEST_P(BackingFileTest, FileOfAnotherUserIsTakenOnlyIfTrusted) {
  const Channel made = create().value();
  if (::chown(path().c_str(), 65534, 65534) != 0) GTEST_SKIP() << "only root gives files away";
  expect_error(open(), ErrorCode::permission, "belongs to user 65534");
  EXPECT_TRUE(open({.trust_others = true}));
}

TEST_P(BackingFileTest, FileOfAnotherSizeIsRefused) {
  const Channel made = create().value();
  const auto bytes = static_cast<off_t>(made.region().geometry().region_bytes);
  for (const off_t other : {bytes + 4096, bytes + 1, bytes - 1, bytes - 4096, off_t{4096}}) {
    ASSERT_EQ(::truncate(path().c_str(), other), 0);
    expect_error(open(), ErrorCode::not_a_region, "the file has " + std::to_string(other));
  }
  ASSERT_EQ(::truncate(path().c_str(), 5), 0);
  expect_error(open(), ErrorCode::not_a_region, "ends after 5");
}

TEST_P(BackingFileTest, CommittedRecordsSurviveTheDeathOfAllAndAreRead) {
  constexpr std::uint64_t kRecords = 40;
  const auto size_of = [](std::uint64_t number) { return test::size_of_message(number, 120); };
  ChildProcess child = ChildProcess::fork([&] {
    Sender sender = Sender::open(create().value()).value();
    for (std::uint64_t number = 0; number < kRecords; ++number) {
      const auto room = sender.claim(size_of(number));
      if (!room) return 2;
      test::write_message(*room, number);
      sender.commit();
    }
    const std::span<std::byte> uncommitted = sender.claim(100).value();
    std::memset(uncommitted.data(), 0xff, uncommitted.size());
    if (!sender.channel().region().sync()) return 3;
    ::raise(SIGKILL);
    return 4;
  });
  ASSERT_EQ(child.wait(), -SIGKILL);
  // No process has it now. What is clean leaves the page cache, and has to come from the disk
  // again.
  const FileDescriptor file(::open(path().c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED), 0);

  Receiver receiver = Receiver::open(open().value()).value();
  for (std::uint64_t number = 0; number < kRecords; ++number) {
    const auto record = receiver.peek_for(1s);
    ASSERT_TRUE(record) << record.error().message;
    ASSERT_TRUE(*record) << number;
    ASSERT_EQ((*record)->size(), size_of(number)) << number;
    EXPECT_TRUE(test::is_message(**record, number)) << number;
    receiver.release();
  }
  const auto end = receiver.peek_for(10s);
  ASSERT_FALSE(end);
  EXPECT_EQ(code_of(end), ErrorCode::peer_dead);

  Sender successor = Sender::open(open().value()).value();
  ASSERT_TRUE(successor.try_send(std::as_bytes(std::span("again"))));
  EXPECT_EQ(receiver.peek_for(1s).value().value().size(), sizeof "again");
}

TEST(PosixShmNameTest, OnlyAPlainNameIsOne) {
  for (const char* const name : {"", "/", "a/b", "/a/b", "..", "/..", ".", "//a"}) {
    const Result<Channel> channel =
        Channel::create({.memory = {.backing = Backing::posix_shm, .name = name}});
    expect_error(channel, ErrorCode::invalid_argument, "is no name");
    expect_error(Channel::open(Backing::posix_shm, name), ErrorCode::invalid_argument, "no name");
  }
}

TEST(FileNameTest, OnlyFilesHaveNames) {
  expect_error(Channel::open(Backing::memfd, "x"), ErrorCode::invalid_argument, "have names");
  EXPECT_FALSE(Region::remove(Backing::system_v, "x"));
  EXPECT_FALSE(Channel::create({.memory = {.backing = Backing::file, .name = ""}}));
  expect_error(Channel::create({.memory = {.backing = Backing::file, .name = "/nowhere/x"}}),
               ErrorCode::system, "the folder must exist");
}

TEST(FileNameTest, FileOnADiskHasNoHugePages) {
  const PlaceForMemory place(Place::disk_file);
  ChannelOptions options = small(place);
  options.memory.huge_pages = HugePages::require;
  expect_error(Channel::create(options), ErrorCode::unsupported, "hugetlbfs");
}

}  // namespace
}  // namespace ringbell
