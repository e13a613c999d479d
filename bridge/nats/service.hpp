// Calls between a service's ring and a subject.
//
//   in    requests of the subject -> the ring's server, of which this end is a client
//   out   calls of the ring's clients -> the responders of the subject; this end is the server
//
// One call at a time, as a service of ringbell takes them. The header "Ringbell-Timeout" carries
// how many nanoseconds the caller waits, counted from when the request comes: two clocks are never
// compared. A call that fails is answered with the headers of NATS' services,
// Nats-Service-Error-Code and Nats-Service-Error. None is made twice: what was on its way when a
// connection or a server went has failed.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/ends/service.hpp>

#include "bridge/nats/client.hpp"
#include "bridge/nats/pairs.hpp"

namespace ringbell::bridge {

class ServiceIn {
 public:
  // All must outlive it.
  ServiceIn(const Pair& pair, Counters& counters, const std::function<bool()>& stopped) noexcept
      : pair_(pair), counters_(counters), stopped_(stopped) {}

  // Errors: as bridge::run().
  [[nodiscard]] Result<void> run(Connection first);

 private:
  struct Request {
    MessagePtr message;
    SteadyTime until;
  };
  struct Refusal {
    int code;
    std::string why;
  };

  [[nodiscard]] Result<void> pump(const Connection& connection);
  // Until the server goes: closed, peer_dead.
  [[nodiscard]] Result<void> serve(const Connection& connection, Client& client);
  [[nodiscard]] Result<void> take_requests(const Connection& connection,
                                           natsSubscription* subscription);
  // The first that waits becomes the call under way. Nothing happens while there is no room.
  [[nodiscard]] Result<void> call_next(const Connection& connection, Client& client);
  [[nodiscard]] Result<void> take_answer(const Connection& connection, Client& client);
  void answer(const Connection& connection, const Request& request,
              std::span<const std::byte> response);
  void refuse(const Connection& connection, const Request& request, const Refusal& refusal);

  const Pair& pair_;
  Counters& counters_;
  const std::function<bool()>& stopped_;
  std::deque<Request> waiting_;
  std::optional<Request> under_way_;
};

class ServiceOut {
 public:
  ServiceOut(const Pair& pair, Counters& counters, const std::function<bool()>& stopped);

  [[nodiscard]] Result<void> run(Connection first);

 private:
  [[nodiscard]] Result<void> pump(const Connection& connection);
  [[nodiscard]] Result<void> forward(const Connection& connection, natsSubscription* answers,
                                     std::span<const std::byte> request);
  // The answer to this request; nothing: it failed, or did not come in time.
  [[nodiscard]] Result<MessagePtr> await_answer(natsSubscription* answers,
                                                const std::string& reply) const;
  // Makes the ring's server anew: the call that it had begun fails.
  [[nodiscard]] Result<void> open_server();

  const Pair& pair_;
  Counters& counters_;
  const std::function<bool()>& stopped_;
  std::optional<ringbell::Server> server_;
  std::string inbox_;
  std::uint64_t number_ = 0;  // of calls
};

}  // namespace ringbell::bridge
