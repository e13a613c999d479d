#include "bench/compare.hpp"

int main(int argc, char** argv) { return ringbell::bench::compare(argc, argv); }
