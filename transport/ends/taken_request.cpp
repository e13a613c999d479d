#include <ringbell/transport/ends/taken_request.hpp>

#include <cstring>
#include <utility>

#include <unistd.h>

#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/taken_requests.hpp>

namespace ringbell {

// --- TakenRequests -------------------------------------------------------------------------------

TakenRequests::TakenRequests(core::DoorbellKind doorbell, std::uint32_t lines)
    : sleeper_(doorbell, WaitOptions{.within_quota = false}),
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

Result<void> TakenRequests::respond(std::uint32_t line, std::uint64_t serial,
                                    std::span<const std::byte> response) {
  const std::lock_guard lock(mutex_);
  std::optional<Entry>& entry = entries_[line];
  if (is_closed_) return fail(ErrorCode::closed, "the server of this request was closed");
  if (!is(entry, serial)) {  // I3
    return fail(ErrorCode::corrupt,
                "the client of this request spoilt its line; the call there is another one now");
  }
  const std::uint32_t most = entry->taken.max_message_bytes();
  if (!fits(response.size(), most)) {
    return fail_size(response.size(), most, "a response", "this service");
  }
  const auto size = static_cast<std::uint32_t>(response.size());
  std::byte* const room = entry->taken.claim(size).data();
  // It may be a part of the request, in place; of 0 bytes it may be null.
  if (size > 0) std::memmove(room, response.data(), size);
  entry->taken.respond();
  end(entry);
  return {};
}

void TakenRequests::drop(std::uint32_t line, std::uint64_t serial) noexcept {
  const std::lock_guard lock(mutex_);
  std::optional<Entry>& entry = entries_[line];
  if (!is(entry, serial)) return;
  entry->taken.drop();
  end(entry);
}

// --- TakenRequest --------------------------------------------------------------------------------

TakenRequest& TakenRequest::operator=(TakenRequest&& other) noexcept {
  if (this == &other) return *this;
  drop();
  all_ = std::move(other.all_);
  line_ = other.line_;
  serial_ = other.serial_;
  client_ = other.client_;
  request_ = other.request_;
  return *this;
}

std::span<const std::byte> TakenRequest::request() const noexcept {
  return all_ && all_->is_own() ? request_ : std::span<const std::byte>();
}

bool TakenRequest::is_cancelled() const noexcept {
  return !all_ || !all_->is_own() || all_->is_cancelled(line_, serial_);
}

Result<void> TakenRequest::respond(std::span<const std::byte> response) {
  if (!all_) return fail(ErrorCode::invalid_argument, "this request was answered or dropped");
  if (!all_->is_own()) {
    return fail(ErrorCode::closed,
                "this request is the parent's: a child of fork cannot answer it");
  }
  Result<void> done = all_->respond(line_, serial_, response);
  if (done || done.error().code != ErrorCode::too_large) all_.reset();
  return done;
}

void TakenRequest::drop() noexcept {
  const std::shared_ptr<TakenRequests> all = std::exchange(all_, nullptr);
  if (all && all->is_own()) all->drop(line_, serial_);
}

}  // namespace ringbell
