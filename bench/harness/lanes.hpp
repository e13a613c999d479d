// How messages get on and off a link when throughput is measured: copied, copied with their whole
// content verified, in batches, or loaned.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "bench/harness/over_link.hpp"
#include "bench/harness/throughput.hpp"

namespace ringbell::bench {

// The sender's messages. Short ones are stamped well before they are sent, as an application's
// messages are: a vector load from a buffer whose first word was stored just before has to wait
// until that store has left the store buffer, behind all the stores into the link.
template <class Size>
class Outbox {
 public:
  explicit Outbox(Size size) : size_(size) {
    const bool is_short = size.size() > kSequenceBytes && size.size() <= kLongestShort;
    const std::size_t slots = is_short ? kSlots : 1;
    for (std::size_t i = 0; i < slots; ++i) buffers_.emplace_back(size.size());
  }

  // The message with this number.
  [[nodiscard]] auto at(std::uint64_t sequence) {
    const auto message = size_.of(buffers_[sequence & (buffers_.size() - 1)]);
    if (sequence_of(message) != sequence) stamp(message, sequence);
    return message;
  }
  // It was sent: its buffer becomes a later one.
  void sent(std::uint64_t sequence) {
    stamp(size_.of(buffers_[sequence & (buffers_.size() - 1)]), sequence + buffers_.size());
  }

 private:
  static constexpr std::size_t kLongestShort = 256;
  static constexpr std::size_t kSlots = 16;

  [[no_unique_address]] Size size_;
  std::vector<MessageBuffer> buffers_;
};

// With `all_bytes` every byte is written for each message and verified; else the numbers are.
template <LinkEnd End, class Size, bool all_bytes>
class CopiedLane {
 public:
  CopiedLane(End& end, Size size) : end_(end), size_(size), outbox_(size), buffer_(size.size()) {}

  [[nodiscard]] bool put(std::uint64_t sequence) {
    if constexpr (all_bytes) {
      fill(size_.of(buffer_), sequence);
      return end_.send(size_.of(buffer_));
    }
    const bool sent = end_.send(outbox_.at(sequence));
    outbox_.sent(sequence);
    return sent;
  }
  void burst_done() noexcept {}
  [[nodiscard]] const Error& error() const noexcept { return end_.error(); }

  [[nodiscard]] Result<Verified::Seen> take(std::uint64_t count, Verified& verified) {
    for (; count > 0; --count) {
      if (end_.receive(size_.of(buffer_)) != size_.size()) [[unlikely]] {
        return tl::unexpected(end_.error());
      }
      keep(size_.of(buffer_));
      const std::uint64_t sequence = sequence_of(size_.of(buffer_));
      if constexpr (all_bytes) {
        if (checksum(size_.of(buffer_)) != checksum_due(size_.size(), sequence)) {
          return fail_wrong_content(sequence);
        }
      }
      const Verified::Seen seen = verified.see(sequence);
      if (seen != Verified::Seen::due) [[unlikely]]
        return seen;
    }
    return Verified::Seen::due;
  }

 private:
  End& end_;
  [[no_unique_address]] Size size_;
  Outbox<Size> outbox_;
  MessageBuffer buffer_;
};

// Copied, but shown to the receiver kSendsPerLook at a time; the receiver takes what is there and
// gives it back together.
template <class End, class Size>
class BatchLane {
 public:
  static constexpr std::size_t kBatch = kSendsPerLook;

  BatchLane(End& end, Size size) : end_(end), size_(size), outbox_(size), buffer_(size.size()) {}

  [[nodiscard]] bool put(std::uint64_t sequence) {
    const bool staged = end_.stage(outbox_.at(sequence));
    outbox_.sent(sequence);
    return staged;
  }
  void burst_done() noexcept { end_.flush(); }
  [[nodiscard]] const Error& error() const noexcept { return end_.error(); }

  [[nodiscard]] Result<Verified::Seen> take(std::uint64_t count, Verified& verified) {
    auto seen = Verified::Seen::due;
    const auto use = [&](std::span<const std::byte> record) {
      if (record.size() != size_.size()) [[unlikely]] {
        seen = Verified::Seen::wrong;
        return;
      }
      std::memcpy(size_.of(buffer_).data(), record.data(), size_.size());
      keep(size_.of(buffer_));
      const Verified::Seen now = verified.see(sequence_of(size_.of(buffer_)));
      if (now != Verified::Seen::due) [[unlikely]]
        seen = now;
    };
    while (count > 0 && seen == Verified::Seen::due) {
      const std::size_t taken = end_.drain(use, kBatch);
      if (taken == 0) [[unlikely]]
        return tl::unexpected(end_.error());
      count -= std::min<std::uint64_t>(count, taken);
    }
    return seen;
  }

 private:
  End& end_;
  [[no_unique_address]] Size size_;
  Outbox<Size> outbox_;
  MessageBuffer buffer_;
};

// Written and read where they stand, and of each only the sequence number.
template <class End, class Size>
class LoanedLane {
 public:
  LoanedLane(End& end, Size size) : end_(end), size_(size) {}

  [[nodiscard]] bool put(std::uint64_t sequence) {
    const std::span<std::byte> room = end_.claim(static_cast<std::uint32_t>(size_.size()));
    if (room.empty()) [[unlikely]]
      return false;
    stamp(room, sequence);
    return end_.commit();
  }
  void burst_done() noexcept {}
  [[nodiscard]] const Error& error() const noexcept { return end_.error(); }

  [[nodiscard]] Result<Verified::Seen> take(std::uint64_t count, Verified& verified) {
    for (; count > 0; --count) {
      const std::span<const std::byte> record = end_.peek();
      if (record.empty()) [[unlikely]]
        return tl::unexpected(end_.error());
      const bool whole = record.size() == size_.size();
      const Verified::Seen seen = whole ? verified.see(sequence_of(record)) : Verified::Seen::wrong;
      end_.release();
      if (seen != Verified::Seen::due) [[unlikely]]
        return seen;
    }
    return Verified::Seen::due;
  }

 private:
  End& end_;
  [[no_unique_address]] Size size_;
};

template <Transport T>
class Throughput {
 public:
  // Adds the figures to the row. Errors: corrupt, if something wrong came; whatever stopped it.
  [[nodiscard]] static Result<void> measure(const Point& point, const CpuPair& cpus, Row& row) {
    Usage usage;
    const Result<Shared<Stream>> stream = run_over_link<T, Stream>(
        point, cpus, row, usage, [&](typename T::End& end, Party party, auto size, Stream& shared) {
          return side(end, party, point, size, shared);
        });
    if (!stream) return tl::unexpected(stream.error());
    describe_throughput(**stream, point, row);
    describe_usage(usage, std::max<std::uint64_t>((*stream)->verified, 1), row);
    return {};
  }

 private:
  template <class Size>
  [[nodiscard]] static Result<void> side(typename T::End& end, Party party, const Point& point,
                                         Size size, Stream& stream) {
    const auto run = [&](auto lane) {
      return party == Party::first ? send_until_stopped(std::move(lane), stream)
                                   : receive_until_stopped(std::move(lane), point, stream);
    };
    if constexpr (requires { end.peek(); }) {
      if (point.loaned) return run(LoanedLane(end, size));
    }
    if constexpr (requires { end.flush(); }) {
      if (point.batch > 1) return run(BatchLane(end, size));
    }
    using End = typename T::End;
    if (point.checksum) return run(CopiedLane<End, Size, true>(end, size));
    return run(CopiedLane<End, Size, false>(end, size));
  }
};

}  // namespace ringbell::bench
