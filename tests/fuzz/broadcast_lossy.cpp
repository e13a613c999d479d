// Any state of a lossy broadcast ring, and peers that go on lying.
#include <tests/fuzz/ring_target.hpp>

RINGBELL_RING_TARGET(ringbell::hostile::LossyReaderPair, ringbell::hostile::LossyWriterPair)
