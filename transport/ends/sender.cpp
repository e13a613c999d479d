#include <ringbell/transport/ends/sender.hpp>

#include <utility>

#include <ringbell/transport/base/probes.hpp>

namespace ringbell {
namespace {

// How far the reader is, for a decision that may be late: relaxed.
constexpr core::Edge kHead{"spsc.R"};

}  // namespace

Sender::Sender(Endpoint endpoint, core::SpscRing<>::Writer ring) noexcept
    : OpenedSide(std::move(endpoint)), Writer(std::move(ring), channel().region()) {}

Sender::~Sender() {
  if (!endpoint_.is_open()) return;
  const std::uint64_t& head = channel().region().spsc_control().head;
  endpoint_.close(core::HardwareAtomics::load(head, std::memory_order_relaxed, kHead) !=
                  ring_.tail());
}

Result<Sender> Sender::on(Endpoint endpoint) {
  core::SpscRing<>::Writer ring(endpoint.channel().region().spsc_memory());
  if (ring.corrupt()) return fail_corrupt(ring.finding());
  ring.settle_tag();
  return Sender(std::move(endpoint), std::move(ring));
}

Result<std::optional<std::span<std::byte>>> Sender::claim_later(std::size_t size_bytes,
                                                                Timeout timeout) {
  if (!fits(size_bytes, max_record_bytes())) {
    return fail_size(size_bytes, max_record_bytes(), "a record", "this ring");
  }
  if (Result<void> there = check_reader("receiver"); !there) return tl::unexpected(there.error());
  RINGBELL_PROBE(no_room, size_bytes);
  flush();
  endpoint_.moved_to(ring_.tail());
  const Waited waited = endpoint_.wait_until([&] { return has_room(size_bytes); }, timeout);
  return claimed_after(waited, size_bytes, "receiver", "ring");
}

}  // namespace ringbell
