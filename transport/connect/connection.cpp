#include <ringbell/transport/connect/connection.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/known_ids.hpp>
#include <ringbell/transport/connect/handshake.hpp>
#include <ringbell/transport/memory/memfd.hpp>
#include <ringbell/transport/names/name_folders.hpp>

namespace ringbell {
namespace {

using handshake::Greeting;
using handshake::Kind;
using unix_socket::Reached;

constexpr std::chrono::microseconds kFirstNap{100};
constexpr std::chrono::microseconds kLongestNap{10000};
// There is a listener, and no room: that comes and goes fast.
constexpr std::chrono::microseconds kLongestNapAtTheDoor{1000};
// Between two looks at ConnectOptions::give_up.
constexpr std::chrono::milliseconds kLongestUnasked{50};

Result<void> go_on(const ConnectOptions& options) {
  if (!options.give_up || !options.give_up()) return {};
  return fail(ErrorCode::cancelled, "connecting was given up (ConnectOptions::give_up)");
}

// A socket at whose other end the listener is.
struct Reach {
  FileDescriptor socket;
  bool is_private = false;  // in a folder that only this user enters
};

// Until a process listens at one of the addresses that `try_all` tries, and has room for one more.
// `where` is for people.
template <class TryAll>
Result<FileDescriptor> reach(TryAll&& try_all, std::string_view name, const std::string& where,
                             const ConnectOptions& options, SteadyTime deadline) {
  Result<FileDescriptor> socket = unix_socket::create();
  if (!socket) return socket;
  for (std::chrono::microseconds nap = kFirstNap;;) {
    const Result<Reached> reached = try_all(socket->get());
    if (!reached) return tl::unexpected(reached.error());
    if (*reached == Reached::yes) return socket;
    const Timeout left = left_until(deadline);
    if (left == Timeout::zero()) {
      if (*reached == Reached::none) {
        return fail(ErrorCode::not_found,
                    fmt::format("no listener has the name '{}' {}", name, where));
      }
      return fail(ErrorCode::timed_out,
                  fmt::format("the listener '{}' has too many peers waiting", name));
    }
    if (Result<void> on = go_on(options); !on) return tl::unexpected(std::move(on.error()));
    std::this_thread::sleep_for(std::min<Timeout>(nap, left));
    nap = std::min(nap * 2, *reached == Reached::none ? kLongestNap : kLongestNapAtTheDoor);
  }
}

Result<Reach> reach_abstract(uid_t listener, std::string_view name, const ConnectOptions& options,
                             SteadyTime deadline) {
  const unix_socket::Address address = abstract_address(listener, name);
  Result<FileDescriptor> socket =
      reach([&](int fd) { return unix_socket::connect(fd, address); }, name,
            fmt::format("among the abstract ones of uid {}", listener), options, deadline);
  if (!socket) return tl::unexpected(std::move(socket.error()));
  return Reach{.socket = std::move(*socket)};
}

// A listener makes its socket and then opens it to its group: in between others may not connect.
bool is_open_to_group(const unix_socket::Address& address) noexcept {
  struct stat socket {};
  return ::stat(address.name.c_str(), &socket) == 0 && (socket.st_mode & S_IWGRP) != 0;
}

Result<Reach> reach_in_folders(std::string_view name, const ConnectOptions& options,
                               SteadyTime deadline) {
  const Place place = options.place;
  Result<NameFolders> folders = NameFolders::open(NameFolders::NewNames::no);
  if (!folders) return tl::unexpected(std::move(folders.error()));
  bool is_private = false;
  const auto try_all = [&](int socket) -> Result<Reached> {
    Reached best = Reached::none;
    for (std::size_t number = 0; number < folders->count() && best != Reached::yes; ++number) {
      const NameFolder* const folder = folders->at(number);
      if (folder == nullptr) continue;
      if (place == Place::group) {
        if (const Result<void> shared = check_group_folder(*folder); !shared) {
          return tl::unexpected(shared.error());
        }
      }
      const unix_socket::Address address = address_in(*folder, name);
      Result<Reached> reached = unix_socket::connect(socket, address);
      if (place == Place::group && !reached && reached.error().code == ErrorCode::permission) {
        if (!is_open_to_group(address) && left_until(deadline) > Timeout::zero()) continue;
        reached = unix_socket::connect(socket, address);  // it may be open since
      }
      if (!reached) return reached;
      if (*reached != Reached::none) best = *reached;
      is_private = !folder->group();
    }
    return best;
  };
  Result<FileDescriptor> socket = reach(try_all, name, "in " + folders->text(), options, deadline);
  if (!socket) return tl::unexpected(std::move(socket.error()));
  return Reach{.socket = std::move(*socket), .is_private = is_private};
}

Result<Peer> check_listener(const Reach& reached, uid_t expected) {
  Result<Peer> peer = unix_socket::peer_of(reached.socket.get());
  if (!peer) return peer;
  // A folder of this user alone keeps strangers out that look like it.
  if (!reached.is_private && !is_one_user(peer->uid)) {
    return fail(
        ErrorCode::permission,
        fmt::format("the listener runs as uid {}, which stands for each user that this user "
                    "namespace does not map: map the user that is meant",
                    peer->uid));
  }
  if (peer->uid == expected) return peer;
  return fail(ErrorCode::permission,
              fmt::format("the listener is pid {} of uid {}, not of uid {}: another user took its "
                          "name",
                          peer->pid, peer->uid, expected));
}

struct Welcome {
  Greeting greeting;
  std::vector<FileDescriptor> descriptors;
};

Result<Welcome> receive_welcome(int socket, const ConnectOptions& options, SteadyTime deadline) {
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
    if (Result<void> on = go_on(options); !on) return tl::unexpected(std::move(on.error()));
    const Timeout longest = options.give_up ? kLongestUnasked : kForever;
    (void)unix_socket::wait_readable(socket, std::min(longest, left_until(deadline)));
  }
}

// Memory, and none, one or two bells.
Result<Channel> attach(std::span<FileDescriptor> descriptors) {
  Result<Region> region = Region::attach(std::move(descriptors[0]));
  if (!region) return tl::unexpected(std::move(region.error()));
  if (descriptors.size() == 2) {
    return Channel::attach_by_socket(std::move(*region), std::move(descriptors[1]));
  }
  ChannelFds bells;
  if (descriptors.size() > 2) {
    bells.data_bell = descriptors[1].get();
    bells.space_bell = descriptors[2].get();
  }
  return Channel::attach(std::move(*region), bells);
}

// The region is believed only as far as Region::attach has checked it; that it is also the one that
// was announced finds descriptors in a wrong order.
Result<Channel> attach(std::span<FileDescriptor> descriptors, const handshake::Shape& shape,
                       std::uint32_t doorbell) {
  // Files that can shrink and devices have no business here: a listener that may be hostile must
  // not choose what this process maps.
  if (!memory::memfd::is_sealed(descriptors[0].get())) {
    return fail(ErrorCode::not_a_region, "the listener's channel is in no sealed memfd");
  }
  Result<Channel> channel = attach(descriptors);
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
  const SteadyTime deadline = end_of(options.timeout);
  const uid_t listener = options.listener_uid.value_or(::geteuid());
  Result<Reach> reached = options.place == Place::abstract
                              ? reach_abstract(listener, name, options, deadline)
                              : reach_in_folders(name, options, deadline);
  if (!reached) return tl::unexpected(std::move(reached.error()));
  const Result<Peer> peer = check_listener(*reached, listener);
  if (!peer) return tl::unexpected(peer.error());
  const FileDescriptor* const socket = &reached->socket;

  Greeting hello = handshake::greeting(Kind::hello);
  const bool will_spin = options.doorbell == core::DoorbellKind::none;  // not to be asked for
  hello.doorbell = will_spin ? 0 : std::uint32_t(options.doorbell.value_or(core::DoorbellKind{}));
  const Result<void> said = handshake::send(socket->get(), hello);
  // A listener that is gone may have said why before it went.
  if (!said && said.error().code != ErrorCode::peer_dead) return tl::unexpected(said.error());
  Result<Welcome> welcome = receive_welcome(socket->get(), options, deadline);
  if (!welcome) return tl::unexpected(welcome.error());

  const std::span<FileDescriptor> descriptors(welcome->descriptors);
  const Greeting& greeting = welcome->greeting;
  const core::DoorbellKind given{greeting.doorbell};
  const bool may_spin = options.wait.kind == WaitOptions::Kind::spin;
  if (options.doorbell ? given != *options.doorbell
                       : given == core::DoorbellKind::none && !may_spin) {
    return fail(ErrorCode::unsupported,
                given == core::DoorbellKind::none
                    ? "the listener would make both sides spin; ask for DoorbellKind::none"
                    : "the listener's channels ring otherwise than ConnectOptions::doorbell");
  }
  if (greeting.descriptors == handshake::kWithEventfds && peer->uid != ::geteuid()) {
    return fail(ErrorCode::unsupported,
                fmt::format("the listener, of uid {}, would ring by eventfds, which it could fill",
                            peer->uid));
  }
  const std::size_t each = descriptors.size() / 2;
  Result<Channel> out = attach(descriptors.first(each), greeting.to_listener, greeting.doorbell);
  if (!out) return tl::unexpected(std::move(out.error()));
  Result<Channel> in = attach(descriptors.last(each), greeting.to_connector, greeting.doorbell);
  if (!in) return tl::unexpected(std::move(in.error()));
  Result<FileDescriptor> life = unix_socket::duplicate(socket->get());
  if (!life) return tl::unexpected(std::move(life.error()));
  const SignOfLife sign_of_life(std::move(*life));
  Result<Sender> sender = Sender::open(std::move(*out), options.wait, sign_of_life);
  if (!sender) return tl::unexpected(std::move(sender.error()));
  Result<Receiver> receiver = Receiver::open(std::move(*in), options.wait, sign_of_life);
  if (!receiver) return tl::unexpected(std::move(receiver.error()));
  sender->rely_on_sign_of_life();
  receiver->rely_on_sign_of_life();
  if (Result<void> ready = handshake::send(socket->get(), handshake::greeting(Kind::ready));
      !ready) {
    return tl::unexpected(std::move(ready.error()));
  }
  return Connection{.sender = std::move(*sender),
                    .receiver = std::move(*receiver),
                    .peer = *peer,
                    .socket = std::move(reached->socket)};
}

}  // namespace ringbell
