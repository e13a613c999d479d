// Cache lines between two processes, without and with a ring of them.
#include <array>
#include <cstring>

#include <ringbell/transport/ends/channel.hpp>
#include "bench/floors/floor.hpp"

namespace ringbell::bench {
namespace {

// Keeps the compiler from seeing through a private buffer: its bytes were used, and may have
// changed.
inline void touch(void* bytes) noexcept { asm volatile("" : : "r"(bytes) : "memory"); }

struct TwoLines {
  alignas(core::kFalseSharingBytes) std::uint64_t there;
  alignas(core::kFalseSharingBytes) std::uint64_t back;
};

struct alignas(core::kFalseSharingBytes) OneLine {
  std::uint64_t turn;  // odd: the server's, even: the client's
  std::array<std::byte, kOneLineMessageBytes> message;
};

// A line of a ring: it is its message's flag as well.
template <std::size_t message_bytes>
struct alignas(kLineBytes) FlaggedLine {
  std::uint64_t flag;
  std::array<std::byte, message_bytes> message;
};

// As many bytes as the rings that are measured against it.
constexpr std::size_t kRingLines = ChannelOptions::kDefaultCapacityBytes / kLineBytes;

template <std::size_t message_bytes>
struct Rings {
  using Line = FlaggedLine<message_bytes>;
  static_assert(sizeof(Line) == kLineBytes);

  std::array<Line, kRingLines> there;
  std::array<Line, kRingLines> back;
};

// A private copy of a message.
template <std::size_t message_bytes>
using Message = std::array<std::byte, message_bytes>;

template <std::size_t message_bytes>
void put(FlaggedLine<message_bytes>& line, Message<message_bytes>& message, std::uint64_t i) {
  touch(message.data());
  line.message = message;
  store(line.flag, i);
}

template <std::size_t message_bytes>
void take(FlaggedLine<message_bytes>& line, Message<message_bytes>& message, std::uint64_t i) {
  await(line.flag, i);
  message = line.message;
  touch(message.data());
}

template <std::size_t message_bytes>
Result<FloorFigures> ring_of_lines_of(const PairOptions& pair, const Trips& trips) {
  const Result<Shared<Rings<message_bytes>>> shared = Shared<Rings<message_bytes>>::create();
  if (!shared) return tl::unexpected(shared.error());
  Rings<message_bytes>& rings = **shared;
  Message<message_bytes> message{};  // of each process
  return time_pair(
      pair, trips,
      [&](std::uint64_t i) {
        std::memcpy(message.data(), &i, sizeof i);
        put(rings.there[i % kRingLines], message, i);
        take(rings.back[i % kRingLines], message, i);
      },
      [&](std::uint64_t i) {
        take(rings.there[i % kRingLines], message, i);
        put(rings.back[i % kRingLines], message, i);
      });
}

}  // namespace

Result<FloorFigures> two_lines(const PairOptions& pair, const Trips& trips) {
  const Result<Shared<TwoLines>> shared = Shared<TwoLines>::create();
  if (!shared) return tl::unexpected(shared.error());
  TwoLines& lines = **shared;
  return time_pair(
      pair, trips,
      [&](std::uint64_t i) {
        store(lines.there, i);
        await(lines.back, i);
      },
      [&](std::uint64_t i) {
        await(lines.there, i);
        store(lines.back, i);
      });
}

Result<FloorFigures> one_line(const PairOptions& pair, const Trips& trips) {
  const Result<Shared<OneLine>> shared = Shared<OneLine>::create();
  if (!shared) return tl::unexpected(shared.error());
  OneLine& line = **shared;
  Message<kOneLineMessageBytes> message{};  // of each process
  const auto put_in = [&] {
    touch(message.data());
    line.message = message;
  };
  const auto take_out = [&] {
    message = line.message;
    touch(message.data());
  };
  return time_pair(
      pair, trips,
      [&](std::uint64_t i) {
        put_in();
        store(line.turn, 2 * i - 1);
        await(line.turn, 2 * i);
        take_out();
      },
      [&](std::uint64_t i) {
        await(line.turn, 2 * i - 1);
        take_out();
        put_in();
        store(line.turn, 2 * i);
      });
}

Result<FloorFigures> ring_of_lines(const PairOptions& pair, const Trips& trips,
                                   std::size_t message_bytes) {
  return message_bytes == 8 ? ring_of_lines_of<8>(pair, trips) : ring_of_lines_of<56>(pair, trips);
}

}  // namespace ringbell::bench
