// The handshake against peers that lie, stall, flood or vanish: it ends in time, in a clear Error,
// with no descriptor left open, and without harm to the peers that mean well.
#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>
#include <ringbell/transport/connect/handshake.hpp>

#include <tests/support/failure.hpp>
#include <tests/support/name_folder.hpp>
#include <tests/support/open_files.hpp>

namespace ringbell {
namespace {

using namespace std::chrono_literals;
using core::DoorbellKind;
using handshake::Greeting;
using handshake::Kind;
using handshake::Reason;
using ::testing::HasSubstr;

constexpr Timeout kPatience = 20s;

std::span<const std::byte> bytes_of(const Greeting& greeting) {
  return std::as_bytes(std::span(&greeting, 1));
}

Greeting good(Kind kind) {
  Greeting greeting = handshake::greeting(kind);
  if (kind == Kind::welcome) {
    greeting.doorbell = std::uint32_t(DoorbellKind::futex);
    greeting.descriptors = 2;
    greeting.to_listener = greeting.to_connector = {4096, 8, 0};
  }
  return greeting;
}

// --- what is read -------------------------------------------------------------------------------

void expect_lie_found(Kind kind, const std::function<void(Greeting&)>& lie, const std::string& says,
                      ErrorCode code = ErrorCode::corrupt) {
  Greeting greeting = good(kind);
  lie(greeting);
  const Result<Greeting> read = handshake::read(bytes_of(greeting), kind);
  ASSERT_FALSE(read) << "believed, but: " << says;
  EXPECT_EQ(name_of(code_of(read)), std::string(name_of(code))) << read.error().message;
  EXPECT_THAT(message_of(read), HasSubstr(says));
}

TEST(GreetingTest, HonestOnesAreRead) {
  for (const Kind kind : {Kind::hello, Kind::welcome, Kind::ready}) {
    EXPECT_TRUE(handshake::read(bytes_of(good(kind)), kind));
  }
}

TEST(GreetingTest, OnesOutOfTurnAreRefused) {
  for (const Kind said :
       {Kind::hello, Kind::welcome, Kind::ready, Kind::refusal, Kind{0}, Kind{9}}) {
    for (const Kind expected : {Kind::hello, Kind::welcome, Kind::ready}) {
      if (said == expected) continue;
      const Result<Greeting> read = handshake::read(bytes_of(good(said)), expected);
      ASSERT_FALSE(read);
      EXPECT_EQ(code_of(read), ErrorCode::corrupt);
    }
  }
}

TEST(GreetingTest, WrongLengthsAreRefused) {
  const Greeting greeting = good(Kind::hello);
  for (std::size_t size = 0; size < sizeof greeting; ++size) {
    EXPECT_FALSE(handshake::read(bytes_of(greeting).first(size), Kind::hello));
  }
  const std::array<Greeting, 2> longer{greeting, greeting};
  for (std::size_t size = sizeof greeting + 1; size <= sizeof longer; ++size) {
    EXPECT_FALSE(handshake::read(std::as_bytes(std::span(longer)).first(size), Kind::hello));
  }
}

TEST(GreetingTest, OtherVersionsAreNamed) {
  for (const Kind kind : {Kind::hello, Kind::welcome, Kind::ready}) {
    expect_lie_found(
        kind, [](Greeting& g) { g.protocol_version = 77; }, "protocol 77",
        ErrorCode::version_mismatch);
    expect_lie_found(
        kind, [](Greeting& g) { g.layout_version = 99; }, "layout 99", ErrorCode::version_mismatch);
  }
}

TEST(GreetingTest, EveryFieldIsChecked) {
  for (const Kind kind : {Kind::hello, Kind::welcome, Kind::ready}) {
    expect_lie_found(
        kind, [](Greeting& g) { g.magic[7] = 1; }, "magic");
    expect_lie_found(
        kind, [](Greeting& g) { g.reason = 1; }, "reason");
    expect_lie_found(
        kind, [](Greeting& g) { g.doorbell = 4; }, "doorbell");
    expect_lie_found(
        kind, [](Greeting& g) { g.doorbell = ~0U; }, "doorbell");
    expect_lie_found(
        kind, [](Greeting& g) { g.to_listener.padding = 1; }, "channel");
  }
  for (const Kind kind : {Kind::hello, Kind::ready}) {
    expect_lie_found(
        kind, [](Greeting& g) { g.descriptors = 2; }, "channels");
    expect_lie_found(
        kind, [](Greeting& g) { g.to_listener.capacity_bytes = 1; }, "channels");
    expect_lie_found(
        kind, [](Greeting& g) { g.to_connector.record_alignment = 1; }, "channels");
  }
  expect_lie_found(
      Kind::hello, [](Greeting& g) { g.doorbell = 1; }, "doorbell");
  expect_lie_found(
      Kind::ready, [](Greeting& g) { g.doorbell = 2; }, "doorbell");
  expect_lie_found(
      Kind::welcome, [](Greeting& g) { g.doorbell = 0; }, "doorbell");
  expect_lie_found(
      Kind::welcome, [](Greeting& g) { g.descriptors = 6; }, "number of descriptors");
  expect_lie_found(
      Kind::welcome, [](Greeting& g) { g.doorbell = std::uint32_t(DoorbellKind::eventfd); },
      "number of descriptors");
  expect_lie_found(
      Kind::welcome, [](Greeting& g) { g.descriptors = ~0U; }, "number");
  expect_lie_found(
      Kind::welcome, [](Greeting& g) { g.to_listener.capacity_bytes = 0; }, "shape");
  expect_lie_found(
      Kind::welcome, [](Greeting& g) { g.to_connector.capacity_bytes = 5; }, "shape");
  expect_lie_found(
      Kind::welcome, [](Greeting& g) { g.to_connector.record_alignment = 0; }, "shape");
}

TEST(GreetingTest, RefusalSaysWhy) {
  const auto error_for = [](Reason reason) {
    Greeting refusal = good(Kind::refusal);
    refusal.reason = std::uint32_t(reason);
    return code_of(handshake::read(bytes_of(refusal), Kind::welcome));
  };
  EXPECT_EQ(error_for(Reason::user), ErrorCode::permission);
  EXPECT_EQ(error_for(Reason::no_space), ErrorCode::no_space);
  EXPECT_EQ(error_for(Reason::doorbell), ErrorCode::unsupported);
  EXPECT_EQ(error_for(Reason::bad_hello), ErrorCode::corrupt);
  EXPECT_EQ(error_for(Reason::version), ErrorCode::corrupt) << "ours: it was read";
  EXPECT_EQ(error_for(Reason{99}), ErrorCode::corrupt);
}

// --- a listener among bad peers -----------------------------------------------------------------

class BadPeerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    listener.emplace(Listener::open("orders", {.handshake_timeout = 100ms}).value());
    files_before_ = test::open_files();
  }

  // A socket that has reached the listener and said nothing yet.
  [[nodiscard]] FileDescriptor knock() const {
    FileDescriptor socket = unix_socket::create().value();
    EXPECT_EQ(unix_socket::connect(socket.get(), {folder.path() + "/orders.sock"}).value(),
              unix_socket::Reached::yes);
    return socket;
  }
  static void say(const FileDescriptor& socket, std::span<const std::byte> bytes,
                  std::span<const int> descriptors = {}) {
    EXPECT_TRUE(unix_socket::send(socket.get(), bytes, descriptors));
  }
  // Lets the listener hear what there is, and expects that it drops one more peer for it.
  void expect_dropped(ErrorCode code) {
    const std::uint64_t before = listener->refused();
    for (int i = 0; i < 100 && listener->refused() == before; ++i) {
      EXPECT_FALSE(listener->accept(10ms).value());
    }
    ASSERT_EQ(listener->refused(), before + 1);
    EXPECT_EQ(name_of(listener->last_refusal()->code), std::string(name_of(code)))
        << listener->last_refusal()->message;
  }
  void expect_good_peer_gets_in() {
    auto connecting =
        std::async(std::launch::async, [] { return connect("orders", {.timeout = kPatience}); });
    std::optional<Connection> accepted = listener->accept(kPatience).value();
    ASSERT_TRUE(accepted);
    Result<Connection> connected = connecting.get();
    ASSERT_TRUE(connected) << connected.error().message;
    const std::array<std::byte, 8> message{};
    EXPECT_TRUE(connected->sender.try_send(message));
    EXPECT_TRUE(accepted->receiver.peek_for(kPatience).value());
  }
  void TearDown() override {
    EXPECT_TRUE(listener->accept(0ms));  // lets go of those that hung up
    EXPECT_EQ(test::open_files(), files_before_) << "a leak";
  }

  test::TemporaryNameFolder folder;
  std::optional<Listener> listener;

 private:
  std::ptrdiff_t files_before_ = 0;
};

TEST_F(BadPeerTest, GarbageIsDroppedAndToldWhy) {
  const FileDescriptor peer = knock();
  say(peer, std::as_bytes(std::span("GET / HTTP/1.1")));
  expect_dropped(ErrorCode::corrupt);
  std::array<std::byte, sizeof(Greeting)> answer{};
  ASSERT_TRUE(unix_socket::receive(peer.get(), answer, 0).value());
  EXPECT_EQ(code_of(handshake::read(answer, Kind::welcome)), ErrorCode::corrupt);
  expect_good_peer_gets_in();
}

TEST_F(BadPeerTest, TooMuchIsDropped) {
  const FileDescriptor peer = knock();
  std::array<std::byte, 2 * sizeof(Greeting)> twice{};
  std::memcpy(twice.data(), bytes_of(good(Kind::hello)).data(), sizeof(Greeting));
  say(peer, twice);
  expect_dropped(ErrorCode::corrupt);
}

TEST_F(BadPeerTest, EmptyMessageIsDropped) {
  const FileDescriptor peer = knock();
  say(peer, {});
  expect_dropped(ErrorCode::peer_dead);
}

TEST_F(BadPeerTest, DescriptorsNobodyAskedForAreNotTaken) {
  const FileDescriptor gift(::eventfd(0, EFD_CLOEXEC));
  const std::vector<int> gifts(16, gift.get());
  const FileDescriptor peer = knock();
  const auto before = test::open_files();
  say(peer, bytes_of(good(Kind::hello)), gifts);
  expect_dropped(ErrorCode::corrupt);
  EXPECT_EQ(test::open_files(), before);
}

TEST_F(BadPeerTest, DescriptorsInAnEmptyMessageAreNotTaken) {
  const FileDescriptor gift(::eventfd(0, EFD_CLOEXEC));
  const FileDescriptor peer = knock();
  const auto before = test::open_files();
  say(peer, {}, std::vector<int>(16, gift.get()));
  expect_dropped(ErrorCode::peer_dead);
  EXPECT_EQ(test::open_files(), before);
}

TEST_F(BadPeerTest, OtherVersionIsToldOurs) {
  const FileDescriptor peer = knock();
  Greeting hello = good(Kind::hello);
  hello.protocol_version = handshake::kProtocolVersion + 1;
  say(peer, bytes_of(hello));
  expect_dropped(ErrorCode::version_mismatch);
  Greeting answer{};
  ASSERT_TRUE(
      unix_socket::receive(peer.get(), std::as_writable_bytes(std::span(&answer, 1)), 0).value());
  EXPECT_EQ(answer.kind, std::uint32_t(Kind::refusal));
  EXPECT_EQ(answer.reason, std::uint32_t(Reason::version));
  EXPECT_EQ(answer.protocol_version, handshake::kProtocolVersion);
}

TEST_F(BadPeerTest, SilentPeersAreDroppedAtTheirDeadline) {
  const FileDescriptor silent = knock();
  expect_dropped(ErrorCode::timed_out);
  const FileDescriptor welcomed = knock();
  say(welcomed, bytes_of(good(Kind::hello)));
  expect_dropped(ErrorCode::timed_out);
}

TEST_F(BadPeerTest, VanishingPeersAreDropped) {
  { const FileDescriptor peer = knock(); }
  expect_dropped(ErrorCode::peer_dead);
  {
    const FileDescriptor peer = knock();
    say(peer, bytes_of(good(Kind::hello)));
  }
  expect_dropped(ErrorCode::peer_dead);
  {
    const FileDescriptor peer = knock();
    say(peer, bytes_of(good(Kind::hello)));
    EXPECT_FALSE(listener->accept(10ms).value());
  }
  expect_dropped(ErrorCode::peer_dead);
  expect_good_peer_gets_in();
}

TEST_F(BadPeerTest, NonsenseAfterTheWelcomeIsDropped) {
  for (const Kind kind : {Kind::hello, Kind::welcome, Kind::refusal}) {
    const FileDescriptor peer = knock();
    say(peer, bytes_of(good(Kind::hello)));
    EXPECT_FALSE(listener->accept(10ms).value());
    say(peer, bytes_of(good(kind)));
    expect_dropped(ErrorCode::corrupt);
  }
}

// A hundred that stall: more than the listener keeps. One that means well comes in all the same.
TEST_F(BadPeerTest, CrowdOfSilentPeersDoesNotKeepOthersOut) {
  std::vector<FileDescriptor> crowd;
  for (int i = 0; i < 100; ++i) crowd.push_back(knock());
  expect_good_peer_gets_in();
  crowd.clear();
  while (listener->refused() < 100) ASSERT_FALSE(listener->accept(10ms).value());
}

TEST_F(BadPeerTest, ListenerWithoutDescriptorsSaysSoAndRecovers) {
  const FileDescriptor peer = knock();
  std::vector<FileDescriptor> hoard;
  while (hoard.empty() || hoard.back()) hoard.emplace_back(::eventfd(0, EFD_CLOEXEC));
  const auto accepted = listener->accept(kPatience);
  // That peer was told so, and does not wake the listener again and again.
  const auto again = listener->accept(20ms);
  hoard.clear();
  ASSERT_FALSE(accepted);
  EXPECT_THAT(message_of(accepted), HasSubstr("ulimit -n"));
  EXPECT_TRUE(again && !*again);
  EXPECT_EQ(listener->refused(), 1U);
  EXPECT_EQ(listener->last_refusal()->code, ErrorCode::system);
  EXPECT_TRUE(unix_socket::is_hung_up(peer.get()));
  expect_good_peer_gets_in();
}

// --- a connector with a bad listener ------------------------------------------------------------

class BadListenerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    socket_ = unix_socket::create().value();
    ASSERT_TRUE(unix_socket::bind(socket_.get(), {folder.path() + "/orders.sock"}).value());
    ASSERT_TRUE(unix_socket::listen(socket_.get(), 5));
    files_before_ = test::open_files();
  }
  // Runs connect() against `answer`, which has the listener's end after the hello has come.
  [[nodiscard]] Error connect_to(const std::function<void(int socket)>& answer,
                                 Timeout timeout = kPatience) {
    auto connecting =
        std::async(std::launch::async, [&] { return connect("orders", {.timeout = timeout}); });
    EXPECT_TRUE(unix_socket::wait_readable(socket_.get(), kPatience));
    {
      const std::optional<FileDescriptor> peer = unix_socket::accept(socket_.get()).value();
      EXPECT_TRUE(unix_socket::wait_readable(peer->get(), kPatience));
      Greeting hello{};
      EXPECT_TRUE(unix_socket::receive(peer->get(), std::as_writable_bytes(std::span(&hello, 1)), 0)
                      .value());
      answer(peer->get());
      connecting.wait();
    }
    const Result<Connection> connection = connecting.get();
    EXPECT_FALSE(connection);
    return connection ? Error{} : connection.error();
  }
  void TearDown() override { EXPECT_EQ(test::open_files(), files_before_) << "a leak"; }

  test::TemporaryNameFolder folder;

 private:
  FileDescriptor socket_;
  std::ptrdiff_t files_before_ = 0;
};

void answer_with(int socket, const Greeting& greeting, const std::vector<int>& descriptors) {
  EXPECT_TRUE(handshake::send(socket, greeting, descriptors));
}

TEST_F(BadListenerTest, SilenceEndsInTime) {
  EXPECT_EQ(connect_to([](int) {}, 50ms).code, ErrorCode::timed_out);
}

TEST_F(BadListenerTest, HangingUpIsNoticed) {
  EXPECT_EQ(connect_to([](int socket) { ::shutdown(socket, SHUT_RDWR); }).code,
            ErrorCode::peer_dead);
}

TEST_F(BadListenerTest, GarbageIsRefused) {
  const Error error = connect_to([](int socket) {
    const std::array<std::byte, 64> zeros{};
    EXPECT_TRUE(unix_socket::send(socket, zeros, {}));
  });
  EXPECT_EQ(error.code, ErrorCode::corrupt);
}

TEST_F(BadListenerTest, WrongNumbersOfDescriptorsAreRefused) {
  const FileDescriptor gift(::eventfd(0, EFD_CLOEXEC));
  for (const std::size_t count : {0U, 1U, 3U, 6U, 7U, 16U}) {
    const Error error = connect_to([&](int socket) {
      answer_with(socket, good(Kind::welcome), std::vector<int>(count, gift.get()));
    });
    EXPECT_EQ(error.code, ErrorCode::corrupt) << count << ": " << error.message;
  }
}

TEST_F(BadListenerTest, DescriptorsThatAreNoRegionsAreRefused) {
  const FileDescriptor eventfd(::eventfd(0, EFD_CLOEXEC));
  const FileDescriptor unsealed(::memfd_create("test", MFD_CLOEXEC));
  for (const int fd : {eventfd.get(), unsealed.get()}) {
    const Error error = connect_to([&](int socket) {
      answer_with(socket, good(Kind::welcome), {fd, fd});
    });
    EXPECT_EQ(error.code, ErrorCode::not_a_region) << error.message;
  }
}

TEST_F(BadListenerTest, OtherChannelsThanAnnouncedAreRefused) {
  const Channel small = Channel::create({.capacity_bytes = 4096}).value();
  const Channel large = Channel::create({.capacity_bytes = 8192}).value();
  const Error error = connect_to([&](int socket) {
    answer_with(socket, good(Kind::welcome), {small.fds().memory, large.fds().memory});
  });
  EXPECT_EQ(error.code, ErrorCode::corrupt) << error.message;
}

TEST_F(BadListenerTest, OneChannelForBothWaysIsRefused) {
  const Channel channel = Channel::create({.capacity_bytes = 4096}).value();
  const Receiver taken = Receiver::attach(channel.fds()).value();
  const Error error = connect_to([&](int socket) {
    answer_with(socket, good(Kind::welcome), {channel.fds().memory, channel.fds().memory});
  });
  EXPECT_EQ(error.code, ErrorCode::busy) << error.message;
}

// Good channels, of which the listener could take the pages away.
TEST_F(BadListenerTest, MemoryThatIsNotSealedIsRefused) {
  const ChannelOptions in_files{.capacity_bytes = 4096,
                                .memory = {.backing = Backing::file, .name = folder.path() + "/"}};
  const Channel one = Channel::create(in_files).value();
  const Channel other = Channel::create(in_files).value();
  const Error error = connect_to([&](int socket) {
    answer_with(socket, good(Kind::welcome), {one.fds().memory, other.fds().memory});
  });
  EXPECT_EQ(error.code, ErrorCode::not_a_region) << error.message;
}

}  // namespace
}  // namespace ringbell
