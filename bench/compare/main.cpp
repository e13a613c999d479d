#include "bench/compare/compare.hpp"
#include "bench/peers/peers.hpp"
#include "bench/transports/registry.hpp"

int main(int argc, char** argv) {
  ringbell::bench::add_transports(ringbell::bench::peers());
  return ringbell::bench::compare(argc, argv);
}
