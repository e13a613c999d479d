// A service: many clients, one server, a call and its answer in one cache line
// (core/call_group.hpp); longer ones in a pair of buffers for each client.
//
//   Region region = Region::create(ServiceOptions{}.region()).value();
//   // its fd() goes to the other processes, which Region::attach() it
//   Client client = Client::open(std::move(region)).value();
//   client.call(request, response);
//
// A call that a server had begun when it died fails, once the next server has come: what was
// done of it is not known. One that it had not begun is the next server's.
#pragma once

#include <cstdint>
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
#include <ringbell/transport/memory/region.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

struct ServiceOptions {
  std::uint32_t clients = 16;  // at a time, at most 1024
  // The largest request or response. Up to 48 bytes travel in the line itself.
  std::uint32_t message_bytes = core::kInlineCallBytes;
  core::DoorbellKind doorbell = core::DoorbellKind::futex;  // or none
  MemoryOptions memory = {};

  [[nodiscard]] RegionOptions region() const noexcept {
    return {.shape = {.kind = core::RingKind::call_group,
                      .message_bytes = message_bytes,
                      .participants = clients + 1},
            .doorbell = doorbell,
            .memory = memory};
  }
};

// An end that calls. Not thread-safe; move-only. A line that was left spoilt is passed over.
class RINGBELL_API Client : public OpenedEnd<Client, ServiceOptions> {
 public:
  Client(Client&&) noexcept = default;
  Client& operator=(Client&& other) noexcept { return replace(*this, std::move(other)); }
  ~Client();

  // Sends a request and waits for the response. Returns its size; nothing: time is up, the call is
  // abandoned (the server may serve it all the same, and until it has, no call can be made).
  // Errors: too_large; invalid_argument, if the request is empty or a call is under way; closed or
  // peer_dead, if the server is gone, whether it had begun this call or not; corrupt.
  [[nodiscard]] Result<std::optional<std::size_t>> call(std::span<const std::byte> request,
                                                        std::span<std::byte> response,
                                                        Timeout timeout = kForever);

  // The same in place. Room for a request; nothing: time is up, the server has not yet answered a
  // call that was abandoned. Errors: as call().
  [[nodiscard]] Result<std::optional<std::span<std::byte>>> claim_for(std::size_t size_bytes,
                                                                      Timeout timeout = kForever);
  // Hands the claimed request over. Then answer_for(). Nothing happens if none is claimed.
  void call() noexcept {
    if (!std::exchange(claimed_, false)) return;
    ring_.call();
    called_ = true;
    participant_.sleeper().published(region().bells().data_bell.word);
  }
  // The response, in place until the next claim. Nothing: time is up, the call is abandoned.
  // Errors: as call(); invalid_argument, if nothing was called.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> answer_for(
      Timeout timeout = kForever);
  // Whether answer_for() would have a response or an Error to give at once. It does not ask whether
  // the server lives: peer().
  [[nodiscard]] bool answered() noexcept;
  // Gives up waiting for it. The server may serve the call all the same.
  void abandon() noexcept {
    called_ = false;
    ring_.abandon();
  }

  // For epoll, poll and other loops (README, Event loops): the descriptor that is readable once
  // the server has rung. The first call starts a thread. Errors: unsupported, if this one never
  // sleeps; system.
  [[nodiscard]] Result<int> waitable_fd() {
    return participant_.sleeper().waitable_fd(participant_.own_bell());
  }
  // Announces a sleep until the call under way is answered (else, until one can be made), then
  // looks. False: do not sleep: answer_for() or claim_for() has something to give. True: armed
  // until the descriptor becomes readable; look then, and arm() again.
  [[nodiscard]] bool arm();
  // Whether the server is there. A system call. Its death makes the descriptor readable once
  // WaitOptions::longest_sleep is over.
  [[nodiscard]] PeerState peer() const noexcept;

  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return ring_.max_message_bytes();
  }

 private:
  friend OpenedEnd<Client, ServiceOptions>;

  [[nodiscard]] static Part part() noexcept;
  [[nodiscard]] static Result<Client> on(Participant participant);
  Client(Participant participant, core::CallGroup<>::Caller ring) noexcept;
  template <class Ready>
  [[nodiscard]] Result<bool> wait_until(Ready&& ready, Timeout timeout);

  core::CallGroup<>::Caller ring_;
  bool claimed_ = false;
  bool called_ = false;  // since the last claim
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
    const std::optional<std::span<const std::byte>> asked = if_any(ring_.request());
    is_asked_ = asked.has_value();
    if (!is_asked_ && ++polls_ % Waiter::kPollsPerAsk == 0) mend_lines();
    return asked;
  }
  // The same, waiting for one. Nothing: time is up; clients may come and go. No Errors yet.
  [[nodiscard]] Result<std::optional<std::span<const std::byte>>> request_for(
      Timeout timeout = kForever);
  // Whose the request is: 0 to clients - 1.
  [[nodiscard]] std::uint32_t client() const noexcept { return ring_.line(); }

  // Room for the response, uninitialised; nothing, if no request is being served or it is none of 1
  // to max_message_bytes(). Where both are short it is where the request is: have what is needed
  // of that before writing.
  [[nodiscard]] std::optional<std::span<std::byte>> claim(std::size_t size_bytes) noexcept {
    if (!is_asked_ || !fits(size_bytes, max_message_bytes())) return std::nullopt;
    claimed_ = true;
    return ring_.claim(static_cast<std::uint32_t>(size_bytes));
  }
  // Hands the claimed response over. Nothing happens if none is claimed.
  void respond() noexcept {
    if (!std::exchange(claimed_, false)) return;
    is_asked_ = false;
    const std::uint32_t line = ring_.line();
    ring_.respond();
    participant_.sleeper().published(participant_.bell_of(line + 1));
  }

  // Serves up to `limit` requests as they come: `answer(request, claim)` writes the response into
  // what claim(size_bytes) gives. If it claims nothing, or what cannot be, the response is one zero
  // byte. Returns how many, fewer if none came within `timeout`. Errors: as request_for().
  template <class Answer>
  Result<std::uint64_t> serve(Answer&& answer, std::uint64_t limit, Timeout timeout = kForever) {
    std::uint64_t served = 0;
    for (; served < limit; ++served) {
      const Result<std::optional<std::span<const std::byte>>> asked = request_for(timeout);
      if (!asked) return tl::unexpected(asked.error());
      if (!*asked) break;
      answer(**asked, [&](std::size_t size_bytes) { return claim(size_bytes); });
      if (!claimed_) (*claim(1))[0] = std::byte{0};
      respond();
    }
    return served;
  }

  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return ring_.max_message_bytes();
  }
  // For epoll, poll and other loops (README, Event loops): the descriptor that is readable once a
  // client has rung. The first call starts a thread. Errors: unsupported, if this one never sleeps;
  // system.
  [[nodiscard]] Result<int> waitable_fd() {
    return participant_.sleeper().waitable_fd(region().bells().data_bell.word);
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
  void ring_clients() const noexcept;
  void mend_lines() noexcept;
  struct Clients;

  Storage storage_;  // what ring_ keeps of the lines; it stays where it is if the vector moves
  core::CallGroup<>::Server ring_;
  std::uint32_t polls_ = 0;  // that found nothing
  bool is_asked_ = false;    // a request is being served
  bool claimed_ = false;     // and room for its response
};

}  // namespace ringbell
