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

// Runs `client` and `server` on one shared T; client gets the histogram too.
template <class T, class Client, class Server>
Result<FloorFigures> ping_pong(const PairOptions& pair, Client&& client, Server&& server) {
  const Result<Shared<T>> shared = Shared<T>::create();
  if (!shared) return tl::unexpected(shared.error());
  const Result<Shared<Histogram>> histogram = Shared<Histogram>::create();
  if (!histogram) return tl::unexpected(histogram.error());
  const Result<void> ran = run_pair(
      pair,
      [&]() -> Result<void> {
        client(**shared, **histogram);
        return {};
      },
      [&]() -> Result<void> {
        server(**shared);
        return {};
      });
  if (!ran) return tl::unexpected(ran.error());
  return figures_of(**histogram);
}

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
  using Memory = Rings<message_bytes>;
  return ping_pong<Memory>(
      pair,
      [&](Memory& rings, Histogram& histogram) {
        Message<message_bytes> message{};
        time_trips(trips, histogram, [&](std::uint64_t i) {
          std::memcpy(message.data(), &i, sizeof i);
          put(rings.there[i % kRingLines], message, i);
          take(rings.back[i % kRingLines], message, i);
        });
      },
      [&](Memory& rings) {
        Message<message_bytes> message{};
        for (std::uint64_t i = 1; i <= trips.all(); ++i) {
          take(rings.there[i % kRingLines], message, i);
          put(rings.back[i % kRingLines], message, i);
        }
      });
}

}  // namespace

Result<FloorFigures> two_lines(const PairOptions& pair, const Trips& trips) {
  return ping_pong<TwoLines>(
      pair,
      [&](TwoLines& lines, Histogram& histogram) {
        time_trips(trips, histogram, [&](std::uint64_t i) {
          store(lines.there, i);
          await(lines.back, i);
        });
      },
      [&](TwoLines& lines) {
        for (std::uint64_t i = 1; i <= trips.all(); ++i) {
          await(lines.there, i);
          store(lines.back, i);
        }
      });
}

Result<FloorFigures> one_line(const PairOptions& pair, const Trips& trips) {
  using Bytes = Message<kOneLineMessageBytes>;
  return ping_pong<OneLine>(
      pair,
      [&](OneLine& line, Histogram& histogram) {
        Bytes message{};
        time_trips(trips, histogram, [&](std::uint64_t i) {
          touch(message.data());
          line.message = message;
          store(line.turn, 2 * i - 1);
          await(line.turn, 2 * i);
          message = line.message;
          touch(message.data());
        });
      },
      [&](OneLine& line) {
        Bytes message{};
        for (std::uint64_t i = 1; i <= trips.all(); ++i) {
          await(line.turn, 2 * i - 1);
          message = line.message;
          touch(message.data());
          line.message = message;
          store(line.turn, 2 * i);
        }
      });
}

Result<FloorFigures> ring_of_lines(const PairOptions& pair, const Trips& trips,
                                   std::size_t message_bytes) {
  return message_bytes == 8 ? ring_of_lines_of<8>(pair, trips) : ring_of_lines_of<56>(pair, trips);
}

}  // namespace ringbell::bench
