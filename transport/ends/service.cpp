#include <ringbell/transport/ends/service.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <ringbell/transport/base/deadline.hpp>

namespace ringbell {
namespace {

constexpr std::uint32_t kServer = 0;

Numbers clients_of(const Region& region) {
  return {
      .first = kServer + 1, .end = region.geometry().participants, .role = "client", .reads = true};
}
Numbers the_server_of(const Region&) {
  return {.first = kServer, .end = kServer + 1, .role = "server", .reads = false};
}

// The server, as its clients wait for it.
struct TheServer {
  const Region& region;

  [[nodiscard]] bool closed() const noexcept { return has_closed(region, kServer); }
  [[nodiscard]] Waited ask() const noexcept { return ask_after(region, kServer); }
  [[nodiscard]] static bool stay_awake() noexcept { return false; }
};

// Clients, as the server waits for them.
struct Clients {
  core::CallGroup<>::Server& ring;

  [[nodiscard]] static bool closed() noexcept { return false; }
  [[nodiscard]] static Waited ask() noexcept { return Waited::ready; }
  // A quiet line's client may have set its bit, and died before it did or rang.
  [[nodiscard]] bool stay_awake() const noexcept { return ring.anything(); }
};

Result<Participant> join(Region region, NumbersOf among, const WaitOptions& wait) {
  if (region.kind() != core::RingKind::call_group) {
    return fail(ErrorCode::not_a_region, "the region holds another ring than a service's");
  }
  const Numbers numbers = among(region);
  return Participant::join(std::move(region), numbers, wait);
}

}  // namespace

// --- Client --------------------------------------------------------------------------------------

Client::Client(Participant participant, core::CallGroup<>::Caller ring) noexcept
    : participant_(std::move(participant)), ring_(std::move(ring)) {
  participant_.sleeper().will_sleep_on(participant_.own_bell());
}

Client& Client::operator=(Client&& other) noexcept {
  std::swap(participant_, other.participant_);
  std::swap(ring_, other.ring_);
  return *this;
}

Client::~Client() { close(); }

void Client::close() noexcept {
  if (!participant_.is_open()) return;
  participant_.say_closed();
  participant_.leave();
}

Result<Client> Client::open(Region region, const WaitOptions& wait) {
  return from(join(std::move(region), clients_of, wait));
}

Result<Client> Client::create(std::string_view name, const ServiceOptions& options,
                              const WaitOptions& wait) {
  return from(Participant::create(name, options.region(), clients_of, wait));
}

Result<Client> Client::open(std::string_view name, Timeout timeout, const WaitOptions& wait) {
  return from(Participant::open(name, {core::RingKind::call_group, clients_of}, timeout, wait));
}

Result<Client> Client::from(Result<Participant> participant) {
  if (!participant) return tl::unexpected(std::move(participant.error()));
  core::CallGroup<>::Caller ring(participant->region().call_group_memory(),
                                 participant->number() - 1);
  return Client(std::move(*participant), std::move(ring));
}

// False: time is up.
template <class Ready>
Result<bool> Client::wait_until(Ready&& ready, Timeout timeout) {
  const TheServer server{region()};
  const Waited waited = participant_.sleeper().wait_until(
      participant_.own_bell(), [&] { return ring_.corrupt() || ready(); }, server, timeout);
  if (ring_.corrupt()) return fail_corrupt(ring_.finding());
  switch (waited) {
    case Waited::ready:
      return true;
    case Waited::timed_out:
      return false;
    case Waited::peer_closed:
      return fail(ErrorCode::closed, "the server closed before it answered");
    case Waited::peer_dead:
      return fail(ErrorCode::peer_dead, "the server died before it answered");
  }
  return false;
}

Result<std::span<std::byte>> Client::claim_for(std::uint32_t size_bytes, Timeout timeout) {
  std::span<std::byte> room = ring_.claim(size_bytes);
  if (!room.empty()) return room;
  const Result<bool> ready =
      wait_until([&] { return !(room = ring_.claim(size_bytes)).empty(); }, timeout);
  if (!ready) return tl::unexpected(ready.error());
  return room;
}

Result<std::span<const std::byte>> Client::answer_for(Timeout timeout) {
  const Result<bool> ready = wait_until([&] { return ring_.answered(); }, timeout);
  if (!ready || !*ready) ring_.abandon();
  if (!ready) return tl::unexpected(ready.error());
  if (!*ready) return std::span<const std::byte>{};
  if (ring_.failed()) {
    return fail(ErrorCode::peer_dead,
                "the server died with this call begun; what it had done of it is not known");
  }
  return ring_.response();
}

bool Client::answered() noexcept {
  return ring_.corrupt() || ring_.answered() || has_closed(region(), kServer);
}

bool Client::arm() {
  const TheServer server{region()};
  const auto is_ready = [&] {
    return ring_.corrupt() || (ring_.waiting() ? ring_.answered() : ring_.has_room());
  };
  return participant_.sleeper().arm(participant_.own_bell(), is_ready, server);
}

PeerState Client::peer() const noexcept { return peer_state(region(), kServer); }

Result<std::optional<std::size_t>> Client::call(std::span<const std::byte> request,
                                                std::span<std::byte> response, Timeout timeout) {
  if (request.empty()) {
    return fail(ErrorCode::invalid_argument, "a request of 0 bytes: the smallest has 1");
  }
  if (request.size() > max_message_bytes()) {
    return fail(ErrorCode::too_large,
                fmt::format("a request of {} bytes: this service takes at most {}; create it with "
                            "larger messages",
                            request.size(), max_message_bytes()));
  }
  const auto size = static_cast<std::uint32_t>(request.size());
  const SteadyTime deadline = end_of(timeout);
  std::span<std::byte> room = ring_.claim(size);
  if (room.empty()) [[unlikely]] {
    const Result<std::span<std::byte>> later = claim_for(size, timeout);
    if (!later) return tl::unexpected(later.error());
    if (later->empty()) return std::nullopt;
    room = *later;
  }
  std::memcpy(room.data(), request.data(), request.size());
  call();
  const Result<std::span<const std::byte>> answer = answer_for(left_until(deadline));
  if (!answer) return tl::unexpected(answer.error());
  if (answer->empty()) return std::nullopt;
  if (answer->size() > response.size()) {
    return fail(ErrorCode::too_large, fmt::format("a response of {} bytes for a buffer of {}",
                                                  answer->size(), response.size()));
  }
  std::memcpy(response.data(), answer->data(), answer->size());
  return answer->size();
}

// --- Server --------------------------------------------------------------------------------------

Server::Server(Participant participant, Storage storage) noexcept
    : participant_(std::move(participant)),
      storage_(std::move(storage)),
      ring_(participant_.region().call_group_memory(), storage_) {
  participant_.sleeper().will_sleep_on(region().bells().data_bell.word);
  // Those whose calls failed at this server's coming.
  for (std::uint32_t line = 0; line < ring_.line_count(); ++line) {
    participant_.sleeper().published(participant_.bell_of(line + 1));
  }
}

Server& Server::operator=(Server&& other) noexcept {
  std::swap(participant_, other.participant_);
  std::swap(storage_, other.storage_);
  std::swap(ring_, other.ring_);
  return *this;
}

Server::~Server() { close(); }

void Server::close() noexcept {
  if (!participant_.is_open()) return;
  participant_.say_closed();
  for (std::uint32_t line = 0; line < ring_.line_count(); ++line) {
    participant_.sleeper().published(participant_.bell_of(line + 1));
  }
  participant_.leave();
}

Result<Server> Server::open(Region region, const WaitOptions& wait) {
  return from(join(std::move(region), the_server_of, wait));
}

Result<Server> Server::create(std::string_view name, const ServiceOptions& options,
                              const WaitOptions& wait) {
  return from(Participant::create(name, options.region(), the_server_of, wait));
}

Result<Server> Server::open(std::string_view name, Timeout timeout, const WaitOptions& wait) {
  return from(Participant::open(name, {core::RingKind::call_group, the_server_of}, timeout, wait));
}

Result<Server> Server::from(Result<Participant> participant) {
  if (!participant) return tl::unexpected(std::move(participant.error()));
  Storage storage(participant->region().call_group_memory().lane_count);
  return Server(std::move(*participant), std::move(storage));
}

std::span<const std::byte> Server::request_for(Timeout timeout) {
  std::span<const std::byte> asked = request();
  if (!asked.empty()) return asked;
  const Clients clients{ring_};
  (void)participant_.sleeper().wait_until(
      region().bells().data_bell.word, [&] { return !(asked = request()).empty(); }, clients,
      timeout);
  return asked;
}

bool Server::arm() {
  const Clients clients{ring_};
  return participant_.sleeper().arm(
      region().bells().data_bell.word, [&] { return !request().empty(); }, clients);
}

}  // namespace ringbell
