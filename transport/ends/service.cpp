#include <ringbell/transport/ends/service.hpp>

#include <cstring>
#include <utility>

#include <ringbell/transport/base/deadline.hpp>

namespace ringbell {
namespace {

// Whether the line of this number may be taken over: its state is one that a client or server left.
bool is_line_whole(const Region& region, std::uint32_t number) noexcept {
  constexpr core::Edge kLook{"call.R"};
  const core::CallMemory line = region.call_group_memory().line(number - 1);
  const core::CallState state(
      core::HardwareAtomics::load(line.cell->state, std::memory_order_relaxed, kLook));
  switch (state.phase()) {
    case core::CallState::kIdle:
    case core::CallState::kFailed:
      return true;
    case core::CallState::kRequest:
    case core::CallState::kServing:
    case core::CallState::kResponse:
      return fits(state.size_bytes(), line.max_message_bytes());
  }
  return false;
}

}  // namespace

// --- Client --------------------------------------------------------------------------------------

Part Client::part() noexcept {
  return {.kind = core::RingKind::call_group,
          .among = Part::Among::the_rest,
          .role = "client",
          .more = "ServiceOptions::clients of the ring's maker says how many there can be",
          .reads = true,
          .is_whole = is_line_whole};
}

Result<Client> Client::on(Participant participant) {
  core::CallGroup<>::Caller ring(participant.region().call_group_memory(),
                                 participant.number() - 1);
  return Client(std::move(participant), std::move(ring));
}

Client::Client(Participant participant, core::CallGroup<>::Caller ring) noexcept
    : OpenedEnd(std::move(participant)), ring_(std::move(ring)) {
  participant_.sleeper().will_sleep_on(participant_.own_bell());
}

Client::~Client() {
  if (!participant_.is_open()) return;
  participant_.say_closed();
  participant_.leave();
}

// False: time is up.
template <class Ready>
Result<bool> Client::wait_until(Ready&& ready, Timeout timeout) {
  const Waited waited = participant_.sleeper().wait_until(
      participant_.own_bell(), [&] { return ring_.corrupt() || ready(); }, ThePeer{region()},
      timeout);
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

Result<std::optional<std::span<std::byte>>> Client::claim_for(std::size_t size_bytes,
                                                              Timeout timeout) {
  claimed_ = false;
  if (!fits(size_bytes, max_message_bytes())) {
    return fail_size(size_bytes, max_message_bytes(), "a request", "this service");
  }
  if (!ring_.answered()) {
    return fail(ErrorCode::invalid_argument,
                "a call is under way: take its answer or abandon it first");
  }
  called_ = false;
  const auto size = static_cast<std::uint32_t>(size_bytes);
  std::optional<std::span<std::byte>> room = if_any(ring_.claim(size));
  if (!room) [[unlikely]] {
    const Result<bool> ready =
        wait_until([&] { return (room = if_any(ring_.claim(size))).has_value(); }, timeout);
    if (!ready) return tl::unexpected(ready.error());
  }
  claimed_ = room.has_value();
  return room;
}

Result<std::optional<std::span<const std::byte>>> Client::answer_for(Timeout timeout) {
  if (!called_) return fail(ErrorCode::invalid_argument, "no call is under way: call() first");
  const Result<bool> ready = wait_until([&] { return ring_.answered(); }, timeout);
  if (!ready || !*ready) abandon();
  if (!ready) return tl::unexpected(ready.error());
  if (!*ready) return std::nullopt;
  if (ring_.failed()) {
    return fail(ErrorCode::peer_dead,
                "the server died with this call begun; what it had done of it is not known");
  }
  return ring_.response();
}

bool Client::answered() noexcept {
  return !called_ || ring_.corrupt() || ring_.answered() || has_closed(region(), 0);
}

bool Client::arm() {
  const auto is_ready = [&] {
    return ring_.corrupt() || (ring_.waiting() ? ring_.answered() : ring_.has_room());
  };
  return participant_.sleeper().arm(participant_.own_bell(), is_ready, ThePeer{region()});
}

PeerState Client::peer() const noexcept { return peer_state(region(), 0); }

Result<std::optional<std::size_t>> Client::call(std::span<const std::byte> request,
                                                std::span<std::byte> response, Timeout timeout) {
  Result<std::optional<std::span<std::byte>>> room = claim_for(request.size(), Timeout::zero());
  if (room && !*room) [[unlikely]] {  // the clock is read where it may have moved on
    const SteadyTime deadline = end_of(timeout);
    room = claim_for(request.size(), timeout);
    timeout = left_until(deadline);
  }
  if (!room) return tl::unexpected(room.error());
  if (!*room) return std::nullopt;
  std::memcpy((*room)->data(), request.data(), request.size());
  call();
  const Result<std::optional<std::span<const std::byte>>> answer = answer_for(timeout);
  if (!answer) return tl::unexpected(answer.error());
  if (!*answer) return std::nullopt;
  const std::span<const std::byte> bytes = **answer;
  if (bytes.size() > response.size()) return fail_buffer(bytes.size(), response.size());
  std::memcpy(response.data(), bytes.data(), bytes.size());
  return bytes.size();
}

// --- Server --------------------------------------------------------------------------------------

Part Server::part() noexcept {
  return {.kind = core::RingKind::call_group, .among = Part::Among::the_first, .role = "server"};
}

Result<Server> Server::on(Participant participant) {
  Storage storage(participant.region().call_group_memory().lane_count);
  return Server(std::move(participant), std::move(storage));
}

Server::Server(Participant participant, Storage storage) noexcept
    : OpenedEnd(std::move(participant)),
      storage_(std::move(storage)),
      ring_(region().call_group_memory(), storage_) {
  participant_.sleeper().will_sleep_on(region().bells().data_bell.word);
  ring_clients();  // those whose calls failed when this server came
}

Server::~Server() {
  if (!participant_.is_open()) return;
  participant_.say_closed();
  ring_clients();
  participant_.leave();
}

void Server::ring_clients() const noexcept {
  for (std::uint32_t line = 0; line < ring_.line_count(); ++line) {
    participant_.sleeper().published(participant_.bell_of(line + 1));
  }
}

// Clients, as the server waits for them: they come and go.
struct Server::Clients {
  Server& own;

  [[nodiscard]] static bool closed() noexcept { return false; }
  [[nodiscard]] Waited ask() const noexcept {
    own.mend_lines();
    return Waited::ready;
  }
  // A quiet line's client may have set its bit, and died before it did or rang.
  [[nodiscard]] bool stay_awake() const noexcept { return own.ring_.anything(); }
};

void Server::mend_lines() noexcept {
  for (std::uint32_t line = 0; ring_.corrupt_lines() > 0 && line < line_count(); ++line) {
    if (ring_.corrupt(line)) {
      (void)participant_.mend_place_of(line + 1, [&] { ring_.mend(line); });
    }
  }
}

Result<std::optional<std::span<const std::byte>>> Server::request_for(Timeout timeout) {
  std::optional<std::span<const std::byte>> asked = request();
  if (asked) return asked;
  (void)participant_.sleeper().wait_until(
      region().bells().data_bell.word, [&] { return (asked = request()).has_value(); },
      Clients{*this}, timeout);
  return asked;
}

bool Server::arm() {
  return participant_.sleeper().arm(
      region().bells().data_bell.word, [&] { return request().has_value(); }, Clients{*this});
}

}  // namespace ringbell
