// A real file, from process A's disk file to process B's, through each transport; with the number
// of copies of each byte counted, and both files compared by SHA-256.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ringbell/transport/base/error.hpp>
#include "bench/harness/placement.hpp"
#include "bench/harness/row.hpp"

namespace ringbell::bench {

struct FileCopyOptions {
  // The file to copy. Empty: one of `assembled_bytes` is put together from /usr/lib in `folder`.
  std::string file;
  std::uint64_t assembled_bytes = 256UL * 1024 * 1024;
  // Whether that one stays in `folder` for the next run.
  bool keep_assembled = true;
  // Where the copies go, nameless, and the assembled file. On a disk, for a disk's figures.
  std::string folder = ".";
  // Names of file_copy_transports(). Empty: all.
  std::vector<std::string> transports;
  std::vector<Placement> placements{Placement::two_cpus, Placement::one_cpu};
  CpuPair cpus{0, 1};
  // For the rows that sleep. The ones that spin are measured once, where each side has a CPU.
  std::vector<bool> quick_wakes{false};
  bool spinning_rows = true;
  // Copies per row; the row is that of the median time.
  int runs = 3;
  // What the rows say in "repeat".
  int repeat = 0;
};

[[nodiscard]] const std::vector<std::string>& file_copy_transports();

// How long it should take, for the time left.
[[nodiscard]] double estimated_seconds(const FileCopyOptions& options);

// Adds one row for each transport, placement and way to wait. What cannot run on this machine gives
// a row with "error" and the next is tried. Errors: of the file or the folder, invalid_argument for
// an unknown transport, and, when all is measured, corrupt if a copy differs from the file: its row
// has "sha256_match" false.
[[nodiscard]] Result<void> measure_file_copies(const FileCopyOptions& options, RowSink& sink);

}  // namespace ringbell::bench
