#include <ringbell/transport/ends/sealed.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <ringbell/core/spsc_memory.hpp>
#include <ringbell/transport/base/crc32c.hpp>
#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/liveness/participant_lock.hpp>

namespace ringbell::sealed {
namespace {

using core::RecordSeal;
using core::SpscPlaces;

bool has_seals(const Region& region) noexcept {
  return region.kind() == core::RingKind::spsc && region.has_seals();
}

tl::unexpected<Error> fail_unsealed() {
  return fail(ErrorCode::invalid_argument,
              "the channel has no room for seals; create it with ChannelOptions::seals");
}

RecordSeal seal_of(std::uint64_t position, std::span<const std::byte> payload) noexcept {
  RecordSeal seal{
      .position = position, .crc32c = 0, .size_bytes = static_cast<std::uint32_t>(payload.size())};
  // With a CRC of 0, as it is now.
  seal.crc32c = crc32c(payload, crc32c(std::as_bytes(std::span(&seal, 1))));
  return seal;
}

RecordSeal seal_before(const std::byte* payload) noexcept {
  RecordSeal seal{};
  std::memcpy(&seal, payload - sizeof seal, sizeof seal);
  return seal;
}

bool same(const RecordSeal& one, const RecordSeal& other) noexcept {
  return one.position == other.position && one.size_bytes == other.size_bytes &&
         one.crc32c == other.crc32c;
}

// A whole record somewhere in the ring.
struct Found {
  std::uint64_t position;
  std::uint64_t end;  // behind its padding
  std::span<const std::byte> payload;
};

// The record that begins at this offset of the data, if it is whole there.
std::optional<Found> found_at(const SpscPlaces& places, std::uint64_t offset) {
  const std::byte* const payload = places.payload_at(offset);
  const RecordSeal seal = seal_before(payload);
  const core::RecordHeader header = places.header_at(offset);
  if (!places.aligned(seal.position) || (seal.position & (places.capacity() - 1)) != offset ||
      !SpscPlaces::passes(header, seal.position) ||
      SpscPlaces::size_in(header) != seal.size_bytes || !places.fits(seal.size_bytes)) {
    return std::nullopt;
  }
  const std::span bytes(payload, seal.size_bytes);
  if (!same(seal, seal_of(seal.position, bytes))) return std::nullopt;
  return Found{seal.position, seal.position + places.footprint(bytes.size()), bytes};
}

}  // namespace

Result<bool> send(Sender& sender, std::span<const std::byte> message, Timeout timeout) {
  if (!has_seals(sender.channel().region())) return fail_unsealed();
  const Result<std::optional<std::span<std::byte>>> room =
      sender.claim_for(message.size(), timeout);
  if (!room) return tl::unexpected(room.error());
  if (!*room) return false;
  sender.copy_in(**room, message);
  const RecordSeal seal = seal_of(sender.staged_position(), message);
  std::memcpy((*room)->data() - sizeof seal, &seal, sizeof seal);
  sender.commit();
  return true;
}

Result<std::optional<std::size_t>> receive(Receiver& receiver, std::span<std::byte> into,
                                           Timeout timeout) {
  const Result<std::optional<std::span<const std::byte>>> message = receiver.peek_for(timeout);
  if (!message) return tl::unexpected(message.error());
  if (!*message) return std::nullopt;
  if (!has_seals(receiver.channel().region())) return fail_unsealed();
  const std::size_t size = (*message)->size();
  if (size > into.size()) return fail_buffer(size, into.size());
  // What was copied is what is checked: a hostile sender can change the record meanwhile.
  const RecordSeal seal = seal_before((*message)->data());
  copy_message(into.data(), **message);
  const bool is_whole = same(seal, seal_of(receiver.position(), into.first(size)));
  receiver.release();
  if (is_whole) return size;
  return fail(
      ErrorCode::corrupt,
      fmt::format("the seal of a message of {} bytes is broken, or it was sent without one", size));
}

Result<Recovered> recover(const std::string& path,
                          const std::function<void(std::span<const std::byte>)>& use) {
  const AttachOptions as_it_is{.access = Access::read_only, .stale_too = true};
  const Result<Region> region = Region::open(Backing::file, path, as_it_is);
  if (!region) return tl::unexpected(region.error());
  if (!has_seals(*region)) return fail_unsealed();
  if (ParticipantLock::any_held(region->fd())) {
    return fail(ErrorCode::busy, fmt::format("{} is in use", path));
  }
  const SpscPlaces places(region->spsc_memory());
  const std::uint64_t head = region->spsc_control().head;
  std::vector<Found> all;
  for (std::uint64_t offset = 0; offset < places.capacity();
       offset += region->geometry().record_alignment) {
    const std::optional<Found> found = found_at(places, offset);
    if (found && found->end > head) all.push_back(*found);
  }
  std::sort(all.begin(), all.end(),
            [](const Found& one, const Found& two) { return one.position < two.position; });
  Recovered recovered;
  std::uint64_t end = 0;
  for (const Found& found : all) {
    if (recovered.records > 0 && found.position < end) continue;  // stands in another's payload
    if (recovered.records > 0 && found.position > end) ++recovered.gaps;
    use(found.payload);
    ++recovered.records;
    end = found.end;
  }
  return recovered;
}

}  // namespace ringbell::sealed
