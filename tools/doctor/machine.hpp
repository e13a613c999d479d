// The facts that the findings rest on: the files in which the kernel describes the machine, and
// what only trying tells.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tools/doctor/file_system.hpp"

namespace ringbell::bench {

// The files below a root: "/" on a live machine, a folder with a fabricated proc, sys and etc in
// the tests.
class MachineFiles {
 public:
  explicit MachineFiles(std::filesystem::path root) : root_(std::move(root)) {}

  [[nodiscard]] std::string root() const { return root_.string(); }
  // `path` is relative to the root: "proc/swaps".
  [[nodiscard]] bool exists(const std::string& path) const;
  [[nodiscard]] std::optional<std::string> text(const std::string& path) const;
  // Without the end of the line and spaces around it; of an empty file "".
  [[nodiscard]] std::optional<std::string> first_line(const std::string& path) const;
  [[nodiscard]] std::optional<std::uint64_t> number(const std::string& path) const;
  // The chosen word of files that read "always [madvise] never".
  [[nodiscard]] std::optional<std::string> chosen(const std::string& path) const;
  // The value of the first line "key : value" or "key: value".
  [[nodiscard]] std::optional<std::string> field(const std::string& path,
                                                 const std::string& key) const;
  // Names in a folder, sorted; none if there is no such folder.
  [[nodiscard]] std::vector<std::string> names_in(const std::string& path) const;

 private:
  std::filesystem::path root_;
};

struct WakeUp {
  double usual_us;
  std::optional<double> quick_us;  // while /dev/cpu_dma_latency is held at 0; nothing: refused
};

// What the kernel answers to a trial.
struct Trials {
  bool memfd = true;  // with seals
  bool ofd_locks = true;
  bool membarrier = true;
  int io_uring_errno = 0;              // 0: it works
  std::string names_folder;            // where new names go
  std::string names_refusal;           // why that cannot be used, if it is there
  std::optional<FileSystem> names_on;  // nothing: the folder cannot be made there
  std::uint64_t memlock_bytes = 0;     // UINT64_MAX: without limit
  unsigned user_id = 0;
  std::string user_name;
  std::vector<int> cpus;          // on which this process may run
  std::optional<WakeUp> wake_up;  // between two of them; nothing: not measured, or only one
};

// Tries it all; takes about half a second, most of it the wake-up, which `measure` leaves out.
[[nodiscard]] Trials try_machine(bool measure);

}  // namespace ringbell::bench
