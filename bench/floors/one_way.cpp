// Cache lines one way: as many as two CPUs can hand over when nothing but whole chunks is handed.
//
//   chunks   | every word stored | ...      as large together as the ring that is measured beside
//   full     how many were filled           stored once a chunk
//   empty    how many were read             stored once a chunk
//
// No message, no header, no look at single lines: what a ring of messages moves is a share of it.
// How the writer stores decides how many lines travel at a time, and which way is the best differs
// with the CPU and with how far apart the two are. So each is measured, and the best one is the
// floor: a loop of words alone is beaten by rings that copy.
#include <algorithm>
#include <array>
#include <cassert>
#include <numeric>
#include <vector>

#include <ringbell/core/cpu.hpp>
#include "bench/floors/batches.hpp"
#include "bench/floors/floor.hpp"

namespace ringbell::bench {
namespace {

constexpr std::size_t kChunkBytes = 64UL * 1024;
constexpr std::size_t kMostChunks = kLargestRingOfLines / kChunkBytes;
constexpr std::size_t kChunkLines = kChunkBytes / kLineBytes;
constexpr std::size_t kLineWords = kLineBytes / sizeof(std::uint64_t);
constexpr std::uint64_t kFill = 3;  // what each word says, but the first of a chunk

using Line = std::array<std::uint64_t, kLineWords>;
using Chunk = std::array<Line, kChunkLines>;

struct OneWay {
  alignas(core::kFalseSharingBytes) std::uint64_t full;
  alignas(core::kFalseSharingBytes) std::uint64_t empty;
  alignas(core::kFalseSharingBytes) std::uint64_t stop;
  alignas(core::kFalseSharingBytes) FloorFigures figures;
  bool whole;        // each chunk came as it was stored
  std::size_t used;  // of the chunks
  alignas(core::kFalseSharingBytes) std::array<Chunk, kMostChunks> chunks;
};

// --- the ways to store a chunk ------------------------------------------------------------------

void by_words(Chunk& chunk, const Chunk& from) noexcept {
  for (std::size_t line = 0; line < kChunkLines; ++line) {
    for (std::size_t word = 0; word < kLineWords; ++word) {
      std::atomic_ref(chunk[line][word]).store(from[line][word], std::memory_order_relaxed);
    }
  }
}

void by_lines(Chunk& chunk, const Chunk& from) noexcept {
  for (std::size_t line = 0; line < kChunkLines; ++line) {
    chunk[line] = from[line];  // vector moves
    asm volatile("" : : : "memory");
  }
}

void by_one_instruction(Chunk& chunk, const Chunk& from) noexcept {
  if (!core::cpu::copied_at_once(chunk.data(), from.data(), kChunkLines * kLineWords)) {
    by_lines(chunk, from);
  }
}

using Way = void (*)(Chunk& chunk, const Chunk& from) noexcept;
constexpr std::array<Way, 3> kWays{by_words, by_lines, by_one_instruction};

// --- the two sides ------------------------------------------------------------------------------

void fill_chunks(OneWay& shared, Way way) {
  std::vector<Chunk> from(1);
  for (Line& line : from[0]) line.fill(kFill);
  const std::size_t chunks = shared.used;
  for (std::uint64_t i = 0;; ++i) {
    while (i - load(shared.empty) >= chunks) {
      if (load(shared.stop) != 0) return;
    }
    from[0][0][0] = i;
    way(shared.chunks[i % chunks], from[0]);
    store(shared.full, i + 1);
  }
}

void read_chunks(OneWay& shared, double seconds) {
  constexpr std::uint64_t kWordsBehindTheFirst = kChunkLines * kLineWords - 1;
  const std::size_t chunks = shared.used;
  std::uint64_t i = 0;
  shared.whole = true;
  shared.figures = time_batches(kLineBytes, seconds, [&](std::uint64_t lines) {
    for (; lines > 0; lines -= kChunkLines, ++i) {
      while (load(shared.full) <= i) {
      }
      std::uint64_t sum = 0;
      for (const Line& line : shared.chunks[i % chunks]) {
        sum = std::accumulate(line.begin(), line.end(), sum);
      }
      if (sum != i + kFill * kWordsBehindTheFirst) shared.whole = false;
      store(shared.empty, i + 1);
    }
  });
  store(shared.stop, 1);
}

Result<FloorFigures> measure_way(const PairOptions& pair, double seconds, std::uint64_t ring_bytes,
                                 Way way) {
  const Result<Shared<OneWay>> shared = Shared<OneWay>::create();
  if (!shared) return tl::unexpected(shared.error());
  (*shared)->used = ring_bytes / kChunkBytes;
  const Result<void> ran = run_pair(
      pair,
      [&]() -> Result<void> {
        fill_chunks(**shared, way);
        return {};
      },
      [&]() -> Result<void> {
        read_chunks(**shared, seconds);
        if ((*shared)->whole) return {};
        return fail(ErrorCode::corrupt, "a chunk of lines did not come as it was stored");
      });
  if (!ran) return tl::unexpected(ran.error());
  return (*shared)->figures;
}

}  // namespace

Result<FloorFigures> lines_one_way(const PairOptions& pair, double seconds,
                                   std::uint64_t ring_bytes) {
  assert(ring_bytes >= 2 * kChunkBytes && ring_bytes <= kLargestRingOfLines);
  static_assert(kLargestBatch % kChunkLines == 0 && kBatchBytes % kChunkBytes == 0);
  Result<FloorFigures> best = measure_way(pair, seconds / kWays.size(), ring_bytes, kWays[0]);
  for (std::size_t i = 1; best && i < kWays.size(); ++i) {
    Result<FloorFigures> next = measure_way(pair, seconds / kWays.size(), ring_bytes, kWays[i]);
    if (!next || *next->bytes_per_s > *best->bytes_per_s) best = std::move(next);
  }
  return best;
}

}  // namespace ringbell::bench
