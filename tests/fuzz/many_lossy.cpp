// Any state of a lossy broadcast ring of many writers, and peers that go on lying.
#include <tests/fuzz/ring_target.hpp>

RINGBELL_RING_TARGET(ringbell::hostile::ManyLossyReaderPair, ringbell::hostile::ManyLossyWriterPair)
