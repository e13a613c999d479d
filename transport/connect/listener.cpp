#include <ringbell/transport/connect/listener.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <iterator>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/known_ids.hpp>
#include <ringbell/transport/connect/handshake.hpp>
#include <ringbell/transport/memory/reserve.hpp>

namespace ringbell {
namespace {

using handshake::Greeting;
using handshake::Kind;
using handshake::Reason;

// A peer that means well is done long before it is the oldest of so many.
constexpr std::size_t kMostGuests = 64;
constexpr std::size_t kMostGuestsInAll = 256;
constexpr std::ptrdiff_t kMostWelcomed = 16;

constexpr int kMostLetInAtOnce = 16;

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
    case ErrorCode::unsupported:
      return Reason::doorbell;
    case ErrorCode::no_space:
    case ErrorCode::no_place:
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

Error fail_late(const Peer& peer) {
  return {.code = ErrorCode::timed_out,
          .message = fmt::format("pid {} did not finish its handshake in time", peer.pid)};
}
Error fail_no_turn(const Peer& peer) {
  return {
      .code = ErrorCode::no_place,
      .message = fmt::format("pid {} of uid {} had no turn: {} others do not read their welcome",
                             peer.pid, peer.uid, kMostWelcomed)};
}

// That each user that may connect also can, and can be told from others.
Result<void> check_allowed(const ListenerOptions& options) {
  for (const uid_t uid : options.also_allowed) {
    if (options.place == Place::folder && uid != ::geteuid()) {
      return fail(
          ErrorCode::invalid_argument,
          fmt::format("also_allowed has uid {}, which cannot come to a listener in a folder "
                      "of this user: take Place::group, with RINGBELL_DIR set to a folder "
                      "that a group shares, or Place::abstract",
                      uid));
    }
    if (!is_one_user(uid)) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("also_allowed has uid {}, which stands for each user that this user "
                              "namespace does not map: map the user that is meant",
                              uid));
    }
  }
  return {};
}

// What goes to the connector with its welcome.
struct Gift {
  std::vector<int> descriptors;
  std::vector<FileDescriptor> sockets;  // which this side has no other use for
};

Result<Channel> make_channel(const ChannelOptions& options, Gift& gift) {
  Result<Channel> channel = Channel::create(options);
  if (!channel) return channel;
  const ChannelFds fds = channel->fds();
  for (const int fd : {fds.memory, fds.data_bell, fds.space_bell}) {
    if (fd >= 0) gift.descriptors.push_back(fd);
  }
  return channel;
}

// For a side that is not trusted: as pollable as with eventfds.
Result<Channel> make_channel_by_socket(const ChannelOptions& options, Gift& gift) {
  Result<Region> region = Region::create(options.region());
  if (!region) return tl::unexpected(std::move(region.error()));
  auto ends = unix_socket::pair();
  if (!ends) return tl::unexpected(std::move(ends.error()));
  gift.descriptors.push_back(region->fd());
  gift.descriptors.push_back(ends->second.get());
  gift.sockets.push_back(std::move(ends->second));
  return Channel::attach_by_socket(std::move(*region), std::move(ends->first));
}

}  // namespace

// A folder of this user alone keeps strangers out that look like it.
Listener::Listener(ListenerOptions options, ListeningSocket socket, FileDescriptor events,
                   FileDescriptor spare) noexcept
    : options_(std::move(options)),
      own_uid_(socket.is_private() || is_one_user(::geteuid()) ? std::optional(::geteuid())
                                                               : std::nullopt),
      socket_(std::move(socket)),
      events_(std::move(events)),
      spare_(std::move(spare)) {}

Result<Listener> Listener::open(std::string_view name, ListenerOptions options) {
  if (options.channel.memory.backing != Backing::memfd) {
    return fail(ErrorCode::invalid_argument, "a listener's channels are in memfds only");
  }
  if (Result<void> checked = check_allowed(options); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  Result<ListeningSocket> socket = ListeningSocket::open(name, options.place);
  if (!socket) return tl::unexpected(std::move(socket.error()));
  FileDescriptor events{::epoll_create1(EPOLL_CLOEXEC)};
  if (!events) return fail_errno("epoll_create1 failed", "raise the limit of open files");
  Result<FileDescriptor> spare = unix_socket::create();
  if (!spare) return tl::unexpected(std::move(spare.error()));
  Listener listener(std::move(options), std::move(*socket), std::move(events), std::move(*spare));
  if (Result<void> watched = listener.watch(listener.socket_.fd()); !watched) {
    return tl::unexpected(std::move(watched.error()));
  }
  return listener;
}

Result<void> Listener::watch(int fd, bool only_its_end) const {
  epoll_event waited{.events = only_its_end ? 0U : EPOLLIN, .data = {.fd = fd}};
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &waited) != 0) {
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
    hear_those_that_wait();
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
    // Some at a time: a good peer may stand behind a flood.
    for (int i = 0; knocked && i < kMostLetInAtOnce; ++i) {
      const std::uint64_t known = refused_ + guests_.size();
      if (Result<void> in = let_in(); !in) return tl::unexpected(std::move(in.error()));
      knocked = refused_ + guests_.size() != known;
    }
    const bool late = Clock::now() >= deadline;
    if (late && (ready.empty() || ++late_rounds == kMostLateRounds)) return std::nullopt;
  }
}

Result<void> Listener::let_in() {
  if (!spare_) take_spare();
  Result<std::optional<FileDescriptor>> socket = unix_socket::accept(socket_.fd());
  if (!socket) return tl::unexpected(turn_away(std::move(socket.error())));
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
  drop_one_too_many();
  return {};
}

Error Listener::turn_away(Error why) {
  if (why.errno_value != EMFILE && why.errno_value != ENFILE) return why;
  spare_ = FileDescriptor{};
  if (const auto peer = unix_socket::accept(socket_.fd()); peer && *peer) {
    Greeting refusal = handshake::greeting(Kind::refusal);
    refusal.reason = std::uint32_t(Reason::no_space);
    (void)handshake::send((*peer)->get(), refusal);
    ++refused_;
    last_refusal_ = why;
  }
  take_spare();
  return why;
}

// Another thread may have taken the place of the last one: then a later call has it.
void Listener::take_spare() {
  if (auto spare = unix_socket::create()) spare_ = std::move(*spare);
}

void Listener::drop_one_too_many() {
  const auto count_of = [&](uid_t uid) {
    return std::count_if(guests_.begin(), guests_.end(),
                         [uid](const Guest& guest) { return guest.peer.uid == uid; });
  };
  const uid_t newest = guests_.back().peer.uid;
  uid_t uid = newest;
  if (guests_.size() > kMostGuestsInAll) {
    uid = std::max_element(guests_.begin(), guests_.end(), [&](const Guest& a, const Guest& b) {
            return count_of(a.peer.uid) < count_of(b.peer.uid);
          })->peer.uid;
  } else if (static_cast<std::size_t>(count_of(newest)) <= kMostGuests) {
    return;
  }
  const auto oldest = std::find_if(guests_.begin(), guests_.end(),
                                   [uid](const Guest& guest) { return guest.peer.uid == uid; });
  drop(oldest, {.code = ErrorCode::no_place, .message = "too many handshakes at a time"});
}

bool Listener::may_welcome(uid_t uid) const noexcept {
  const auto guests = std::count_if(guests_.begin(), guests_.end(), [uid](const Guest& guest) {
    return guest.peer.uid == uid && guest.sender.has_value();
  });
  const auto debtors = std::count_if(debtors_.begin(), debtors_.end(),
                                     [uid](const Debtor& debtor) { return debtor.uid == uid; });
  return guests + debtors < kMostWelcomed;
}

void Listener::hear_those_that_wait() {
  debtors_.remove_if([](const Debtor& debtor) {
    return unix_socket::is_hung_up(debtor.socket.get()) ||
           unix_socket::all_read(debtor.socket.get());
  });
  std::optional<uid_t> full;  // asked once for all of a flood
  for (Guest& guest : guests_) {
    if (!guest.waits || guest.peer.uid == full) continue;
    if (!may_welcome(guest.peer.uid)) {
      full = guest.peer.uid;
    } else if (watch(guest.socket.get())) {
      guest.waits = false;
    }
  }
}

Result<std::optional<Connection>> Listener::hear(Guests::iterator guest) {
  if (!guest->sender && !may_welcome(guest->peer.uid)) {
    unwatch(guest->socket.get());
    guest->waits = true;
    return std::nullopt;
  }
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
    const Result<core::DoorbellKind> doorbell =
        doorbell_for(*guest, core::DoorbellKind{said->doorbell});
    if (!doorbell) {
      drop(guest, doorbell.error());
      return std::nullopt;
    }
    const Result<void> done = welcome(*guest, *doorbell);
    if (done) return std::nullopt;
    drop(guest, done.error());
    if (done.error().code == ErrorCode::peer_dead) return std::nullopt;
    return tl::unexpected(done.error());
  }
  unwatch(guest->socket.get());
  guest->sender->rely_on_sign_of_life();
  guest->receiver->rely_on_sign_of_life();
  Connection made{.sender = std::move(*guest->sender),
                  .receiver = std::move(*guest->receiver),
                  .peer = guest->peer,
                  .socket = std::move(guest->socket)};
  guests_.erase(guest);
  return std::optional(std::move(made));
}

Result<core::DoorbellKind> Listener::doorbell_for(const Guest& guest,
                                                  core::DoorbellKind wish) const {
  const bool is_stranger = guest.peer.uid != ::geteuid();
  const core::DoorbellKind own = options_.doorbell.value_or(
      is_stranger ? core::DoorbellKind::futex : core::DoorbellKind::eventfd);
  if (wish == core::DoorbellKind{} || wish == own) return own;
  if (!options_.insists_on_doorbell) return wish;
  return fail(ErrorCode::unsupported,
              fmt::format("pid {} of uid {} asks for another doorbell than it may have",
                          guest.peer.pid, guest.peer.uid));
}

// Takes this side's roles before the peer can take any.
Result<void> Listener::welcome(Guest& guest, core::DoorbellKind doorbell) {
  ChannelOptions options = options_.channel;
  options.doorbell = doorbell;
  const bool by_socket = doorbell == core::DoorbellKind::eventfd && guest.peer.uid != ::geteuid();
  const auto make = by_socket ? make_channel_by_socket : make_channel;
  Gift gift;
  Result<Channel> to_listener = make(options, gift);
  if (!to_listener) return tl::unexpected(std::move(to_listener.error()));
  Result<Channel> to_connector = make(options, gift);
  if (!to_connector) return tl::unexpected(std::move(to_connector.error()));

  Greeting greeting = handshake::greeting(Kind::welcome);
  greeting.doorbell = std::uint32_t(options.doorbell);
  greeting.descriptors = static_cast<std::uint32_t>(gift.descriptors.size());
  greeting.to_listener = shape_of(*to_listener);
  greeting.to_connector = shape_of(*to_connector);

  Result<FileDescriptor> life = unix_socket::duplicate(guest.socket.get());
  if (!life) return tl::unexpected(std::move(life.error()));
  const SignOfLife sign_of_life(std::move(*life));
  Result<Receiver> receiver = Receiver::open(std::move(*to_listener), options_.wait, sign_of_life);
  if (!receiver) return tl::unexpected(std::move(receiver.error()));
  Result<Sender> sender = Sender::open(std::move(*to_connector), options_.wait, sign_of_life);
  if (!sender) return tl::unexpected(std::move(sender.error()));
  if (Result<void> sent = handshake::send(guest.socket.get(), greeting, gift.descriptors); !sent)
    return sent;
  guest.receiver.emplace(std::move(*receiver));
  guest.sender.emplace(std::move(*sender));
  return {};
}

bool Listener::is_allowed(uid_t uid) const noexcept {
  const std::vector<uid_t>& also = options_.also_allowed;
  return uid == own_uid_ || std::find(also.begin(), also.end(), uid) != also.end();
}

// Says why, as far as the peer still listens.
void Listener::drop(Guests::iterator guest, Error why) {
  const bool has_read = unix_socket::all_read(guest->socket.get());
  Greeting refusal = handshake::greeting(Kind::refusal);
  refusal.reason = std::uint32_t(reason_of(why.code));
  (void)handshake::send(guest->socket.get(), refusal);
  unwatch(guest->socket.get());  // a child of fork() may hold it open
  if (guest->sender) {
    for (const Region* const region :
         {&guest->sender->channel().region(), &guest->receiver->channel().region()}) {
      memory::give_back(region->fd(), region->geometry().region_bytes);
    }
    if (!has_read && watch(guest->socket.get(), true)) {
      debtors_.push_back({std::move(guest->socket), guest->peer.uid});
    }
  }
  guests_.erase(guest);
  ++refused_;
  last_refusal_ = std::move(why);
}

void Listener::drop_late(Clock::time_point now) {
  for (auto guest = guests_.begin(); guest != guests_.end();) {
    const auto next = std::next(guest);
    if (guest->deadline <= now) {
      drop(guest, guest->waits ? fail_no_turn(guest->peer) : fail_late(guest->peer));
    }
    guest = next;
  }
}

}  // namespace ringbell
