// The comparison as a person runs it: the built program, its exit status, what it prints and
// writes, and what it leaves behind however it ends.
#pragma once

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringbell::bench {

namespace fs = std::filesystem;

inline std::string content_of(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// True as soon as `condition` is; false after a while.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// The machine's System V queues, by id.
inline std::set<std::string> sysv_queues() {
  std::set<std::string> ids;
  for (const std::string& line : lines_of(content_of("/proc/sysvipc/msg"))) {
    std::istringstream words(line);
    std::string key;
    std::string id;
    words >> key >> id;
    if (key != "key") ids.insert(id);
  }
  return ids;
}

class Compare : public testing::Test {
 protected:
  struct Ended {
    int status;  // the exit status, or -signal
    std::string out;
    std::vector<std::string> err;
  };

  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ringbell-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    fs::remove_all(folder_);
  }

  void start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), RINGBELL_COMPARE_PROGRAM);
    std::vector<char*> words;
    words.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 1, path("stdout").c_str(), flags, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, path("stderr").c_str(), flags, 0600);
    ASSERT_EQ(::posix_spawn(&pid_, words[0], &actions, nullptr, words.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  Ended wait_for_end() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), content_of(path("stdout")),
            lines_of(content_of(path("stderr")))};
  }
  Ended run(std::vector<std::string> arguments) {
    start(std::move(arguments));
    return wait_for_end();
  }
  // One transport that is busy for seconds, so that something can happen to it.
  void start_busy(const std::string& transport) {
    start({"--quick", "--sizes", "1048576", "--transports", transport, "--out", path("out"),
           "--file", small_file()});
    ASSERT_TRUE(eventually([&] {
      return content_of(path("out") + "/compare.jsonl").find("futex") != std::string::npos &&
             children().size() >= 2;
    }));
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_ / name).string();
  }
  [[nodiscard]] std::string small_file() const {
    std::ofstream(path("small")) << std::string(1'000'003, 'x');
    return path("small");
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::vector<pid_t> children() const {
    std::istringstream words(content_of(fmt::format("/proc/{0}/task/{0}/children", pid_)));
    std::vector<pid_t> pids;
    for (pid_t child = 0; words >> child;) pids.push_back(child);
    return pids;
  }
  // Stops it in the middle of its work. False: it had come to its end already.
  [[nodiscard]] static bool stopped(pid_t one) {
    ::kill(one, SIGSTOP);
    return eventually([&] { return is(one, 'T') || has_ended(one); }) && !has_ended(one);
  }
  [[nodiscard]] static bool all_gone(const std::vector<pid_t>& pids) {
    return std::all_of(pids.begin(), pids.end(), has_ended);
  }
  // Names that the program gives to what it opens.
  [[nodiscard]] static std::vector<std::string> named_leftovers() {
    std::vector<std::string> found;
    for (const char* folder : {"/tmp", "/dev/shm", "/dev/mqueue"}) {
      std::error_code none;
      for (const auto& entry : fs::directory_iterator(folder, none)) {
        const std::string name = entry.path().string();
        for (const char* const ours : {"ringbell-compare", "roudi", "iceoryx"}) {
          if (name.find(ours) != std::string::npos) found.push_back(name);
        }
      }
    }
    return found;
  }

 private:
  static bool is(pid_t one, char state) {
    const std::string stat = content_of(fmt::format("/proc/{}/stat", one));
    return stat.find(fmt::format(") {}", state)) != std::string::npos;
  }
  static bool has_ended(pid_t one) {
    return !fs::exists(fmt::format("/proc/{}/stat", one)) || is(one, 'Z');
  }

  fs::path folder_;
  pid_t pid_ = -1;
};

}  // namespace ringbell::bench
