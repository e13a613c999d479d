// Any state of a lossless broadcast ring, and peers that go on lying.
#include <tests/fuzz/ring_target.hpp>

RINGBELL_RING_TARGET(ringbell::hostile::LosslessReaderPair, ringbell::hostile::LosslessWriterPair)
