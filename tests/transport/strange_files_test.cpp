// What stands under a name and is no ring of this program's: nonsense, in use or not, a ring of
// another kind, a folder, a file where a socket should be.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/left_behind.hpp>
#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const QueueOptions kQueue{.messages = 8, .message_bytes = 64};
const ChannelOptions kChannel{.capacity_bytes = 4096};

class StrangeFilesTest : public ::testing::Test {
 protected:
  void write_nonsense(const std::string& file) const {
    std::ofstream(folder_.path() + "/" + file) << std::string(8192, 'x');
    ASSERT_EQ(::chmod((folder_.path() + "/" + file).c_str(), 0600), 0);
  }
  // As a living process of another version would hold it.
  [[nodiscard]] FileDescriptor hold(const std::string& file) const {
    FileDescriptor held{::open((folder_.path() + "/" + file).c_str(), O_RDWR | O_CLOEXEC)};
    struct flock all {};
    all.l_type = F_WRLCK;
    all.l_whence = SEEK_SET;
    EXPECT_EQ(::fcntl(held.get(), F_OFD_SETLK, &all), 0);
    return held;
  }
  template <class End>
  static void expect_other_ring(const Result<End>& end, const std::string& says) {
    ASSERT_FALSE(end);
    EXPECT_STREQ(name_of(code_of(end)), "other_ring") << end.error().message;
    EXPECT_THAT(message_of(end), HasSubstr(says));
  }

  test::TemporaryNameFolder folder_;
};

TEST_F(StrangeFilesTest, NonsenseThatNoProcessUsesIsReplaced) {
  write_nonsense("a.ring");
  write_nonsense("b.ring");
  EXPECT_EQ(code_of(Receiver::open("a", 0ns)), ErrorCode::not_found);
  EXPECT_EQ(code_of(QueueReceiver::open("b", 0ns)), ErrorCode::not_found);
  EXPECT_EQ(code_of(Subscriber::open("b", Subscriber::Start::usual, 0ns)), ErrorCode::not_found);
  EXPECT_TRUE(Sender::create("a", kChannel));
  EXPECT_TRUE(QueueSender::create("b", kQueue));
}

TEST_F(StrangeFilesTest, NonsenseThatAProcessUsesStays) {
  write_nonsense("a.ring");
  const FileDescriptor held = hold("a.ring");
  expect_other_ring(Sender::create("a", kChannel), "by another program");
  expect_other_ring(QueueSender::create("a", kQueue), "by another program");
  EXPECT_EQ(code_of(Receiver::open("a", 0ns)), ErrorCode::not_a_region);
  EXPECT_EQ(code_of(QueueReceiver::open("a", 0ns)), ErrorCode::not_a_region);
  EXPECT_EQ(code_of(Subscriber::open("a", Subscriber::Start::usual, 0ns)), ErrorCode::not_a_region);
  EXPECT_EQ(std::filesystem::file_size(folder_.path() + "/a.ring"), 8192U);
}

TEST_F(StrangeFilesTest, ARingOfAnotherKindThatNoProcessUsesIsReplaced) {
  test::leave_behind("a", kChannel, {"left"});
  EXPECT_EQ(code_of(QueueReceiver::open("a", 0ns)), ErrorCode::not_found);
  EXPECT_TRUE(QueueSender::create("a", kQueue));
  test::in_a_process_that_is_killed([] { return QueueSender::create("b", kQueue).value(); });
  EXPECT_EQ(code_of(Receiver::open("b", 0ns)), ErrorCode::not_found);
  EXPECT_TRUE(Sender::create("b", kChannel));
}

TEST_F(StrangeFilesTest, WhatIsNoRingAndNoListenerIsToldAndStays) {
  ASSERT_TRUE(std::filesystem::create_directory(folder_.path() + "/folder.ring"));
  write_nonsense("nonsense.ring");
  write_nonsense("file.sock");
  write_nonsense("no name.ring");
  write_nonsense("beside");
  std::map<std::string, names::Entry> found;
  const std::vector<names::Entry> listed = names::list().value();
  for (const names::Entry& entry : listed) found.emplace(entry.name, entry);
  ASSERT_EQ(found.size(), 3U);
  for (const auto& [name, entry] : found) EXPECT_EQ(entry.kind, names::Kind::unknown) << name;
  EXPECT_TRUE(found.at("folder").alive) << "it is not ringbell's to remove";
  EXPECT_TRUE(found.at("file").alive) << "it is not ringbell's to remove";
  EXPECT_FALSE(found.at("nonsense").alive);

  names::Entry other = found.at("nonsense");
  other.folder += "/elsewhere";
  EXPECT_THAT(names::remove_dead({other}).value(), IsEmpty());
  other = found.at("nonsense");
  other.kind = names::Kind::ring;
  EXPECT_THAT(names::remove_dead({other}).value(), IsEmpty());
  const auto removed = names::remove_dead().value();
  ASSERT_EQ(removed.size(), 1U);
  EXPECT_EQ(removed.front().name, "nonsense");
  EXPECT_EQ(folder_.files(),
            (std::vector<std::string>{"beside", "file.sock", "folder.ring", "no name.ring"}));
}

// As a process that was stopped between closing and leaving would.
void say_closed_but_stay(const Sender& sender) {
  std::atomic_ref(sender.channel().region().spsc_control().writer_state)
      .store(std::uint32_t(core::SideState::closed));
}

TEST_F(StrangeFilesTest, AProcessThatHasClosedAndDoesNotLetGoIsSaidToBeThere) {
  const Sender leaving = Sender::create("a", kChannel).value();
  say_closed_but_stay(leaving);
  const ChannelOptions other{.capacity_bytes = 8192};
  auto other_receiver =
      std::async(std::launch::async, [&] { return Receiver::create("a", other); });
  const Result<Sender> sender = Sender::create("a", kChannel);
  EXPECT_EQ(code_of(sender), ErrorCode::busy);
  EXPECT_THAT(message_of(sender), HasSubstr("does not let go"));
  EXPECT_EQ(code_of(other_receiver.get()), ErrorCode::busy);
  EXPECT_EQ(code_of(Sender::open("a", 0ns)), ErrorCode::not_found);
}

TEST_F(StrangeFilesTest, AProcessThatIsLeavingIsWaitedFor) {
  std::optional<Sender> leaving = Sender::create("a", kChannel).value();
  say_closed_but_stay(*leaving);
  auto creating = std::async(std::launch::async, [] { return Sender::create("a", kChannel); });
  EXPECT_EQ(creating.wait_for(30ms), std::future_status::timeout);
  leaving.reset();
  EXPECT_TRUE(creating.get());
}

TEST_F(StrangeFilesTest, AFolderUnderTheNameIsAnError) {
  ASSERT_TRUE(std::filesystem::create_directory(folder_.path() + "/a.ring"));
  ASSERT_TRUE(std::filesystem::create_directory(folder_.path() + "/a.sock"));
  EXPECT_FALSE(Sender::create("a", kChannel));
  EXPECT_FALSE(Receiver::open("a", 0ns));
  EXPECT_FALSE(QueueSender::create("a", kQueue));
  EXPECT_FALSE(Listener::open("a"));
  EXPECT_FALSE(connect("a", {.timeout = 0ns}));
}

}  // namespace
}  // namespace ringbell
