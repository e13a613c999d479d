// What `ringbell bench` was asked for: as it was typed, and what it means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/compare/chosen.hpp"
#include "tools/command/failure.hpp"

namespace ringbell::tools {

struct BenchOptions {
  std::vector<std::string> cpus;
  std::vector<std::string> sizes;
  std::vector<std::string> waits;
  std::vector<std::string> transports;
  std::vector<std::uint64_t> counts;
  std::optional<std::uint64_t> samples;
  double duration_s = 1;
  int repeats = 3;
  bool quick_wake = false;
  bool verify = false;
  std::optional<double> cpu_quota;  // CPUs
  std::vector<double> loads;        // in percent
  std::vector<std::string> rates;   // messages per second
  std::string plots;                // the folder; empty: none
  std::string json;                 // a path, "-" for standard output, empty: none
  std::string file;                 // to copy; empty: one is put together
  std::string folder;
};

struct Places {
  bench::CpuPair cpus;
  bench::Placement placement;
};

// Two CPUs, or one for both processes: of --cpu, else as the comparison chooses them.
[[nodiscard]] Tried<Places> places_of(const std::vector<std::string>& texts);

// Each at least `smallest` and at most the comparison's largest; `usual` if none was given.
[[nodiscard]] Tried<std::vector<std::size_t>> sizes_of(const std::vector<std::string>& texts,
                                                       std::size_t smallest,
                                                       std::vector<std::size_t> usual);

[[nodiscard]] Tried<std::vector<bench::Wait>> waits_of(const std::vector<std::string>& texts,
                                                       std::vector<bench::Wait> usual);

// "2500", "1e6", "10k", "1.5M": messages per second.
[[nodiscard]] Tried<std::vector<double>> rates_of(const std::vector<std::string>& texts);

// Fails unless all of `names` are among the transports for messages.
[[nodiscard]] Tried<void> check_transports(const std::vector<std::string>& names);

// What a benchmark of messages is to measure, checked. `smallest` is the least size of a message.
[[nodiscard]] Tried<bench::Chosen> chosen_of(const BenchOptions& options, std::size_t smallest = 8);

}  // namespace ringbell::tools
