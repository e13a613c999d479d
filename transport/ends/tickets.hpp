// The lines of a client for the calls that it starts: which of them have a ticket out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <ringbell/core/call_group.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/timeout.hpp>
#include <ringbell/transport/ends/ticket.hpp>

namespace ringbell {

class Client;

class Tickets : public std::enable_shared_from_this<Tickets> {
 public:
  // Takes `count` lines over from `first` on.
  Tickets(Client& client, std::uint32_t first, std::uint32_t count);

  // The client has moved; the client goes, and gives up what is under way.
  void now_of(Client& client) noexcept { client_ = &client; }
  void close() noexcept;

  // Errors: no_place, corrupt.
  [[nodiscard]] Result<Ticket> start(std::span<const std::byte> request);
  // Whether any is out whose answer was not given yet; whether such an answer is there.
  [[nodiscard]] bool are_awaited() const noexcept { return awaited_ > 0; }
  [[nodiscard]] bool is_any_answered() noexcept;

  // Of the ticket at a place. The client's, or nullptr: it is gone, or this is a child of fork.
  [[nodiscard]] Client* client() const noexcept;
  [[nodiscard]] core::CallGroup<>::Caller& line(std::uint32_t place) noexcept {
    return places_[place].line;
  }
  [[nodiscard]] bool is_answered(std::uint32_t place) noexcept;
  // wait() has given its answer, which the ticket holds from now on.
  void mark_given(std::uint32_t place) noexcept;
  // What became of it, as far as it is known.
  [[nodiscard]] Fate fate(std::uint32_t place) noexcept;
  // Gives what wait() has given back: the next part, or the end, is awaited.
  void ask_for_more(std::uint32_t place) noexcept;
  // Gives the call up if it is under way. What became of it.
  Fate give_up(core::CallGroup<>::Caller& line) noexcept;
  // The same, and gives the place back.
  Fate give_back(std::uint32_t place) noexcept;

 private:
  struct Place {
    core::CallGroup<>::Caller line;
    bool is_out = false;
    bool is_awaited = false;  // out, and its answer was not given
    Fate fate = Fate::none;   // of a client that is gone
  };

  Client* client_;  // nullptr: it is gone
  std::vector<Place> places_;
  std::uint32_t out_ = 0;
  std::uint32_t awaited_ = 0;
  std::uint32_t next_ = 0;  // to be tried first
};

}  // namespace ringbell
