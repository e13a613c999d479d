#include "tools/command/stream/pump_in.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"
#include "tools/command/stream/bytes_io.hpp"

namespace ringbell::tools {
namespace {

Tried<void> pump_bytes(const PumpIn& from, StreamWriter& into, Meter& meter) {
  for (std::uint64_t left = from.count; left > 0;) {
    if (auto on = interruption::check(); !on) return on;
    const std::size_t wanted = std::min<std::uint64_t>(into.chunk_bytes(), left);
    const Tried<std::span<std::byte>> room = into.claim(wanted);
    if (!room) return tl::unexpected(room.error());
    const Tried<std::size_t> got = read_some(from.fd, *room, meter);
    if (!got) return tl::unexpected(got.error());
    if (*got == 0) break;
    into.commit(*got, Tag::whole);
    left -= *got;
  }
  return {};
}

// What was read and not yet sent.
class Buffer {
 public:
  Buffer(int fd, std::size_t size_bytes, Meter& meter)
      : fd_(fd), bytes_(size_bytes), meter_(meter) {}

  [[nodiscard]] std::span<const std::byte> unread() const noexcept {
    return std::span(bytes_).subspan(begin_, end_ - begin_);
  }
  [[nodiscard]] bool full() const noexcept { return end_ - begin_ == bytes_.size(); }
  void drop(std::size_t size_bytes) noexcept { begin_ += size_bytes; }

  // Reads once behind what is there. False: the end. REQUIRES: not full().
  [[nodiscard]] Tried<bool> fill() {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    const Tried<std::size_t> got = read_some(fd_, std::span(bytes_).subspan(end_), meter_);
    if (!got) return tl::unexpected(got.error());
    end_ += *got;
    return *got > 0;
  }

 private:
  int fd_;
  std::vector<std::byte> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  Meter& meter_;
};

// Shows what is staged, and reads on.
Tried<bool> read_on(Buffer& buffer, StreamWriter& into) {
  into.flush();
  if (auto on = interruption::check(); !on) return tl::unexpected(on.error());
  return buffer.fill();
}

std::optional<std::size_t> line_length(std::span<const std::byte> bytes) noexcept {
  const void* const end = std::memchr(bytes.data(), '\n', bytes.size());
  if (end == nullptr) return std::nullopt;
  return static_cast<std::size_t>(static_cast<const std::byte*>(end) - bytes.data());
}

Tried<void> pump_lines(const PumpIn& from, StreamWriter& into, Meter& meter) {
  Buffer buffer(from.fd, into.chunk_bytes(), meter);
  bool inside = false;  // parts of a line were sent
  while (into.messages() < from.count) {
    const std::span<const std::byte> unread = buffer.unread();
    if (const std::optional<std::size_t> length = line_length(unread)) {
      if (auto sent = into.add(unread.first(*length), Tag::whole); !sent) return sent;
      buffer.drop(*length + 1);
      inside = false;
      continue;
    }
    if (buffer.full()) {
      if (auto sent = into.add(unread, Tag::part); !sent) return sent;
      buffer.drop(unread.size());
      inside = true;
    }
    const Tried<bool> more = read_on(buffer, into);
    if (!more) return tl::unexpected(more.error());
    if (*more) continue;
    // The last line may lack its end.
    if (inside || !buffer.unread().empty()) return into.add(buffer.unread(), Tag::whole);
    break;
  }
  return {};
}

// Makes `size_bytes` of the input come into the buffer. False: it ends before the first of them.
Tried<bool> await_bytes(std::size_t size_bytes, Buffer& buffer, StreamWriter& into) {
  while (buffer.unread().size() < size_bytes) {
    const Tried<bool> more = read_on(buffer, into);
    if (!more) return more;
    if (*more) continue;
    if (buffer.unread().empty()) return false;
    return give_up(kFailed, "the input ends inside a message");
  }
  return true;
}

Tried<void> pump_messages(const PumpIn& from, StreamWriter& into, Meter& meter) {
  Buffer buffer(from.fd, into.chunk_bytes(), meter);
  while (into.messages() < from.count) {
    std::uint32_t left = 0;
    const Tried<bool> another = await_bytes(sizeof left, buffer, into);
    if (!another) return tl::unexpected(another.error());
    if (!*another) break;
    std::memcpy(&left, buffer.unread().data(), sizeof left);
    buffer.drop(sizeof left);
    for (bool more = true; more;) {
      const std::uint32_t size = std::min(left, into.chunk_bytes());
      const Tried<bool> came = await_bytes(size, buffer, into);
      if (!came) return tl::unexpected(came.error());
      if (!*came) return give_up(kFailed, "the input ends inside a message");
      left -= size;
      more = left > 0;
      if (auto sent = into.add(buffer.unread().first(size), more ? Tag::part : Tag::whole); !sent) {
        return sent;
      }
      buffer.drop(size);
    }
  }
  return {};
}

Tried<void> pump(const PumpIn& from, StreamWriter& into, Meter& meter) {
  switch (from.shape) {
    case Shape::bytes:
      return pump_bytes(from, into, meter);
    case Shape::lines:
      return pump_lines(from, into, meter);
    case Shape::messages:
      return pump_messages(from, into, meter);
  }
  return {};
}

}  // namespace

Tried<void> pump_in(const PumpIn& from, StreamWriter& into, Meter& meter) {
  // Of lines and messages the meter counts the payload, which is less than the file.
  const std::uint64_t total =
      from.shape == Shape::bytes ? std::min(bytes_to_come(from.fd), from.count) : kUnknownSize;
  meter.expect(total);
  if (auto begun = into.begin(from.shape, total); !begun) return begun;
  if (auto sent = pump(from, into, meter); !sent) {
    into.flush();  // what was complete before it failed
    return sent;
  }
  return into.end();
}

}  // namespace ringbell::tools
