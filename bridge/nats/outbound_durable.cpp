// An outbound bridge to JetStream (outbound.hpp, O1 to O3).
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <ringbell/transport/base/deadline.hpp>

#include "bridge/nats/outbound.hpp"

namespace ringbell::bridge {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSlice{50};
// libnats' flusher waits 1 ms for more to send: so much is under way meanwhile.
constexpr std::size_t kMostPending = 1024;
constexpr std::size_t kMostAtOnce = 64;
constexpr std::size_t kMostPendingBytes = 8UL << 20;
constexpr std::chrono::seconds kAnswerTime{5};

// What the server answered to a publishing.
struct Answer {
  std::uint64_t stream_number = 0;  // 0: refused
  std::string refusal;
};

// `{"stream":"NAME", "seq":NUMBER}`, which nearly all are. 0: another one.
std::uint64_t number_in(std::string_view text) noexcept {
  constexpr std::string_view kBegin = "{\"stream\":\"";
  constexpr std::string_view kNumber = "\"seq\":";
  const std::size_t at = text.find(kNumber);  // a name of a stream has no such letters
  if (!text.starts_with(kBegin) || at == std::string_view::npos) return 0;
  text.remove_prefix(at + kNumber.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end != text.data() + text.size() && *end == '}' ? number : 0;
}

Answer answer_of(natsMsg* message) {
  if (natsMsg_IsNoResponders(message)) return {0, "no stream takes the subject"};
  const std::span<const std::byte> bytes = payload_of(message);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (const std::uint64_t number = number_in(text); number != 0) return {number, {}};
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_object() && json.contains("error") && json["error"].is_object()) {
    return {0, json["error"].value("description", "refused")};
  }
  if (!json.is_object() || !json.contains("seq") || !json["seq"].is_number_unsigned()) {
    return {0, "an answer that is none"};
  }
  return {json["seq"].get<std::uint64_t>(), {}};
}

}  // namespace

Result<void> Outbound::resume(const Connection& connection) {
  const Result<StreamState> stream = find_stream(connection, pair_);
  if (!stream) return tl::unexpected(stream.error());
  natsMsg* found = nullptr;
  jsErrCode code{};
  const natsStatus status = js_GetLastMsg(&found, connection.stream(), stream_of(pair_).c_str(),
                                          pair_.subject.c_str(), nullptr, &code);
  const MessagePtr last(found);
  if (status != NATS_OK && status != NATS_NOT_FOUND) {
    return fail_stream("the last message of " + pair_.subject, status, code);
  }
  // It may have come after the other question.
  last_number_ = std::max(stream->last, last ? natsMsg_GetSequence(last.get()) : 0);
  const std::optional<Origin> origin = last ? origin_in(last.get()) : std::nullopt;
  if (origin) {
    stream_source_ = origin->source;
    stream_end_ = origin->end;
    if (stream_source_ == records_.source()) records_.begin_at(stream_end_);
  }
  // O1: what the stream has is acknowledged.
  const auto is_there = [&](std::uint64_t position, const Pending& message) {
    return message.origin.source == stream_source_ && position <= stream_end_;
  };
  std::size_t there = pending_.size();
  while (there > 0 && !is_there(pending_[there - 1].origin.end, pending_[there - 1])) --there;
  for (; there > 0; --there) acknowledged();
  // An earlier bridge's message came late and has some of these records.
  if (!pending_.empty() && is_there(pending_.front().origin.begin + 1, pending_.front())) {
    take_back();
  }
  window_ = 1;
  std::uint64_t unsent = 0;
  for (Pending& message : pending_) {
    if (unsent++ >= window_) break;
    if (auto published = publish(connection, message); !published) return published;
  }
  return {};
}

Result<void> Outbound::publish(const Connection& connection, Pending& message) {
  message.number = ++publishings_;
  const std::string reply = fmt::format("{}.{}", inbox_, message.number);
  const std::array headers{
      Connection::Header{kIdHeader, fmt::format("{} {}", kOriginHeader, text_of(message.origin))},
      Connection::Header{"Nats-Expected-Last-Sequence", fmt::format("{}", last_number_++)}};  // O2
  return connection.publish(pair_.subject, reply.c_str(), message.payload, headers);
}

// All that is pending is gathered anew, less what the stream has.
void Outbound::take_back() {
  if (records_.comes_again()) {
    forget_pending();
    records_.rewind();
    return;
  }
  // Of a topic: positions count messages.
  Pending& first = pending_.front();
  const std::uint64_t known = stream_end_ - first.origin.begin;
  std::vector<std::span<const std::byte>> records;
  (void)records_of(first.payload, first.origin, records);  // it was made here
  Batch rest(true);
  for (std::size_t i = known; i < records.size(); ++i) rest.add(records[i]);
  first.origin.begin = stream_end_;
  first.records = rest.count();
  first.origin.count = rest.framed_count();
  pending_bytes_ -= first.payload.size();
  first.payload = rest.take();
  pending_bytes_ += first.payload.size();
}

void Outbound::acknowledged() {
  const Pending& message = pending_.front();
  pending_bytes_ -= message.payload.size();
  count(message);
  records_.release(message.mark);
  pending_.pop_front();
}

Result<bool> Outbound::take_answer(natsSubscription* answers, milliseconds timeout) {
  const Result<MessagePtr> message = next_of(answers, timeout);
  if (!message) return tl::unexpected(message.error());
  if (!*message) return false;
  const std::string_view subject = natsMsg_GetSubject(message->get());
  const std::string_view digits = subject.substr(subject.rfind('.') + 1);
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (pending_.empty() || number < pending_.front().number) return true;  // of an earlier try
  const Answer answer = answer_of(message->get());
  if (number != pending_.front().number) return mends_itself("an answer is missing");
  if (answer.stream_number == 0) {
    counters_.stalls.add(1);
    return mends_itself("the server refuses: " + answer.refusal);
  }
  acknowledged();
  window_ = std::min(window_ * 2, kMostPending);
  return true;
}

Result<void> Outbound::pump_durable(const Connection& connection) {
  const Result<SubscriptionPtr> answers = connection.subscribe(inbox_ + ".*");
  if (!answers) return tl::unexpected(answers.error());
  if (auto resumed = resume(connection); !resumed) return resumed;
  // What is pending and was not sent again yet stands behind these.
  std::size_t sent = std::min(pending_.size(), window_);
  SteadyTime deadline = end_of(kAnswerTime);
  // A batch may wait for more: the answers do not wait so often.
  const std::size_t most_at_once = pair_.batches ? 1 : kMostAtOnce;
  const auto may_take = [&](std::size_t under_way) {
    return !is_done() && under_way == pending_.size() && under_way < window_ &&
           pending_bytes_ < kMostPendingBytes && records_.may_look();
  };
  for (;;) {
    if (stopped_()) return mends_itself("");
    if (is_done() && pending_.empty()) return ended();
    while (sent < pending_.size() && sent < window_) {
      if (auto published = publish(connection, pending_[sent]); !published) return published;
      ++sent;
    }
    keep_room();
    std::size_t moved = 0;
    for (; moved < most_at_once && may_take(sent); ++moved) {
      const Timeout timeout = pending_.empty() ? Timeout(kSlice) : Timeout::zero();
      Result<std::optional<Pending>> message = gather(connection, timeout);
      if (!message) return tl::unexpected(message.error());
      if (!*message) break;
      if (pending_.empty()) deadline = end_of(kAnswerTime);
      pending_bytes_ += (*message)->payload.size();
      pending_.push_back(std::move(**message));
      ++sent;
      if (auto published = publish(connection, pending_.back()); !published) return published;
    }
    if (pending_.empty()) {
      if (!connection.is_open()) return mends_itself("the connection is lost");
      continue;
    }
    const std::size_t before = pending_.size();
    // All that are there: one wake-up for many.
    for (milliseconds patience(moved == most_at_once ? 0 : 1);; patience = milliseconds(0)) {
      const Result<bool> took = take_answer(answers->get(), patience);
      if (!took) return tl::unexpected(took.error());
      if (!*took) break;
    }
    if (pending_.size() < before) {
      sent -= before - pending_.size();
      deadline = end_of(kAnswerTime);
    } else if (left_until(deadline) == Timeout::zero()) {
      return mends_itself("the server does not answer");
    }
  }
}

}  // namespace ringbell::bridge
