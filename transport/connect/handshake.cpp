#include <ringbell/transport/connect/handshake.hpp>

#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <ringbell/transport/base/unix_socket.hpp>

namespace ringbell::handshake {
namespace {

static_assert(std::endian::native == std::endian::little);

// A connector that could ask for no doorbell could make the listener spin.
bool may_ring(Kind kind, std::uint32_t doorbell) noexcept {
  const bool sleeps = doorbell == std::uint32_t(core::DoorbellKind::futex) ||
                      doorbell == std::uint32_t(core::DoorbellKind::eventfd);
  switch (kind) {
    case Kind::hello:
      return doorbell == 0 || sleeps;
    case Kind::welcome:
      return doorbell == std::uint32_t(core::DoorbellKind::none) || sleeps;
    default:
      return doorbell == 0;
  }
}

bool is_zero(const Shape& shape) noexcept {
  return shape.capacity_bytes == 0 && shape.record_alignment == 0 && shape.padding == 0;
}

// What the numbers mean in detail is checked against the regions themselves.
bool is_possible(const Shape& shape) noexcept {
  return std::has_single_bit(shape.capacity_bytes) && std::has_single_bit(shape.record_alignment) &&
         shape.padding == 0;
}

tl::unexpected<Error> nonsense(const char* what) {
  return fail(ErrorCode::corrupt, fmt::format("the peer's greeting makes no sense: {}", what));
}

Result<void> check_versions(const Greeting& said) {
  if (said.protocol_version == kProtocolVersion && said.layout_version == core::kLayoutVersion) {
    return {};
  }
  return fail(
      ErrorCode::version_mismatch,
      fmt::format("the peer speaks protocol {} and layout {}, this program {} and {}; build "
                  "both sides with the same ringbell",
                  said.protocol_version, said.layout_version, kProtocolVersion,
                  core::kLayoutVersion));
}

tl::unexpected<Error> refused(const Greeting& said) {
  switch (Reason{said.reason}) {
    case Reason::no_space:
      return fail(ErrorCode::no_space, "the listener has no memory or descriptors left for us");
    case Reason::bad_hello:
      return fail(ErrorCode::corrupt, "the listener could make no sense of our greeting");
    case Reason::user:
      return fail(ErrorCode::permission,
                  "the listener does not talk to this user; name it in also_allowed there");
    case Reason::doorbell:
      return fail(ErrorCode::unsupported,
                  "the listener insists on another doorbell; leave ConnectOptions::doorbell out");
    case Reason::version:
    case Reason::none:
      break;
  }
  return nonsense("a refusal without a known reason");
}

Result<void> check_fields(const Greeting& said) {
  const bool welcome = said.kind == std::uint32_t(Kind::welcome);
  if (said.reason != 0) return nonsense("a reason although it is no refusal");
  if (!may_ring(Kind{said.kind}, said.doorbell)) return nonsense("an impossible doorbell");
  if (!welcome) {
    if (said.descriptors != 0 || !is_zero(said.to_listener) || !is_zero(said.to_connector)) {
      return nonsense("channels although it is no welcome");
    }
    return {};
  }
  if (!may_bring(core::DoorbellKind{said.doorbell}, said.descriptors)) {
    return nonsense("a wrong number of descriptors");
  }
  if (!is_possible(said.to_listener) || !is_possible(said.to_connector)) {
    return nonsense("a channel of impossible shape");
  }
  return {};
}

}  // namespace

Greeting greeting(Kind kind) noexcept {
  Greeting made{};
  made.magic = kMagic;
  made.protocol_version = kProtocolVersion;
  made.layout_version = core::kLayoutVersion;
  made.kind = std::uint32_t(kind);
  return made;
}

Result<void> send(int socket, const Greeting& greeting, std::span<const int> descriptors) {
  return unix_socket::send(socket, std::as_bytes(std::span(&greeting, 1)), descriptors);
}

Result<Greeting> read(std::span<const std::byte> bytes, Kind expected) {
  Greeting said{};
  if (bytes.size() != sizeof said) return nonsense("a wrong length");
  std::memcpy(&said, bytes.data(), sizeof said);
  if (said.magic != kMagic) return nonsense("it does not begin with the magic");
  if (Result<void> checked = check_versions(said); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  if (expected == Kind::welcome && said.kind == std::uint32_t(Kind::refusal)) return refused(said);
  if (said.kind != std::uint32_t(expected)) return nonsense("it is not what comes next");
  if (Result<void> checked = check_fields(said); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  return said;
}

}  // namespace ringbell::handshake
