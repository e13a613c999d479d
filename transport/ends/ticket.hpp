// A call that is under way while its client does something else: what Client::start() gives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <ringbell/core/call_group.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/timeout.hpp>

namespace ringbell {

class Tickets;

// Move-only. Used by its client's thread. Destroyed before its answer was there, the call is given
// up: taken back, if the server has not begun it. It may outlive its client, which gives it up.
class RINGBELL_API Ticket {
 public:
  Ticket(Ticket&&) noexcept = default;
  Ticket& operator=(Ticket&& other) noexcept;
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  ~Ticket() { (void)abandon(); }

  // Waits for the response: in place, until the ticket or its client goes, and again at each call.
  // Once it was given, arm() and any_answered_for() of the client and WaitSet tell of it no more.
  // Nothing: time is up; the call stays under way. Errors: closed or peer_dead, if the server is
  // gone; dropped; corrupt: these end the call, and tell its fate (Error::fate). cancelled, by
  // Client::interrupt(), leaves it under way. invalid_argument, if it is over.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> wait(Timeout timeout = kForever);
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> try_take() {
    return wait(Timeout::zero());
  }
  // The parts of the answer in turn, as Client::next_for(): what was given before goes back. When
  // the time is up, the call stays under way. Errors: as wait(); closed, with the fate `served`,
  // when there is no more.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> next(Timeout timeout = kForever);
  // Whether wait() would give a response or an Error at once. It does not ask whether the server
  // lives.
  [[nodiscard]] bool answered() const noexcept;

  // Gives the call up, as Client::abandon(): what becomes of it, as fate().
  Fate abandon() noexcept;
  // What became of the call; none, while it is under way. served: the response is there, or was.
  [[nodiscard]] Fate fate() const noexcept;

 private:
  friend Tickets;
  Ticket(std::shared_ptr<Tickets> all, std::uint32_t place) noexcept
      : all_(std::move(all)), place_(place) {}

  std::shared_ptr<Tickets> all_;  // nullptr: the call is over, and its line given back
  std::uint32_t place_;
  Fate fate_ = Fate::none;
};

}  // namespace ringbell
