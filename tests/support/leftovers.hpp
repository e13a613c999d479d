// That a test leaves nothing behind: names, descriptors, System V objects, processes.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringbell::test {

// Counts at its beginning and at its end. The names are those in $RINGBELL_DIR.
class Leftovers {
 public:
  Leftovers() = default;
  Leftovers(const Leftovers&) = delete;
  Leftovers& operator=(const Leftovers&) = delete;
  ~Leftovers() {
    EXPECT_EQ(files_in("/proc/self/fd"), descriptors_) << "descriptors are left";
    EXPECT_LE(lines_of("/proc/sysvipc/shm"), shm_) << "System V memory is left";
    EXPECT_LE(lines_of("/proc/sysvipc/sem"), sem_) << "System V semaphores are left";
    EXPECT_LE(lines_of("/proc/sysvipc/msg"), msg_) << "System V queues are left";
    if (const char* const names = std::getenv("RINGBELL_DIR")) {
      EXPECT_EQ(files_in(names), 0U) << "names are left in " << names;
    }
    EXPECT_TRUE(::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) << "processes are left";
  }

 private:
  static std::size_t files_in(const std::string& folder) {
    std::error_code none;
    const std::filesystem::directory_iterator files(folder, none);
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }
  static std::size_t lines_of(const std::string& path) {
    std::ifstream file(path);
    std::size_t count = 0;
    for (std::string line; std::getline(file, line);) ++count;
    return count;
  }

  std::size_t descriptors_ = files_in("/proc/self/fd");
  std::size_t shm_ = lines_of("/proc/sysvipc/shm");
  std::size_t msg_ = lines_of("/proc/sysvipc/msg");
  std::size_t sem_ = lines_of("/proc/sysvipc/sem");
};

}  // namespace ringbell::test
