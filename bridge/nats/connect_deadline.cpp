#include "bridge/nats/connect_deadline.hpp"

#include <charconv>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>

namespace ringbell::bridge {
namespace {

std::mutex& all_connecting() {
  static std::mutex mutex;
  return mutex;
}

bool is_tcp(int fd) noexcept {
  int type = 0;
  int domain = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
         ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
         (domain == AF_INET || domain == AF_INET6);
}

// Descriptor and inode of each.
std::vector<std::pair<int, ino_t>> tcp_sockets() {
  std::vector<std::pair<int, ino_t>> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    int fd = -1;
    (void)std::from_chars(name.data(), name.data() + name.size(), fd);
    struct stat about {};
    if (::fstat(fd, &about) == 0 && S_ISSOCK(about.st_mode) && is_tcp(fd)) {
      found.emplace_back(fd, about.st_ino);
    }
  }
  return found;
}

}  // namespace

ConnectDeadline::ConnectDeadline(std::chrono::milliseconds time) : alone_(all_connecting()) {
  for (const auto& [fd, inode] : tcp_sockets()) before_.insert(inode);
  thread_ = std::thread([this, time] { watch(time); });
}

ConnectDeadline::~ConnectDeadline() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

// A pool of servers is tried one after the other: all that come too late end.
void ConnectDeadline::watch(std::chrono::milliseconds time) {
  constexpr std::chrono::milliseconds kAgain{100};
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, std::exchange(time, kAgain), [this] { return done_; })) {
    for (const auto& [fd, inode] : tcp_sockets()) {
      if (!before_.contains(inode)) (void)::shutdown(fd, SHUT_RDWR);
    }
  }
}

}  // namespace ringbell::bridge
