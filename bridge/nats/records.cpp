#include "bridge/nats/records.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <ringbell/core/layout.hpp>

#include "bridge/nats/client.hpp"

namespace ringbell::bridge {
namespace {

// Of this run of the bridge. A core subject's messages carry it, each: it is short there, and only
// counts losses.
std::string name_of_run(const Pair& pair) {
  constexpr std::size_t kShort = 8;
  const std::string name = random_name();
  return pair.durable ? name : name.substr(0, kShort);
}

// Of the ring as long as it is there: its maker and when.
std::string name_of_ring(const Region& region) {
  const auto& header = *reinterpret_cast<const core::RegionHeader*>(region.base());
  return fmt::format("{:x}-{}", header.created_unix_ns, header.creator_pid);
}

}  // namespace

Records::Records(const Pair& pair, RingReader reader, std::optional<Spill> spill)
    : reader_(std::move(reader)),
      spill_(std::move(spill)),
      holds_many_(reader_.can_hold() || core::is_broadcast(reader_.shape().kind)),
      by_position_(pair.durable && holds_many_),
      source_(by_position_ ? name_of_ring(reader_.region()) : name_of_run(pair)) {
  if (spill_ && by_position_) in_file_to_ = spill_->end_of(source_).value_or(0);
  if (in_file_to_ != 0) due_ = in_file_to_;
}

Result<const Records::Record*> Records::look(Timeout timeout) {
  if (waiting_) return &*waiting_;
  if (!waits()) return look_at_ring(timeout);
  Result<std::optional<Record>> next = spill_->next();
  if (!next) return tl::unexpected(next.error());
  waiting_ = *next;
  return &*waiting_;
}

Result<const Records::Record*> Records::look_at_ring(Timeout timeout) {
  while (!ahead_) {
    const Result<std::optional<RingReader::Message>> message = reader_.next(timeout);
    if (!message) {
      const ErrorCode code = message.error().code;
      if (code != ErrorCode::closed && code != ErrorCode::peer_dead) {
        return tl::unexpected(message.error());
      }
      end_ = message.error();
      return nullptr;
    }
    if (!*message) return nullptr;
    const std::uint64_t begin = by_position_ ? (*message)->position : next_;
    const std::uint64_t end = by_position_ && reader_.can_hold() ? reader_.position() : begin + 1;
    if (by_position_ && begin < in_file_to_) {  // R2: killed before the ring knew it
      reader_.release();
      continue;
    }
    ahead_ = Record{.source = source_,
                    .begin = begin,
                    .end = end,
                    .missed = missed_before(begin),
                    .bytes = (*message)->bytes};
  }
  return &*ahead_;
}

// A topic's positions also tell what was published while no bridge was there.
std::uint64_t Records::missed_before(std::uint64_t position) {
  const std::uint64_t missed = reader_.missed() - std::exchange(missed_, reader_.missed());
  if (!by_position_ || !core::is_broadcast(reader_.shape().kind)) return missed;
  return due_ ? position - std::min(*due_, position) : missed;
}

void Records::begin_at(std::uint64_t position) noexcept {
  if (!due_) due_ = position;
}

Records::Mark Records::take() noexcept {
  if (waiting_) {
    waiting_.reset();
    return {.waited = true, .position = spill_->position()};
  }
  return take_from_ring();
}

Records::Mark Records::take_from_ring() noexcept {
  due_ = ahead_->end;
  ahead_.reset();
  in_hand_ = true;
  return {.position = reader_.position(), .next = ++next_};
}

void Records::release(const Mark& mark) noexcept {
  if (mark.waited) {
    // Where that fails it comes again after the next rewind().
    (void)spill_->release_to(mark.position);
    return;
  }
  released_ = mark.next;
  in_hand_ = false;
  if (reader_.can_hold()) {
    reader_.release_to(mark.position);
  } else {
    reader_.release();
  }
  if (!by_position_) reader_.publish_released();
}

void Records::rewind() noexcept {
  waiting_.reset();
  if (spill_) spill_->rewind();
  if (!comes_again()) return;
  ahead_.reset();
  in_hand_ = false;
  next_ = released_;
  reader_.rewind();
}

std::uint64_t Records::drop_oldest() {
  std::uint64_t dropped = 0;
  while (reader_.is_half_full()) {
    const Result<const Record*> record = look_at_ring(Timeout::zero());
    if (!record || *record == nullptr) break;
    release(take_from_ring());
    ++dropped;
  }
  return dropped;
}

Result<void> Records::put_aside(std::span<const Record> taken) {
  for (const Record& record : taken) spill_->add(record);
  return spill_->flush();
}

Result<void> Records::put_ring_aside() {
  constexpr std::size_t kFlushBytes = 256 * 1024;
  std::size_t added = 0;
  std::optional<Mark> last;
  const auto settle = [&]() -> Result<void> {
    const Result<void> flushed = spill_->flush();
    if (!flushed && last) {
      ahead_.reset();
      next_ = released_;
      reader_.rewind();
    } else if (last) {
      release(*last);
    }
    last.reset();
    added = 0;
    return flushed;
  };
  for (;;) {
    const Result<const Record*> record = look_at_ring(Timeout::zero());
    if (!record || *record == nullptr) {
      const Result<void> settled = settle();
      return record ? settled : tl::unexpected(record.error());
    }
    spill_->add(**record);
    if (!reader_.can_hold()) {  // it stays looked at until it is in the file
      if (auto flushed = spill_->flush(); !flushed) return flushed;
      release(take_from_ring());
      continue;
    }
    added += (*record)->bytes.size();
    last = take_from_ring();
    if (added < kFlushBytes) continue;
    if (auto settled = settle(); !settled) return settled;
  }
}

}  // namespace ringbell::bridge
