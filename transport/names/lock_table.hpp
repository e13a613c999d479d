// The kernel's table of locks on files, /proc/locks: it tells of a file that this process may not
// open, too.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/stat.h>

namespace ringbell::lock_table {

// A line of it. "7: FLOCK  ADVISORY  WRITE 4711 00:19:26 0 EOF".
struct Lock {
  std::string type;  // FLOCK, OFDLCK, POSIX
  std::string pid;   // -1 of OFDLCK; 0: of a process that is not known in this pid namespace
};

// Of those that are held on that file. Nothing: the table cannot be read.
[[nodiscard]] std::optional<std::vector<Lock>> locks_on(const struct stat& file);

}  // namespace ringbell::lock_table
