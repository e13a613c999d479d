// Any state of an MpmcRing, and peers that go on lying.
#include <tests/fuzz/ring_target.hpp>

RINGBELL_RING_TARGET(ringbell::hostile::MpmcReaderPair, ringbell::hostile::MpmcWriterPair)
