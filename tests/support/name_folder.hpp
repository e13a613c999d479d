// A folder of names for one test: $RINGBELL_DIR while it lives, gone with all that is in it after.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringbell::test {

class TemporaryNameFolder {
 public:
  TemporaryNameFolder() {
    std::array<char, 64> path{"/dev/shm/ringbell-test-XXXXXX"};
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    path_ = path.data();
    ::setenv("RINGBELL_DIR", path_.c_str(), 1);
  }
  TemporaryNameFolder(const TemporaryNameFolder&) = delete;
  TemporaryNameFolder& operator=(const TemporaryNameFolder&) = delete;
  ~TemporaryNameFolder() {
    ::unsetenv("RINGBELL_DIR");
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // The names of all files in it, sorted.
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      found.push_back(entry.path().filename());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  std::string path_;
};

}  // namespace ringbell::test
