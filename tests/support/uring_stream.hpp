// UringLoop's streams under test: a channel, a loop, and the ends of pipes, sockets and files.
#pragma once

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/uring/uring_loop.hpp>

#include <tests/support/message.hpp>
#include <tests/support/uring_loop.hpp>

namespace ringbell::test {

using Bytes = std::vector<std::byte>;

inline Bytes some_bytes(std::size_t size, std::uint64_t number = 7) {
  Bytes bytes(size);
  write_message(bytes, number);
  return bytes;
}

struct Pair {
  FileDescriptor first;  // read from it
  FileDescriptor second;
};

inline Pair make_pipe(int flags = 0) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC | flags), 0);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

inline Pair make_sockets(int flags = 0) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ends), 0);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

inline FileDescriptor make_file(const Bytes& content = {}) {
  FileDescriptor file{::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  EXPECT_EQ(::pwrite(file.get(), content.data(), content.size(), 0),
            static_cast<ssize_t>(content.size()));
  return file;
}

inline Bytes content_of(int fd) {
  Bytes bytes(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)));
  EXPECT_EQ(::pread(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  return bytes;
}

class UringStreamTest : public UringLoopTest {
 protected:
  static constexpr std::uint64_t kCapacity = 16 * 1024;

  [[nodiscard]] UringOptions options() const override {
    return {.longest_sleep = std::chrono::milliseconds(50)};
  }

  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    UringLoopTest::SetUp();
  }
  void TearDown() override { loop.reset(); }  // before the endpoints

  UringLoop::OnEnd note_end() {
    return [this](const StreamEnd& ended) {
      EXPECT_FALSE(end) << "once only";
      end = ended;
    };
  }
  // Takes all records that are there.
  void take() {
    receiver->drain([&](std::span<const std::byte> record) {
      taken.insert(taken.end(), record.begin(), record.end());
      largest_record = std::max(largest_record, record.size());
    });
  }
  [[nodiscard]] bool take_until_the_end() {
    const bool ended = turn_until([&] {
      take();
      return end.has_value();
    });
    take();
    return ended;
  }
  // Writes on even if only a part is taken.
  static void put(int fd, std::span<const std::byte> bytes) {
    ASSERT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  Channel channel =
      Channel::create({.capacity_bytes = kCapacity, .doorbell = core::DoorbellKind::eventfd})
          .value();
  std::optional<Sender> sender = Sender::attach(channel.fds()).value();
  std::optional<Receiver> receiver = Receiver::attach(channel.fds()).value();
  std::optional<StreamEnd> end;
  Bytes taken;
  std::size_t largest_record = 0;
};

}  // namespace ringbell::test
