#include <ringbell/transport/connect/connection.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/connect/handshake.hpp>
#include <ringbell/transport/memory/memfd.hpp>
#include <ringbell/transport/names/name_folder.hpp>

namespace ringbell {
namespace {

using handshake::Greeting;
using handshake::Kind;
using unix_socket::Reached;

constexpr std::chrono::microseconds kFirstNap{100};
constexpr std::chrono::microseconds kLongestNap{10000};

// Until a process listens there, and has room for one more.
Result<FileDescriptor> reach(const unix_socket::Address& address, std::string_view name,
                             SteadyTime deadline) {
  Result<FileDescriptor> socket = unix_socket::create();
  if (!socket) return socket;
  for (std::chrono::microseconds nap = kFirstNap;; nap = std::min(nap * 2, kLongestNap)) {
    const Result<Reached> reached = unix_socket::connect(socket->get(), address);
    if (!reached) return tl::unexpected(reached.error());
    if (*reached == Reached::yes) return socket;
    const Timeout left = left_until(deadline);
    if (left == Timeout::zero()) {
      if (*reached == Reached::none) {
        return fail(ErrorCode::not_found, fmt::format("no listener has the name '{}'", name));
      }
      return fail(ErrorCode::timed_out,
                  fmt::format("the listener '{}' has too many peers waiting", name));
    }
    std::this_thread::sleep_for(std::min<Timeout>(nap, left));
  }
}

Result<Peer> check_listener(int socket, uid_t expected) {
  Result<Peer> peer = unix_socket::peer_of(socket);
  if (!peer || peer->uid == expected) return peer;
  return fail(ErrorCode::permission,
              fmt::format("the listener is pid {} of uid {}, not of uid {}: another user took its "
                          "name",
                          peer->pid, peer->uid, expected));
}

struct Welcome {
  Greeting greeting;
  std::vector<FileDescriptor> descriptors;
};

Result<Welcome> receive_welcome(int socket, SteadyTime deadline) {
  std::array<std::byte, sizeof(Greeting)> bytes{};
  for (;;) {
    Result<std::optional<unix_socket::Received>> got =
        unix_socket::receive(socket, bytes, handshake::kMostDescriptors);
    if (!got) return tl::unexpected(std::move(got.error()));
    if (*got) {
      const Result<Greeting> said =
          handshake::read(std::span(bytes).first((*got)->size_bytes), Kind::welcome);
      if (!said) return tl::unexpected(said.error());
      if ((*got)->descriptors.size() != said->descriptors) {
        return fail(ErrorCode::corrupt,
                    fmt::format("the listener sent {} descriptors and announced {}",
                                (*got)->descriptors.size(), said->descriptors));
      }
      return Welcome{*said, std::move((*got)->descriptors)};
    }
    if (left_until(deadline) == Timeout::zero()) {
      return fail(ErrorCode::timed_out, "the listener did not answer in time; does it accept()?");
    }
    (void)unix_socket::wait_readable(socket, left_until(deadline));
  }
}

// The region is believed only as far as Region::attach has checked it; that it is also the one that
// was announced finds descriptors in a wrong order.
Result<Channel> attach(std::span<const FileDescriptor> descriptors, const handshake::Shape& shape,
                       std::uint32_t doorbell) {
  ChannelFds fds{.memory = descriptors[0].get()};
  if (descriptors.size() > 1) {
    fds.data_bell = descriptors[1].get();
    fds.space_bell = descriptors[2].get();
  }
  // Files that can shrink and devices have no business here: a listener that may be hostile must
  // not choose what this process maps.
  if (!memory::memfd::is_sealed(fds.memory)) {
    return fail(ErrorCode::not_a_region, "the listener's channel is in no sealed memfd");
  }
  Result<Channel> channel = Channel::attach(fds);
  if (!channel) return channel;
  const core::Geometry& geometry = channel->region().geometry();
  if (channel->region().backing() != Backing::memfd ||
      geometry.capacity_bytes != shape.capacity_bytes ||
      geometry.record_alignment != shape.record_alignment ||
      std::uint32_t(channel->region().doorbell()) != doorbell) {
    return fail(ErrorCode::corrupt, "the channel is not the one that the listener announced");
  }
  return channel;
}

}  // namespace

bool Connection::peer_is_gone() const noexcept { return unix_socket::is_hung_up(socket.get()); }

Result<Connection> connect(std::string_view name, const ConnectOptions& options) {
  if (Result<void> checked = check_name(name); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  if (options.doorbell == core::DoorbellKind::none) {
    return fail(ErrorCode::invalid_argument, "a connector may ask for futex or eventfd only");
  }
  const SteadyTime deadline = end_of(options.timeout);
  const uid_t listener = options.listener_uid.value_or(::geteuid());
  Result<FileDescriptor> socket;
  if (options.place == Place::abstract) {
    socket = reach(abstract_address(listener, name), name, deadline);
  } else {
    const Result<NameFolder> folder = NameFolder::open();
    if (!folder) return tl::unexpected(folder.error());
    socket = reach(address_in(*folder, name), name, deadline);
  }
  if (!socket) return tl::unexpected(std::move(socket.error()));
  const Result<Peer> peer = check_listener(socket->get(), listener);
  if (!peer) return tl::unexpected(peer.error());

  Greeting hello = handshake::greeting(Kind::hello);
  hello.doorbell = std::uint32_t(options.doorbell.value_or(core::DoorbellKind{}));
  const Result<void> said = handshake::send(socket->get(), hello);
  // A listener that is gone may have said why before it went.
  if (!said && said.error().code != ErrorCode::peer_dead) return tl::unexpected(said.error());
  const Result<Welcome> welcome = receive_welcome(socket->get(), deadline);
  if (!welcome) return tl::unexpected(welcome.error());

  const std::span<const FileDescriptor> descriptors(welcome->descriptors);
  const Greeting& greeting = welcome->greeting;
  const std::size_t each = descriptors.size() / 2;
  Result<Channel> out = attach(descriptors.first(each), greeting.to_listener, greeting.doorbell);
  if (!out) return tl::unexpected(std::move(out.error()));
  Result<Channel> in = attach(descriptors.last(each), greeting.to_connector, greeting.doorbell);
  if (!in) return tl::unexpected(std::move(in.error()));
  Result<FileDescriptor> life = unix_socket::duplicate(socket->get());
  if (!life) return tl::unexpected(std::move(life.error()));
  Result<Sender> sender = Sender::open(std::move(*out), options.wait, std::move(*life));
  if (!sender) return tl::unexpected(std::move(sender.error()));
  life = unix_socket::duplicate(socket->get());
  if (!life) return tl::unexpected(std::move(life.error()));
  Result<Receiver> receiver = Receiver::open(std::move(*in), options.wait, std::move(*life));
  if (!receiver) return tl::unexpected(std::move(receiver.error()));
  if (Result<void> ready = handshake::send(socket->get(), handshake::greeting(Kind::ready));
      !ready) {
    return tl::unexpected(std::move(ready.error()));
  }
  return Connection{.sender = std::move(*sender),
                    .receiver = std::move(*receiver),
                    .peer = *peer,
                    .socket = std::move(*socket)};
}

}  // namespace ringbell
