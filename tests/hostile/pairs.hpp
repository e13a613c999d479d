// Every side of every ring as a victim, with the honest side that keeps it busy between the lies.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include <tests/hostile/byte_rings.hpp>
#include <tests/hostile/call_rings.hpp>
#include <tests/hostile/many_rings.hpp>
#include <tests/hostile/slot_rings.hpp>
#include <tests/hostile/state_rooms.hpp>

namespace ringbell::hostile {

// Room(Choices&) is the memory. A side is made of a room and choices, and does a step at a time.
template <class RoomType, template <class> class VictimSide, template <class> class PeerSide>
struct Pair {
  using Room = RoomType;
  template <class A>
  using Victim = VictimSide<A>;
  using Peer = PeerSide<core::HardwareAtomics>;
};

struct SpscWriterPair : Pair<SpscRoom, SpscWriter, SpscReader> {
  static constexpr const char* kName = "SpscRingWriter";
};
struct SpscReaderPair : Pair<SpscRoom, SpscReader, SpscWriter> {
  static constexpr const char* kName = "SpscRingReader";
};
struct FanInWriterPair : Pair<FanInRoom, FanInWriter, FanInReader> {
  static constexpr const char* kName = "FanInWriter";
};
struct FanInReaderPair : Pair<FanInRoom, FanInReader, FanInWriter> {
  static constexpr const char* kName = "FanInReader";
};
struct MpmcWriterPair : Pair<MpmcRoom, MpmcWriter, MpmcReader> {
  static constexpr const char* kName = "MpmcRingWriter";
};
struct MpmcReaderPair : Pair<MpmcRoom, MpmcReader, MpmcWriter> {
  static constexpr const char* kName = "MpmcRingReader";
};
struct LossyWriterPair : Pair<BroadcastRoom, LossyWriter, LossyReader> {
  static constexpr const char* kName = "BroadcastLossyWriter";
};
struct LossyReaderPair : Pair<BroadcastRoom, LossyReader, LossyWriter> {
  static constexpr const char* kName = "BroadcastLossyReader";
};
struct LosslessWriterPair : Pair<BroadcastRoom, LosslessWriter, LosslessReader> {
  static constexpr const char* kName = "BroadcastLosslessWriter";
};
struct LosslessReaderPair : Pair<BroadcastRoom, LosslessReader, LosslessWriter> {
  static constexpr const char* kName = "BroadcastLosslessReader";
};
struct ManyWriterPair : Pair<ManyRoom, ManyWriter, ManyReader> {
  static constexpr const char* kName = "ManyLosslessWriter";
};
struct ManyReaderPair : Pair<ManyRoom, ManyReader, ManyWriter> {
  static constexpr const char* kName = "ManyLosslessReader";
};
struct ManyLossyWriterPair : Pair<MpmcRoom, ManyLossyWriter, ManyLossyReader> {
  static constexpr const char* kName = "ManyLossyWriter";
};
struct ManyLossyReaderPair : Pair<MpmcRoom, ManyLossyReader, ManyLossyWriter> {
  static constexpr const char* kName = "ManyLossyReader";
};
struct LineCallerPair : Pair<CallRoom, LineCaller, LineServer> {
  static constexpr const char* kName = "CallLineCaller";
};
struct LineServerPair : Pair<CallRoom, LineServer, LineCaller> {
  static constexpr const char* kName = "CallLineServer";
};
struct GroupCallerPair : Pair<CallRoom, GroupCaller, GroupServer> {
  static constexpr const char* kName = "CallGroupCaller";
};
struct GroupServerPair : Pair<CallRoom, GroupServer, GroupCaller> {
  static constexpr const char* kName = "CallGroupServer";
};

struct StateWriterPair : Pair<StateRoom, StateWriterSide, StateReaderSide> {
  static constexpr const char* kName = "StateWriter";
};
struct StateReaderPair : Pair<StateRoom, StateReaderSide, StateWriterSide> {
  static constexpr const char* kName = "StateReader";
};

using EveryPair =
    testing::Types<SpscWriterPair, SpscReaderPair, FanInWriterPair, FanInReaderPair, MpmcWriterPair,
                   MpmcReaderPair, LossyWriterPair, LossyReaderPair, LosslessWriterPair,
                   LosslessReaderPair, ManyWriterPair, ManyReaderPair, ManyLossyWriterPair,
                   ManyLossyReaderPair, LineCallerPair, LineServerPair, GroupCallerPair,
                   GroupServerPair, StateWriterPair, StateReaderPair>;

struct NameOfPair {
  template <class P>
  [[nodiscard]] static std::string GetName(int /*index*/) {
    return P::kName;
  }
};

}  // namespace ringbell::hostile
