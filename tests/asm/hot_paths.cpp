// The paths that every message takes, each as a function of its own, for `./dev asm`: what the
// compiler makes of them stands in x86-64.txt and arm64.txt beside this file.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <ringbell/core/mpmc_ring.hpp>
#include <ringbell/core/parking.hpp>
#include <ringbell/core/spsc_ring.hpp>

namespace {

using Queue = ringbell::core::MpmcRing<>;
using Ring = ringbell::core::SpscRing<>;

}  // namespace

extern "C" {

std::byte* spsc_claim(Ring::Writer& writer, std::uint32_t size_bytes) {
  return writer.claim(size_bytes).data();
}
void spsc_commit(Ring::Writer& writer) { writer.commit(); }
bool spsc_write(Ring::Writer& writer, std::uint64_t message) {
  return writer.write(sizeof message, [&](std::span<std::byte> room) {
    std::memcpy(room.data(), &message, sizeof message);
  });
}

const std::byte* spsc_peek(Ring::Reader& reader) { return reader.peek().data(); }
void spsc_release(Ring::Reader& reader) { reader.release(); }

// After a commit: is there anything to wake?
bool peer_waits(const std::uint32_t& bell) {
  return ringbell::core::Parking<>::peer_waits(bell, false);
}

std::byte* mpmc_claim(Queue::Writer& writer) { return writer.claim().data(); }
bool mpmc_commit(Queue::Writer& writer) { return writer.commit(); }
bool mpmc_write(Queue::Writer& writer, std::uint64_t message) {
  const std::span<std::byte> room = writer.claim();
  if (room.empty()) return false;
  std::memcpy(room.data(), &message, sizeof message);
  return writer.commit();
}

const std::byte* mpmc_peek(Queue::Reader& reader) { return reader.peek().data(); }
bool mpmc_release(Queue::Reader& reader) { return reader.release(); }
}
