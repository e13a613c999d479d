// What Linux does underneath shared memory, measured in this process at the time of the call.
#pragma once

#include <string>
#include <vector>

namespace ringbell::explain {

// One thing that was measured.
struct Line {
  std::string subject;   // the backing or the mechanism: "memfd", "a hole in a file"
  std::string name;      // what was looked at: "mapping", "faults"
  std::string measured;  // what was seen here
  std::string why;       // one sentence: why it is so
};
using Lines = std::vector<Line>;

// A region of each backing, mapped twice as for a channel: its mappings and their flags, its faults
// when first touched, the frames behind both images and behind another process's mapping.
[[nodiscard]] Lines backings();

// A device's memory, mapped for reading: the same as far as it can be asked. `path`: of a character
// device that can be mapped.
[[nodiscard]] Lines device(const std::string& path);

// What the kernel does with such pages: holes, private copies, close, write-back, swap, a System V
// segment's file.
[[nodiscard]] Lines mechanisms();

}  // namespace ringbell::explain
