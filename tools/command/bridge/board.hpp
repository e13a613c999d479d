// Where a bridge shows its counters to `ringbell top`: a memfd of this name among its descriptors,
// which /proc leads to and which goes with the process, however that ends.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::tools {

class Board {
 public:
  // Where no memfd can be had nothing is shown.
  Board();
  // Instead of what it shows. A later text is not shorter: its counters only grow.
  void show(const std::string& text) const;

 private:
  FileDescriptor file_;
};

struct Shown {
  pid_t pid;
  std::string text;
};
// What this user's bridges show, by pid.
[[nodiscard]] std::vector<Shown> boards();

}  // namespace ringbell::tools
