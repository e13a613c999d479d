// Writes a recording (format.hpp). Small messages are gathered, large ones go from where they are
// to the file. The disk is told to begin as the file grows: left alone, the kernel waits until much
// is dirty or a program syncs, and the disk stands idle meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ringbell/core/ring_shape.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

#include "tools/command/failure.hpp"
#include "tools/command/record/compression.hpp"
#include "tools/command/record/format.hpp"
#include "tools/command/stream/meter.hpp"

namespace ringbell::tools {

struct RecordingOptions {
  std::string file;                // "-": standard output
  std::uint64_t rotate_bytes = 0;  // a new file when this one has so many; 0: never
  bool compress = false;           // by zstd
  bool overwrite = false;          // what is there
};

class RecordingWriter {
 public:
  // Makes the first file. `ring`: the ring's name. `meter` must outlive it.
  [[nodiscard]] static Tried<RecordingWriter> create(const RecordingOptions& options,
                                                     const std::string& ring,
                                                     const core::RingShape& shape, Meter& meter);

  // `header`: lane, position and flags; the rest of it is put in here.
  [[nodiscard]] Tried<void> add(PacketHeader header, std::span<const std::byte> message);
  // So many messages that were never read stood before the next one.
  [[nodiscard]] Tried<void> add_missed(std::uint64_t count);
  // All that was added is in the kernel's hands.
  [[nodiscard]] Tried<void> flush();
  // The last packet.
  [[nodiscard]] Tried<void> finish(std::uint8_t flags);

  [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }
  // Whether all that was added is in the kernel's hands.
  [[nodiscard]] bool is_flushed() const noexcept { return used_ == 0; }

 private:
  RecordingWriter(const RecordingOptions& options, std::string ring, const core::RingShape& shape,
                  Meter& meter);
  [[nodiscard]] Tried<void> begin_file();
  [[nodiscard]] Tried<void> end_file(std::uint8_t flags);
  [[nodiscard]] Tried<void> put(PacketHeader header, std::span<const std::byte> payload);
  // REQUIRES: there is room.
  void gather(std::span<const std::byte> bytes) noexcept;
  [[nodiscard]] Tried<void> write_out(std::span<const std::byte> more, bool last);
  [[nodiscard]] Tried<void> write_pieces(std::span<const std::byte> one,
                                         std::span<const std::byte> other);
  void hand_to_disk() noexcept;

  RecordingOptions options_;
  std::string ring_;
  core::RingShape shape_;
  Meter* meter_;
  FileDescriptor file_;
  std::optional<Compressor> compressor_;
  std::vector<std::byte> gathered_;  // of which so much is used
  std::size_t used_ = 0;
  std::uint64_t part_ = 0;
  std::uint64_t file_bytes_ = 0;  // in this part, as written
  std::uint64_t handed_ = 0;      // of these, which the disk was told to write
  EndPacket in_file_{};           // in this part
  std::uint64_t messages_ = 0;    // in all
};

}  // namespace ringbell::tools
