#include "bridge/nats/service.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace ringbell::bridge {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSlice{50};
constexpr milliseconds kLook{2};  // at what comes while a call is under way
constexpr const char* kTimeoutHeader = "Ringbell-Timeout";
constexpr const char* kCodeHeader = "Nats-Service-Error-Code";
constexpr const char* kErrorHeader = "Nats-Service-Error";
constexpr const char* kGroup = "ringbell";  // several bridges share the requests
// As HTTP has them.
constexpr int kTooLarge = 413;
constexpr int kUnavailable = 503;
constexpr int kTooLate = 504;

bool is_gone(const Error& error) noexcept {
  return error.code == ErrorCode::closed || error.code == ErrorCode::peer_dead;
}

// Nothing: it has no such header, or none with a number.
std::optional<Timeout> timeout_of(natsMsg* message) {
  const char* const header = header_of(message, kTimeoutHeader);
  const std::string_view text = header != nullptr ? header : "";
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 0) return std::nullopt;
  return Timeout(count);
}

}  // namespace

// --- in ------------------------------------------------------------------------------------------

Result<void> ServiceIn::run(Connection first) {
  return keep_connected(pair_, "service", counters_, stopped_, std::move(first),
                        [this](Connection& connection) {
                          waiting_.clear();  // of a connection that is gone
                          under_way_.reset();
                          return pump(connection);
                        });
}

Result<void> ServiceIn::pump(const Connection& connection) {
  for (;;) {
    if (stopped_()) return mends_itself("");
    if (!connection.is_open()) return mends_itself("the connection is lost");
    Result<Client> client = Client::open(pair_.ring, kSlice);
    if (!client && client.error().code == ErrorCode::not_found) continue;
    if (!client) return tl::unexpected(client.error());
    const Result<void> served = serve(connection, *client);
    if (!is_gone(served.error())) return served;
    if (under_way_) refuse(connection, *under_way_, {kUnavailable, served.error().message});
    under_way_.reset();
    for (const Request& request : std::exchange(waiting_, {})) {
      refuse(connection, request, {kUnavailable, served.error().message});
    }
  }
}

// Without a server there is no subscription: NATS tells a caller at once.
Result<void> ServiceIn::serve(const Connection& connection, Client& client) {
  const Result<SubscriptionPtr> subscription = connection.subscribe(pair_.subject, kGroup);
  if (!subscription) return tl::unexpected(subscription.error());
  for (;;) {
    if (stopped_()) return mends_itself("");
    if (auto took = take_requests(connection, subscription->get()); !took) return took;
    if (under_way_) {
      if (auto took = take_answer(connection, client); !took) return took;
    }
    if (under_way_) continue;
    if (client.peer() != PeerState::alive) return fail(ErrorCode::closed, "the server is gone");
    if (auto called = call_next(connection, client); !called) return called;
  }
}

Result<void> ServiceIn::take_requests(const Connection& connection,
                                      natsSubscription* subscription) {
  for (;;) {
    const bool idle = waiting_.empty() && !under_way_;
    Result<MessagePtr> message = next_of(subscription, idle ? kSlice : milliseconds(0));
    if (!message) return tl::unexpected(message.error());
    if (!*message) break;
    const Timeout timeout = timeout_of(message->get()).value_or(pair_.timeout);
    waiting_.push_back({std::move(*message), end_of(timeout)});
  }
  return connection.is_open() ? Result<void>() : mends_itself("the connection is lost");
}

Result<void> ServiceIn::take_answer(const Connection& connection, Client& client) {
  const Result<bool> done =
      client.answered_for(std::min<Timeout>(left_until(under_way_->until), kLook));
  if (!done) return tl::unexpected(done.error());
  if (*done) {
    const auto response = client.answer_for(Timeout::zero());
    if (response && *response) answer(connection, *under_way_, **response);
    // A server before this one had begun it.
    if (!response) refuse(connection, *under_way_, {kUnavailable, response.error().message});
    under_way_.reset();
  } else if (left_until(under_way_->until) == Timeout::zero()) {
    client.abandon();
    refuse(connection, *under_way_, {kTooLate, "the server did not answer in time"});
    under_way_.reset();
  }
  return {};
}

Result<void> ServiceIn::call_next(const Connection& connection, Client& client) {
  while (!waiting_.empty()) {
    const Request& first = waiting_.front();
    const std::span<const std::byte> bytes = payload_of(first.message.get());
    const Timeout left = left_until(first.until);
    std::optional<Refusal> refusal;
    if (left == Timeout::zero()) {
      refusal = {kTooLate, "the server was not free in time"};
    } else {
      const auto room = client.claim_for(bytes.size(), std::min<Timeout>(left, kLook));
      if (!room && room.error().code != ErrorCode::too_large) return tl::unexpected(room.error());
      if (room && !*room) return {};  // a call that was given up is still being served
      if (room) {
        std::copy(bytes.begin(), bytes.end(), (*room)->begin());
        client.call();
        under_way_.emplace(std::move(waiting_.front()));
        waiting_.pop_front();
        return {};
      }
      refusal = {kTooLarge, room.error().message};
    }
    refuse(connection, first, *refusal);
    waiting_.pop_front();
  }
  return {};
}

void ServiceIn::answer(const Connection& connection, const Request& request,
                       std::span<const std::byte> response) {
  const char* const reply = natsMsg_GetReply(request.message.get());
  if (reply != nullptr) {
    if (const auto sent = connection.publish(reply, nullptr, response, {}); !sent) {
      return refuse(connection, request, {kTooLarge, sent.error().message});
    }
  }
  counters_.records.add(1);
  counters_.messages.add(1);
  counters_.bytes.add(response.size());
}

void ServiceIn::refuse(const Connection& connection, const Request& request,
                       const Refusal& refusal) {
  counters_.lost.add(1);
  const char* const reply = natsMsg_GetReply(request.message.get());
  if (reply == nullptr) return;
  const std::array headers{Connection::Header{kCodeHeader, fmt::format("{}", refusal.code)},
                           Connection::Header{kErrorHeader, refusal.why}};
  // Where the connection is gone the caller learns it by itself.
  (void)connection.publish(reply, nullptr, {}, headers);
}

// --- out -----------------------------------------------------------------------------------------

ServiceOut::ServiceOut(const Pair& pair, Counters& counters, const std::function<bool()>& stopped)
    : pair_(pair),
      counters_(counters),
      stopped_(stopped),
      inbox_("_INBOX.ringbell." + random_name()) {}

Result<void> ServiceOut::run(Connection first) {
  if (auto opened = open_server(); !opened) return opened;
  return keep_connected(pair_, "service", counters_, stopped_, std::move(first),
                        [this](Connection& connection) { return pump(connection); });
}

Result<void> ServiceOut::open_server() {
  server_.reset();
  Result<ringbell::Server> server = ringbell::Server::create(
      pair_.ring, {.clients = pair_.shape.participants - 1,
                   .tickets = static_cast<std::uint32_t>(pair_.shape.slot_count),
                   .message_bytes = pair_.shape.message_bytes});
  if (!server) return tl::unexpected(server.error());
  server_.emplace(std::move(*server));
  return {};
}

Result<void> ServiceOut::pump(const Connection& connection) {
  const Result<SubscriptionPtr> answers = connection.subscribe(inbox_ + ".*");
  if (!answers) return tl::unexpected(answers.error());
  for (;;) {
    if (stopped_()) return mends_itself("");
    if (!connection.is_open()) return mends_itself("the connection is lost");
    const auto request = server_->request_for(kSlice);
    if (!request) return tl::unexpected(request.error());
    if (!*request) continue;
    if (auto done = forward(connection, answers->get(), **request); !done) return done;
  }
}

Result<void> ServiceOut::forward(const Connection& connection, natsSubscription* answers,
                                 std::span<const std::byte> request) {
  const std::string reply = fmt::format("{}.{}", inbox_, ++number_);
  const std::array headers{
      Connection::Header{kTimeoutHeader, fmt::format("{}", pair_.timeout.count())}};
  Result<void> sent = connection.publish(pair_.subject, reply.c_str(), request, headers);
  Result<MessagePtr> response = MessagePtr();
  if (sent) response = await_answer(answers, reply);
  const std::span<const std::byte> bytes =
      response && *response ? payload_of(response->get()) : std::span<const std::byte>();
  if (response && *response && bytes.size() <= server_->max_message_bytes()) {
    const auto room = server_->claim(bytes.size());
    if (room) std::copy(bytes.begin(), bytes.end(), room->begin());
    server_->respond();
    counters_.records.add(1);
    counters_.messages.add(1);
    counters_.bytes.add(bytes.size());
    return {};
  }
  counters_.lost.add(1);
  if (auto opened = open_server(); !opened) return opened;
  if (!sent && sent.error().code == ErrorCode::cancelled) return sent;
  return response ? Result<void>() : tl::unexpected(response.error());
}

Result<MessagePtr> ServiceOut::await_answer(natsSubscription* answers,
                                            const std::string& reply) const {
  const SteadyTime end = end_of(pair_.timeout);
  for (;;) {
    if (stopped_()) return mends_itself("");
    const Timeout left = left_until(end);
    if (left == Timeout::zero()) return MessagePtr();
    const auto slice = std::chrono::ceil<milliseconds>(std::min<Timeout>(left, kSlice));
    Result<MessagePtr> message = next_of(answers, slice);
    if (!message) return message;
    // Another one is of a call that was given up.
    if (!*message || natsMsg_GetSubject(message->get()) != reply) continue;
    const bool failed =
        natsMsg_IsNoResponders(message->get()) || header_of(message->get(), kCodeHeader) != nullptr;
    if (failed) return MessagePtr();
    return message;
  }
}

}  // namespace ringbell::bridge
