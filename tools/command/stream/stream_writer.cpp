#include "tools/command/stream/stream_writer.hpp"

#include <algorithm>
#include <atomic>

#include <unistd.h>

#include "tools/command/command.hpp"

namespace ringbell::tools {
std::uint32_t chunk_bytes_for(std::uint64_t capacity_bytes) noexcept {
  constexpr std::uint64_t kLargest = 256 * 1024;
  constexpr std::uint64_t kRecordsInRing = 8;
  return static_cast<std::uint32_t>(std::min(capacity_bytes / kRecordsInRing, kLargest));
}

StreamWriter::StreamWriter(Sender& sender, const Patience& patience, Meter& meter,
                           bool framed) noexcept
    : sender_(sender),
      patience_(patience),
      meter_(meter),
      chunk_bytes_(chunk_bytes_for(sender.channel().region().geometry().capacity_bytes)),
      own_pid_(static_cast<std::uint32_t>(::getpid())),
      framed_(framed) {}

bool StreamWriter::receiver_came() const noexcept {
  core::SpscControl& control = sender_.channel().region().spsc_control();
  // Only to decide how long to wait: nothing is ordered by it.
  return std::atomic_ref(control.reader_state).load(std::memory_order_relaxed) !=
         std::uint32_t(core::SideState::absent);
}

Tried<std::span<std::byte>> StreamWriter::await_room(std::uint32_t record_bytes) {
  for (;;) {
    const bool came = receiver_came();
    const Result<std::optional<std::span<std::byte>>> room =
        sender_.claim_for(record_bytes, patience_.slice(came));
    if (!room && room.error().code == ErrorCode::closed) {
      return give_up(kTruncated, "the receiver stopped before the end of the stream");
    }
    if (!room && room.error().code == ErrorCode::peer_dead) {
      return give_up(kTruncated, "the receiver died before the end of the stream");
    }
    if (!room) return give_up(room.error());
    if (*room) return **room;
    const Tried<void> on = patience_.after_slice(
        receiver_came(), "no receiver came in time; start `ringbell recv` with the same name",
        meter_);
    if (!on) return tl::unexpected(on.error());
  }
}

Tried<std::span<std::byte>> StreamWriter::claim(std::size_t size_bytes) {
  const auto record_bytes =
      static_cast<std::uint32_t>(size_bytes + (framed_ ? sizeof(Trailer) : 0));
  const Tried<std::span<std::byte>> room = await_room(record_bytes);
  if (!room) return room;
  claimed_ = room->data();
  return room->first(size_bytes);
}

void StreamWriter::put_trailer(std::byte* at, Tag tag) const noexcept {
  const Trailer trailer{own_pid_, kTrailerMagic, tag};
  std::memcpy(at, &trailer, sizeof trailer);
}

std::uint32_t StreamWriter::finish_record(std::size_t size_bytes, Tag tag) noexcept {
  sent_.bytes += size_bytes;
  if (tag == Tag::whole) ++sent_.messages;
  meter_.add(size_bytes);
  if (!framed_) return static_cast<std::uint32_t>(size_bytes);
  put_trailer(claimed_ + size_bytes, tag);
  return static_cast<std::uint32_t>(size_bytes + sizeof(Trailer));
}

void StreamWriter::commit(std::size_t size_bytes, Tag tag) {
  sender_.commit(finish_record(size_bytes, tag));
}

void StreamWriter::stage(std::size_t size_bytes, Tag tag) {
  sender_.stage(finish_record(size_bytes, tag));
}

Tried<void> StreamWriter::add(std::span<const std::byte> message, Tag tag) {
  if (!framed_ && message.empty()) {
    return give_up(kFailed, "an empty message cannot be sent with --raw: a record has a byte");
  }
  if (!framed_ && (message.size() > chunk_bytes_ || tag == Tag::part)) {
    return give_up(kFailed,
                   "a message is too large for --raw: a record must hold it whole; "
                   "choose a larger --capacity");
  }
  do {
    const std::size_t size = std::min<std::size_t>(message.size(), chunk_bytes_);
    const Tried<std::span<std::byte>> room = claim(size);
    if (!room) return tl::unexpected(room.error());
    std::copy_n(message.begin(), size, room->begin());
    message = message.subspan(size);
    stage(size, message.empty() ? tag : Tag::part);
  } while (!message.empty());
  return {};
}

template <class T>
Tried<void> StreamWriter::send_struct(const T& value, Tag tag) {
  const Tried<std::span<std::byte>> room = await_room(sizeof value + sizeof(Trailer));
  if (!room) return tl::unexpected(room.error());
  std::memcpy(room->data(), &value, sizeof value);
  put_trailer(room->data() + sizeof value, tag);
  sender_.commit(sizeof value + sizeof(Trailer));
  return {};
}

Tried<void> StreamWriter::begin(Shape shape, std::uint64_t total_bytes) {
  if (!framed_) return {};
  return send_struct(StreamHeader{kStreamMagic, kStreamVersion, shape, total_bytes}, Tag::header);
}

Tried<void> StreamWriter::end() {
  sender_.flush();
  if (framed_) {
    if (auto sent = send_struct(sent_, Tag::end); !sent) return sent;
  }
  // The largest record has room when nothing else is left in the ring.
  const Tried<std::span<std::byte>> all = await_room(sender_.max_record_bytes());
  if (!all) return tl::unexpected(all.error());
  sender_.abort();
  return {};
}

}  // namespace ringbell::tools
