// Any state of a State, and peers that go on lying.
#include <tests/fuzz/ring_target.hpp>

RINGBELL_RING_TARGET(ringbell::hostile::StateReaderPair, ringbell::hostile::StateWriterPair)
