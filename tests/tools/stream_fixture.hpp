// A channel with a stream through it, from a file into another: what the tests of streams share.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <ringbell/ringbell.hpp>

#include "tests/support/seed.hpp"
#include "tools/command/command.hpp"
#include "tools/command/stream/pump_in.hpp"
#include "tools/command/stream/pump_out.hpp"

namespace ringbell::tools {

class File {
 public:
  explicit File(const std::string& content = {}) : file_(std::tmpfile()) {
    std::fwrite(content.data(), 1, content.size(), file_);
    std::rewind(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  File(File&&) = delete;
  File& operator=(File&&) = delete;
  ~File() { std::fclose(file_); }

  [[nodiscard]] int fd() const { return ::fileno(file_); }
  [[nodiscard]] std::string content() const {
    std::rewind(file_);
    std::string all;
    std::array<char, 65536> part{};
    for (std::size_t got = 1; got > 0;) {
      got = std::fread(part.data(), 1, part.size(), file_);
      all.append(part.data(), got);
    }
    return all;
  }

 private:
  std::FILE* file_;
};

inline std::string message_text(std::uint32_t length, char fill) {
  std::string text(sizeof length, '\0');
  std::memcpy(text.data(), &length, sizeof length);
  return text + std::string(length, fill);
}

class Stream : public testing::Test {
 protected:
  void open(std::uint64_t capacity_bytes) {
    ChannelOptions options;
    options.capacity_bytes = capacity_bytes;
    Result<Channel> channel = Channel::create(options);
    ASSERT_TRUE(channel) << channel.error().message;
    Result<Receiver> receiver = Receiver::attach(channel->fds());
    ASSERT_TRUE(receiver) << receiver.error().message;
    receiver_.emplace(std::move(*receiver));
    Result<Sender> sender = Sender::open(std::move(*channel));
    ASSERT_TRUE(sender) << sender.error().message;
    sender_.emplace(std::move(*sender));
  }

  // What comes out. `in_status` and `out_status` say how either end ended; the sender's closes.
  std::string through(const std::string& content, PumpIn from, PumpOut into, bool framed = true) {
    const File source(content);
    const File destination;
    from.fd = source.fd();
    into.fd = destination.fd();
    std::thread sending([&] {
      Meter meter(false);
      const Patience patience(std::chrono::seconds(10));
      StreamWriter writer(*sender_, patience, meter, framed);
      status_of(pump_in(from, writer, meter), in_status, in_message);
      sender_.reset();
    });
    receive(into, framed);
    receiver_.reset();
    sending.join();
    return destination.content();
  }

  void receive(const PumpOut& into, bool framed = true) {
    Meter meter(false);
    const Patience patience(std::chrono::seconds(10));
    StreamReader reader(*receiver_, patience, meter, framed);
    status_of(pump_out(reader, into, meter).map([](bool) {}), out_status, out_message);
  }

  // A record of a stream that process 1 sends.
  template <class T>
  bool send_record(const T& payload, Tag tag) {
    std::array<std::byte, sizeof payload + sizeof(Trailer)> record{};
    const Trailer trailer{1, kTrailerMagic, tag};
    std::memcpy(record.data(), &payload, sizeof payload);
    std::memcpy(record.data() + sizeof payload, &trailer, sizeof trailer);
    return sender_->try_send(record);
  }

  static void status_of(const Tried<void>& result, int& status, std::string& message) {
    status = result ? int{kDone} : result.error().status;
    message = result ? "" : result.error().message;
  }

  void expect_done() const {
    EXPECT_EQ(in_status, kDone) << in_message;
    EXPECT_EQ(out_status, kDone) << out_message;
  }

  std::optional<Sender> sender_;
  std::optional<Receiver> receiver_;
  int in_status = -1;
  int out_status = -1;
  std::string in_message;
  std::string out_message;
};

inline std::string random_bytes(std::size_t size) {
  std::mt19937_64 random(test::seed());
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace ringbell::tools
