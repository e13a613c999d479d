#include "tools/command/record/recording_reader.hpp"

#include <cstdio>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#ifdef RINGBELL_HAS_PCAP
#include <pcap/pcap.h>
#endif

#include <ringbell/transport/base/file_descriptor.hpp>

#include "tools/command/command.hpp"
#include "tools/command/record/compression.hpp"
#include "tools/command/standard_streams.hpp"

namespace ringbell::tools {

#ifdef RINGBELL_HAS_PCAP

// A file that libpcap reads, through the decompressor.
struct RecordingReader::Capture {
  pcap_t* handle = nullptr;

  Capture() = default;
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() {
    if (handle != nullptr) pcap_close(handle);
  }
};

namespace {

ssize_t read_cookie(void* cookie, char* into, std::size_t size) {
  return static_cast<Decompressor*>(cookie)->read({reinterpret_cast<std::byte*>(into), size});
}
int close_cookie(void* cookie) {
  delete static_cast<Decompressor*>(cookie);
  return 0;
}

Tried<std::FILE*> opened(const std::string& path) {
  if (path == "-") {
    if (auto open = standard_streams::require_input(); !open) return tl::unexpected(open.error());
  }
  const int fd = path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                             : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return give_up_errno("opening " + path + " failed");
  auto input = std::make_unique<Decompressor>(fd);
  std::FILE* const file =
      ::fopencookie(input.get(), "r", {read_cookie, nullptr, nullptr, close_cookie});
  if (file == nullptr) return give_up_errno("opening " + path + " failed");
  (void)input.release();  // the file closes it
  return file;
}

}  // namespace

Tried<void> RecordingReader::open_part() {
  const std::string path = part_name(file_, part_);
  Tried<std::FILE*> file = opened(path);
  if (!file) {
    if (part_ == 0) return tl::unexpected(file.error());
    return cut(path + ", in which it goes on, cannot be opened");
  }
  std::array<char, PCAP_ERRBUF_SIZE> why{};
  auto capture = std::make_unique<Capture>();
  capture->handle =
      pcap_fopen_offline_with_tstamp_precision(*file, PCAP_TSTAMP_PRECISION_NANO, why.data());
  if (capture->handle == nullptr) {
    std::fclose(*file);  // NOLINT: it is not owned by anything else then
    const std::string_view said(why.data());
    if (said.starts_with("truncated")) return cut("it has not even a beginning");
    return give_up(kFailed, fmt::format("{} is no recording: {}", path, said));
  }
  if (pcap_datalink(capture->handle) != DLT_USER0) {
    const char* const name = pcap_datalink_val_to_name(pcap_datalink(capture->handle));
    return give_up(kFailed, fmt::format("{} is no recording of ringbell's: its packets are {}",
                                        path, name != nullptr ? name : "of an unknown kind"));
  }
  capture_ = std::move(capture);
  in_file_ = {};

  const Tried<std::optional<Packet>> first = next_packet();
  if (!first) return tl::unexpected(first.error());
  if (!*first) return cut("it has not even a beginning");
  const auto begin = copied_front<BeginPacket>((*first)->payload);
  if ((*first)->header.kind != PacketKind::begin || !begin) {
    return give_up(kFailed, path + " is no recording of ringbell's: its beginning is missing");
  }
  const std::span<const std::byte> name = (*first)->payload.subspan(sizeof(BeginPacket));
  ring_.assign(reinterpret_cast<const char*>(name.data()), name.size());
  shape_ = {.kind = core::RingKind{(*first)->header.ring_kind},
            .capacity_bytes = begin->capacity_bytes,
            .slot_count = begin->slot_count,
            .record_alignment = begin->record_alignment,
            .message_bytes = begin->message_bytes,
            .participants = begin->participants,
            .payload_alignment = begin->payload_alignment};
  return {};
}

Tried<std::optional<RecordingReader::Packet>> RecordingReader::next_packet() {
  pcap_pkthdr* about = nullptr;
  const unsigned char* bytes = nullptr;
  const int got = pcap_next_ex(capture_->handle, &about, &bytes);
  if (got == PCAP_ERROR_BREAK) return std::nullopt;
  if (got != 1) return cut(pcap_geterr(capture_->handle));
  const std::span packet(reinterpret_cast<const std::byte*>(bytes), about->caplen);
  const auto header = copied_front<PacketHeader>(packet);
  if (!header || about->caplen != about->len) return cut("a packet is not whole");
  if (header->version != kRecordingVersion) {
    return give_up(kFailed, fmt::format("it is of version {} of the form, this ringbell reads {}",
                                        header->version, kRecordingVersion));
  }
  const auto seconds = static_cast<std::uint64_t>(about->ts.tv_sec);
  const auto nanoseconds = static_cast<std::uint64_t>(about->ts.tv_usec);
  return Packet{seconds * 1'000'000'000 + nanoseconds, *header, packet.subspan(sizeof *header)};
}

#else

struct RecordingReader::Capture {};

Tried<void> RecordingReader::open_part() {
  return give_up(kFailed,
                 "this ringbell was built without libpcap, which reads recordings: install "
                 "libpcap-dev and build it again");
}

Tried<std::optional<RecordingReader::Packet>> RecordingReader::next_packet() {
  return std::nullopt;
}

#endif

RecordingReader::RecordingReader(std::string file) : file_(std::move(file)) {}
RecordingReader::RecordingReader(RecordingReader&&) noexcept = default;
RecordingReader& RecordingReader::operator=(RecordingReader&&) noexcept = default;
RecordingReader::~RecordingReader() = default;

Tried<RecordingReader> RecordingReader::open(const std::string& file) {
  RecordingReader reader(file);
  if (auto opened = reader.open_part(); !opened) return tl::unexpected(opened.error());
  return reader;
}

tl::unexpected<Failure> RecordingReader::cut(const std::string& why) const {
  return give_up(kTruncated, fmt::format("the recording was cut after {} message{}: {}", messages_,
                                         messages_ == 1 ? "" : "s", why));
}

Tried<void> RecordingReader::accept_end(const Packet& packet) {
  const auto end = copied_front<EndPacket>(packet.payload);
  if (!end || end->messages != in_file_.messages || end->bytes != in_file_.bytes) {
    return cut("some of it is missing");
  }
  if ((packet.header.flags & kContinues) == 0) {
    ended_ = true;
    return {};
  }
  ++part_;
  return open_part();
}

Tried<std::optional<RecordingReader::Packet>> RecordingReader::next() {
  joined_.clear();
  bool inside = false;  // a message whose end is still to come
  while (!ended_) {
    Tried<std::optional<Packet>> packet = next_packet();
    if (!packet) return packet;
    if (!*packet) return cut("its end is missing");
    Packet& found = **packet;
    if (inside && found.header.kind != PacketKind::message) return cut("a message is not whole");
    if (found.header.kind == PacketKind::end) {
      if (auto right = accept_end(found); !right) return tl::unexpected(right.error());
      if (ended_) return packet;
      continue;
    }
    if (found.header.kind == PacketKind::missed) return packet;
    if (found.header.kind != PacketKind::message) return cut("a packet is of no known kind");
    const bool more = (found.header.flags & kMore) != 0;
    if (more || inside) {
      joined_.insert(joined_.end(), found.payload.begin(), found.payload.end());
      inside = true;
      if (more) continue;
      found.payload = joined_;
    }
    ++messages_;
    ++in_file_.messages;
    in_file_.bytes += found.payload.size();
    return packet;
  }
  return std::nullopt;
}

}  // namespace ringbell::tools
