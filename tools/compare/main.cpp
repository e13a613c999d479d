// ringbell-compare: the comparison with every peer that was found, and the doctor's findings.
#include "bench/peers/peers.hpp"
#include "bench/transports/registry.hpp"
#include "tools/compare/compare.hpp"
#include "tools/doctor/checks.hpp"

int main(int argc, char** argv) {
  ringbell::bench::add_transports(ringbell::bench::peers());
  ringbell::bench::add_many_ways(ringbell::bench::peers_of_many());
  return ringbell::bench::compare(argc, argv, ringbell::bench::findings);
}
