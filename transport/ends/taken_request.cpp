#include <ringbell/transport/ends/taken_request.hpp>

#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

#include <unistd.h>

#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/taken_requests.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>
#include <ringbell/transport/sleep/sleeper.hpp>

namespace ringbell {

// --- TakenRequests -------------------------------------------------------------------------------

TakenRequests::TakenRequests(const Region& region, std::uint32_t lines, const WaitOptions& wait)
    : doorbell_(region.doorbell()),
      wait_(wait),
      region_fd_(region.fd()),
      participants_(region.participants()),
      sleeper_(doorbell_, WaitOptions{.within_quota = false}),
      entries_(lines),
      owner_pid_(::getpid()) {}

TakenRequest TakenRequests::add(const Taken& taken, std::uint32_t line, std::uint32_t client,
                                std::uint32_t& bell) {
  const std::lock_guard lock(mutex_);
  entries_[line].emplace(
      Entry{.taken = taken, .serial = ++serial_, .bell = &bell, .client = client});
  return {shared_from_this(), line, serial_, client, taken.request()};
}

void TakenRequests::end(std::optional<Entry>& entry) noexcept {
  sleeper_.published(*entry->bell);
  entry.reset();
}

void TakenRequests::close() noexcept {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  for (std::optional<Entry>& entry : entries_) {
    if (!entry) continue;
    entry->taken.drop();
    end(entry);
  }
  sleeper_.published(participants_[0].bell);
}

void TakenRequests::keep(Region region) noexcept {
  const std::lock_guard lock(mutex_);
  region_.emplace(std::move(region));
}

void TakenRequests::forget(std::uint32_t line) noexcept {
  const std::lock_guard lock(mutex_);
  entries_[line].reset();
}

bool TakenRequests::is_own() const noexcept { return ::getpid() == owner_pid_; }

bool TakenRequests::is_cancelled(std::uint32_t line, std::uint64_t serial) const noexcept {
  const std::lock_guard lock(mutex_);
  const std::optional<Entry>& entry = entries_[line];
  return !is(entry, serial) || entry->is_cancelled || entry->taken.is_cancelled();
}

Result<bool> TakenRequests::look(std::optional<Entry>& entry, std::uint64_t serial) {
  using Standing = Taken::Standing;
  if (is_closed_) return fail(ErrorCode::closed, "the server of this request was closed");
  const Standing at = is(entry, serial) ? entry->taken.look() : Standing::spoilt;  // I3
  if (at != Standing::spoilt) return at == Standing::here;
  if (is(entry, serial)) entry.reset();
  return fail(ErrorCode::corrupt,
              "the client of this request spoilt its line; the call there is another one now");
}

Result<bool> TakenRequests::fail_given_up(std::optional<Entry>& entry) {
  entry->taken.drop();
  end(entry);
  return fail(ErrorCode::dropped, "the client of this request gave up, or died");
}

Result<bool> TakenRequests::fill(std::optional<Entry>& entry, std::uint64_t serial,
                                 std::span<const std::byte> message) {
  Result<bool> here = look(entry, serial);
  if (!here) return here;
  const std::uint32_t most = entry->taken.max_message_bytes();
  if (!fits(message.size(), most)) {
    return fail_size(message.size(), most, "a response", "this service");
  }
  if (!*here) return entry->is_cancelled ? fail_given_up(entry) : false;
  const auto size = static_cast<std::uint32_t>(message.size());
  std::byte* const room = entry->taken.claim(size).data();
  // It may be a part of the request, in place; of 0 bytes it may be null.
  if (size > 0) std::memmove(room, message.data(), size);
  return true;
}

Result<bool> TakenRequests::respond(std::uint32_t line, std::uint64_t serial,
                                    std::span<const std::byte> response) {
  const std::lock_guard lock(mutex_);
  std::optional<Entry>& entry = entries_[line];
  Result<bool> filled = fill(entry, serial, response);
  if (!filled || !*filled) return filled;
  entry->taken.respond();
  end(entry);
  return true;
}

Result<bool> TakenRequests::send(std::uint32_t line, std::uint64_t serial,
                                 std::span<const std::byte> part) {
  const std::lock_guard lock(mutex_);
  std::optional<Entry>& entry = entries_[line];
  Result<bool> filled = fill(entry, serial, part);
  if (!filled || !*filled) return filled;
  if (entry->is_cancelled || !entry->taken.part()) return fail_given_up(entry);
  sleeper_.published(*entry->bell);
  return true;
}

Result<void> TakenRequests::finish(std::uint32_t line, std::uint64_t serial) {
  const std::lock_guard lock(mutex_);
  std::optional<Entry>& entry = entries_[line];
  const Result<bool> here = look(entry, serial);
  if (!here) return tl::unexpected(here.error());
  entry->taken.finish();
  end(entry);
  return {};
}

bool TakenRequests::is_here(std::uint32_t line, std::uint64_t serial) noexcept {
  const std::lock_guard lock(mutex_);
  std::optional<Entry>& entry = entries_[line];
  return !is(entry, serial) || entry->is_cancelled || entry->taken.look() != Taken::Standing::out;
}

void TakenRequests::ask_after_client(std::uint32_t line, std::uint64_t serial,
                                     std::uint32_t client) noexcept {
  if (ParticipantLock::is_held(region_fd_, client + 1)) return;
  const std::lock_guard lock(mutex_);
  if (std::optional<Entry>& entry = entries_[line]; is(entry, serial)) entry->is_cancelled = true;
}

std::unique_ptr<Sleeper> TakenRequests::sleeper() const {
  auto made = std::make_unique<Sleeper>(doorbell_, wait_);
  made->will_sleep_on(participants_[0].bell);
  made->will_wait_for(participants_);
  return made;
}

void TakenRequests::drop(std::uint32_t line, std::uint64_t serial) noexcept {
  const std::lock_guard lock(mutex_);
  std::optional<Entry>& entry = entries_[line];
  if (!is(entry, serial)) return;
  entry->taken.drop();
  end(entry);
}

// --- TakenRequest --------------------------------------------------------------------------------

// Its client, as it is waited for. It rings when it wants more, and when it gives up.
struct TakenRequest::TheClient {
  const TakenRequest& own;

  [[nodiscard]] static bool closed() noexcept { return false; }
  [[nodiscard]] Waited ask() const noexcept {
    own.all_->ask_after_client(own.line_, own.serial_, own.client_);
    return Waited::ready;
  }
  [[nodiscard]] static bool stay_awake() noexcept { return false; }
};

TakenRequest::TakenRequest(std::shared_ptr<TakenRequests> all, std::uint32_t line,
                           std::uint64_t serial, std::uint32_t client,
                           std::span<const std::byte> request) noexcept
    : all_(std::move(all)), line_(line), serial_(serial), client_(client), request_(request) {}

TakenRequest::TakenRequest(TakenRequest&& other) noexcept = default;

TakenRequest::~TakenRequest() { drop(); }

TakenRequest& TakenRequest::operator=(TakenRequest&& other) noexcept {
  if (this == &other) return *this;
  drop();
  all_ = std::move(other.all_);
  line_ = other.line_;
  serial_ = other.serial_;
  client_ = other.client_;
  request_ = other.request_;
  sleeper_ = std::move(other.sleeper_);
  return *this;
}

std::span<const std::byte> TakenRequest::request() const noexcept {
  return all_ && all_->is_own() ? request_ : std::span<const std::byte>();
}

bool TakenRequest::is_cancelled() const noexcept {
  return !all_ || !all_->is_own() || all_->is_cancelled(line_, serial_);
}

Result<void> TakenRequest::check_open() const {
  if (!all_) return fail(ErrorCode::invalid_argument, "this request was answered or dropped");
  if (!all_->is_own()) {
    return fail(ErrorCode::closed,
                "this request is the parent's: a child of fork cannot answer it");
  }
  return {};
}

bool TakenRequest::wait_until_here(Timeout timeout) {
  if (!sleeper_) sleeper_ = all_->sleeper();
  const auto is_here = [&] { return all_->is_here(line_, serial_); };
  return sleeper_->wait_until(is_here, TheClient{*this}, timeout) == Waited::ready;
}

Result<void> TakenRequest::respond(std::span<const std::byte> response) {
  if (Result<void> open = check_open(); !open) return open;
  Result<bool> done = all_->respond(line_, serial_, response);
  while (done && !*done) {
    (void)wait_until_here(kForever);
    done = all_->respond(line_, serial_, response);
  }
  if (done || done.error().code != ErrorCode::too_large) all_.reset();
  if (!done) return tl::unexpected(std::move(done.error()));
  return {};
}

Result<bool> TakenRequest::send(std::span<const std::byte> part, Timeout timeout) {
  if (Result<void> open = check_open(); !open) return tl::unexpected(std::move(open.error()));
  Result<bool> sent = all_->send(line_, serial_, part);
  if (sent && !*sent && wait_until_here(timeout)) sent = all_->send(line_, serial_, part);
  if (sent && *sent) request_ = {};
  if (!sent && sent.error().code != ErrorCode::too_large) all_.reset();
  return sent;
}

Result<void> TakenRequest::finish() {
  if (Result<void> open = check_open(); !open) return open;
  return std::exchange(all_, nullptr)->finish(line_, serial_);
}

void TakenRequest::drop() noexcept {
  const std::shared_ptr<TakenRequests> all = std::exchange(all_, nullptr);
  if (all && all->is_own()) all->drop(line_, serial_);
}

}  // namespace ringbell
