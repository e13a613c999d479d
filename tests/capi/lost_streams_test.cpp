// Without memory no byte of a stream is lost, nor of what a power cut left: each allocation of what
// begins a stream of an UringLoop, and of a recovery, fails once.
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/base/unix_socket.hpp>
#include <ringbell/transport/ends/sealed.hpp>
#include <ringbell/transport/uring/uring_loop.hpp>

#include <tests/capi/out_of_memory.hpp>
#include <tests/support/failure.hpp>

namespace ringbell {
namespace {

using test::allocations_left;
using test::failed;
using test::kThrown;
using test::OutOfMemoryTest;
using test::tried;

constexpr Timeout kNow = Timeout::zero();

// What was refused is not in the loop, and has no place among its registered memories, of which
// there are 1024.
TEST_F(OutOfMemoryTest, LosesNothingInStreamsOfAnUringLoop) {
  Result<UringLoop> loop = UringLoop::create();
  if (!loop) GTEST_SKIP() << loop.error().message;
  loop = makes([] { return UringLoop::create(); });
  const Channel channel = Channel::create({.doorbell = core::DoorbellKind::eventfd}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  std::array<std::byte, 40> bytes{};
  const FileDescriptor source{::memfd_create("source", MFD_CLOEXEC)};
  const FileDescriptor copy{::memfd_create("copy", MFD_CLOEXEC)};
  ASSERT_EQ(::write(source.get(), bytes.data(), bytes.size()), ssize_t{bytes.size()});
  int ended = 0;
  const auto note_end = [&](const StreamEnd& end) {
    ended += end.result && end.bytes == bytes.size() ? 1 : 100;
  };
  const auto streams = [&](auto&& start) {
    ended = 0;
    each_allocation_fails(
        kThrown, [&] { return tried(start); }, [] {});
    ASSERT_TRUE(loop->run());
    ASSERT_EQ(ended, 1);
  };
  for (int round = 0; round < 400 && !HasFatalFailure(); ++round) {
    const StreamOptions options{
        .offset = 0, .length_bytes = bytes.size(), .pinned = round % 2 == 0};
    streams([&] { return loop->read_into(sender, source.get(), options, note_end); });
    streams([&] { return loop->write_from(receiver, copy.get(), options, note_end); });
  }
  EXPECT_EQ(receiver.receive(bytes, kNow), std::nullopt);
}

TEST_F(OutOfMemoryTest, LosesNothingInWatchesOfAnUringLoop) {
  Result<UringLoop> loop = UringLoop::create();
  if (!loop) GTEST_SKIP() << loop.error().message;
  Channel channel = Channel::create({.doorbell = core::DoorbellKind::eventfd}).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  Sender sender = Sender::open(std::move(channel)).value();
  int called = 0;
  UringLoop::Ticket watch = 0;
  const auto adds = [&](auto&& add) {
    each_allocation_fails(
        kThrown, [&] { return tried(add); }, [] {});
  };
  adds([&] { return loop->after(kNow, [&] { ++called; }); });
  adds([&] {
    const Result<UringLoop::Ticket> made = loop->watch(receiver, [&](const Result<void>& there) {
      called += there && receiver.drain([](auto) {}) == 1 ? 10 : 1000;
      loop->cancel(watch);
    });
    if (made) watch = *made;
    return made;
  });
  ASSERT_TRUE(sender.try_send(std::array<std::byte, 8>{}));
  ASSERT_TRUE(loop->run());
  EXPECT_EQ(called, 11);
}

TEST_F(OutOfMemoryTest, WhatAnUringLoopDoesIsCancelledWithoutIt) {
  Result<UringLoop> loop = UringLoop::create();
  if (!loop) GTEST_SKIP() << loop.error().message;
  const Channel channel = Channel::create({.doorbell = core::DoorbellKind::eventfd}).value();
  Sender sender = Sender::attach(channel.fds()).value();
  Receiver receiver = Receiver::attach(channel.fds()).value();
  const auto [source, other] = unix_socket::pair().value();
  std::optional<StreamEnd> end;
  const std::array tickets{
      loop->read_into(sender, source.get(), {}, [&](const StreamEnd& ended) { end = ended; })
          .value(),
      loop->watch(receiver, [](const Result<void>&) {}).value(),
      loop->poll(other.get(), POLLIN, [](const Result<unsigned>&) {}),
      loop->after(kForever, [] {})};
  ASSERT_TRUE(loop->turn(kNow));
  allocations_left = 0;
  for (const UringLoop::Ticket ticket : tickets) loop->cancel(ticket);
  allocations_left = -1;
  EXPECT_FALSE(failed);
  ASSERT_TRUE(loop->run());
  ASSERT_TRUE(end);
  EXPECT_EQ(code_of(end->result), ErrorCode::cancelled);
}

TEST_F(OutOfMemoryTest, LosesNothingOfWhatIsRecovered) {
  const std::string file = folder.path() + "/file";
  constexpr std::size_t kRecords = 3;
  {
    Channel channel =
        Channel::create({.memory = {.backing = Backing::file, .name = file}, .seals = true})
            .value();
    Sender sender = Sender::open(std::move(channel)).value();
    for (std::size_t i = 0; i < kRecords; ++i) {
      ASSERT_TRUE(sealed::send(sender, std::array<std::byte, 8>{}, kNow).value());
    }
  }
  std::size_t used = 0;
  const sealed::Recovered recovered = makes([&] {
    used = 0;
    return sealed::recover(file, [&](std::span<const std::byte>) { ++used; });
  });
  EXPECT_EQ(recovered.records, kRecords);
  EXPECT_EQ(used, kRecords);
}

}  // namespace
}  // namespace ringbell
