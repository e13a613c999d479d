// Rings that are in use and whose name is gone: their file was removed, replaced, or renamed in its
// folder to what is no name, and a living process has it open. What its descriptors lead to tells
// which name that was, or how the file is called now.
#pragma once

#include <string>
#include <vector>

#include "tools/command/look/facts.hpp"

namespace ringbell::tools {

struct LostRing {
  RingFacts facts;     // its path is one by which it can still be opened: /proc/PID/fd/N
  std::string folder;  // in which it stood
};

// Those that stood in the folders of names of a user and have a living participant, sorted by
// name. Looks at each descriptor of each process that this user may look at.
[[nodiscard]] std::vector<LostRing> lost_rings(uid_t user);

}  // namespace ringbell::tools
