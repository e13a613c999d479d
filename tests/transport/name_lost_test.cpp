// A process that holds a name learns that the name is gone.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/name_folder.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;

const TopicOptions kLossless{.policy = TopicOptions::Policy::lossless};
const TopicOptions kLossy{.policy = TopicOptions::Policy::lossy};

class NameLostTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path_of(const std::string& file) const {
    return folder.path() + "/" + file;
  }
  void remove(const std::string& file) const { ASSERT_EQ(::unlink(path_of(file).c_str()), 0); }
  // Both ends of what has this name.
  template <class One, class Other>
  void expect_that_both_notice(const std::string& file, const One& one, const Other& other) const {
    EXPECT_FALSE(one.name_lost());
    EXPECT_FALSE(other.name_lost());
    remove(file);
    EXPECT_TRUE(one.name_lost());
    EXPECT_TRUE(other.name_lost());
  }

  test::TemporaryNameFolder folder;
};

TEST_F(NameLostTest, EveryEndNoticesThatItsFileWasRemoved) {
  {
    const Sender sender = Sender::create("a").value();
    expect_that_both_notice("a.ring", sender, Receiver::open("a").value());
  }
  {
    const QueueSender sender = QueueSender::create("a").value();
    expect_that_both_notice("a.ring", sender, QueueReceiver::open("a").value());
  }
  for (const TopicOptions& options : {kLossless, kLossy}) {
    const Publisher publisher = Publisher::create("a", options).value();
    expect_that_both_notice("a.ring", publisher, Subscriber::open("a").value());
  }
  {
    const Collector collector = Collector::create("a").value();
    expect_that_both_notice("a.ring", collector, Contributor::open("a").value());
  }
  {
    const Server server = Server::create("a").value();
    expect_that_both_notice("a.ring", server, Client::open("a").value());
  }
  {
    const StateWriter writer = StateWriter::create("a").value();
    expect_that_both_notice("a.ring", writer, StateReader::open("a").value());
  }
}

TEST_F(NameLostTest, ListenerNoticesThatItsSocketWasRemovedOrReplaced) {
  const Listener first = Listener::open("talks").value();
  EXPECT_FALSE(first.name_lost());
  remove("talks.sock");
  EXPECT_TRUE(first.name_lost());
  const Listener second = Listener::open("talks").value();
  EXPECT_TRUE(first.name_lost());
  EXPECT_FALSE(second.name_lost());
}

TEST_F(NameLostTest, AnotherRingUnderTheNameIsNotTheOneThatIsHeld) {
  const Sender first = Sender::create("a").value();
  remove("a.ring");
  const Sender second = Sender::create("a").value();
  EXPECT_TRUE(first.name_lost());
  EXPECT_FALSE(second.name_lost());
}

TEST_F(NameLostTest, RenamedFileIsLostUntilItIsRenamedBack) {
  const Sender sender = Sender::create("a").value();
  ASSERT_EQ(std::rename(path_of("a.ring").c_str(), path_of("b.ring").c_str()), 0);
  EXPECT_TRUE(sender.name_lost());
  ASSERT_EQ(std::rename(path_of("b.ring").c_str(), path_of("a.ring").c_str()), 0);
  EXPECT_FALSE(sender.name_lost());
}

TEST_F(NameLostTest, AnotherFolderInThePlaceOfThisOneHidesTheName) {
  const Sender sender = Sender::create("a").value();
  const Listener listener = Listener::open("talks").value();
  const std::string moved = folder.path() + "-moved";
  ASSERT_EQ(std::rename(folder.path().c_str(), moved.c_str()), 0);
  EXPECT_FALSE(sender.name_lost()) << "nothing stands there: this process may see other folders";
  ASSERT_EQ(::mkdir(folder.path().c_str(), 0700), 0);
  EXPECT_TRUE(sender.name_lost());
  EXPECT_TRUE(listener.name_lost());
  ASSERT_EQ(::rmdir(folder.path().c_str()), 0);
  ASSERT_EQ(std::rename(moved.c_str(), folder.path().c_str()), 0);
  EXPECT_FALSE(sender.name_lost());
  EXPECT_FALSE(listener.name_lost());
}

TEST_F(NameLostTest, RingThatWasSetAsideIsNotLost) {
  const Receiver receiver = Receiver::create("a", {.capacity_bytes = 4096}).value();
  const Sender newer =
      Sender::create("a", {.capacity_bytes = 8192, .replace = Replace::when_drained}).value();
  EXPECT_FALSE(receiver.name_lost());
  EXPECT_FALSE(newer.name_lost());
  remove("a.1.past");
  EXPECT_TRUE(receiver.name_lost());
  EXPECT_FALSE(newer.name_lost());
}

TEST_F(NameLostTest, NameOfALossyTopicGoesWithItsPublisher) {
  Publisher publisher = Publisher::create("a", kLossy).value();
  const Subscriber subscriber = Subscriber::open("a").value();
  EXPECT_FALSE(subscriber.name_lost());
  { const Publisher closed = std::move(publisher); }
  EXPECT_TRUE(subscriber.name_lost());
}

TEST_F(NameLostTest, WhatHasNoNameLosesNone) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  EXPECT_FALSE(Receiver::attach(channel.fds()).value().name_lost());
  EXPECT_FALSE(
      QueueSender::open(Region::create(QueueOptions{}.region()).value()).value().name_lost());
  for (const TopicOptions& options : {kLossless, kLossy}) {
    const Topic topic = Topic::create(options).value();
    EXPECT_FALSE(Subscriber::open(Topic::attach(topic.fds()).value()).value().name_lost());
  }
  EXPECT_FALSE(StateReader::open(State::create().value()).value().name_lost());
  const Listener listener =
      Listener::open("test." + std::to_string(::getpid()), {.place = Place::abstract}).value();
  EXPECT_FALSE(listener.name_lost());
}

}  // namespace
}  // namespace ringbell
