// Any state of a FanIn, and peers that go on lying.
#include <tests/fuzz/ring_target.hpp>

RINGBELL_RING_TARGET(ringbell::hostile::FanInReaderPair, ringbell::hostile::FanInWriterPair)
