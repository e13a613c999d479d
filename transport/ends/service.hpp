// A service: many clients, one server, a call and its answer in one cache line
// (core/call_group.hpp); longer ones in a pair of buffers for each client.
//
//   Region region = Region::create(ServiceOptions{}.region()).value();
//   // its fd() goes to the other processes, which Region::attach() it
//   Client client = Client::open(std::move(region)).value();
//   client.call(request, response);
//
// A call that a server had begun when it died fails, once the next server has come: what was
// done of it is not known. One that it had not begun is the next server's, as long as its client
// waits. A client that waits no longer learns the call's fate: `withdrawn`, no server has begun it
// and none will; or `maybe_served`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <ringbell/core/call_group.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/group_end.hpp>
#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/not_now.hpp>
#include <ringbell/transport/ends/taken_request.hpp>
#include <ringbell/transport/ends/ticket.hpp>
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

struct ServiceOptions {
  std::uint32_t clients = 16;  // at a time, at most 1024
  // How many calls each client may have under way by start(), beside the one by call(). Each takes
  // a line: clients * (1 + tickets) is at most 1024.
  std::uint32_t tickets = 0;
  // The largest request or response. Up to 48 bytes travel in the line itself.
  std::uint32_t message_bytes = core::kInlineCallBytes;
  core::DoorbellKind doorbell = core::DoorbellKind::futex;  // or none
  MemoryOptions memory = {};
  core::TypeRecord type = {};  // of requests and responses, for the typed ends

  [[nodiscard]] RegionOptions region() const noexcept {
    return {.shape = {.kind = core::RingKind::call_group,
                      .slot_count = tickets,
                      .message_bytes = message_bytes,
                      .participants = clients + 1},
            .doorbell = doorbell,
            .memory = memory,
            .type = type};
  }
};

// An end that calls. Not thread-safe; move-only. A line that was left spoilt is passed over.
class RINGBELL_API Client : public OpenedEnd<Client, ServiceOptions> {
 public:
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept { return replace(*this, std::move(other)); }
  ~Client();

  // Sends a request and waits for the response. Returns its size; nothing: time is up, the call is
  // abandoned, and fate() says what comes of it. Errors, which say it too (Error::fate): too_large;
  // invalid_argument, if a call is under way; closed or peer_dead, if the server is gone; dropped,
  // if it gave the call up; cancelled by interrupt(); corrupt.
  [[nodiscard]] Result<std::optional<std::size_t>> call(std::span<const std::byte> request,
                                                        std::span<std::byte> response,
                                                        Timeout timeout = kForever);

  // The same in place. Room for a request; nothing: time is up, the server has not yet answered a
  // call that it had begun when it was abandoned. Errors: as call(). The fate of both is
  // `withdrawn`.
  [[nodiscard]] Result<std::optional<std::span<std::byte>>> claim_for(std::size_t size_bytes,
                                                                      Timeout timeout = kForever);
  // Hands the claimed request over. Then answer_for(). Nothing happens if none is claimed.
  void call() noexcept {
    [[maybe_unused]] const auto whole = inside();
    if (!std::exchange(claimed_, false)) return;
    ring_.call();
    called_ = is_awaited_ = true;
    sent();
  }
  // The response, in place until the next claim. Nothing: time is up, the call is abandoned, and
  // fate() says what comes of it. Errors, which end the call and say it too: as call();
  // invalid_argument, if nothing was called. What it gave, it gives again, but arm() and WaitSet
  // tell of it no more, unless it is put back.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> answer_for(
      Timeout timeout = kForever);
  void put_back() noexcept { is_awaited_ = called_; }
  // The parts of an answer, in turn, each in place until the next is asked for: as many as the
  // server gives to TakenRequest::send(), one by respond(). What was given before goes back.
  // Nothing: time is up, and the call is abandoned. Errors: as answer_for(); closed, and the fate
  // `served`, when there is no more. abandon() gives the rest up, and so does the next call.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> next_for(
      Timeout timeout = kForever) {
    ask_for_more();
    return answer_for(timeout);
  }
  // The first half of it: answer_for() then has the next part. Nothing happens if none was given.
  void ask_for_more() noexcept;
  // claim_for(), a copy of the request, and call(). False: time is up.
  [[nodiscard]] Result<bool> begin(std::span<const std::byte> request, Timeout timeout = kForever);
  // Another after each call(): whether an answer in parts is still of the call that it was.
  [[nodiscard]] std::uint32_t call_number() const noexcept { return ring_.generation(); }
  // Waits for answered(), and asks after the server. False: time is up; unlike answer_for(), it
  // then leaves the call under way. Errors: as answer_for().
  [[nodiscard]] Result<bool> answered_for(Timeout timeout);
  // Whether answer_for() would have a response or an Error to give at once. It does not ask whether
  // the server lives: peer().
  [[nodiscard]] bool answered() noexcept;
  // Gives up waiting for it, and takes the request back if the server has not begun it: then
  // another call can be made at once. Returns fate(); none, and nothing happens to that either, if
  // no call is under way.
  Fate abandon() noexcept;
  // What became of the last call that gave no answer: `withdrawn`, no server has begun it and none
  // will, it may be called again (or there was no room to call); `maybe_served`, a server has begun
  // it, and serves it perhaps all the same, or the line is corrupt; `served`, but its answer was
  // not taken. Known after nothing, an Error or abandon(); none, if there was no such call.
  [[nodiscard]] Fate fate() const noexcept { return fate_; }

  // Sends a request, and does not wait: the ticket has what comes of it, and many may be under way,
  // which the server answers in any order. The tickets are used by this end's thread. Errors:
  // too_large; no_place, if as many are under way as ServiceOptions::tickets says, those included
  // that were given up and are still being served; corrupt.
  [[nodiscard]] Result<Ticket> start(std::span<const std::byte> request);
  // Waits until any of the tickets whose wait() gave no response yet has something to give. False:
  // time is up. Errors: as Ticket::wait(); invalid_argument, if there is none.
  [[nodiscard]] Result<bool> any_answered_for(Timeout timeout = kForever);

  // Announces a sleep until the call under way or a ticket's is answered (if there is none, until
  // a call can be made), then looks. False: do not sleep: answer_for(), a ticket or claim_for() has
  // something to give. True: armed until the descriptor becomes readable; look then, and arm()
  // again.
  [[nodiscard]] bool arm();
  // What WaitSet asks before arm(): whether an answer is there that was not given yet, or none is
  // awaited, a call can be made, and the server has not closed. Announces nothing. Errors: corrupt.
  [[nodiscard]] Result<bool> is_ready();
  // Whether the server is there. A system call. Its death makes the descriptor readable once
  // WaitOptions::longest_sleep is over.
  [[nodiscard]] PeerState peer() const noexcept;

  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return ring_.max_message_bytes();
  }

 private:
  friend OpenedEnd<Client, ServiceOptions>;
  friend Ticket;
  friend Tickets;
  using Line = core::CallGroup<>::Caller;

  [[nodiscard]] static Part part() noexcept;
  [[nodiscard]] static Result<Client> on(Participant participant);
  Client(Participant participant, core::CallGroup<>::Caller ring) noexcept;
  template <class Ready>
  [[nodiscard]] Result<bool> wait_until(const Line& line, Ready&& ready, Timeout timeout);
  [[nodiscard]] Result<bool> answered_for(Line& line, Timeout timeout);
  // Whether an answer is there that was not given yet; whether none is awaited, and there is room.
  [[nodiscard]] bool has_answer() noexcept;
  [[nodiscard]] bool can_call() noexcept;
  // Why it failed.
  [[nodiscard]] static Error error_of(const Line& line);
  // What a taken request of it sleeps for: it has asked for the next part, or gives up.
  void tell_server() noexcept { participant_.sleeper().published(participant_.bell_of(0)); }
  void give_up_parts() noexcept;
  void sent() noexcept { participant_.sleeper().published(region().bells().data_bell.word); }
  [[nodiscard]] tl::unexpected<Error> fail_call(Error error, Fate fate) noexcept;

  core::CallGroup<>::Caller ring_;
  bool claimed_ = false;
  bool called_ = false;      // since the last claim
  bool is_awaited_ = false;  // called, and answer_for() has not given what came of it
  Fate fate_ = Fate::none;
  std::shared_ptr<Tickets> tickets_;  // from the first start() on
};

// The end that serves. Not thread-safe; move-only. One that opens fails the calls that a server
// before had begun.
class RINGBELL_API Server : public OpenedEnd<Server, ServiceOptions> {
 public:
  Server(Server&&) noexcept = default;
  Server& operator=(Server&& other) noexcept { return replace(*this, std::move(other)); }
  ~Server();

  // The next request, in place, this server's to answer; nothing: not now. The same one again until
  // respond(). Copy what must not change after a check.
  [[nodiscard]] std::optional<std::span<const std::byte>> request() noexcept {
    [[maybe_unused]] const auto whole = inside();
    const std::optional<std::span<const std::byte>> asked = if_any(ring_.request());
    is_asked_ = asked.has_value();
    if (!is_asked_ && ++polls_ % Waiter::kPollsPerAsk == 0) mend_lines();
    return asked;
  }
  // The same, waiting for one. Nothing: time is up; clients may come and go. No Errors yet.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> request_for(
      Timeout timeout = kForever);
  // The same, to be answered later, in any order and on any thread: the next request is another
  // one. Nothing: time is up. Errors: as request_for().
  [[nodiscard]] Result<std::optional<TakenRequest>> take_for(Timeout timeout = kForever);
  // How far this one is behind: calls that are not answered, those included that it serves or has
  // taken. Looks at each line.
  [[nodiscard]] std::uint64_t lag() const noexcept { return ring_.calls(); }
  // Whose the request is: 0 to clients - 1.
  [[nodiscard]] std::uint32_t client() const noexcept { return client_of(ring_.line()); }

  // Room for the response, uninitialised; nothing, if no request is being served or it is more than
  // max_message_bytes(). Where both are short it is where the request is: have what is needed of
  // that before writing.
  [[nodiscard]] std::optional<std::span<std::byte>> claim(std::size_t size_bytes) noexcept {
    if (!is_asked_ || !fits(size_bytes, max_message_bytes())) return std::nullopt;
    claimed_ = true;
    return ring_.claim(static_cast<std::uint32_t>(size_bytes));
  }
  // Whether the client has given up the request that is being served: no process waits for its
  // answer, which may be of 0 bytes then. False, if none is being served.
  [[nodiscard]] bool is_cancelled() const noexcept { return is_asked_ && ring_.is_cancelled(); }
  // Hands the claimed response over. Nothing happens if none is claimed.
  void respond() noexcept {
    [[maybe_unused]] const auto whole = inside();
    if (!std::exchange(claimed_, false)) return;
    is_asked_ = false;
    const std::uint32_t whose = client();
    ring_.respond();
    participant_.sleeper().published(participant_.bell_of(whose + 1));
  }

  // Serves up to `limit` requests as they come: `answer(request, claim)` writes the response into
  // what claim(size_bytes) gives. If it claims nothing, or what cannot be, the response is of 0
  // bytes. Returns how many, fewer if none came within `timeout`. Errors: as request_for().
  template <class Answer>
  Result<std::uint64_t> serve(Answer&& answer, std::uint64_t limit, Timeout timeout = kForever) {
    std::uint64_t served = 0;
    for (; served < limit; ++served) {
      const Result<std::optional<std::span<const std::byte>>> asked = request_for(timeout);
      if (!asked) return tl::unexpected(asked.error());
      if (!*asked) break;
      answer(**asked, [&](std::size_t size_bytes) { return claim(size_bytes); });
      if (!claimed_) (void)claim(0);
      respond();
    }
    return served;
  }

  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return ring_.max_message_bytes();
  }
  // Announces a sleep, then looks. False: do not sleep: there is a request. True: armed until the
  // descriptor becomes readable; look then, and arm() again.
  [[nodiscard]] bool arm();

  [[nodiscard]] std::uint32_t line_count() const noexcept { return ring_.line_count(); }
  // Lines in which something impossible stood. They are set aside, the others go on. When its
  // client is gone, a line is cleared by a call that waits or polls, and serves again.
  [[nodiscard]] std::uint32_t corrupt_lines() const noexcept { return ring_.corrupt_lines(); }
  // What stood there; no field, if nothing did, or there is no such line.
  [[nodiscard]] core::Finding finding(std::uint32_t line) const noexcept {
    return line < line_count() ? ring_.finding(line) : core::Finding{};
  }

 private:
  using Storage = std::vector<core::CallGroup<>::ServerLine>;
  friend OpenedEnd<Server, ServiceOptions>;

  [[nodiscard]] static Part part() noexcept;
  [[nodiscard]] static Result<Server> on(Participant participant);
  Server(Participant participant, Storage storage) noexcept;
  [[nodiscard]] std::uint32_t client_of(std::uint32_t line) const noexcept {
    return lines_of_each_ == 1 ? line : line / lines_of_each_;
  }
  void ring_clients() const noexcept;
  void mend_lines() noexcept;
  // Of requests that were taken: some in each slice, in turn.
  void look_after_clients() noexcept;
  struct Clients;

  Storage storage_;  // what ring_ keeps of the lines; it stays where it is if the vector moves
  core::CallGroup<>::Server ring_;
  std::uint32_t lines_of_each_;              // client
  std::shared_ptr<TakenRequests> taken_;     // from the first take_for() on
  Sleeper::Clock::time_point look_after_{};  // when their clients are next asked after
  std::uint32_t polls_ = 0;                  // that found nothing
  bool is_asked_ = false;                    // a request is being served
  bool claimed_ = false;                     // and room for its response
};

}  // namespace ringbell
