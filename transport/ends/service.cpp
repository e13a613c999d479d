#include <ringbell/transport/ends/service.hpp>

#include <cstring>
#include <utility>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/ends/taken_requests.hpp>
#include <ringbell/transport/ends/tickets.hpp>

namespace ringbell {
namespace {

// A client has so many lines in a row: call()'s, then its tickets'.
std::uint32_t lines_of_each(const Region& region) noexcept {
  return static_cast<std::uint32_t>(core::lanes_of_each(region.shape()));
}
std::uint32_t first_line_of(const Region& region, std::uint32_t number) noexcept {
  return (number - 1) * lines_of_each(region);
}

// Whether a line may be taken over: its state is one that a client or server left.
bool is_line_whole(const core::CallMemory& line) noexcept {
  constexpr core::Edge kLook{"call.R"};
  const core::CallState state(
      core::HardwareAtomics::load(line.cell->state, std::memory_order_relaxed, kLook));
  switch (state.phase()) {
    case core::CallState::kIdle:
    case core::CallState::kFailed:
    case core::CallState::kDropped:
      return true;
    case core::CallState::kRequest:
    case core::CallState::kServing:
    case core::CallState::kCancelled:
    case core::CallState::kResponse:
    case core::CallState::kPart:
      return fits(state.size_bytes(), line.max_message_bytes());
  }
  return false;
}

bool are_lines_whole(const Region& region, std::uint32_t number) noexcept {
  const core::CallGroupMemory memory = region.call_group_memory();
  const std::uint32_t first = first_line_of(region, number);
  for (std::uint32_t line = first; line < first + lines_of_each(region); ++line) {
    if (!is_line_whole(memory.line(line))) return false;
  }
  return true;
}

}  // namespace

// --- Client --------------------------------------------------------------------------------------

Part Client::part() noexcept {
  return {.kind = core::RingKind::call_group,
          .among = Part::Among::the_rest,
          .role = "client",
          .more = "ServiceOptions::clients of the ring's maker says how many there can be",
          .reads = true,
          .is_whole = are_lines_whole};
}

Result<Client> Client::on(Participant participant) {
  const core::CallGroupMemory memory = participant.region().call_group_memory();
  const std::uint32_t first = first_line_of(participant.region(), participant.number());
  Line ring(memory, first);
  // The calls that a dead client in this place had started are given up now, not when this one
  // starts its first: is_cancelled() tells the server.
  for (std::uint32_t line = 1; line < lines_of_each(participant.region()); ++line) {
    (void)Line(memory, first + line);
  }
  return Client(std::move(participant), std::move(ring));
}

Client::Client(Participant participant, core::CallGroup<>::Caller ring) noexcept
    : OpenedEnd(std::move(participant)), ring_(std::move(ring)) {
  participant_.sleeper().will_sleep_on(participant_.own_bell());
  tell_server();  // of calls that a dead client in this place had under way
}

Client::Client(Client&& other) noexcept
    : OpenedEnd(std::move(other)),
      ring_(std::move(other.ring_)),
      claimed_(other.claimed_),
      called_(other.called_),
      is_awaited_(other.is_awaited_),
      fate_(other.fate_),
      tickets_(std::move(other.tickets_)) {
  if (tickets_) tickets_->now_of(*this);
}

Client::~Client() {
  if (tickets_) tickets_->close();
  if (!participant_.is_open()) return;
  give_up_parts();
  participant_.say_closed();
  participant_.leave();
}

// False: time is up.
template <class Ready>
Result<bool> Client::wait_until(const Line& line, Ready&& ready, Timeout timeout) {
  const Waited waited = participant_.sleeper().wait_until([&] { return line.corrupt() || ready(); },
                                                          ThePeer{region()}, timeout);
  if (line.corrupt()) return fail_corrupt(line.finding());
  switch (waited) {
    case Waited::ready:
      return true;
    case Waited::timed_out:
      return false;
    case Waited::peer_closed:
      return fail(ErrorCode::closed, "the server closed before it answered");
    case Waited::peer_dead:
      return fail(ErrorCode::peer_dead, "the server died before it answered");
    case Waited::cancelled:
      return fail_interrupted();
  }
  return false;
}

Result<std::optional<std::span<std::byte>>> Client::claim_for(std::size_t size_bytes,
                                                              Timeout timeout) {
  [[maybe_unused]] const auto whole = inside();
  claimed_ = false;
  if (!fits(size_bytes, max_message_bytes())) {
    return fail_call(
        fail_size(size_bytes, max_message_bytes(), "a request", "this service").value(),
        Fate::withdrawn);
  }
  if (!ring_.answered()) {
    return fail_call({.code = ErrorCode::invalid_argument,
                      .message = "a call is under way: take its answer or abandon it first"},
                     Fate::withdrawn);
  }
  called_ = is_awaited_ = false;
  give_up_parts();
  const auto size = static_cast<std::uint32_t>(size_bytes);
  std::optional<std::span<std::byte>> room = if_any(ring_.claim(size));
  if (!room) [[unlikely]] {
    const auto claim = [&] {
      room = if_any(ring_.claim(size));
      if (!room) tell_server();  // a part of the call before may have gone back
      return room.has_value();
    };
    Result<bool> ready = wait_until(ring_, claim, timeout);
    if (!ready) return fail_call(std::move(ready.error()), Fate::withdrawn);
    if (!room) fate_ = Fate::withdrawn;
  }
  claimed_ = room.has_value();
  return room;
}

Result<bool> Client::answered_for(Timeout timeout) {
  if (!called_) return fail(ErrorCode::invalid_argument, "no call is under way: call() first");
  return answered_for(ring_, timeout);
}

Result<bool> Client::answered_for(Line& line, Timeout timeout) {
  return wait_until(
      line, [&] { return line.answered(); }, timeout);
}

Result<Ticket> Client::start(std::span<const std::byte> request) {
  [[maybe_unused]] const auto whole = inside();
  if (!fits(request.size(), max_message_bytes())) {
    return fail_size(request.size(), max_message_bytes(), "a request", "this service");
  }
  if (!tickets_) {
    tickets_ = std::make_shared<Tickets>(*this, first_line_of(region(), participant_.number()) + 1,
                                         lines_of_each(region()) - 1);
  }
  return tickets_->start(request);
}

Result<bool> Client::any_answered_for(Timeout timeout) {
  if (!tickets_ || !tickets_->are_awaited()) {
    return fail(ErrorCode::invalid_argument,
                "no ticket waits for its answer: start() a call first");
  }
  return wait_until(
      ring_, [&] { return tickets_->is_any_answered(); }, timeout);
}

Result<std::optional<std::span<const std::byte>>> Client::answer_for(Timeout timeout) {
  Result<bool> ready = answered_for(timeout);
  if (!ready || !*ready) {
    const Fate fate = abandon();
    called_ = fate == Fate::served;  // the answer came with the end of the time
    if (!called_ && !ready) return fail_call(std::move(ready.error()), fate);
    if (!called_) return std::nullopt;
  }
  is_awaited_ = false;
  if (ring_.over()) return fail_call(error_of(ring_), Fate::served);
  if (ring_.failed()) return fail_call(error_of(ring_), Fate::maybe_served);
  return ring_.response();
}

void Client::ask_for_more() noexcept {
  if (!called_ || is_awaited_) return;
  if (ring_.next()) tell_server();
  is_awaited_ = true;
}

void Client::give_up_parts() noexcept {
  if (!ring_.has_more()) return;
  (void)ring_.abandon();
  tell_server();
}

Error Client::error_of(const Line& line) {
  if (line.over()) {
    return {.code = ErrorCode::closed, .message = "the answer to this call is complete"};
  }
  if (line.dropped()) {
    return {.code = ErrorCode::dropped,
            .message =
                "the server gave this call up without an answer; what it had done of it is "
                "not known"};
  }
  return {.code = ErrorCode::peer_dead,
          .message = "the server died with this call begun; what it had done of it is not known"};
}

Fate Client::abandon() noexcept {
  is_awaited_ = false;
  if (!std::exchange(called_, false)) return Fate::none;
  if (!ring_.waiting() && !ring_.has_more()) {
    return fate_ = ring_.failed() ? Fate::maybe_served : Fate::served;
  }
  fate_ = ring_.abandon();
  tell_server();
  return fate_;
}

tl::unexpected<Error> Client::fail_call(Error error, Fate fate) noexcept {
  error.fate = fate_ = fate;
  return tl::unexpected<Error>(std::move(error));
}

bool Client::answered() noexcept {
  return !called_ || ring_.answered() || ring_.corrupt() || has_closed(region());
}

bool Client::has_answer() noexcept {
  return (is_awaited_ && ring_.answered()) || (tickets_ && tickets_->is_any_answered());
}

bool Client::can_call() noexcept {
  return !is_awaited_ && !(tickets_ && tickets_->are_awaited()) && ring_.has_room();
}

Result<bool> Client::is_ready() {
  if (has_answer()) return true;
  const bool is_free = can_call();
  if (ring_.corrupt()) return fail_corrupt(ring_.finding());
  return is_free && !has_closed(region());
}

bool Client::arm() {
  const auto is_any = [&] { return has_answer() || can_call() || ring_.corrupt(); };
  return participant_.sleeper().arm(is_any, ThePeer{region()});
}

PeerState Client::peer() const noexcept { return peer_state(region()); }

Result<bool> Client::begin(std::span<const std::byte> request, Timeout timeout) {
  const Result<std::optional<std::span<std::byte>>> room = claim_for(request.size(), timeout);
  if (!room) return tl::unexpected(room.error());
  if (!*room) return false;
  copy_message((*room)->data(), request);
  call();
  return true;
}

Result<std::optional<std::size_t>> Client::call(std::span<const std::byte> request,
                                                std::span<std::byte> response, Timeout timeout) {
  Result<std::optional<std::span<std::byte>>> room = claim_for(request.size(), Timeout::zero());
  if (room && !*room) [[unlikely]] {  // the clock is read where it may have moved on
    const SteadyTime deadline = end_of(timeout);
    room = claim_for(request.size(), timeout);
    timeout = left_until(deadline);
  }
  if (!room) return tl::unexpected(std::move(room.error()));
  if (!*room) return std::nullopt;
  copy_message((*room)->data(), request);
  call();
  Result<std::optional<std::span<const std::byte>>> answer = answer_for(timeout);
  if (!answer) return tl::unexpected(std::move(answer.error()));
  if (!*answer) return std::nullopt;
  const std::span<const std::byte> bytes = **answer;
  if (bytes.size() > response.size()) {
    return fail_call(fail_buffer(bytes.size(), response.size()).value(), Fate::served);
  }
  copy_message(response.data(), bytes);
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
      ring_(region().call_group_memory(), storage_),
      lines_of_each_(lines_of_each(region())) {
  participant_.sleeper().will_sleep_on(region().bells().data_bell.word);
  ring_clients();  // those whose calls failed when this server came
}

Server::~Server() {
  if (!participant_.is_open()) return;
  if (taken_) taken_->close();
  participant_.say_closed();
  ring_clients();
  participant_.leave();
  if (!taken_) return;
  // Requests that were taken may be looked at for longer than this end lives.
  Participant gone(std::move(participant_));
  taken_->keep(gone.take_region());
}

void Server::ring_clients() const noexcept {
  for (std::uint32_t number = 1; number < region().geometry().participants; ++number) {
    participant_.sleeper().published(participant_.bell_of(number));
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
      (void)participant_.mend_place_of(client_of(line) + 1, [&] {
        if (taken_) taken_->forget(line);
        ring_.mend(line);
      });
    }
  }
  if (taken_) look_after_clients();
}

void Server::look_after_clients() noexcept {
  const Sleeper::Clock::time_point now = Sleeper::Clock::now();
  if (now < look_after_) return;
  look_after_ = now + participant_.sleeper().slice();
  taken_->cancel_those_of([&](std::uint32_t client) { return participant_.is_gone(client + 1); });
}

Result<std::optional<std::span<const std::byte>>> Server::request_for(Timeout timeout) {
  std::optional<std::span<const std::byte>> asked = request();
  if (asked) return asked;
  const Waited waited = participant_.sleeper().wait_until(
      [&] { return (asked = request()).has_value(); }, Clients{*this}, timeout);
  if (waited == Waited::cancelled) return fail_interrupted();
  return asked;
}

Result<std::optional<TakenRequest>> Server::take_for(Timeout timeout) {
  const Result<std::optional<std::span<const std::byte>>> asked = request_for(timeout);
  if (!asked) return tl::unexpected(asked.error());
  if (!*asked) return std::nullopt;
  if (!taken_) {
    taken_ =
        std::make_shared<TakenRequests>(region(), line_count(), participant_.sleeper().manner());
  }
  is_asked_ = claimed_ = false;
  const std::uint32_t line = ring_.line();
  return taken_->add(ring_.take(), line, client(), participant_.bell_of(client() + 1));
}

bool Server::arm() {
  if (participant_.sleeper().slept_a_slice()) {
    look_after_ = {};
    mend_lines();
  }
  return participant_.sleeper().arm([&] { return request().has_value(); }, Clients{*this});
}

}  // namespace ringbell
