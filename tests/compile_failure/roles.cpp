// Compiled without a macro, which must succeed, and with each of these in turn, which must not.
// What a handle is for is in its type.
#include <ringbell/core/broadcast_lossless.hpp>
#include <ringbell/core/broadcast_lossy.hpp>
#include <ringbell/core/fan_in.hpp>
#include <ringbell/core/typed.hpp>

using namespace ringbell::core;

void use(const BroadcastSlots<const std::byte>& read_only, BroadcastLossy<>::Writer& writer,
         BroadcastLossy<>::Reader& reader, FanIn<>::Writer& lane) {
  BroadcastLossy<>::Reader another(read_only);
  (void)typed_writer<int>(writer);
  (void)typed_reader<int>(another);
#ifdef WRITER_OVER_A_READ_ONLY_MAPPING
  BroadcastLossy<>::Writer second(read_only);
#endif
#ifdef READER_THAT_WRITES
  (void)typed_writer<int>(reader);
#endif
#ifdef WRITER_THAT_READS
  (void)typed_reader<int>(writer);
#endif
#ifdef COPY_OF_A_WRITER
  FanIn<>::Writer copy(lane);
#endif
#ifdef LANE_AS_ITS_RING
  SpscRing<>::Writer& ring = lane;  // a commit through it would not signal
#endif
  (void)reader;
  (void)lane;
}
