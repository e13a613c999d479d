// The kernel's modules, loaded for one test and gone after it, and what a process does with them.
// Only in the machine of `./dev vm kernel`: anywhere else the tests are skipped.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

#include <kernel/ioctl.h>

#include <tests/support/child_process.hpp>

namespace ringbell::test {

// Where ringbell.ko and the samples are; empty: no module may be loaded here.
[[nodiscard]] inline std::string modules_folder() {
  const char* const folder = std::getenv("RINGBELL_MODULES");
  std::string told;
  std::getline(std::ifstream("/proc/cmdline"), told);
  const bool may = told.find("ringbell_may_be_loaded") != std::string::npos;
  return may && folder != nullptr ? folder : "";
}

// 0 or errno.
[[nodiscard]] inline int load_module(const std::string& name, const std::string& parameters = {}) {
  const std::string path = modules_folder() + "/" + name + ".ko";
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return ::syscall(SYS_finit_module, file.get(), parameters.c_str(), 0) == 0 ? 0 : errno;
}
[[nodiscard]] inline int unload_module(const char* name) {
  return ::syscall(SYS_delete_module, name, O_NONBLOCK) == 0 ? 0 : errno;
}

// What a module says of itself, or takes.
[[nodiscard]] inline std::string parameter_path(const std::string& module,
                                                const std::string& name) {
  return "/sys/module/" + module + "/parameters/" + name;
}
[[nodiscard]] inline long parameter(const std::string& module, const std::string& name) {
  long value = -1;
  std::ifstream(parameter_path(module, name)) >> value;
  return value;
}
inline void set_parameter(const std::string& module, const std::string& name, long value) {
  std::ofstream(parameter_path(module, name)) << value;
}
[[nodiscard]] inline long counted(const char* what) { return parameter("ringbell_counter", what); }

[[nodiscard]] inline rb_attach attach_words(const ChannelFds& fds, std::uint32_t role,
                                            std::uint64_t argument = 0,
                                            std::string_view peer = "counter") {
  rb_attach words{};
  words.memory_fd = fds.memory;
  words.data_fd = fds.data_bell;
  words.space_fd = fds.space_bell;
  words.role = role;
  words.argument = argument;
  std::memcpy(words.peer, peer.data(), peer.size());
  return words;
}

// An open /dev/ringbell.
class KernelDevice {
 public:
  KernelDevice() : file_(::open("/dev/ringbell", O_RDWR | O_CLOEXEC)) {}
  // 0 or errno.
  [[nodiscard]] int attach(const rb_attach& words) const {
    return ::ioctl(file_.get(), RB_ATTACH, &words) == 0 ? 0 : errno;
  }
  [[nodiscard]] int fd() const noexcept { return file_.get(); }
  void close() { file_ = FileDescriptor(); }

 private:
  FileDescriptor file_;
};

// Until the module says so, or time is up.
[[nodiscard]] inline bool comes_to(const char* what, long value) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (counted(what) != value) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// The record of the peer "counter" (kernel/samples/counter.c).
inline constexpr std::uint32_t kLongestCount = 64;
[[nodiscard]] constexpr std::uint32_t size_of_count(std::uint64_t number) noexcept {
  return static_cast<std::uint32_t>(8 + number % 57);
}
inline void write_count(std::span<std::byte> into, std::uint64_t number) noexcept {
  std::memcpy(into.data(), &number, sizeof number);
  for (std::size_t i = sizeof number; i < into.size(); ++i) into[i] = std::byte(number + i);
}
[[nodiscard]] inline bool is_count(std::span<const std::byte> record,
                                   std::uint64_t number) noexcept {
  std::byte expected[kLongestCount];
  const std::uint32_t size = size_of_count(number);
  write_count(std::span(expected, size), number);
  return record.size() == size && std::memcmp(record.data(), expected, size) == 0;
}

// How many records came as they should, of `count`.
[[nodiscard]] inline std::uint64_t receive_counts(Receiver& receiver, std::uint64_t count,
                                                  std::uint64_t first = 0) {
  std::uint64_t number = 0;
  for (; number < count; ++number) {
    const auto record = receiver.peek_for(kPatience);
    if (!record || !*record || !is_count(**record, first + number)) break;
    receiver.release();
  }
  return number;
}

// How many could be sent, of `count`.
[[nodiscard]] inline std::uint64_t send_counts(Sender& sender, std::uint64_t count,
                                               std::uint64_t first = 0) {
  std::uint64_t number = 0;
  for (; number < count; ++number) {
    const auto room = sender.claim_for(size_of_count(first + number), kPatience);
    if (!room || !*room) break;
    write_count(**room, first + number);
    sender.commit();
  }
  return number;
}

class KernelPeerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (modules_folder().empty()) GTEST_SKIP() << "no module is loaded here; ./dev vm kernel";
    ASSERT_EQ(load_module("ringbell"), 0);
    ASSERT_EQ(load_module("ringbell_counter", counter_parameters()), 0);
    ASSERT_EQ(::access("/dev/ringbell", R_OK | W_OK), 0);
  }
  // Nothing is held once the descriptors are closed, and so both can go.
  void TearDown() override {
    if (modules_folder().empty()) return;
    expect_nothing_held();
    EXPECT_EQ(unload_module("ringbell_counter"), 0);
    EXPECT_EQ(unload_module("ringbell"), 0);
  }
  [[nodiscard]] virtual std::string counter_parameters() const { return {}; }

  static void expect_nothing_held() {
    EXPECT_EQ(parameter("ringbell", "sessions"), 0);
    EXPECT_EQ(parameter("ringbell", "pages"), 0);
  }

  [[nodiscard]] static Channel make_channel(ChannelOptions options = {.capacity_bytes = 65536}) {
    options.doorbell = core::DoorbellKind::eventfd;
    return Channel::create(options).value();
  }
};

}  // namespace ringbell::test
