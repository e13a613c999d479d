// Every byte that two processes share, as a file format.
//
//   one page                whole pages             whole pages
//   +------------------+    +------------------+    +----------------------------------------+
//   | RegionHeader     |    | control lines    |    | data: records, slots or buffers        |
//   +------------------+    +------------------+    +----------------------------------------+
//   ^ never written         ^ control_offset        ^ data_offset
//     after creation
//
// A page is Geometry::page_bytes: 4, 16 or 64 KiB, as its maker's machine has them, or 2 MiB for a
// region of huge pages. ring_shape.hpp says what stands where for each kind of ring. Numbers are
// little endian; there are no pointers; every field keeps its place, which layout_pins.hpp asserts.
// A change of anything here is a new kLayoutVersion.
//
// Some fields have their place and no use yet: an attach refuses a region in which they are not
// what they must be until then, so that a ringbell that gives them one needs no new version.
//
// Padding between fields that different processes store is a literal 128 bytes: two 64-byte lines,
// because x86 prefetches lines in adjacent pairs. It must not follow the compiler's -mtune, so
// std::hardware_destructive_interference_size is no candidate.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringbell::core {

inline constexpr std::size_t kFalseSharingBytes = 128;
inline constexpr std::array<char, 8> kRegionMagic = {'r', 'i', 'n', 'g', 'b', 'e', 'l', 'l'};
inline constexpr std::uint32_t kLayoutVersion = 3;

// Which ring a region holds. 0 is no ring, so that zeroed memory is never taken for one.
enum class RingKind : std::uint32_t {
  spsc = 1,
  mpmc = 2,
  broadcast_lossless = 3,
  broadcast_lossy = 4,
  fan_in = 5,
  call_group = 6,
  bells = 7,  // no ring: what the readers of a lossy ring or a state may write, which is not in its
              // own region
  state = 8,
  many_lossless = 9,
  many_lossy = 10,
};

// How a process that sleeps on this region is woken. Fixed at creation: both sides must agree.
enum class DoorbellKind : std::uint32_t {
  none = 1,     // no side ever sleeps; publishing does not even look
  futex = 2,    // the bell word is the futex
  eventfd = 3,  // two eventfds travel beside the region's fd
};

// The shape of a region: the creator writes it once; an attach checks it against the real
// size of the file, copies it, and never reads it from shared memory again.
struct Geometry {
  std::uint64_t region_bytes;      // of the file: up to the end of the data
  std::uint64_t control_offset;    // from the start of the file
  std::uint64_t data_offset;       // from the start of the file, a multiple of page_bytes
  std::uint64_t capacity_bytes;    // of an SpscRing or a lane: a power of two, whole pages; else 0
  std::uint64_t slot_count;        // a power of two; 0 where there are no slots
  std::uint32_t record_alignment;  // records take multiples of it: 8, 16, 32 or 64; else 0
  std::uint32_t page_bytes;        // the granularity of the mapping: 4, 16, 64 KiB or 2 MiB; no
                                   // less than the pages of a machine that attaches
  std::uint32_t message_bytes;     // of a slot, or the largest of a call; else 0
  std::uint32_t participants;      // at a time, writers and readers together
  // Payloads stand at multiples of it: 8, and of records and slots 16, 32 or 64; of records up to
  // record_alignment. In a slot a word with the message's size stands in front of it.
  std::uint32_t payload_alignment;
  std::uint32_t user_header_bytes;  // in front of each payload, a UserHeader; 0: there is none.
                                    // Only of an SpscRing until others take it

  friend constexpr bool operator==(const Geometry&, const Geometry&) = default;
};

// What the messages are, where the creator said so; else all 0. The library compares it, and looks
// at no message by it.
struct TypeRecord {
  std::array<char, 112> name;  // UTF-8 without control characters, its rest 0; at most 111 bytes
  std::uint32_t size_bytes;
  std::uint32_t alignment;
  std::uint64_t version;  // the application's own

  friend constexpr bool operator==(const TypeRecord&, const TypeRecord&) = default;
};

// The first bytes of a region. Stored by the creator before any other process can have the file.
struct RegionHeader {
  std::array<char, 8> magic;     // kRegionMagic
  std::uint32_t layout_version;  // kLayoutVersion
  std::uint32_t ring_kind;       // RingKind
  Geometry geometry;
  std::uint32_t doorbell_kind;  // DoorbellKind
  std::uint32_t creator_pid;    // in the creator's pid namespace: for people, not for logic
  std::uint64_t created_unix_ns;
  std::uint32_t backing;         // where the pages come from, as transport/ numbers it; 0: the file
  std::uint32_t backing_number;  // what names them there, where the file is not it
  TypeRecord type;
};

// What a region in a file keeps for the case that the power goes, behind its header in the same
// page: then its pages can be of different times. Stored by the process that makes it, attaches to
// it for writing, or settles it. All 0 in other memory.
struct PowerMark {
  std::array<char, 16> boot_id;  // of the boot in which it was last used
  std::uint32_t unclean;         // 1: used since it was last on the disk as a whole; else 0
  std::uint32_t seals;           // 1: a RecordSeal stands in each record's UserHeader; else 0
};
inline constexpr std::uint64_t kPowerMarkOffset = 256;  // from the start of the file

// That a record is whole, and of which lap. In the place of the UserHeader, as large.
struct RecordSeal {
  std::uint64_t position;
  std::uint32_t crc32c;  // of position, size and payload
  std::uint32_t size_bytes;
};

// Where one side says that it sleeps. parking.hpp has the bits and the protocol.
struct alignas(kFalseSharingBytes) BellLine {
  std::uint32_t
      word;  // stored by the side that parks, its parked bit cleared by the one that rings
  std::uint32_t padding;  // 0
};

// Where participants of a ring of many sleep: until there is something, until there is room. Stored
// by the side that parks and by the side that rings.
struct alignas(kFalseSharingBytes) GroupBells {
  BellLine data_bell;
  BellLine space_bell;
};

// Says whether a side is there. 0: never was; 1: open; 2: closed for good, in order.
enum class SideState : std::uint32_t { absent = 0, open = 1, closed = 2 };

// One participant of a ring of many. Stored by that participant, the word's parked bit cleared by
// the side that rings.
struct alignas(kFalseSharingBytes) ParticipantLine {
  std::uint32_t bell;   // where it sleeps, if it sleeps alone
  std::uint32_t state;  // SideState
  std::uint32_t pid;    // for people
  std::uint32_t role;   // for people: 0 writer or server, 1 reader or caller
  std::uint64_t pin;    // of a state's reader: what it looks at in place (state_memory.hpp)
};

// What a writer that tags its records is about to commit: after its death the end of the ring says
// whether it came to that (spsc_intent.hpp has the bits). All 0 until it is used, and always in a
// lane.
struct WriterIntent {
  std::uint64_t position;
  std::uint64_t tag;
};

// The control lines of an SpscRing (spsc_ring.hpp).
struct alignas(kFalseSharingBytes) SpscControl {
  // Stored by the reader.
  alignas(kFalseSharingBytes) std::uint64_t head;  // free-running: bytes read and given back
  std::uint32_t reader_state;                      // SideState
  std::uint32_t reader_pid;                        // for people
  // Stored by the writer.
  alignas(kFalseSharingBytes) std::uint32_t writer_state;  // SideState
  std::uint32_t writer_pid;                                // for people
  WriterIntent intent;
  // The reader sleeps here until there is something to read; the writer reads it at each commit.
  BellLine data_bell;
  // The writer sleeps here until there is room; the reader reads it when it publishes its head.
  BellLine space_bell;
};

// In front of every record in the data area: its size in the low half, the stamp of its position in
// the high one (spsc_memory.hpp). A word that does not carry the stamp of its place is no header.
using RecordHeader = std::uint64_t;
inline constexpr std::size_t kRecordHeaderBytes = sizeof(RecordHeader);

// Between a record's header and its payload, in rings that have it. The writer's, as the payload.
struct UserHeader {
  std::uint64_t time_ns;   // CLOCK_MONOTONIC, when room for the record was claimed
  std::uint32_t source;    // what the writer calls itself; at first its process id
  std::uint32_t sequence;  // of the record among those of that writer: 1, 2 ...; wraps
};

// The first word of every slot of an MpmcRing; mpmc_memory.hpp has its fields.
using MpmcState = std::uint64_t;

// The control lines of an MpmcRing (mpmc_ring.hpp), and of a lossy broadcast ring of many writers
// (many_lossy.hpp), whose readers store nothing.
struct alignas(kFalseSharingBytes) MpmcControl {
  alignas(kFalseSharingBytes) std::uint64_t tail_hint;  // stored by writers
  alignas(kFalseSharingBytes) std::uint64_t head_hint;  // stored by readers
  // Stored by a participant that looks after others, and recovers what dead ones held.
  alignas(kFalseSharingBytes) std::uint64_t returned;  // goes up when messages become ready again
  std::uint64_t skipped;                               // messages that were never committed
  std::uint64_t asked;  // which of them is next asked after (shared_round.hpp)
};

// The first word of every slot of a broadcast ring; broadcast_memory.hpp has its values.
using BroadcastSequence = std::uint64_t;

// How many readers a lossless broadcast ring can have at a time.
inline constexpr std::uint32_t kMaxBroadcastReaders = 64;
// How many writers, where there may be several.
inline constexpr std::uint32_t kMaxBroadcastWriters = 64;

// Names one reader and says how far it is; broadcast_memory.hpp has the fields. Stored by that
// reader, by one that takes a free cell, and by a participant that frees a dead reader's.
struct alignas(kFalseSharingBytes) BroadcastCell {
  std::uint64_t state;
};

// The control lines of a lossless broadcast ring (broadcast_lossless.hpp). A lossy one has none.
struct alignas(kFalseSharingBytes) BroadcastControl {
  // Stored by the writer.
  alignas(kFalseSharingBytes) std::uint64_t limit;  // it may write below it without another look
  std::array<BroadcastCell, kMaxBroadcastReaders> readers;
};

// The control lines of a lossless broadcast ring of many writers (many_lossless.hpp): its slots are
// claimed as an MpmcRing's, and its readers are those of a lossless broadcast ring.
struct alignas(kFalseSharingBytes) ManyControl {
  MpmcControl claims;        // no reader takes a slot: head_hint and returned stay 0
  BroadcastControl readers;  // the limit is stored by writers, by compare-exchange
};

// How many lanes a FanIn or a CallGroup can have.
inline constexpr std::uint32_t kMaxLanes = 1024;

// Which of 64 lanes have something. Each word has its lines to itself, so that writers meet only in
// the words that they share.
struct alignas(kFalseSharingBytes) ReadyLine {
  std::uint64_t bits;  // set by writers, taken by the reader
};

// The control lines of a FanIn or a CallGroup (ready_lanes.hpp).
struct alignas(kFalseSharingBytes) ReadyControl {
  std::array<ReadyLine, kMaxLanes / 64> ready;
};

// The control lines of one lane of a FanIn (fan_in.hpp).
struct alignas(kFalseSharingBytes) FanInLaneControl {
  SpscControl ring;
  // Stored by the reader.
  alignas(kFalseSharingBytes) std::uint64_t quiet;  // 1: it does not poll, set the bit; else 0
};

// What a call or its answer may have in the line itself.
inline constexpr std::uint32_t kInlineCallBytes = 48;

// One line of calls (call_line.hpp): stored by caller and server in turn.
struct alignas(kFalseSharingBytes) CallCell {
  std::uint64_t state;  // CallState
  std::array<std::byte, kInlineCallBytes> payload;
};

// And that of one caller in a CallGroup (call_group.hpp).
struct alignas(kFalseSharingBytes) CallGroupLine {
  CallCell cell;
  // Stored by the server.
  alignas(kFalseSharingBytes) std::uint64_t quiet;  // 1: it does not poll, set the bit; else 0
};

// In front of the buffers of each value of a State (state.hpp). Stored by the writer.
struct alignas(kFalseSharingBytes) StateHead {
  std::uint64_t newest;  // StateVersion
};
// In front of the value in each of them.
struct alignas(64) StateBuffer {
  std::uint64_t version;  // StateVersion, marked or not, or 0: it is being written
  std::uint64_t size_bytes;
};

}  // namespace ringbell::core

#include <ringbell/core/layout_pins.hpp>
