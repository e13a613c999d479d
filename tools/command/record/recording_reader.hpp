// Reads a recording (format.hpp), also what Wireshark saved of one: libpcap reads the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ringbell/core/ring_shape.hpp>

#include "tools/command/failure.hpp"
#include "tools/command/record/format.hpp"

namespace ringbell::tools {

class RecordingReader {
 public:
  // Fails with kFailed if it is no recording, or ringbell was built without libpcap; with
  // kTruncated if it was cut before its first message. "-": standard input.
  [[nodiscard]] static Tried<RecordingReader> open(const std::string& file);

  RecordingReader(RecordingReader&&) noexcept;
  RecordingReader& operator=(RecordingReader&&) noexcept;
  ~RecordingReader();

  // Of the file that was opened.
  [[nodiscard]] const std::string& ring() const noexcept { return ring_; }
  [[nodiscard]] const core::RingShape& shape() const noexcept { return shape_; }

  struct Packet {
    std::uint64_t unix_ns = 0;
    PacketHeader header;
    std::span<const std::byte> payload;  // of a message, all of it; until the next call
  };
  // The next message, miss or end, over all files of the recording. Nothing: there is no more.
  // Fails with kTruncated where a file was cut: all that stood before the cut was returned.
  [[nodiscard]] Tried<std::optional<Packet>> next();

  [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }

 private:
  struct Capture;

  explicit RecordingReader(std::string file);
  [[nodiscard]] Tried<void> open_part();
  // The next packet of this file as it stands there.
  [[nodiscard]] Tried<std::optional<Packet>> next_packet();
  [[nodiscard]] Tried<void> accept_end(const Packet& packet);
  [[nodiscard]] tl::unexpected<Failure> cut(const std::string& why) const;

  std::string file_;
  std::unique_ptr<Capture> capture_;
  std::string ring_;
  core::RingShape shape_;
  std::vector<std::byte> joined_;  // of a message in several packets
  std::uint64_t part_ = 0;
  EndPacket in_file_{};
  std::uint64_t messages_ = 0;
  bool ended_ = false;
};

}  // namespace ringbell::tools
