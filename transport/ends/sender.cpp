#include <ringbell/transport/ends/sender.hpp>

#include <utility>

#include <fmt/format.h>

namespace ringbell {
namespace {

// How far the reader is, for a decision that may be late: relaxed.
constexpr core::Edge kHead{"spsc.R"};

}  // namespace

Sender::Sender(Endpoint endpoint, core::SpscRing<>::Writer ring) noexcept
    : endpoint_(std::move(endpoint)),
      ring_(std::move(ring)),
      copy_in_(channel().region().geometry()) {}

Sender& Sender::operator=(Sender&& other) noexcept {
  std::swap(endpoint_, other.endpoint_);
  std::swap(ring_, other.ring_);
  std::swap(copy_in_, other.copy_in_);
  return *this;
}

Sender::~Sender() {
  if (!endpoint_.is_open()) return;
  const std::uint64_t& head = channel().region().spsc_control().head;
  endpoint_.close(core::HardwareAtomics::load(head, std::memory_order_relaxed, kHead) !=
                  ring_.tail());
}

Result<Sender> Sender::open(Channel channel, const WaitOptions& wait, FileDescriptor sign_of_life) {
  return from(Endpoint::open(std::move(channel), Role::writer, wait, std::move(sign_of_life)));
}

Result<Sender> Sender::create(std::string_view name, const ChannelOptions& options,
                              const WaitOptions& wait) {
  return from(Endpoint::create(name, Role::writer, options, wait));
}

Result<Sender> Sender::open(std::string_view name, Timeout timeout, const WaitOptions& wait) {
  return from(Endpoint::open(name, Role::writer, timeout, wait));
}

Result<Sender> Sender::from(Result<Endpoint> endpoint) {
  if (!endpoint) return tl::unexpected(std::move(endpoint.error()));
  core::SpscRing<>::Writer ring(endpoint->channel().region().spsc_memory());
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  return Sender(std::move(*endpoint), std::move(ring));
}

Result<Sender> Sender::attach(const ChannelFds& fds, const WaitOptions& wait) {
  Result<Channel> channel = Channel::attach(fds);
  if (!channel) return tl::unexpected(std::move(channel.error()));
  return open(std::move(*channel), wait);
}

Result<std::span<std::byte>> Sender::claim_for(std::uint32_t size_bytes, Timeout timeout) {
  if (size_bytes == 0) {
    return fail(ErrorCode::invalid_argument, "a record of 0 bytes: the smallest has 1");
  }
  if (size_bytes > max_record_bytes()) {
    return fail(ErrorCode::too_large,
                fmt::format("a record of {} bytes: this ring takes at most {}; create the channel "
                            "with a larger capacity",
                            size_bytes, max_record_bytes()));
  }
  std::span<std::byte> room = ring_.claim(size_bytes);
  if (!room.empty()) return room;
  flush();
  endpoint_.moved_to(ring_.tail());
  const Waited waited =
      endpoint_.wait_until([&] { return ring_.corrupt() || ring_.has_room(size_bytes); }, timeout);
  if (ring_.corrupt()) return fail_corrupt(ring_.finding());
  switch (waited) {
    case Waited::ready:
      return ring_.claim(size_bytes);
    case Waited::timed_out:
      return std::span<std::byte>{};
    case Waited::peer_closed:
      return fail(ErrorCode::closed, "the receiver closed its side and the ring is full");
    case Waited::peer_dead:
      return fail(ErrorCode::peer_dead, "the receiver died and the ring is full");
  }
  return std::span<std::byte>{};
}

Result<bool> Sender::send(std::span<const std::byte> message, Timeout timeout) {
  const std::size_t size = message.size();
  const Result<std::span<std::byte>> room =
      claim_for(size <= UINT32_MAX ? static_cast<std::uint32_t>(size) : UINT32_MAX, timeout);
  if (!room) return tl::unexpected(room.error());
  if (room->empty()) return false;
  copy_in(*room, message);
  commit();
  return true;
}

}  // namespace ringbell
