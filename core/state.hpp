// The latest value of each of some keys: one writer, any number of readers. A reader gets the
// newest value, whole, and learns nothing of those before it.
//
//   of each key
//   +--------+    +---------+--------------+    +---------+--------------+
//   | newest |    | version | size | value |    | version | size | value |    ... buffers
//   +--------+    +---------+--------------+    +---------+--------------+
//
// The writer fills a buffer that is neither the newest nor pinned, and then makes it the newest. A
// reader copies the newest, and looks afterwards whether it was overwritten meanwhile; or it pins
// the buffer, in memory that readers may write, and looks at the value where it stands: there are
// two more buffers than such readers, so the writer always has one. It marks the buffer that comes
// next before it asks whether it is pinned: from then on no reader pins it. Values may be mapped
// read-only by readers: those leave no trace there.
//
// Invariants
//   I1  `newest` names a buffer that is whole. The writer never writes in it before it has stored
//       another one there.
//   I2  A buffer's version is that by which `newest` named it, marked or not; 0 while it is being
//       written. What is marked stays so until then.
//   I3  A copy is returned only if the buffer's version is still that of `newest` afterwards.
//   I4  A value is shown in place only if its buffer was seen unmarked after the pin was stored; a
//       buffer is written only if no pin was seen after it was marked. So a buffer that is shown is
//       not written until the pin is taken back, however often `newest` moves on meanwhile.
//   I5  What is read from shared memory selects no other place than a buffer or size that was
//       checked; a version that cannot be makes the handle corrupt() for good.
// Edges
//   P   commit() stores newest -> a reader loads it: the value is stored before it is read.
//   T   torn: a fence after the store of version 0 -> a fence before the second look at it, as
//       BroadcastLossy's.
//   M   relaxed: the mark; the fences of N order it.
//   N   Dekker's: a reader stores its pin, the writer its mark; then each fences and loads what the
//       other has stored. The reader sees the mark, or the writer the pin.
//   U   a reader takes its pin back, or stores the next one -> the writer loads it: the value is
//       read before it is overwritten.
//   R   relaxed: versions, sizes and words of values, ordered by P and T; what the writer finds of
//       the writer before it, which is ordered by what hands over the role.
// Progress: the writer is wait-free, in time proportional to the readers that may pin: it looks at
// the pins at most three times. A reader's call looks a few times. A copy fails only if the writer
// overtakes it each time; a look in place only if the writer comes to that buffer each time, after
// all the others that are free, between the load of newest and the one of the version.
// Death: a writer that dies leaves the newest value; the next one goes on with its numbers. A
// reader that dies leaves a pin, until the next with its number.
#pragma once

#include <ringbell/core/atomics.hpp>
#include <ringbell/core/state_memory.hpp>

namespace ringbell::core {

template <AtomicsPolicy Atomics = HardwareAtomics>
class State {
 public:
  class Writer;
  class Reader;

 private:
  static constexpr Edge kPublish{"state.P"};
  static constexpr Edge kTorn{"state.T"};
  static constexpr Edge kMark{"state.M"};
  static constexpr Edge kNewest{"state.N"};
  static constexpr Edge kUnpin{"state.U"};
  static constexpr Edge kRelaxed{"state.R"};
};

}  // namespace ringbell::core

#include <ringbell/core/state_reader.hpp>
#include <ringbell/core/state_writer.hpp>
