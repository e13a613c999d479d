#include <ringbell/transport/ends/receiver.hpp>

#include <utility>

namespace ringbell {

Receiver::Receiver(Endpoint endpoint, core::SpscRing<>::Reader ring) noexcept
    : OpenedSide(std::move(endpoint)), ring_(std::move(ring)), head_rung_(ring_.published_head()) {}

Receiver::~Receiver() {
  if (endpoint_.is_open()) ring_.publish_head();
  endpoint_.close(false);
}

void Receiver::leave() noexcept {
  if (!endpoint_.is_open()) return;
  ring_.publish_head();
  ring_.unhold();
  endpoint_.leave(if_any(ring_.peek()).has_value());
}

Result<Receiver> Receiver::on(Endpoint endpoint) {
  core::SpscRing<>::Reader ring(endpoint.channel().region().spsc_memory());
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  return Receiver(std::move(endpoint), std::move(ring));
}

Result<std::optional<std::span<const std::byte>>> Receiver::peek_for(Timeout timeout) {
  std::optional<std::span<const std::byte>> record;
  const Waited waited = endpoint_.wait_until(
      [&] {
        record = peek();
        return record.has_value() || ring_.corrupt();
      },
      timeout);
  if (ring_.corrupt()) return fail_corrupt(ring_.finding());
  if (waited == Waited::peer_closed) return fail(ErrorCode::closed, "the sender closed its side");
  if (waited == Waited::peer_dead) return fail(ErrorCode::peer_dead, "the sender died");
  return record;
}

Result<std::optional<std::size_t>> Receiver::receive(std::span<std::byte> into, Timeout timeout) {
  return copy_out(*this, peek_for(timeout), into);
}

}  // namespace ringbell
