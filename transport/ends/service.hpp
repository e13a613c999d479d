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
#include <string_view>
#include <vector>

#include <ringbell/core/call_group.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/ends/participant.hpp>
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

// One that calls. Not thread-safe; move-only.
class RINGBELL_API Client {
 public:
  // Errors: busy, if all lines are taken; not_a_region, if it holds no service; system.
  [[nodiscard]] static Result<Client> open(Region region, const WaitOptions& wait = {});
  // By name, as QueueSender's.
  [[nodiscard]] static Result<Client> create(std::string_view name,
                                             const ServiceOptions& options = {},
                                             const WaitOptions& wait = {});
  [[nodiscard]] static Result<Client> open(std::string_view name, Timeout timeout = kForever,
                                           const WaitOptions& wait = {});

  Client(Client&&) noexcept = default;
  Client& operator=(Client&& other) noexcept;
  ~Client();

  // Sends a request and waits for the response. Returns its size; nothing: time is up, the call is
  // abandoned (the server may serve it all the same, and until it has, no call can be made).
  // Errors: too_large; invalid_argument, if the request is empty; closed or peer_dead, if the
  // server is gone, whether it had begun this call or not; corrupt.
  [[nodiscard]] Result<std::optional<std::size_t>> call(std::span<const std::byte> request,
                                                        std::span<std::byte> response,
                                                        Timeout timeout = kForever);

  // The same in place. Room for a request; empty: time is up, the server has not yet answered a
  // call that was abandoned. REQUIRES: 0 < size_bytes <= max_message_bytes().
  [[nodiscard]] Result<std::span<std::byte>> claim_for(std::uint32_t size_bytes,
                                                       Timeout timeout = kForever);
  // Hands the claimed request over. Then answer_for() once.
  void call() noexcept {
    ring_.call();
    participant_.sleeper().published(region().bells().data_bell.word);
  }
  // The response, in place until the next claim. Empty: time is up, the call is abandoned. Errors:
  // as call().
  [[nodiscard]] Result<std::span<const std::byte>> answer_for(Timeout timeout = kForever);
  // Whether answer_for() would have a response or an Error to give at once. It does not ask whether
  // the server lives: peer(). REQUIRES: call() before.
  [[nodiscard]] bool answered() noexcept;
  // Gives up waiting for it. The server may serve the call all the same.
  void abandon() noexcept { ring_.abandon(); }

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
  // Takes it back, for a loop that will not look here for a while.
  void disarm() noexcept { participant_.sleeper().disarm(); }
  // Whether the server is there. A system call. Its death makes the descriptor readable once
  // WaitOptions::longest_sleep is over.
  [[nodiscard]] PeerState peer() const noexcept;

  [[nodiscard]] std::uint32_t max_message_bytes() const noexcept {
    return ring_.max_message_bytes();
  }
  [[nodiscard]] const Region& region() const noexcept { return participant_.region(); }
  [[nodiscard]] Stats stats() const noexcept { return participant_.sleeper().stats(); }
  [[nodiscard]] std::uint64_t missed_rings() const noexcept {
    return participant_.sleeper().missed_rings();
  }

 private:
  Client(Participant participant, core::CallGroup<>::Caller ring) noexcept;
  [[nodiscard]] static Result<Client> from(Result<Participant> participant);
  template <class Ready>
  [[nodiscard]] Result<bool> wait_until(Ready&& ready, Timeout timeout);
  void close() noexcept;

  Participant participant_;
  core::CallGroup<>::Caller ring_;
};

// The one that serves. Not thread-safe; move-only.
class RINGBELL_API Server {
 public:
  // Fails the calls that a server before had begun. Errors: busy, if a living process serves;
  // not_a_region; system.
  [[nodiscard]] static Result<Server> open(Region region, const WaitOptions& wait = {});
  // By name, as QueueSender's.
  [[nodiscard]] static Result<Server> create(std::string_view name,
                                             const ServiceOptions& options = {},
                                             const WaitOptions& wait = {});
  [[nodiscard]] static Result<Server> open(std::string_view name, Timeout timeout = kForever,
                                           const WaitOptions& wait = {});

  Server(Server&&) noexcept = default;
  Server& operator=(Server&& other) noexcept;
  ~Server();

  // The next request, in place, this server's to answer; empty: not now. The same one again until
  // respond(). Copy what must not change after a check.
  [[nodiscard]] std::span<const std::byte> request() noexcept { return ring_.request(); }
  // The same, waiting for one. Empty: time is up; clients may come and go.
  [[nodiscard]] std::span<const std::byte> request_for(Timeout timeout = kForever);
  // Whose it is: 0 to clients - 1. REQUIRES: the last request() gave one.
  [[nodiscard]] std::uint32_t client() const noexcept { return ring_.line(); }

  // Room for the response, uninitialised. Where both are short it is where the request is: have
  // what is needed of that before writing. REQUIRES: a request is being served;
  // 0 < size_bytes <= max_message_bytes().
  [[nodiscard]] std::span<std::byte> claim(std::uint32_t size_bytes) noexcept {
    return ring_.claim(size_bytes);
  }
  void respond() noexcept {
    const std::uint32_t line = ring_.line();
    ring_.respond();
    participant_.sleeper().published(participant_.bell_of(line + 1));
  }

  // Serves up to `limit` requests as they come: `answer(request, claim)` writes the response into
  // what claim(size_bytes) gives, and need not if it claims nothing: then the response is one zero
  // byte. Returns how many, fewer if none came within `timeout`.
  template <class Answer>
  std::uint64_t serve(Answer&& answer, std::uint64_t limit, Timeout timeout = kForever) {
    std::uint64_t served = 0;
    for (; served < limit; ++served) {
      const std::span<const std::byte> asked = request_for(timeout);
      if (asked.empty()) break;
      bool claimed = false;
      answer(asked, [&](std::uint32_t size_bytes) {
        claimed = true;
        return claim(size_bytes);
      });
      if (!claimed) claim(1)[0] = std::byte{0};
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
  // Takes it back, for a loop that will not look here for a while.
  void disarm() noexcept { participant_.sleeper().disarm(); }

  [[nodiscard]] std::uint32_t line_count() const noexcept { return ring_.line_count(); }
  // Lines in which something impossible stood. They are set aside, the others go on.
  [[nodiscard]] std::uint32_t corrupt_lines() const noexcept { return ring_.corrupt_lines(); }
  // What stood there; no field, if nothing did. REQUIRES: line < line_count().
  [[nodiscard]] const core::Finding& finding(std::uint32_t line) const noexcept {
    return ring_.finding(line);
  }
  [[nodiscard]] const Region& region() const noexcept { return participant_.region(); }
  [[nodiscard]] Stats stats() const noexcept { return participant_.sleeper().stats(); }
  [[nodiscard]] std::uint64_t missed_rings() const noexcept {
    return participant_.sleeper().missed_rings();
  }

 private:
  using Storage = std::vector<core::CallGroup<>::ServerLine>;

  Server(Participant participant, Storage storage) noexcept;
  [[nodiscard]] static Result<Server> from(Result<Participant> participant);
  void close() noexcept;

  Participant participant_;
  Storage storage_;  // what ring_ keeps of the lines; it stays where it is if the vector moves
  core::CallGroup<>::Server ring_;
};

}  // namespace ringbell
