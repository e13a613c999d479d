// An outbound bridge to a core subject (outbound.hpp, C1 and C2).
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include <ringbell/transport/base/deadline.hpp>

#include "bridge/nats/outbound.hpp"

namespace ringbell::bridge {
namespace {

constexpr std::chrono::milliseconds kSlice{50};
// libnats keeps what is published for 1 ms, so that more goes with it. When nothing has come for so
// long it goes, with a question to the server: not for each record of a stream.
constexpr std::chrono::microseconds kQuiet{200};
constexpr std::chrono::milliseconds kLeast{1};  // that libnats waits for an answer

}  // namespace

Result<void> Outbound::pump_core(const Connection& connection) {
  constexpr std::chrono::milliseconds kConfirmEach{200};
  SteadyTime confirm_at = end_of(kConfirmEach);
  unconfirmed_ = 0;
  lingers_ = false;
  for (;;) {
    if (auto published = publish_in_hand(connection); !published) {
      return lose_unconfirmed(published.error());
    }
    if (stopped_() || is_done()) {
      if (auto seen = confirm(connection); !seen) return lose_unconfirmed(seen.error());
      return is_done() ? ended() : mends_itself("");
    }
    if (!connection.is_open()) {
      return lose_unconfirmed(Error{ErrorCode::cancelled, 0, "the connection is lost"});
    }
    keep_room();
    const Result<bool> took = take_in_hand(connection, lingers_ ? Timeout(kQuiet) : kSlice);
    if (!took) {
      (void)connection.flush();  // what ends the bridge does not end what it has sent
      return tl::unexpected(took.error());
    }
    if (!*took && lingers_) {
      if (auto gone = hurry(connection); !gone) return lose_unconfirmed(gone.error());
      continue;
    }
    if ((!*took && unconfirmed_ != 0) || left_until(confirm_at) == Timeout::zero()) {
      if (auto seen = confirm(connection); !seen) return lose_unconfirmed(seen.error());
      confirm_at = end_of(kConfirmEach);
    }
  }
}

Result<bool> Outbound::take_in_hand(const Connection& connection, Timeout timeout) {
  if (!pair_.batches || !records_.joins()) return take_one_by_one(connection, timeout);
  Result<std::optional<Pending>> message = gather(connection, timeout);
  if (!message) return tl::unexpected(message.error());
  if (!*message) return false;
  records_.release((*message)->mark);
  batch_ = std::move(**message);
  return true;
}

Result<bool> Outbound::take_one_by_one(const Connection& connection, Timeout timeout) {
  const std::size_t most = connection.max_payload();
  std::optional<Records::Mark> last;
  while (hand_.has_room() && (!last || records_.may_look())) {
    const bool waits = records_.waits();
    if (last && waits != last->waited) break;
    const Result<const Records::Record*> found = records_.look(last ? Timeout::zero() : timeout);
    if (!found && !last) return tl::unexpected(found.error());
    if (!found || *found == nullptr) break;
    const Records::Record& record = **found;
    if (record.bytes.size() > most && !last) return too_large(record.bytes.size(), most);
    if (last && (record.bytes.size() > most || record.source != hand_.source())) break;
    hand_.add(record);
    last = records_.take();
  }
  if (!last) return false;
  records_.release(*last);
  return true;
}

Result<void> Outbound::publish_in_hand(const Connection& connection) {
  if (batch_) {
    const std::array headers{Connection::Header{kOriginHeader, text_of(batch_->origin)}};
    auto published = connection.publish(pair_.subject, nullptr, batch_->payload, headers);
    if (!published) return published;
    unconfirmed_ += batch_->records;
    lingers_ = true;
    count(*batch_);
    batch_.reset();
  }
  if (hand_.empty()) return {};
  lingers_ = true;
  if (reply_.source() != hand_.source()) reply_ = OriginReply(hand_.source());
  for (; !hand_.empty(); hand_.pop()) {
    const Handful::One one = hand_.front();
    auto published = connection.publish(pair_.subject, reply_.of(one.begin, one.missed), one.bytes);
    if (!published) return published;
    ++unconfirmed_;
    counters_.records.add(1);
    counters_.bytes.add(one.bytes.size());
    counters_.messages.add(1);
  }
  return {};
}

Result<void> Outbound::confirm(const Connection& connection) {
  const Result<void> seen = connection.flush();
  if (seen) unconfirmed_ = 0;
  lingers_ = false;
  return seen;
}

Result<void> Outbound::hurry(const Connection& connection) {
  const Result<bool> seen = connection.is_seen(kLeast);
  if (!seen) return tl::unexpected(seen.error());
  if (*seen) unconfirmed_ = 0;
  lingers_ = false;
  return {};
}

tl::unexpected<Error> Outbound::lose_unconfirmed(const Error& why) {
  counters_.lost.add(std::exchange(unconfirmed_, 0));
  return tl::unexpected(why);
}

}  // namespace ringbell::bridge
