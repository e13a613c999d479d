#include "bridge/nats/outbound.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <ringbell/transport/base/deadline.hpp>

namespace ringbell::bridge {
namespace {

constexpr std::size_t kBatchBytes = 128 * 1024;

}  // namespace

Outbound::Outbound(const Pair& pair, Counters& counters, const std::function<bool()>& stopped,
                   Records records)
    : pair_(pair),
      counters_(counters),
      stopped_(stopped),
      records_(std::move(records)),
      reply_(records_.source()),
      inbox_("_INBOX.ringbell." + random_name()) {}

Result<void> Outbound::run(Connection first) {
  const Result<void> ended = keep_connected(
      pair_, "out", counters_, stopped_, std::move(first),
      [this](Connection& connection) {
        return pair_.durable ? pump_durable(connection) : pump_core(connection);
      },
      [this] { make_room(); });
  // For these no connection came any more.
  counters_.lost.add(hand_.size() + (batch_ ? batch_->records : 0));
  return ended;
}

void Outbound::make_room() {
  if (pair_.overflow == Overflow::drop_oldest) {
    counters_.lost.add(records_.drop_oldest());
  }
  if (pair_.overflow != Overflow::spill) return;
  const Result<void> aside = put_pending_aside();
  const Result<void> moved = aside ? records_.put_ring_aside() : aside;
  if (!moved) counters_.set_trouble(moved.error().message);
}

// What comes again is taken anew, from the ring's place in the file.
Result<void> Outbound::put_pending_aside() {
  if (pending_.empty()) return {};
  std::vector<Records::Record> taken;
  for (const Pending& message : pending_) {
    if (records_.comes_again() || message.mark.waited) continue;
    std::vector<std::span<const std::byte>> records;
    if (!records_of(message.payload, message.origin, records)) continue;  // it was made here
    std::uint64_t position = message.origin.begin;  // of a topic: it counts messages
    for (std::size_t i = 0; i < records.size(); ++i, ++position) {
      taken.push_back({.source = message.origin.source,
                       .begin = position,
                       .end = position + 1,
                       .missed = i == 0 ? message.origin.missed : 0,
                       .bytes = records[i]});
    }
  }
  if (auto put = records_.put_aside(taken); !put) return put;
  forget_pending();
  records_.rewind();
  return {};
}

// While the file has some, nothing was taken from the ring.
void Outbound::keep_room() {
  if (!records_.waits() || !records_.is_half_full()) return;
  if (auto moved = records_.put_ring_aside(); !moved) counters_.set_trouble(moved.error().message);
}

void Outbound::forget_pending() {
  pending_.clear();
  pending_bytes_ = 0;
}

Result<void> Outbound::ended() const {
  const Error& end = *records_.end();
  return end.code == ErrorCode::closed ? Result<void>() : tl::unexpected(end);
}

std::string_view Outbound::kept(std::string_view source) {
  if (source == records_.source()) return records_.source();
  return *sources_.emplace(source).first;
}

tl::unexpected<Error> Outbound::too_large(std::size_t record_bytes, std::size_t most) const {
  return fail(ErrorCode::too_large,
              fmt::format("a record of {} bytes does not fit into a message, of which the server "
                          "takes {}; it stays in the ring",
                          record_bytes, most));
}

Result<std::optional<Outbound::Pending>> Outbound::gather(const Connection& connection,
                                                          Timeout timeout) {
  const std::size_t most = connection.max_payload();
  const std::size_t wanted = std::min(most, kBatchBytes);
  std::optional<Batch> batch;
  Pending made;
  SteadyTime until = end_of(timeout);
  bool framed = false;
  while (!batch || batch->count() < (framed ? kMostRecords : 1)) {
    const bool waits = records_.waits();
    if (batch && waits != made.mark.waited) break;
    Result<const Records::Record*> found = records_.look(Timeout::zero());
    if (found && *found == nullptr) {  // only now is the time looked at
      const Timeout left = left_until(until);
      if (left > Timeout::zero()) found = records_.look(left);
    }
    if (!found) return tl::unexpected(found.error());
    if (*found == nullptr) break;
    const Records::Record& record = **found;
    if (record.source == stream_source_ && record.begin < stream_end_) {  // O3: the stream has it
      records_.release(records_.take());
      counters_.repeats.add(1);
      continue;
    }
    if (!batch) {
      // What is not held until it is given back stands alone.
      framed = pair_.batches && records_.joins();
      batch.emplace(framed);
      if (batch->size_with(record.bytes.size()) > most) {
        return too_large(record.bytes.size(), most);
      }
      made.origin = {.source = kept(record.source), .begin = record.begin, .missed = record.missed};
      until = end_of(pair_.linger);
    } else if (batch->size_with(record.bytes.size()) > wanted || record.missed != 0 ||
               record.source != made.origin.source) {
      break;  // the next message has it
    }
    batch->add(record.bytes);
    made.record_bytes += record.bytes.size();
    made.origin.end = record.end;
    made.mark = records_.take();
  }
  if (!batch) return std::nullopt;
  made.records = batch->count();
  made.origin.count = batch->framed_count();
  made.payload = batch->take();
  return made;
}

void Outbound::count(const Pending& message) {
  counters_.records.add(message.records);
  counters_.bytes.add(message.record_bytes);
  counters_.messages.add(1);
}

}  // namespace ringbell::bridge
