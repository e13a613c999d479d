// Any state of an SpscRing, and a peer that goes on lying.
#include <tests/fuzz/ring_target.hpp>

RINGBELL_RING_TARGET(ringbell::hostile::SpscReaderPair, ringbell::hostile::SpscWriterPair)
