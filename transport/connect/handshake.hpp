// What two processes say to each other on a socket before they talk through rings.
//
//   connector                        listener
//      | -------- hello -----------> |   versions, and which doorbell it would like
//      | <------- welcome ---------- |   versions, the shape of both channels, descriptors
//      | -------- ready -----------> |   it has taken its roles
//      | <------- refusal ---------- |   instead of a welcome: why not; the listener then hangs up
//
// Each is one message of a SEQPACKET socket, exactly a Greeting long. Whatever comes is checked
// here, field by field, before anything is done with it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/base/error.hpp>

namespace ringbell::handshake {

inline constexpr std::array<char, 8> kMagic = {'r', 'i', 'n', 'g', 'b', 'h', 'i', '\0'};
inline constexpr std::uint32_t kProtocolVersion = 2;

enum class Kind : std::uint32_t { hello = 1, welcome = 2, ready = 3, refusal = 4 };

// Why a listener says no.
enum class Reason : std::uint32_t {
  none = 0,
  version = 1,    // it speaks another protocol or layout; the greeting says which
  no_space = 2,   // it has no memory or descriptors left for a channel
  bad_hello = 3,  // what the connector said made no sense
  user = 4,       // it does not talk to this user
  doorbell = 5,   // it rings otherwise than the connector asks for
};

// The shape of one channel. Zeros but in a welcome.
struct Shape {
  std::uint64_t capacity_bytes;
  std::uint32_t record_alignment;
  std::uint32_t padding;  // 0
};

// Little endian, like everything that processes share here. Magic, versions and kind keep their
// places in every version of the protocol.
struct Greeting {
  std::array<char, 8> magic;
  std::uint32_t protocol_version;
  std::uint32_t layout_version;
  std::uint32_t kind;         // Kind
  std::uint32_t reason;       // Reason; 0 but in a refusal
  std::uint32_t doorbell;     // core::DoorbellKind of a welcome; in a hello also 0: any; else 0
  std::uint32_t descriptors;  // how many come with a welcome; else 0
  Shape to_listener;
  Shape to_connector;
};

static_assert(std::is_standard_layout_v<Greeting> && std::is_trivially_copyable_v<Greeting>);
static_assert(sizeof(Shape) == 16 && sizeof(Greeting) == 64 && alignof(Greeting) == 8);
static_assert(offsetof(Greeting, protocol_version) == 8);
static_assert(offsetof(Greeting, layout_version) == 12);
static_assert(offsetof(Greeting, kind) == 16 && offsetof(Greeting, reason) == 20);
static_assert(offsetof(Greeting, doorbell) == 24 && offsetof(Greeting, descriptors) == 28);
static_assert(offsetof(Greeting, to_listener) == 32 && offsetof(Greeting, to_connector) == 48);

// The memory of two channels and, if they ring by eventfd, two bells for each, or one socket in
// place of the two (Channel::attach_by_socket): what users get that do not trust each other.
inline constexpr std::uint32_t kWithoutBells = 2;
inline constexpr std::uint32_t kWithSockets = 4;
inline constexpr std::uint32_t kWithEventfds = 6;
inline constexpr std::size_t kMostDescriptors = kWithEventfds;
[[nodiscard]] constexpr bool may_bring(core::DoorbellKind kind,
                                       std::uint32_t descriptors) noexcept {
  if (kind != core::DoorbellKind::eventfd) return descriptors == kWithoutBells;
  return descriptors == kWithSockets || descriptors == kWithEventfds;
}

[[nodiscard]] Greeting greeting(Kind kind) noexcept;

// With the descriptors that belong to a welcome. Never waits. Errors: peer_dead, system.
[[nodiscard]] Result<void> send(int socket, const Greeting& greeting,
                                std::span<const int> descriptors = {});

// `bytes` as a greeting of this kind, everything in it checked. Errors: corrupt, if they are not
// one; version_mismatch; what the reason stands for, if a refusal came in place of a welcome.
[[nodiscard]] Result<Greeting> read(std::span<const std::byte> bytes, Kind expected);

}  // namespace ringbell::handshake
