// Without memory no name is lost, nor one removed that is still needed: each allocation of what
// lists, removes and gives them up fails once.
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/names/names.hpp>

#include <tests/capi/out_of_memory.hpp>
#include <tests/support/child_process.hpp>

namespace ringbell {
namespace {

using test::allocations_left;
using test::ChildProcess;
using test::failed;
using test::kThrown;
using test::OutOfMemoryTest;
using test::tried;

constexpr Timeout kNow = Timeout::zero();
using Files = std::vector<std::string>;

TEST_F(OutOfMemoryTest, LosesNoNameInLists) {
  const Sender sender = Sender::create("orders").value();
  const Listener listener = Listener::open("doors").value();
  const std::vector<names::Entry> all = makes([] { return names::list(); });
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, "doors");
  EXPECT_EQ(all[1].name, "orders");
  EXPECT_TRUE(all[0].alive && all[1].alive);
}

TEST_F(OutOfMemoryTest, RemovesTheDeadNamesInTheEndAndNoOther) {
  const Sender sender = Sender::create("orders").value();
  const std::string file = folder.path() + "/orders.ring";
  const std::string dead = folder.path() + "/dead.ring";
  const auto remove = [&] {
    const int left = std::exchange(allocations_left, -1);
    std::filesystem::copy_file(file, dead, std::filesystem::copy_options::overwrite_existing);
    allocations_left = left;
    return tried([] { return names::remove_dead(); });
  };
  each_allocation_fails(kThrown, remove, [&] { EXPECT_EQ(folder.files(), Files{"orders.ring"}); });
}

// An end whose file was removed asks where it stands.
TEST_F(OutOfMemoryTest, ANameOfWhichNothingIsKnownIsNotLost) {
  const Sender sender = Sender::create("orders").value();
  ASSERT_EQ(::unlink((folder.path() + "/orders.ring").c_str()), 0);
  allocations_left = 0;
  const bool is_lost = sender.name_lost();
  allocations_left = -1;
  EXPECT_TRUE(failed);
  EXPECT_FALSE(is_lost);
  EXPECT_TRUE(sender.name_lost());
}

// The last end of a collector's ring cannot look for what is unread there, and leaves the name.
TEST_F(OutOfMemoryTest, WhatIsUnreadKeepsItsName) {
  constexpr int kMost = 200;
  int number = 0;
  for (failed = true; failed && number < kMost; ++number) {
    std::optional<Collector> collector(Collector::create("logs").value());
    std::optional<Contributor> contributor(Contributor::open("logs", kNow).value());
    ASSERT_TRUE(contributor->try_send(std::array<std::byte, 8>{}));
    collector.reset();
    failed = false;
    allocations_left = number;
    contributor.reset();
    allocations_left = -1;
    ASSERT_EQ(folder.files(), Files{"logs.ring"}) << "allocation " << number;
    std::filesystem::remove(folder.path() + "/logs.ring");
  }
  EXPECT_GT(number, 1);
  EXPECT_LT(number, kMost);
}

// The dead one's place cannot be held then; what it had in its hand is taken all the same.
TEST_F(OutOfMemoryTest, WhatADeadReceiverHadInItsHandComesBack) {
  std::array<FileDescriptor, 10> more;  // the path of one with two digits needs memory
  for (FileDescriptor& each : more) each = FileDescriptor{::eventfd(0, EFD_CLOEXEC)};
  QueueReceiver receiver = QueueReceiver::create("jobs").value();
  QueueSender sender = QueueSender::open("jobs", kNow).value();
  std::array<std::byte, 8> message{};
  ASSERT_TRUE(sender.send(message, kNow).value());
  ChildProcess child = ChildProcess::fork([] {
    QueueReceiver dying = QueueReceiver::open("jobs", test::kPatience).value();
    (void)dying.peek_for(test::kPatience).value().value();
    return ::raise(SIGKILL);
  });
  ASSERT_EQ(child.wait(), -SIGKILL);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  bool came = false;
  while (!came && std::chrono::steady_clock::now() < deadline) {
    allocations_left = 0;
    came = receiver.receive(message, kNow).value().has_value();
    allocations_left = -1;
  }
  EXPECT_TRUE(came);
  EXPECT_TRUE(failed);
}

}  // namespace
}  // namespace ringbell
