// libnats, as the bridge uses it: what is opened is closed, what fails is an Error in one line.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nats/nats.h>

#include <ringbell/transport/base/error.hpp>

#include "bridge/nats/frame.hpp"
#include "bridge/nats/pairs.hpp"

namespace ringbell::bridge {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* thing) const noexcept {
    destroy(thing);
  }
};
using MessagePtr = std::unique_ptr<natsMsg, Destroy<natsMsg_Destroy>>;
// Those of a connection that have ended. libnats' thread that reads from the server may still be
// handing a message to one: they are destroyed when that thread has seen an answer to what was said
// after they ended, or when the connection is closed.
struct EndedSubscriptions {
  natsConnection* connection;
  std::vector<natsSubscription*> all = {};
  std::size_t made = 0;  // and not destroyed: so many may come here

  explicit EndedSubscriptions(natsConnection* its) noexcept : connection(its) {}
  EndedSubscriptions(const EndedSubscriptions&) = delete;
  EndedSubscriptions& operator=(const EndedSubscriptions&) = delete;
  ~EndedSubscriptions() {
    natsConnection_Close(connection);
    destroy();
  }
  // REQUIRES: libnats' thread hands nothing to them.
  void destroy() noexcept {
    for (natsSubscription* each : all) natsSubscription_Destroy(each);
    made -= all.size();
    all.clear();
  }
};
// There is room for it.
struct EndSubscription {
  EndedSubscriptions* ended;
  void operator()(natsSubscription* subscription) const noexcept {
    (void)natsSubscription_Unsubscribe(subscription);
    ended->all.push_back(subscription);
  }
};
using SubscriptionPtr = std::unique_ptr<natsSubscription, EndSubscription>;

// "what: why", with libnats' own words. cancelled: the connection is gone or the server did not
// answer, which mends itself.
[[nodiscard]] tl::unexpected<Error> fail_nats(const std::string& what, natsStatus status);
// The same, where JetStream gave a number.
[[nodiscard]] tl::unexpected<Error> fail_stream(const std::string& what, natsStatus status,
                                                jsErrCode code);

[[nodiscard]] std::span<const std::byte> payload_of(const natsMsg* message) noexcept;
// nullptr: it has no such header.
[[nodiscard]] const char* header_of(natsMsg* message, const char* name) noexcept;
// What frame.hpp says of it. Nothing: it is a foreign publisher's.
[[nodiscard]] std::optional<Origin> origin_in(natsMsg* message);

// One connection of TCP: it does not come back by itself once it is lost. So what the server has of
// it is always a beginning of what was published.
class Connection {
 public:
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&&) = delete;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() = default;

  // `at_once`: each message goes when it is published. Otherwise libnats keeps it for 1 ms, so that
  // more goes with it. Errors: cancelled, if no server is there; permission; invalid_argument.
  enum class Sends : std::uint8_t { gathered, at_once };
  [[nodiscard]] static Result<Connection> open(const Server& server, const std::string& name,
                                               Sends sends = Sends::gathered);

  [[nodiscard]] natsConnection* get() const noexcept { return connection_.get(); }
  [[nodiscard]] jsCtx* stream() const noexcept { return stream_.get(); }
  [[nodiscard]] bool is_open() const noexcept;
  // What a message may have, less room for headers.
  [[nodiscard]] std::size_t max_payload() const noexcept;

  // Makes the message and hands it over. `reply` may be nullptr. If it fails the server cannot have
  // the message whole.
  struct Header {
    const char* name;
    std::string value;
  };
  [[nodiscard]] Result<void> publish(const std::string& subject, const char* reply,
                                     std::span<const std::byte> payload,
                                     std::span<const Header> headers) const;
  // The same without headers, from where it is into libnats' buffer: nothing is allocated. `reply`
  // is not nullptr.
  [[nodiscard]] Result<void> publish(const std::string& subject, const char* reply,
                                     std::span<const std::byte> payload) const;
  // Sends what is kept. Whether the server has seen within `longest` all that was published.
  [[nodiscard]] Result<bool> is_seen(std::chrono::milliseconds longest) const;
  // Waits until it has. Errors: cancelled, if it does not answer or the connection is lost.
  [[nodiscard]] Result<void> flush() const;
  // `group`: of several subscribers that name it one gets each message. Waits for the server if
  // there are ended ones to be destroyed.
  [[nodiscard]] Result<SubscriptionPtr> subscribe(const std::string& subject,
                                                  const char* group = nullptr) const;
  // Subscriptions that are not destroyed yet.
  [[nodiscard]] std::size_t subscriptions() const noexcept { return ended_->made; }

 private:
  using ConnectionPtr = std::unique_ptr<natsConnection, Destroy<natsConnection_Destroy>>;
  using StreamPtr = std::unique_ptr<jsCtx, Destroy<jsCtx_Destroy>>;

  Connection(ConnectionPtr connection, StreamPtr stream);

  ConnectionPtr connection_;
  StreamPtr stream_;
  std::unique_ptr<EndedSubscriptions> ended_;
};

// 16 letters, which no other has.
[[nodiscard]] std::string random_name();

// The next message; nothing: the time is up. Errors: cancelled.
[[nodiscard]] Result<MessagePtr> next_of(natsSubscription* subscription,
                                         std::chrono::milliseconds timeout);

// What the server says of the pair's stream.
struct StreamState {
  std::uint64_t last = 0;    // number of its last message
  std::int64_t created = 0;  // when, in Unix ns: tells it from a later one of that name
};
// Makes the stream if there is none, as another may at the same time. Errors: busy, if it has other
// subjects; unsupported, if the server has no JetStream; cancelled.
[[nodiscard]] Result<StreamState> find_stream(const Connection& connection, const Pair& pair);

// Sleeps, longer from time to time, while nothing gets better.
class BackOff {
 public:
  void reset() noexcept { next_ = kFirst; }
  // False: stopped.
  [[nodiscard]] bool nap(const std::function<bool()>& stopped);

 private:
  static constexpr std::chrono::milliseconds kFirst{20};
  static constexpr std::chrono::milliseconds kLongest{1000};
  std::chrono::milliseconds next_ = kFirst;
};

// What ends a connection, or a wait for one, but not the pair.
[[nodiscard]] tl::unexpected<Error> mends_itself(std::string why);

// The connection that this pair needs. Errors: as Connection::open.
[[nodiscard]] Result<Connection> connection_for(const Pair& pair, const std::string& name);

// Runs pump(connection) with the pair's connection, and anew with the next one after it ended with
// `cancelled`, until stopped. `way` is "in" or "out"; `apart` runs time and again while there is no
// connection.
// Errors: what ended pump(); cancelled: stopped.
[[nodiscard]] Result<void> keep_connected(
    const Pair& pair, const char* way, Counters& counters, const std::function<bool()>& stopped,
    Connection first, const std::function<Result<void>(Connection&)>& pump,
    const std::function<void()>& apart = [] {});

}  // namespace ringbell::bridge
