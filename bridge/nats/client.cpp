#include "bridge/nats/client.hpp"

#include <algorithm>
#include <future>
#include <random>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "bridge/nats/connect_deadline.hpp"

namespace ringbell::bridge {
namespace {

constexpr std::int64_t kAnswerMs = 5000;
constexpr std::int64_t kConnectMs = 2000;

using OptionsPtr = std::unique_ptr<natsOptions, Destroy<natsOptions_Destroy>>;
using StreamInfoPtr = std::unique_ptr<jsStreamInfo, Destroy<jsStreamInfo_Destroy>>;

ErrorCode code_of(natsStatus status) noexcept {
  switch (status) {
    case NATS_IO_ERROR:
    case NATS_CONNECTION_CLOSED:
    case NATS_NO_SERVER:
    case NATS_STALE_CONNECTION:
    case NATS_CONNECTION_DISCONNECTED:
    case NATS_TIMEOUT:
    case NATS_PROTOCOL_ERROR:  // the server went while it greeted
    case NATS_NO_RESPONDERS:
    case NATS_INVALID_SUBSCRIPTION:  // of a connection that is gone
      return ErrorCode::cancelled;
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
    case NATS_SSL_ERROR:
      return ErrorCode::permission;
    case NATS_MAX_PAYLOAD:
      return ErrorCode::too_large;
    case NATS_NO_MEMORY:
      return ErrorCode::no_space;
    case NATS_ADDRESS_MISSING:
    case NATS_INVALID_SUBJECT:
    case NATS_INVALID_ARG:
      return ErrorCode::invalid_argument;
    default:
      return ErrorCode::system;
  }
}

// Names and passwords are not for logs.
std::string shown(const std::string& url) {
  const std::size_t at = url.rfind('@');
  const std::size_t scheme = url.find("://");
  if (at == std::string::npos || scheme == std::string::npos) return url;
  return url.substr(0, scheme + 3) + "..." + url.substr(at);
}

Result<void> secure(natsOptions& options, const Server& server) {
  if (!server.ca.empty()) {
    natsStatus status = natsOptions_LoadCATrustedCertificates(&options, server.ca.c_str());
    if (status == NATS_OK) status = natsOptions_SetSecure(&options, true);
    if (status != NATS_OK) return fail_nats(server.ca, status);
  }
  if (!server.certificate.empty()) {
    const natsStatus status = natsOptions_LoadCertificatesChain(
        &options, server.certificate.c_str(), server.private_key.c_str());
    if (status != NATS_OK) return fail_nats(server.certificate, status);
  }
  return {};
}

Result<OptionsPtr> options_of(const Server& server, const std::string& name,
                              Connection::Sends sends) {
  natsOptions* made = nullptr;
  natsStatus status = natsOptions_Create(&made);
  OptionsPtr options(made);
  const auto also = [&](auto&& call) {
    if (status == NATS_OK) status = call();
  };
  also([&] { return natsOptions_SetURL(made, nullptr); });
  std::vector<std::string> urls;
  for (std::string_view rest = server.url; !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    urls.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  std::vector<const char*> pointers;
  for (const std::string& url : urls) pointers.push_back(url.c_str());
  also([&] {
    return natsOptions_SetServers(made, pointers.data(), static_cast<int>(pointers.size()));
  });
  also([&] { return natsOptions_SetName(made, name.c_str()); });
  also([&] { return natsOptions_SetAllowReconnect(made, false); });
  also([&] { return natsOptions_SetSendAsap(made, sends == Connection::Sends::at_once); });
  also([&] { return natsOptions_SetTimeout(made, kConnectMs); });
  // Without a handler libnats prints.
  also([&] {
    return natsOptions_SetErrorHandler(
        made, [](natsConnection*, natsSubscription*, natsStatus, void*) {}, nullptr);
  });
  // A server that reads nothing more is given up, as one that answers nothing.
  also([&] { return natsOptions_SetWriteDeadline(made, kAnswerMs); });
  also([&] { return natsOptions_SetPingInterval(made, 2000); });
  also([&] { return natsOptions_SetMaxPingsOut(made, 2); });
  if (!server.credentials.empty()) {
    also([&] {
      return natsOptions_SetUserCredentialsFromFiles(made, server.credentials.c_str(), nullptr);
    });
  }
  if (!server.nkey.empty()) {
    also([&] {
      return natsOptions_SetNKeyFromSeed(made, server.nkey.c_str(), server.seed.c_str());
    });
  }
  if (status != NATS_OK) return fail_nats(shown(server.url), status);
  if (auto secured = secure(*made, server); !secured) return tl::unexpected(secured.error());
  return options;
}

tl::unexpected<Error> fail_waiting(natsStatus status) {
  return fail_nats("waiting for the server", status);
}

// There may be room for one later.
tl::unexpected<Error> no_thread(const std::system_error& error) {
  return fail(ErrorCode::cancelled, fmt::format("starting a thread failed: {}", error.what()));
}

bool is_of(const jsStreamConfig& config, const std::string& subject) {
  return config.SubjectsLen == 1 && subject == config.Subjects[0];
}

natsStatus make_stream(jsStreamInfo** made, const Connection& connection, const Pair& pair,
                       const std::string& name, jsErrCode& code) {
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  const char* subject = pair.subject.c_str();
  config.Name = name.c_str();
  config.Subjects = &subject;
  config.SubjectsLen = 1;
  config.Storage = js_FileStorage;
  config.MaxBytes = pair.store_bytes;
  config.Replicas = pair.replicas;
  config.Discard = js_DiscardNew;  // a full stream refuses: nothing in it is lost
  return js_AddStream(made, connection.stream(), &config, nullptr, &code);
}

}  // namespace

tl::unexpected<Error> fail_nats(const std::string& what, natsStatus status) {
  natsStatus last = NATS_OK;
  const char* const said = nats_GetLastError(&last);
  const std::string detail = last == status && said != nullptr ? fmt::format(" ({})", said) : "";
  return fail(code_of(status), fmt::format("{}: {}{}", what, natsStatus_GetText(status), detail));
}

tl::unexpected<Error> fail_stream(const std::string& what, natsStatus status, jsErrCode code) {
  if (code == JSNotEnabledErr || code == JSNotEnabledForAccountErr) {
    return fail(ErrorCode::unsupported,
                what + ": the server has no JetStream; nats-server takes -js for it");
  }
  const tl::unexpected<Error> failed = fail_nats(what, status);
  const bool for_now = code == JSClusterNotAvailErr || code == JSClusterNotLeaderErr ||
                       code == JSClusterNoPeersErr || code == JSInsufficientResourcesErr;
  return for_now ? fail(ErrorCode::cancelled, failed.value().message) : failed;
}

std::span<const std::byte> payload_of(const natsMsg* message) noexcept {
  return {reinterpret_cast<const std::byte*>(natsMsg_GetData(message)),
          static_cast<std::size_t>(natsMsg_GetDataLength(message))};
}

const char* header_of(natsMsg* message, const char* name) noexcept {
  const char* value = nullptr;
  return natsMsgHeader_Get(message, name, &value) == NATS_OK ? value : nullptr;
}

// The reply subject first: a look for a header takes longer, and is in vain where each record is a
// message.
std::optional<Origin> origin_in(natsMsg* message) {
  if (const char* const reply = natsMsg_GetReply(message)) {
    if (std::optional<Origin> origin = OriginReply::read(reply)) return origin;
  }
  if (const char* const header = header_of(message, kOriginHeader)) return origin_of(header);
  if (const char* const id = header_of(message, kIdHeader)) return origin_of_id(id);
  return std::nullopt;
}

Connection::Connection(ConnectionPtr connection, StreamPtr stream)
    : connection_(std::move(connection)),
      stream_(std::move(stream)),
      ended_(std::make_unique<EndedSubscriptions>(connection_.get())) {}

Result<Connection> Connection::open(const Server& server, const std::string& name, Sends sends) {
  const Result<OptionsPtr> options = options_of(server, name, sends);
  if (!options) return tl::unexpected(options.error());
  natsConnection* connected = nullptr;
  natsStatus status = NATS_OK;
  try {
    const auto servers = std::count(server.url.begin(), server.url.end(), ',') + 1;
    const ConnectDeadline deadline(std::chrono::milliseconds(2 * kConnectMs * servers));
    status = natsConnection_Connect(&connected, options->get());
  } catch (const std::system_error& error) {
    return no_thread(error);
  }
  if (status != NATS_OK) return fail_nats(shown(server.url), status);
  ConnectionPtr connection(connected);
  jsOptions js_options;
  jsOptions_Init(&js_options);
  js_options.Wait = kAnswerMs;
  jsCtx* stream = nullptr;
  status = natsConnection_JetStream(&stream, connected, &js_options);
  if (status != NATS_OK) return fail_nats(shown(server.url), status);
  return Connection(std::move(connection), StreamPtr(stream));
}

// Each message of a service is one that is waited for.
Result<Connection> connection_for(const Pair& pair, const std::string& name) {
  using Sends = Connection::Sends;
  return Connection::open(pair.server, name, pair.service ? Sends::at_once : Sends::gathered);
}

bool Connection::is_open() const noexcept {
  return natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED;
}

std::size_t Connection::max_payload() const noexcept {
  constexpr std::size_t kHeaders = 512;
  const std::int64_t most = natsConnection_GetMaxPayload(connection_.get());
  return most > std::int64_t{kHeaders} ? static_cast<std::size_t>(most) - kHeaders : 0;
}

Result<void> Connection::publish(const std::string& subject, const char* reply,
                                 std::span<const std::byte> payload,
                                 std::span<const Header> headers) const {
  natsMsg* made = nullptr;
  natsStatus status =
      natsMsg_Create(&made, subject.c_str(), reply, reinterpret_cast<const char*>(payload.data()),
                     static_cast<int>(payload.size()));
  const MessagePtr message(made);
  for (const Header& header : headers) {
    if (status == NATS_OK) status = natsMsgHeader_Set(made, header.name, header.value.c_str());
  }
  if (status == NATS_OK) status = natsConnection_PublishMsg(connection_.get(), made);
  if (status != NATS_OK) return fail_nats("publishing to " + subject, status);
  return {};
}

Result<void> Connection::publish(const std::string& subject, const char* reply,
                                 std::span<const std::byte> payload) const {
  const natsStatus status = natsConnection_PublishRequest(
      connection_.get(), subject.c_str(), reply, payload.data(), static_cast<int>(payload.size()));
  if (status != NATS_OK) return fail_nats("publishing to " + subject, status);
  return {};
}

Result<bool> Connection::is_seen(std::chrono::milliseconds longest) const {
  const natsStatus status = natsConnection_FlushTimeout(connection_.get(), longest.count());
  if (status == NATS_TIMEOUT) return false;
  if (status == NATS_OK && !is_open())
    return fail_waiting(NATS_CONNECTION_CLOSED);  // a write failed
  if (status != NATS_OK) return fail_waiting(status);
  return true;
}

Result<void> Connection::flush() const {
  const Result<bool> seen = is_seen(std::chrono::milliseconds(kAnswerMs));
  if (!seen) return tl::unexpected(seen.error());
  if (!*seen) return fail_waiting(NATS_TIMEOUT);
  return {};
}

Result<SubscriptionPtr> Connection::subscribe(const std::string& subject, const char* group) const {
  if (!ended_->all.empty()) {
    if (auto seen = flush(); !seen) return tl::unexpected(seen.error());
    ended_->destroy();
  }
  natsSubscription* made = nullptr;
  natsStatus status =
      group != nullptr
          ? natsConnection_QueueSubscribeSync(&made, connection_.get(), subject.c_str(), group)
          : natsConnection_SubscribeSync(&made, connection_.get(), subject.c_str());
  ended_->all.reserve(++ended_->made);
  SubscriptionPtr subscription(made, {ended_.get()});
  constexpr int kMostPendingBytes = 256 << 20;
  if (status == NATS_OK) status = natsSubscription_SetPendingLimits(made, -1, kMostPendingBytes);
  if (status != NATS_OK) return fail_nats("subscribing to " + subject, status);
  return subscription;
}

std::string random_name() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

Result<MessagePtr> next_of(natsSubscription* subscription, std::chrono::milliseconds timeout) {
  natsMsg* message = nullptr;
  const natsStatus status = natsSubscription_NextMsg(&message, subscription, timeout.count());
  if (status == NATS_TIMEOUT) return MessagePtr();
  // It tells that some were dropped; the next call has a message.
  if (status == NATS_SLOW_CONSUMER) return MessagePtr();
  if (status != NATS_OK) return fail_nats("receiving", status);
  return MessagePtr(message);
}

Result<StreamState> find_stream(const Connection& connection, const Pair& pair) {
  const std::string name = stream_of(pair);
  const std::string what = "stream " + name;
  jsStreamInfo* found = nullptr;
  jsErrCode code{};
  const auto find = [&] {
    code = {};
    return js_GetStreamInfo(&found, connection.stream(), name.c_str(), nullptr, &code);
  };
  const auto is_missing = [&](natsStatus status) {
    return status == NATS_NOT_FOUND || code == JSStreamNotFoundErr;
  };
  natsStatus status = find();
  if (is_missing(status)) {
    code = {};
    status = make_stream(&found, connection, pair, name, code);
    if (status != NATS_OK) {
      // Said now: the next question forgets it.
      const tl::unexpected<Error> refused =
          code == JSStreamSubjectOverlapErr
              ? fail(ErrorCode::busy, what + ": the subject belongs to another stream")
              : fail_stream(what, status, code);
      // The other side may have made it meanwhile: servers before 2.9.16 refuse the second of two,
      // or fail at its store where that is the account's first, and in a cluster it is not found at
      // once.
      constexpr std::chrono::milliseconds kNap{50};
      const bool may_come = code == JSStreamSubjectOverlapErr || code == JSStreamNameExistErr ||
                            code == JSStreamCreateErr;
      int looks = may_come ? 20 : 1;
      for (status = find(); is_missing(status); status = find()) {
        if (--looks == 0) return refused;
        std::this_thread::sleep_for(kNap);
      }
    }
  }
  const StreamInfoPtr info(found);
  if (status != NATS_OK) return fail_stream(what, status, code);
  if (!is_of(*info->Config, pair.subject)) {
    return fail(ErrorCode::busy, what + " is of other subjects than " + pair.subject +
                                     ": it belongs to something else; choose another");
  }
  return StreamState{info->State.LastSeq, info->Created};
}

bool BackOff::nap(const std::function<bool()>& stopped) {
  constexpr std::chrono::milliseconds kSlice{20};
  for (std::chrono::milliseconds left = next_; left.count() > 0; left -= kSlice) {
    if (stopped()) return false;
    std::this_thread::sleep_for(std::min(left, kSlice));
  }
  next_ = std::min(next_ * 2, kLongest);
  return !stopped();
}

tl::unexpected<Error> mends_itself(std::string why) {
  return fail(ErrorCode::cancelled, std::move(why));
}

namespace {

// A server that greets and says no more takes seconds; `apart` runs meanwhile, in this thread.
Result<Connection> open_beside(const std::function<void()>& apart, const Pair& pair,
                               const std::string& name) {
  constexpr std::chrono::milliseconds kSlice{20};
  std::future<Result<Connection>> opening;
  try {
    opening = std::async(std::launch::async, [&] { return connection_for(pair, name); });
  } catch (const std::system_error& error) {
    return no_thread(error);
  }
  while (opening.wait_for(kSlice) != std::future_status::ready) apart();
  return opening.get();
}

}  // namespace

Result<void> keep_connected(const Pair& pair, const char* way, Counters& counters,
                            const std::function<bool()>& stopped, Connection first,
                            const std::function<Result<void>(Connection&)>& pump,
                            const std::function<void()>& apart) {
  std::optional<Connection> connection(std::move(first));
  BackOff back_off;
  const std::function<bool()> stopped_apart = [&] {
    apart();
    return stopped();
  };
  for (;;) {
    if (stopped()) return mends_itself("");
    if (!connection) {
      Result<Connection> next =
          open_beside(apart, pair, fmt::format("ringbell {} {}", way, pair.ring));
      if (!next && next.error().code != ErrorCode::cancelled) return tl::unexpected(next.error());
      if (!next) {
        counters.set_trouble(next.error().message);
        if (!back_off.nap(stopped_apart)) return mends_itself("");
        continue;
      }
      connection.emplace(std::move(*next));
      counters.set_trouble("");
    }
    counters.connects.add(1);
    const std::uint64_t before = counters.records.load();
    const Result<void> ended = pump(*connection);
    if (ended || ended.error().code != ErrorCode::cancelled) return ended;
    if (counters.records.load() != before) back_off.reset();
    counters.set_trouble(ended.error().message);
    connection.reset();
    if (!back_off.nap(stopped_apart)) return mends_itself("");
  }
}

}  // namespace ringbell::bridge
