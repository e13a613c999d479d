#include <ringbell/transport/connect/listener.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/connect/handshake.hpp>

namespace ringbell {
namespace {

using handshake::Greeting;
using handshake::Kind;
using handshake::Reason;

// More than that, and the oldest goes: a peer that means well is done long before.
constexpr std::size_t kMostGuests = 64;

// What is there already is looked at even when the time is up; but a peer that knocks without end
// must not keep accept() for ever.
constexpr std::size_t kMostLateRounds = 2 * kMostGuests;

using Clock = std::chrono::steady_clock;

Reason reason_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::version_mismatch:
      return Reason::version;
    case ErrorCode::permission:
      return Reason::user;
    case ErrorCode::no_space:
    case ErrorCode::system:
      return Reason::no_space;
    default:
      return Reason::bad_hello;
  }
}

handshake::Shape shape_of(const Channel& channel) noexcept {
  const core::Geometry& geometry = channel.region().geometry();
  return {.capacity_bytes = geometry.capacity_bytes,
          .record_alignment = geometry.record_alignment,
          .padding = 0};
}

void append(std::vector<int>& descriptors, const ChannelFds& fds) {
  for (const int fd : {fds.memory, fds.data_bell, fds.space_bell}) {
    if (fd >= 0) descriptors.push_back(fd);
  }
}

}  // namespace

Listener::Listener(ListenerOptions options, ListeningSocket socket, FileDescriptor events) noexcept
    : options_(std::move(options)), socket_(std::move(socket)), events_(std::move(events)) {}

Result<Listener> Listener::open(std::string_view name, ListenerOptions options) {
  if (options.channel.memory.backing != Backing::memfd) {
    return fail(ErrorCode::invalid_argument, "a listener's channels are in memfds only");
  }
  Result<ListeningSocket> socket = ListeningSocket::open(name, options.place);
  if (!socket) return tl::unexpected(std::move(socket.error()));
  FileDescriptor events{::epoll_create1(EPOLL_CLOEXEC)};
  if (!events) return fail_errno("epoll_create1 failed", "raise the limit of open files");
  Listener listener(std::move(options), std::move(*socket), std::move(events));
  if (Result<void> watched = listener.watch(listener.socket_.fd()); !watched) {
    return tl::unexpected(std::move(watched.error()));
  }
  return listener;
}

Result<void> Listener::watch(int fd) const {
  epoll_event readable{.events = EPOLLIN, .data = {.fd = fd}};
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &readable) != 0) {
    return fail_errno("adding a socket to epoll failed");
  }
  return {};
}

void Listener::unwatch(int fd) const noexcept {
  ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

std::vector<int> Listener::wait_for_events(Clock::time_point deadline) const {
  using std::chrono::milliseconds;
  const Clock::time_point now = Clock::now();
  int limit_ms = -1;
  if (deadline != kNever) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - now);
    limit_ms = static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, 3'600'000));
  }
  std::array<epoll_event, 16> events{};
  const int count = ::epoll_wait(events_.get(), events.data(), events.size(), limit_ms);
  std::vector<int> ready;
  ready.reserve(events.size());
  for (int i = 0; i < count; ++i) ready.push_back(events[static_cast<std::size_t>(i)].data.fd);
  return ready;
}

Result<std::optional<Connection>> Listener::accept(Timeout timeout) {
  const Clock::time_point deadline = end_of(timeout);
  for (std::size_t late_rounds = 0;;) {
    drop_late(Clock::now());
    const auto first_due =
        std::min_element(guests_.begin(), guests_.end(),
                         [](const Guest& a, const Guest& b) { return a.deadline < b.deadline; });
    const std::vector<int> ready = wait_for_events(
        first_due == guests_.end() ? deadline : std::min(deadline, first_due->deadline));
    bool knocked = false;
    for (const int fd : ready) {
      if (fd == socket_.fd()) knocked = true;
      const auto guest = std::find_if(guests_.begin(), guests_.end(),
                                      [fd](const Guest& g) { return g.socket.get() == fd; });
      if (guest == guests_.end()) continue;
      Result<std::optional<Connection>> made = hear(guest);
      if (!made || *made) return made;  // the other events come again
    }
    if (knocked) {
      if (Result<void> in = let_in(); !in) return tl::unexpected(std::move(in.error()));
    }
    const bool late = Clock::now() >= deadline;
    if (late && (ready.empty() || ++late_rounds == kMostLateRounds)) return std::nullopt;
  }
}

Result<void> Listener::let_in() {
  Result<std::optional<FileDescriptor>> socket = unix_socket::accept(socket_.fd());
  if (!socket) return tl::unexpected(std::move(socket.error()));
  if (!*socket) return {};
  Result<Peer> peer = unix_socket::peer_of((*socket)->get());
  if (!peer) return tl::unexpected(std::move(peer.error()));
  guests_.push_back({.socket = std::move(**socket),
                     .peer = *peer,
                     .deadline = end_of(options_.handshake_timeout),
                     .sender = {},
                     .receiver = {}});
  const auto guest = std::prev(guests_.end());
  if (!is_allowed(peer->uid)) {
    drop(guest,
         {.code = ErrorCode::permission,
          .message = fmt::format("pid {} of uid {} is not allowed in", peer->pid, peer->uid)});
    return {};
  }
  if (Result<void> watched = watch(guest->socket.get()); !watched) {
    guests_.erase(guest);
    return watched;
  }
  if (guests_.size() > kMostGuests) {
    drop(guests_.begin(), {.code = ErrorCode::busy, .message = "too many handshakes at a time"});
  }
  return {};
}

Result<std::optional<Connection>> Listener::hear(Guests::iterator guest) {
  std::array<std::byte, sizeof(Greeting)> bytes{};
  const Result<std::optional<unix_socket::Received>> got =
      unix_socket::receive(guest->socket.get(), bytes, 0);
  if (!got) {
    drop(guest, got.error());
    return std::nullopt;
  }
  if (!*got) return std::nullopt;
  const bool welcomed = guest->sender.has_value();
  const Result<Greeting> said = handshake::read(std::span(bytes).first((*got)->size_bytes),
                                                welcomed ? Kind::ready : Kind::hello);
  if (!said) {
    drop(guest, said.error());
    return std::nullopt;
  }
  if (!welcomed) {
    const Result<void> done = welcome(*guest, core::DoorbellKind{said->doorbell});
    if (done) return std::nullopt;
    drop(guest, done.error());
    if (done.error().code == ErrorCode::peer_dead) return std::nullopt;
    return tl::unexpected(done.error());
  }
  unwatch(guest->socket.get());
  Connection made{.sender = std::move(*guest->sender),
                  .receiver = std::move(*guest->receiver),
                  .peer = guest->peer,
                  .socket = std::move(guest->socket)};
  guests_.erase(guest);
  return std::optional(std::move(made));
}

// Takes this side's roles before the peer can take any.
Result<void> Listener::welcome(Guest& guest, core::DoorbellKind wish) {
  ChannelOptions options = options_.channel;
  options.doorbell = wish == core::DoorbellKind{} ? options_.doorbell : wish;
  Result<Channel> to_listener = Channel::create(options);
  if (!to_listener) return tl::unexpected(std::move(to_listener.error()));
  Result<Channel> to_connector = Channel::create(options);
  if (!to_connector) return tl::unexpected(std::move(to_connector.error()));

  Greeting greeting = handshake::greeting(Kind::welcome);
  greeting.doorbell = std::uint32_t(options.doorbell);
  greeting.descriptors = handshake::descriptors_for(options.doorbell);
  greeting.to_listener = shape_of(*to_listener);
  greeting.to_connector = shape_of(*to_connector);
  std::vector<int> descriptors;
  append(descriptors, to_listener->fds());
  append(descriptors, to_connector->fds());

  Result<FileDescriptor> life = unix_socket::duplicate(guest.socket.get());
  if (!life) return tl::unexpected(std::move(life.error()));
  Result<Receiver> receiver =
      Receiver::open(std::move(*to_listener), options_.wait, std::move(*life));
  if (!receiver) return tl::unexpected(std::move(receiver.error()));
  life = unix_socket::duplicate(guest.socket.get());
  if (!life) return tl::unexpected(std::move(life.error()));
  Result<Sender> sender = Sender::open(std::move(*to_connector), options_.wait, std::move(*life));
  if (!sender) return tl::unexpected(std::move(sender.error()));
  if (Result<void> sent = handshake::send(guest.socket.get(), greeting, descriptors); !sent)
    return sent;
  guest.receiver.emplace(std::move(*receiver));
  guest.sender.emplace(std::move(*sender));
  return {};
}

bool Listener::is_allowed(uid_t uid) const noexcept {
  const std::vector<uid_t>& also = options_.also_allowed;
  return uid == ::geteuid() || std::find(also.begin(), also.end(), uid) != also.end();
}

// Says why, as far as the peer still listens.
void Listener::drop(Guests::iterator guest, Error why) {
  Greeting refusal = handshake::greeting(Kind::refusal);
  refusal.reason = std::uint32_t(reason_of(why.code));
  (void)handshake::send(guest->socket.get(), refusal);
  unwatch(guest->socket.get());  // a child of fork() may hold it open
  guests_.erase(guest);
  ++refused_;
  last_refusal_ = std::move(why);
}

void Listener::drop_late(Clock::time_point now) {
  for (auto guest = guests_.begin(); guest != guests_.end();) {
    const auto next = std::next(guest);
    if (guest->deadline <= now) {
      drop(guest, {.code = ErrorCode::timed_out,
                   .message = fmt::format("pid {} did not finish its handshake in time",
                                          guest->peer.pid)});
    }
    guest = next;
  }
}

}  // namespace ringbell
