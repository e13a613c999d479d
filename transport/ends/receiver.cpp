#include <ringbell/transport/ends/receiver.hpp>

#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace ringbell {

Receiver::Receiver(Endpoint endpoint, core::SpscRing<>::Reader ring) noexcept
    : endpoint_(std::move(endpoint)), ring_(std::move(ring)), head_rung_(ring_.published_head()) {}

Receiver& Receiver::operator=(Receiver&& other) noexcept {
  std::swap(endpoint_, other.endpoint_);
  std::swap(ring_, other.ring_);
  std::swap(head_rung_, other.head_rung_);
  return *this;
}

Receiver::~Receiver() {
  if (endpoint_.is_open()) ring_.publish_head();
  endpoint_.close(false);
}

void Receiver::leave() noexcept {
  if (!endpoint_.is_open()) return;
  ring_.publish_head();
  ring_.unhold();
  endpoint_.leave(!ring_.peek().empty());
}

Result<Receiver> Receiver::open(Channel channel, const WaitOptions& wait,
                                FileDescriptor sign_of_life) {
  return from(Endpoint::open(std::move(channel), Role::reader, wait, std::move(sign_of_life)));
}

Result<Receiver> Receiver::create(std::string_view name, const ChannelOptions& options,
                                  const WaitOptions& wait) {
  return from(Endpoint::create(name, Role::reader, options, wait));
}

Result<Receiver> Receiver::open(std::string_view name, Timeout timeout, const WaitOptions& wait) {
  return from(Endpoint::open(name, Role::reader, timeout, wait));
}

Result<Receiver> Receiver::from(Result<Endpoint> endpoint) {
  if (!endpoint) return tl::unexpected(std::move(endpoint.error()));
  core::SpscRing<>::Reader ring(endpoint->channel().region().spsc_memory());
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  return Receiver(std::move(*endpoint), std::move(ring));
}

Result<Receiver> Receiver::attach(const ChannelFds& fds, const WaitOptions& wait) {
  Result<Channel> channel = Channel::attach(fds);
  if (!channel) return tl::unexpected(std::move(channel.error()));
  return open(std::move(*channel), wait);
}

Result<std::span<const std::byte>> Receiver::peek_for(Timeout timeout) {
  std::span<const std::byte> record;
  const Waited waited = endpoint_.wait_until(
      [&] {
        record = peek();
        return !record.empty() || ring_.corrupt();
      },
      timeout);
  if (ring_.corrupt()) return fail_corrupt(ring_.finding());
  if (waited == Waited::peer_closed) return fail(ErrorCode::closed, "the sender closed its side");
  if (waited == Waited::peer_dead) return fail(ErrorCode::peer_dead, "the sender died");
  return record;
}

Result<std::size_t> Receiver::receive(std::span<std::byte> into, Timeout timeout) {
  const Result<std::span<const std::byte>> record = peek_for(timeout);
  if (!record) return tl::unexpected(record.error());
  if (record->empty()) return std::size_t{0};
  if (record->size() > into.size()) {
    return fail(ErrorCode::too_large, fmt::format("the next message has {} bytes, the buffer {}",
                                                  record->size(), into.size()));
  }
  std::memcpy(into.data(), record->data(), record->size());
  release();
  return record->size();
}

}  // namespace ringbell
