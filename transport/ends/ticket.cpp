#include <ringbell/transport/ends/ticket.hpp>

#include <utility>

#include <fmt/format.h>

#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/service.hpp>
#include <ringbell/transport/ends/tickets.hpp>

namespace ringbell {
namespace {

// How a call ended that is not under way any more.
Fate fate_of(const core::CallGroup<>::Caller& line) noexcept {
  return line.failed() ? Fate::maybe_served : Fate::served;
}

}  // namespace

// --- Tickets -------------------------------------------------------------------------------------

Tickets::Tickets(Client& client, std::uint32_t first, std::uint32_t count) : client_(&client) {
  const core::CallGroupMemory memory = client.region().call_group_memory();
  places_.reserve(count);
  for (std::uint32_t line = first; line < first + count; ++line) {
    places_.push_back({.line = core::CallGroup<>::Caller(memory, line)});
  }
}

void Tickets::close() noexcept {
  const bool is_open = client() != nullptr;
  for (Place& place : places_) {
    if (!place.is_out) continue;
    place.fate = is_open ? give_up(place.line) : Fate::maybe_served;
  }
  client_ = nullptr;
}

Fate Tickets::give_up(core::CallGroup<>::Caller& line) noexcept {
  if (!line.waiting() && !line.has_more()) return fate_of(line);
  const Fate fate = line.abandon();
  client_->tell_server();
  return fate;
}

void Tickets::ask_for_more(std::uint32_t place) noexcept {
  Place& at = places_[place];
  if (client() == nullptr || at.is_awaited) return;
  if (at.line.next()) client_->tell_server();
  at.is_awaited = true;
  ++awaited_;
}

Client* Tickets::client() const noexcept {
  return client_ != nullptr && client_->participant_.is_open() ? client_ : nullptr;
}

Result<Ticket> Tickets::start(std::span<const std::byte> request) {
  const auto count = static_cast<std::uint32_t>(places_.size());
  for (std::uint32_t tried = 0; tried < count; ++tried) {
    const std::uint32_t at = next_;
    next_ = next_ + 1 < count ? next_ + 1 : 0;
    Place& place = places_[at];
    if (place.is_out || !place.line.has_room()) continue;
    const auto size = static_cast<std::uint32_t>(request.size());
    copy_message(place.line.claim(size).data(), request);
    place.line.call();
    client_->sent();
    place.is_out = place.is_awaited = true;
    ++out_;
    ++awaited_;
    return Ticket(shared_from_this(), at);
  }
  client_->tell_server();  // parts of calls before may have gone back
  for (const Place& place : places_) {
    if (place.line.corrupt()) return fail_corrupt(place.line.finding());
  }
  return fail(ErrorCode::no_place,
              fmt::format("{} calls are under way by start(), of {} that a client of this service "
                          "may have (ServiceOptions::tickets of its maker); the rest are given up "
                          "and still being served",
                          out_, count));
}

bool Tickets::is_any_answered() noexcept {
  for (std::uint32_t place = 0; place < places_.size(); ++place) {
    if (places_[place].is_awaited && is_answered(place)) return true;
  }
  return false;
}

bool Tickets::is_answered(std::uint32_t place) noexcept {
  core::CallGroup<>::Caller& line = places_[place].line;
  return line.answered() || line.corrupt();
}

void Tickets::mark_given(std::uint32_t place) noexcept {
  if (std::exchange(places_[place].is_awaited, false)) --awaited_;
}

Fate Tickets::fate(std::uint32_t place) noexcept {
  Place& at = places_[place];
  if (client() == nullptr) return client_ == nullptr ? at.fate : Fate::maybe_served;
  return at.line.answered() && !at.line.has_more() ? fate_of(at.line) : Fate::none;
}

Fate Tickets::give_back(std::uint32_t place) noexcept {
  Place& at = places_[place];
  const bool is_open = client() != nullptr;
  const Fate known = fate(place);
  mark_given(place);
  at.is_out = false;
  --out_;
  return is_open && known == Fate::none ? give_up(at.line) : known;
}

// --- Ticket --------------------------------------------------------------------------------------

Ticket& Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  (void)abandon();
  all_ = std::move(other.all_);
  place_ = other.place_;
  fate_ = other.fate_;
  return *this;
}

Result<std::optional<std::span<const std::byte>>> Ticket::wait(Timeout timeout) {
  if (!all_) {
    return fail(ErrorCode::invalid_argument, "the call of this ticket is over: see its fate()");
  }
  const auto over = [&](Error error, Fate fate) {
    error.fate = fate;
    return tl::unexpected<Error>(std::move(error));
  };
  Client* const client = all_->client();
  if (client == nullptr) {
    return over({.code = ErrorCode::closed, .message = "the client of this ticket was closed"},
                abandon());
  }
  core::CallGroup<>::Caller& line = all_->line(place_);
  Result<bool> ready = client->answered_for(line, timeout);
  if (ready && !*ready) return std::nullopt;
  if (!ready) {
    if (ready.error().code == ErrorCode::cancelled) return tl::unexpected(ready.error());
    const Fate fate = all_->give_up(line);
    if (fate != Fate::served) {
      fate_ = fate;
      std::exchange(all_, nullptr)->give_back(place_);
      return over(std::move(ready.error()), fate);
    }
  }
  if (!line.failed() && !line.over()) {
    all_->mark_given(place_);
    return line.response();
  }
  Error error = Client::error_of(line);
  return over(std::move(error), abandon());
}

Result<std::optional<std::span<const std::byte>>> Ticket::next(Timeout timeout) {
  if (all_) all_->ask_for_more(place_);
  return wait(timeout);
}

bool Ticket::answered() const noexcept {
  if (!all_) return true;
  const Client* const client = all_->client();
  return client == nullptr || all_->is_answered(place_) || has_closed(client->region());
}

Fate Ticket::abandon() noexcept {
  if (const std::shared_ptr<Tickets> all = std::exchange(all_, nullptr)) {
    fate_ = all->give_back(place_);
  }
  return fate_;
}

Fate Ticket::fate() const noexcept { return all_ ? all_->fate(place_) : fate_; }

}  // namespace ringbell
