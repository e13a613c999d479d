// UringLoop's streams with what is seldom asked for: memory that is not registered, a device read
// from an offset, a loop that is assigned to.
#include <chrono>
#include <utility>

#include <fcntl.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <tests/support/uring_stream.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using test::Bytes;
using test::content_of;
using test::make_file;
using test::some_bytes;

using UringSmallTest = test::UringStreamTest;

TEST_F(UringSmallTest, WhatIsNotRegisteredIsWrittenAsWell) {
  const FileDescriptor file = make_file();
  Bytes all;
  for (std::uint64_t number = 0; number < 5; ++number) {
    const Bytes bytes = some_bytes(100, number);
    ASSERT_TRUE(sender->try_send(bytes));
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  sender.reset();
  ASSERT_TRUE(loop->write_from(*receiver, file.get(), {.offset = 0, .depth = 2, .pinned = false},
                               note_end()));
  ASSERT_TRUE(turn_until([&] { return end.has_value(); }));
  EXPECT_TRUE(end->result);
  EXPECT_TRUE(content_of(file.get()) == all);
}

TEST_F(UringSmallTest, ADeviceHasNoEndButTheLength) {
  const FileDescriptor zeros(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(loop->read_into(*sender, zeros.get(),
                              {.offset = 0, .length_bytes = 50'000, .depth = 4, .pinned = false},
                              note_end()));
  ASSERT_TRUE(take_until_the_end());
  EXPECT_TRUE(end->result) << end->result.error().message;
  EXPECT_TRUE(taken == Bytes(50'000));
}

TEST_F(UringSmallTest, ALoopThatIsAssignedToDropsWhatItWaitedFor) {
  bool dropped = true;
  loop->after(1ms, [&] { dropped = false; });
  Result<UringLoop> other = UringLoop::create(options());
  ASSERT_TRUE(other);
  *loop = std::move(*other);
  bool came = false;
  loop->after(1ms, [&] { came = true; });
  ASSERT_TRUE(turn_until([&] { return came; }));
  EXPECT_TRUE(dropped);
}

}  // namespace
}  // namespace ringbell
