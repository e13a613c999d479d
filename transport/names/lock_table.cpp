#include <ringbell/transport/names/lock_table.hpp>

#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <sys/sysmacros.h>

namespace ringbell::lock_table {

std::optional<std::vector<Lock>> locks_on(const struct stat& file) {
  std::ifstream table("/proc/locks");
  if (!table) return std::nullopt;
  const std::string wanted =
      fmt::format("{:02x}:{:02x}:{}", major(file.st_dev), minor(file.st_dev), file.st_ino);
  std::vector<Lock> found;
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string number, advice, access, where;
    Lock lock;
    words >> number >> lock.type >> advice >> access >> lock.pid >> where;
    if (where == wanted) found.push_back(std::move(lock));  // one that waits begins with "->"
  }
  return found;
}

}  // namespace ringbell::lock_table
