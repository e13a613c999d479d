#include "tools/command/stream/pump_out.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <deque>
#include <span>
#include <vector>

#include <sys/uio.h>

#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"
#include "tools/command/stream/bytes_io.hpp"

namespace ringbell::tools {
namespace {

// Enough for a call to be worth it, little enough for the sender to get room meanwhile.
constexpr std::size_t kBatchBytes = 256 * 1024;
constexpr std::size_t kBatchPieces = 1024;  // IOV_MAX

// The pieces of one writev(2), in the ring but for line ends and lengths.
class Batch {
 public:
  Batch() { pieces_.reserve(kBatchPieces); }

  [[nodiscard]] bool full() const noexcept {
    return bytes_ >= kBatchBytes || pieces_.size() + 2 > kBatchPieces;
  }
  [[nodiscard]] bool empty() const noexcept { return pieces_.empty(); }

  void add(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    // writev(2) does not write to it.
    pieces_.push_back({const_cast<std::byte*>(bytes.data()), bytes.size()});
    bytes_ += bytes.size();
  }
  void add_line_end() {
    static constexpr std::byte kLineEnd{'\n'};
    add({&kLineEnd, 1});
  }
  void add_length(std::uint32_t length) {
    lengths_.push_back(length);
    add(std::as_bytes(std::span(&lengths_.back(), 1)));
  }

  [[nodiscard]] Tried<void> write(int fd, Meter& meter) {
    if (auto written = write_all(fd, pieces_, meter); !written) return written;
    pieces_.clear();
    lengths_.clear();
    bytes_ = 0;
    return {};
  }

 private:
  std::vector<iovec> pieces_;
  std::deque<std::uint32_t> lengths_;  // keep their addresses
  std::size_t bytes_ = 0;
};

class Output {
 public:
  Output(const PumpOut& into, Shape shape, Meter& meter) noexcept
      : into_(into), shape_(shape), meter_(meter) {}

  [[nodiscard]] bool full() const noexcept { return batch_.full(); }
  [[nodiscard]] bool empty() const noexcept { return batch_.empty(); }
  [[nodiscard]] bool satisfied() const noexcept { return taken_ >= into_.count; }

  [[nodiscard]] Tried<void> take(const StreamReader::Piece& piece) {
    switch (shape_) {
      case Shape::bytes:
        take_bytes(piece.payload);
        return {};
      case Shape::lines:
        batch_.add(piece.payload);
        meter_.add(piece.payload.size());
        if (piece.tag == Tag::whole) {
          batch_.add_line_end();
          ++taken_;
        }
        return {};
      case Shape::messages:
        return take_message(piece);
    }
    return {};
  }

  [[nodiscard]] Tried<void> write() { return batch_.write(into_.fd, meter_); }

 private:
  void take_bytes(std::span<const std::byte> payload) {
    const std::size_t size = std::min<std::uint64_t>(payload.size(), into_.count - taken_);
    batch_.add(payload.first(size));
    meter_.add(size);
    taken_ += size;
  }

  // The length comes first, so the parts have to be put together before it is known.
  [[nodiscard]] Tried<void> take_message(const StreamReader::Piece& piece) {
    meter_.add(piece.payload.size());
    if (piece.tag == Tag::part || !parts_.empty()) {
      if (parts_.size() + piece.payload.size() > UINT32_MAX) {
        return give_up(kFailed, "a message is longer than its length can say: 4 GiB");
      }
      parts_.insert(parts_.end(), piece.payload.begin(), piece.payload.end());
    }
    if (piece.tag == Tag::part) return {};
    ++taken_;
    const std::span<const std::byte> message = parts_.empty() ? piece.payload : parts_;
    batch_.add_length(static_cast<std::uint32_t>(message.size()));
    batch_.add(message);
    if (parts_.empty()) return {};
    const Tried<void> written = write();
    parts_.clear();
    return written;
  }

  const PumpOut& into_;
  Shape shape_;
  Meter& meter_;
  Batch batch_;
  std::uint64_t taken_ = 0;
  std::vector<std::byte> parts_;
};

}  // namespace

Tried<bool> pump_out(StreamReader& from, const PumpOut& into, Meter& meter) {
  const Tried<std::optional<StreamHeader>> header = from.begin();
  if (!header) return tl::unexpected(header.error());
  if (!*header) return false;
  meter.expect(into.count == UINT64_MAX ? (*header)->total_bytes : kUnknownSize);
  Output output(into, into.shape.value_or((*header)->shape), meter);
  while (!output.satisfied()) {
    const Tried<std::optional<StreamReader::Piece>> piece = from.next(output.empty());
    if (piece && *piece) {
      if (auto taken = output.take(**piece); !taken) return tl::unexpected(taken.error());
      if (output.empty()) from.release();  // copied: a part of a message
      if (!output.full() && !output.satisfied()) continue;
    }
    // Full, nothing more for now, the end, or a failure: what came before it is written.
    if (auto written = output.write(); !written) return tl::unexpected(written.error());
    from.release();
    if (!piece) return tl::unexpected(piece.error());
    if (from.ended()) break;
    if (auto on = interruption::check(); !on) return tl::unexpected(on.error());
  }
  return true;
}

}  // namespace ringbell::tools
