#include "tools/command/record/recording_writer.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tools/command/command.hpp"
#include "tools/command/standard_streams.hpp"
#include "tools/command/stream/bytes_io.hpp"

namespace ringbell::tools {
namespace {

constexpr std::size_t kLargeBytes = 16 * 1024;  // a message that is worth a write of its own
constexpr std::size_t kMostGathered = 1024 * 1024;
constexpr std::uint64_t kHandEach = 8UL << 20;  // to the disk

// Of a ring whose records are held until they are written a quarter: its writer goes on meanwhile.
std::size_t gather_bytes(const core::RingShape& shape) noexcept {
  if (shape.capacity_bytes == 0) return kMostGathered;
  return std::clamp<std::size_t>(shape.capacity_bytes / 4, kLargeBytes, kMostGathered);
}

// As pcap has them.
struct FileHeader {
  std::uint32_t magic = 0xa1b23c4d;  // times are in nanoseconds
  std::uint16_t version_major = 2;
  std::uint16_t version_minor = 4;
  std::int32_t time_zone = 0;
  std::uint32_t accuracy = 0;
  std::uint32_t longest_packet = kPacketBytes;
  std::uint32_t link_type = kLinkType;
};
struct FramedHeader {
  std::uint32_t seconds;
  std::uint32_t nanoseconds;
  std::uint32_t bytes_here;
  std::uint32_t bytes_in_all;
  PacketHeader header;
};
static_assert(sizeof(FileHeader) == 24 && sizeof(FramedHeader) == 32);

template <class T>
std::span<const std::byte> bytes_of(const T& value) noexcept {
  return std::as_bytes(std::span(&value, 1));
}

iovec piece(std::span<const std::byte> bytes) noexcept {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};  // NOLINT: it is only read
}

Tried<FileDescriptor> made_file(const RecordingOptions& options, std::uint64_t part) {
  if (options.file == "-") {
    if (auto open = standard_streams::require_output(); !open) return tl::unexpected(open.error());
    return FileDescriptor(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  }
  const std::string path = part_name(options.file, part);
  struct stat about {};
  const bool there = ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode);
  if (there && about.st_size > 0 && !options.overwrite) {
    return give_up(kFailed, path + " is there already; --overwrite writes it anew");
  }
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file) return give_up_errno("opening " + path + " for writing failed");
  return file;
}

}  // namespace

RecordingWriter::RecordingWriter(const RecordingOptions& options, std::string ring,
                                 const core::RingShape& shape, Meter& meter)
    : options_(options),
      ring_(std::move(ring)),
      shape_(shape),
      meter_(&meter),
      gathered_(gather_bytes(shape) + kLargeBytes + sizeof(FramedHeader)) {}

Tried<RecordingWriter> RecordingWriter::create(const RecordingOptions& options,
                                               const std::string& ring,
                                               const core::RingShape& shape, Meter& meter) {
  RecordingWriter writer(options, ring, shape, meter);
  if (auto begun = writer.begin_file(); !begun) return tl::unexpected(begun.error());
  return writer;
}

Tried<void> RecordingWriter::begin_file() {
  if (options_.compress) {
    Tried<Compressor> compressor = Compressor::create();
    if (!compressor) return tl::unexpected(compressor.error());
    compressor_.emplace(std::move(*compressor));
  }
  Tried<FileDescriptor> file = made_file(options_, part_);
  if (!file) return tl::unexpected(file.error());
  file_ = std::move(*file);
  file_bytes_ = handed_ = 0;
  in_file_ = {};
  const FileHeader header;
  gather(bytes_of(header));

  const BeginPacket begin{.capacity_bytes = shape_.capacity_bytes,
                          .slot_count = shape_.slot_count,
                          .record_alignment = shape_.record_alignment,
                          .message_bytes = shape_.message_bytes,
                          .participants = shape_.participants,
                          .payload_alignment = shape_.payload_alignment,
                          .part = part_};
  std::vector<std::byte> payload(bytes_of(begin).begin(), bytes_of(begin).end());
  const auto name = std::as_bytes(std::span(ring_));
  payload.insert(payload.end(), name.begin(), name.end());
  if (auto put_it = put({.kind = PacketKind::begin}, payload); !put_it) return put_it;
  return flush();
}

Tried<void> RecordingWriter::end_file(std::uint8_t flags) {
  if (auto put_it = put({.kind = PacketKind::end, .flags = flags}, bytes_of(in_file_)); !put_it) {
    return put_it;
  }
  return write_out({}, true);
}

Tried<void> RecordingWriter::put(PacketHeader header, std::span<const std::byte> payload) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  header.ring_kind = static_cast<std::uint8_t>(shape_.kind);
  const auto size = static_cast<std::uint32_t>(sizeof header + payload.size());
  const FramedHeader framed{static_cast<std::uint32_t>(now.tv_sec),
                            static_cast<std::uint32_t>(now.tv_nsec), size, size, header};
  gather(bytes_of(framed));
  if (payload.size() >= kLargeBytes) return write_out(payload, false);
  gather(payload);
  return used_ < gather_bytes(shape_) ? Tried<void>() : flush();
}

void RecordingWriter::gather(std::span<const std::byte> bytes) noexcept {
  std::copy(bytes.begin(), bytes.end(), gathered_.begin() + static_cast<std::ptrdiff_t>(used_));
  used_ += bytes.size();
}

Tried<void> RecordingWriter::add(PacketHeader header, std::span<const std::byte> message) {
  if (options_.rotate_bytes != 0 && file_bytes_ + used_ >= options_.rotate_bytes) {
    if (auto ended = end_file(kContinues); !ended) return ended;
    ++part_;
    if (auto begun = begin_file(); !begun) return begun;
  }
  ++messages_;
  ++in_file_.messages;
  in_file_.bytes += message.size();
  meter_->add(message.size());
  while (message.size() > kPartBytes) {
    PacketHeader part = header;
    part.flags |= kMore;
    if (auto done = put(part, message.first(kPartBytes)); !done) return done;
    message = message.subspan(kPartBytes);
  }
  return put(header, message);
}

Tried<void> RecordingWriter::add_missed(std::uint64_t count) {
  return put({.kind = PacketKind::missed}, bytes_of(count));
}

Tried<void> RecordingWriter::flush() {
  if (used_ == 0) return {};
  return write_out({}, false);
}

Tried<void> RecordingWriter::write_out(std::span<const std::byte> more, bool last) {
  const auto gathered = std::span<const std::byte>(gathered_).first(std::exchange(used_, 0));
  if (!compressor_) return write_pieces(gathered, more);
  for (const std::span<const std::byte> part : {gathered, more}) {
    const bool ends = last && part.data() == more.data();
    if (part.empty() && !ends) continue;
    const Tried<std::span<const std::byte>> compressed = compressor_->compress(part, ends);
    if (!compressed) return tl::unexpected(compressed.error());
    if (auto written = write_pieces(*compressed, {}); !written) return written;
  }
  return {};
}

Tried<void> RecordingWriter::write_pieces(std::span<const std::byte> one,
                                          std::span<const std::byte> other) {
  std::array<iovec, 2> pieces{piece(one), piece(other)};
  file_bytes_ += one.size() + other.size();
  const Tried<void> written = write_all(file_.get(), pieces, *meter_);
  hand_to_disk();
  return written;
}

// What is no file, or of a system that cannot, is written as ever.
void RecordingWriter::hand_to_disk() noexcept {
  if (file_bytes_ - handed_ < kHandEach) return;
  (void)::sync_file_range(file_.get(), static_cast<off64_t>(handed_),
                          static_cast<off64_t>(file_bytes_ - handed_), SYNC_FILE_RANGE_WRITE);
  handed_ = file_bytes_;
}

Tried<void> RecordingWriter::finish(std::uint8_t flags) { return end_file(flags); }

}  // namespace ringbell::tools
