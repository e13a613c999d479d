// One writer, one reader, variable-size records, in memory that both sides map.
//
//   control lines                          data, `capacity` bytes (a power of two)
//   +--------------+---------------+      +--------------+---------+--------------+---------+-----
//   | reader: head | bells (park)  |      | size | stamp | payload | size | stamp | payload | old
//   +--------------+---------------+      +--------------+---------+--------------+---------+-----
//                                          ^ head                                            ^ tail
//
// The commit word travels with the data: the reader polls the header of the next record, so that
// one cache line carries the flag and, if it is short, the message. No tail is published. Positions
// are free-running 64-bit counts of bytes, masked on use. A header carries the stamp of its
// position (spsc_memory.hpp), so the writer need not clear what old payload left behind its record:
// it looks there, and clears only a word that would pass for a header. That word is this side's own
// latest store to this place, so that no payload can forge a header, whatever it holds. A record is
// contiguous even where the data area ends, because the memory goes on behind it: either the same
// bytes again (a region mapped twice) or spare bytes (plain memory); the ring works with either.
//
// Invariants
//   I1  The word at the writer's position does not pass for a header there, from before the record
//       in front of it is committed until its own record is.
//   I2  [head, tail) belongs to the reader, the rest to the writer; kRecordHeaderBytes of it always
//       stay free for I1.
//   I3  Headers stand at multiples of 8: an atomic header never straddles lines.
//   I4  No size or position from shared memory is used before it was checked against the private
//       geometry, and each is read once. What fails the check makes the handle corrupt() for good.
// Edges
//   P   publish: a header is stored -> peek() loads it: the payload is written before it is read,
//       and what I1 says of the next word holds. Release/acquire suffices: nothing else is ordered.
//   F   free: the reader stores head -> claim() loads it: the payload is read before it is
//       overwritten.
//   C   check, relaxed: the writer's look at the word of I1, and the 0 that it stores if that word
//       passes. Edge P publishes that store; the look sees only what this side stored.
//   R   relaxed: the stores to headers that edge P publishes, and the loads of what this side
//       stored, or the one before it on this side: a role is handed over by something that orders
//       (a lock that the kernel drops, a join), else there could be two of them.
// Progress: every call is wait-free.
// Death: what was not committed is never visible. A new writer goes on behind the last header
// (spsc_walk.hpp). A new reader starts at head, so it may see again what the dead one had read but
// not yet given back: at most kHeadPublications-th of the capacity, or what it held.
//
// The lazily published head and the cached head are Rigtorp's (SPSCQueue) and Lee's ("A lock-free,
// cache-efficient shared ring buffer", ANCS 2009); the length field as commit word is Aeron's.
#pragma once

#include <cstdint>

#include <ringbell/core/atomics.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class SpscRing {
 public:
  class Writer;
  class Reader;

  // The reader publishes its head at least each time it gave back 1 / kHeadPublications of the
  // ring.
  static constexpr std::uint64_t kHeadPublications = 8;

 private:
  static constexpr Edge kPublish{"spsc.P"};
  static constexpr Edge kFree{"spsc.F"};
  static constexpr Edge kCheck{"spsc.C"};
  static constexpr Edge kRelaxed{"spsc.R"};

  static constexpr std::uint64_t kNowhere = 1;  // no position: those are multiples of 8
};

}  // namespace ringbell::core

#include <ringbell/core/spsc_reader.hpp>
#include <ringbell/core/spsc_writer.hpp>
