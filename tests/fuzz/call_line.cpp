// Any state of a line of calls, and a peer that goes on lying.
#include <tests/fuzz/ring_target.hpp>

RINGBELL_RING_TARGET(ringbell::hostile::LineServerPair, ringbell::hostile::LineCallerPair)
