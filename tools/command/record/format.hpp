// A recording: a file that Wireshark opens, and `ringbell replay`.
//
//   pcap file header   nanoseconds, link type USER0 (147), little endian
//   packet             | PacketHeader, begin   | BeginPacket | the ring's name |
//   packet             | PacketHeader, message | payload ... |   one for each message, or several
//   packet             | PacketHeader, missed  | count       |   with `more` in all but the last
//   ...
//   packet             | PacketHeader, end     | EndPacket   |   without it the file was cut short
//
// Invariants
//   R1  A file begins with one begin packet, and nothing follows its end packet.
//   R2  A packet is at most kPacketBytes long: libpcap and Wireshark refuse longer ones.
//   R3  An end packet with `continues` has the next part of the recording behind it, in a file of
//       its own (part_name).
//
// Numbers are little endian. The time of a packet is when the recorder read the message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

namespace ringbell::tools {

inline constexpr std::uint32_t kPacketBytes = 262'144;
inline constexpr std::uint32_t kLinkType = 147;  // USER0
inline constexpr std::uint8_t kRecordingVersion = 1;

enum class PacketKind : std::uint8_t { begin = 1, message = 2, missed = 3, end = 4 };

enum PacketFlag : std::uint8_t {
  kMore = 1,         // of a message: it goes on in the next packet
  kRedelivered = 2,  // of a message: a receiver of the queue died with it in hand
  kContinues = 4,    // of an end: another file follows
  kWriterDied = 8,   // of an end: the ring's writer died
};

struct PacketHeader {
  std::uint8_t version = kRecordingVersion;
  PacketKind kind = PacketKind::message;
  std::uint8_t ring_kind = 0;  // core::RingKind
  std::uint8_t flags = 0;      // PacketFlag
  std::uint32_t lane = 0;      // of a collector's message
  std::uint64_t position = 0;  // as RingReader::Message has it
};

// The ring as it was, so that it can be made again.
struct BeginPacket {
  std::uint64_t capacity_bytes;
  std::uint64_t slot_count;
  std::uint32_t record_alignment;
  std::uint32_t message_bytes;
  std::uint32_t participants;
  std::uint32_t payload_alignment;
  std::uint64_t part;  // 0, 1, 2: of a recording in several files
};

// What the file has, so that it is known to be whole.
struct EndPacket {
  std::uint64_t messages;
  std::uint64_t bytes;  // of their payload
};

static_assert(sizeof(PacketHeader) == 16 && std::is_trivially_copyable_v<PacketHeader>);
static_assert(sizeof(BeginPacket) == 40 && std::is_trivially_copyable_v<BeginPacket>);
static_assert(sizeof(EndPacket) == 16 && std::is_trivially_copyable_v<EndPacket>);

inline constexpr std::size_t kPartBytes = kPacketBytes - sizeof(PacketHeader);

// A private copy of the struct that stands in front. Nothing: there are fewer bytes.
template <class T>
[[nodiscard]] std::optional<T> copied_front(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// "log.pcap": "log.1.pcap", "log.2.pcap"; "log": "log.1".
[[nodiscard]] inline std::string part_name(const std::string& file, std::uint64_t part) {
  if (part == 0) return file;
  const std::size_t folder = file.rfind('/');
  const std::size_t begin = folder == std::string::npos ? 0 : folder + 1;
  const std::size_t dot = file.find('.', begin + 1);  // a leading dot only hides the file
  const std::string number = "." + std::to_string(part);
  if (dot == std::string::npos) return file + number;
  return file.substr(0, dot) + number + file.substr(dot);
}

}  // namespace ringbell::tools
