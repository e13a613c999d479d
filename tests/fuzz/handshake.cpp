// Any bytes, and any descriptors, on the socket of a listener and on that of a connector.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include <ringbell/transport/base/unix_socket.hpp>
#include <ringbell/transport/connect/connection.hpp>
#include <ringbell/transport/connect/handshake.hpp>
#include <ringbell/transport/connect/listener.hpp>

#include <tests/fuzz/target.hpp>
#include <tests/hostile/choices.hpp>
#include <tests/hostile/walled_bytes.hpp>

namespace ringbell::fuzz {
namespace {

using namespace std::chrono_literals;
using handshake::Greeting;
using handshake::Kind;
using hostile::Choices;

enum Side : std::uint8_t { kReading, kListening, kConnecting, kSides };

std::span<const std::byte> bytes_of(const Greeting& greeting) {
  return std::as_bytes(std::span(&greeting, 1));
}

Greeting good(Kind kind) {
  Greeting greeting = handshake::greeting(kind);
  if (kind == Kind::welcome) {
    greeting.doorbell = std::uint32_t(core::DoorbellKind::eventfd);
    greeting.descriptors = 6;
    greeting.to_listener = greeting.to_connector = {4096, 8, 0};
  }
  return greeting;
}

// A greeting with a few bytes changed, or just bytes.
std::vector<std::byte> some_message(Choices& choices) {
  std::vector<std::byte> message;
  const std::uint64_t kind = choices.roll(5);
  if (kind > 0) {
    const Greeting greeting = good(Kind{static_cast<std::uint32_t>(kind)});
    message.assign(bytes_of(greeting).begin(), bytes_of(greeting).end());
    for (std::uint64_t changes = choices.roll(4); changes > 0; --changes) {
      message[choices.roll(message.size())] = static_cast<std::byte>(choices.roll(256));
    }
    const bool is_welcome = kind == std::uint64_t(Kind::welcome);
    if (is_welcome && choices.one_in(2)) {
      message[offsetof(Greeting, descriptors)] = std::byte{handshake::kWithSockets};
    }
  } else {
    const auto bytes = choices.take(choices.roll(100));
    std::transform(bytes.begin(), bytes.end(), std::back_inserter(message),
                   [](std::uint8_t byte) { return std::byte{byte}; });
  }
  return message;
}

// Two regions, and four bells or two sockets, as a good listener sends them; choices leave some
// out, or swap them.
class Descriptors {
 public:
  [[nodiscard]] std::vector<int> some(Choices& choices) const {
    const ChannelFds there = there_.fds();
    const ChannelFds back = back_.fds();
    std::vector<int> all{there.memory, there.data_bell, there.space_bell,
                         back.memory,  back.data_bell,  back.space_bell};
    if (choices.one_in(2)) {
      all = {there.memory, sockets_.first.get(), back.memory, sockets_.second.get()};
    }
    switch (choices.roll(4)) {
      case 0:
        return {};
      case 1:
        all.resize(choices.roll(all.size()));
        break;
      case 2:
        std::swap(all[choices.roll(all.size())], all[choices.roll(all.size())]);
        break;
      default:
        break;
    }
    if (!all.empty() && choices.one_in(8)) all[choices.roll(all.size())] = STDERR_FILENO;
    return all;
  }

 private:
  [[nodiscard]] static Channel channel() {
    return Channel::create({.capacity_bytes = 4096, .doorbell = core::DoorbellKind::eventfd})
        .value();
  }

  Channel there_ = channel();
  Channel back_ = channel();
  std::pair<FileDescriptor, FileDescriptor> sockets_ = unix_socket::pair().value();
};

void use(Connection& connection) {
  const std::array<std::byte, 8> message{};
  (void)connection.sender.try_send(message);
  (void)connection.receiver.peek();
}

std::string own_name(const char* what) { return what + std::to_string(::getpid()); }

void against_listener(Choices& choices) {
  static const std::string name = own_name("fuzz.l");
  static Listener listener =
      Listener::open(name, {.place = Place::abstract,
                            .channel = {.capacity_bytes = 4096, .memory = {.prefault = false}}})
          .value();
  const Descriptors descriptors;
  FileDescriptor socket = unix_socket::create().value();
  HOSTILE_CHECK(unix_socket::connect(socket.get(), abstract_address(::geteuid(), name)).value() ==
                unix_socket::Reached::yes);
  for (std::uint64_t messages = choices.roll(4); messages > 0; --messages) {
    const std::vector<int> sent =
        choices.one_in(4) ? descriptors.some(choices) : std::vector<int>{};
    (void)unix_socket::send(socket.get(), some_message(choices), sent);
    Result<std::optional<Connection>> accepted = listener.accept(0ns);
    HOSTILE_CHECK(accepted);
    if (*accepted) use(**accepted);
  }
  { const FileDescriptor gone(std::move(socket)); }
  HOSTILE_CHECK(listener.accept(0ns));
}

void against_connector(Choices& choices) {
  static const std::string name = own_name("fuzz.c");
  static const FileDescriptor listening = [] {
    FileDescriptor socket = unix_socket::create().value();
    HOSTILE_CHECK(unix_socket::bind(socket.get(), abstract_address(::geteuid(), name)).value());
    HOSTILE_CHECK(unix_socket::listen(socket.get(), 8));
    return socket;
  }();
  const Descriptors descriptors;
  std::thread liar([&] {
    while (!unix_socket::wait_readable(listening.get(), 1s)) {
    }
    const FileDescriptor socket = std::move(*unix_socket::accept(listening.get()).value());
    for (std::uint64_t messages = choices.roll(3); messages > 0; --messages) {
      const std::vector<std::byte> message = some_message(choices);
      (void)unix_socket::send(socket.get(), message, descriptors.some(choices));
    }
  });
  Result<Connection> connection = connect(name, {.place = Place::abstract, .timeout = 30s});
  if (connection) {
    use(*connection);
  } else {
    HOSTILE_CHECK(connection.error().code != ErrorCode::timed_out);  // the hostile peer has hung up
    HOSTILE_CHECK(!connection.error().message.empty());
  }
  liar.join();
}

void against_reading(Choices& choices) {
  const auto expected = Kind{static_cast<std::uint32_t>(1 + choices.roll(3))};
  const Result<Greeting> read = handshake::read(some_message(choices), expected);
  if (read) {
    HOSTILE_CHECK(read->kind == std::uint32_t(expected));
    HOSTILE_CHECK(read->descriptors <= handshake::kMostDescriptors);
  }
}

}  // namespace

std::vector<Input> seeds() {
  std::vector<Input> inputs;
  for (std::uint8_t kind = 1; kind <= 4; ++kind) {
    inputs.push_back({kReading, static_cast<std::uint8_t>(kind % 3), kind, 0});
  }
  // hello and ready; how many messages, then each: no descriptors, kind, no changes
  inputs.push_back({kListening, 2, 1, 1, 0, 1, 3, 0});
  inputs.push_back({kListening, 3, 0, 3, 1, 1, 1, 5, 9, 1, 3, 0, 1, 1, 0});
  // a welcome with all it should have; a refusal
  inputs.push_back({kConnecting, 1, 2, 0, 1, 1, 3, 1});
  inputs.push_back({kConnecting, 1, 2, 0, 0, 0, 3, 1});  // by sockets
  inputs.push_back({kConnecting, 2, 4, 1, 20, 1, 1, 3, 1, 2, 1, 24, 2, 1, 1, 3, 1});
  // bytes of no shape
  inputs.push_back({kListening, 1, 1, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8});
  inputs.push_back({kConnecting, 1, 0, 64, 'r', 'i', 'n', 'g', 'b', 'h', 'i', 0, 1, 0, 0, 0});
  return inputs;
}

}  // namespace ringbell::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringbell;
  hostile::Choices choices(std::span(data, size));
  switch (choices.roll(fuzz::kSides)) {
    case fuzz::kListening:
      fuzz::against_listener(choices);
      break;
    case fuzz::kConnecting:
      fuzz::against_connector(choices);
      break;
    default:
      fuzz::against_reading(choices);
      break;
  }
  return 0;
}
