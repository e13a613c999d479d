#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <linux/io_uring.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/names/name_folder.hpp>
#include <ringbell/transport/sleep/membarrier.hpp>

#include "bench/floors/floor.hpp"
#include "bench/harness/placement.hpp"
#include "tools/doctor/machine.hpp"

namespace ringbell::bench {
namespace {

FileDescriptor sealable_memory() {
  return FileDescriptor{::memfd_create("ringbell-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
}

bool can_seal() {
  const FileDescriptor memory = sealable_memory();
  return memory && ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0;
}

bool can_lock_descriptions() {
  const FileDescriptor memory = sealable_memory();
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_len = 1;
  return memory && ::fcntl(memory.get(), F_OFD_SETLK, &lock) == 0;
}

int io_uring_errno() {
  io_uring_params params{};
  const FileDescriptor ring{static_cast<int>(::syscall(__NR_io_uring_setup, 1, &params))};
  return ring ? 0 : errno;
}

// The folder is made when it is needed, what is above it is not.
void find_names(Trials& trials) {
  const Result<std::vector<std::string>> folders = NameFolder::candidates();
  trials.names_folder = folders ? folders->front() : ::secure_getenv("RINGBELL_DIR");
  if (!folders) {
    trials.names_refusal = folders.error().message;
    return;
  }
  const auto there = NameFolder::open_at(trials.names_folder, false);
  if (!there) trials.names_refusal = there.error().message;
  trials.names_on = file_system_of(trials.names_folder);
  if (trials.names_on) return;
  trials.names_on = file_system_of(std::filesystem::path(trials.names_folder).parent_path());
}

std::string name_of_user() {
  const passwd* const entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : "";
}

std::uint64_t memlock_bytes() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return 0;
  return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

// One way: half a round trip in which both sleep. Nothing: it cannot be measured here.
std::optional<double> wake_up_us(bool quick) {
  PairOptions pair;
  pair.cpus = choose_cpus();
  if (pair.cpus[1] < 0) return std::nullopt;
  pair.quick_wake = quick;
  pair.deadline = std::chrono::seconds(10);
  const Result<FloorFigures> figures = futex_trips(pair, {200, 2000});
  if (!figures) return std::nullopt;
  return figures->p50_ns / 2 / 1000;
}

}  // namespace

Trials try_machine(bool measure) {
  Trials trials;
  trials.memfd = can_seal();
  trials.ofd_locks = can_lock_descriptions();
  trials.membarrier = membarrier::can_issue();
  trials.io_uring_errno = io_uring_errno();
  find_names(trials);
  trials.memlock_bytes = memlock_bytes();
  trials.user_id = ::geteuid();
  trials.user_name = name_of_user();
  trials.cpus = allowed_cpus();
  if (measure) {
    if (const std::optional<double> usual = wake_up_us(false)) {
      trials.wake_up = WakeUp{*usual, wake_up_us(true)};
    }
  }
  return trials;
}

}  // namespace ringbell::bench
