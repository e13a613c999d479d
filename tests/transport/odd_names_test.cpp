// Names under odd circumstances: folders that are none, rubbish and broken rings that are to be set
// aside, rings of other types and sizes, files that are being made.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/left_behind.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/text_messages.hpp>

namespace ringbell {
namespace {

using test::leave_behind;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const ChannelOptions kSmall{.capacity_bytes = 4096};
const ChannelOptions kSmallToo{.capacity_bytes = 4096, .replace = Replace::when_drained};
const ChannelOptions kLarger{.capacity_bytes = 8192, .replace = Replace::when_drained};

template <class T>
void expect_error(const Result<T>& result, ErrorCode code, const std::string& says) {
  ASSERT_FALSE(result);
  EXPECT_STREQ(name_of(code_of(result)), name_of(code));
  EXPECT_THAT(message_of(result), HasSubstr(says));
}

class OddNamesTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path_of(const std::string& file) const {
    return folder.path() + "/" + file;
  }
  void break_ring(const std::string& file) const {
    Region::open(Backing::file, path_of(file)).value().spsc_control().head = 3;
  }

  test::TemporaryNameFolder folder;
};

TEST_F(OddNamesTest, AFileIsNoFolder) {
  { const std::ofstream file(path_of("file")); }
  ::setenv("RINGBELL_DIR", path_of("file").c_str(), 1);
  expect_error(Sender::create("orders"), ErrorCode::permission, "is not a folder");
}

TEST_F(OddNamesTest, APathThatLeadsToItselfIsNoFolder) {
  ASSERT_EQ(::symlink("loop", path_of("loop").c_str()), 0);
  ::setenv("RINGBELL_DIR", path_of("loop/names").c_str(), 1);
  expect_error(names::list(), ErrorCode::permission, "symbolic link");
}

TEST_F(OddNamesTest, APathThatIsNotAbsoluteIsNoFolder) {
  ::setenv("RINGBELL_DIR", "names", 1);
  expect_error(Sender::create("orders"), ErrorCode::invalid_argument, "absolute path");
  expect_error(names::list(), ErrorCode::invalid_argument, "absolute path");
}

TEST_F(OddNamesTest, RubbishIsNotSetAside) {
  std::ofstream(path_of("orders.ring")) << "rubbish";
  EXPECT_TRUE(Sender::create("orders", kLarger));
  EXPECT_THAT(folder.files(), ::testing::Not(Contains(HasSubstr("past"))));
}

TEST_F(OddNamesTest, ABrokenRingOfTheSameOptionsIsReplaced) {
  leave_behind("orders", kSmall, {"lost"});
  break_ring("orders.ring");
  Sender sender = Sender::create("orders", kSmallToo).value();
  ASSERT_TRUE(test::send_text(sender, "new"));
  Receiver receiver = Receiver::open("orders").value();
  EXPECT_EQ(test::receive_text(receiver), "new");
}

TEST_F(OddNamesTest, ABrokenRingThatALivingProcessUsesIsNot) {
  const Receiver receiver = Receiver::create("orders", kSmall).value();
  break_ring("orders.ring");
  expect_error(Sender::create("orders", kSmall), ErrorCode::other_ring, "broken: end that process");
}

TEST_F(OddNamesTest, OlderRingsOfOtherNamesAreTheirs) {
  for (const char* name : {"orders", "prices"}) {
    leave_behind(name, kSmall, {name});
    EXPECT_TRUE(Sender::create(name, kLarger));
  }
  EXPECT_THAT(folder.files(), ElementsAre("orders.1.past", "prices.1.past"));
  Receiver receiver = Receiver::open("prices").value();
  EXPECT_EQ(test::receive_text(receiver), "prices");
}

TEST_F(OddNamesTest, AServiceOfOtherSizesIsAnotherRing) {
  const Server server = Server::create("sums", {.message_bytes = 64}).value();
  expect_error(Client::create("sums", {.message_bytes = 128}), ErrorCode::other_ring,
               "message_bytes 64, not 128");
}

TEST_F(OddNamesTest, ADeadQueueOfAnotherTypeIsNoneToOpen) {
  test::in_a_process_that_is_killed([] {
    auto sender = typed::QueueSender<std::uint32_t>::create("jobs", {.messages = 8}).value();
    (void)sender.send(7);
    return sender;
  });
  expect_error(typed::QueueReceiver<double>::open("jobs", Timeout::zero()), ErrorCode::not_found,
               "jobs");
  auto receiver = typed::QueueReceiver<std::uint32_t>::open("jobs", Timeout::zero()).value();
  EXPECT_EQ(receiver.receive(Timeout::zero()).value(), 7U);
}

TEST_F(OddNamesTest, AFileThatIsBeingMadeIsNotRemoved) {
  { const std::ofstream making(path_of(".ringbell-1")); }
  EXPECT_EQ(names::remove_dead().value().size(), 0U);
  EXPECT_THAT(folder.files(), Contains(".ringbell-1"));
}

TEST_F(OddNamesTest, ARingOfAnotherLayoutIsListedAsNone) {
  leave_behind("orders", kSmall, {"one"});
  {
    std::fstream file(path_of("orders.ring"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offsetof(core::RegionHeader, layout_version));
    file.put(99);
  }
  const auto listed = names::list().value();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_NE(listed[0].kind, names::Kind::ring);
  EXPECT_FALSE(listed[0].alive);
}

TEST(OddOptionsTest, WhatCannotBeIsNamed) {
  core::TypeRecord nameless = type_of<int>();
  nameless.name = {};
  expect_error(Channel::create({.type = nameless}), ErrorCode::invalid_argument, "type cannot be");
  expect_error(Region::create(QueueOptions{.message_bytes = UINT32_MAX}.region()),
               ErrorCode::invalid_argument, "message_bytes");
  expect_error(Region::create(QueueOptions{.messages = core::kMostSlots + 1}.region()),
               ErrorCode::invalid_argument, "messages is 4294967297");
}

}  // namespace
}  // namespace ringbell
