// Any state of a group of calls, and peers that go on lying.
#include <tests/fuzz/ring_target.hpp>

RINGBELL_RING_TARGET(ringbell::hostile::GroupServerPair, ringbell::hostile::GroupCallerPair)
