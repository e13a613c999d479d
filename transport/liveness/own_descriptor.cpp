#include <ringbell/transport/liveness/own_descriptor.hpp>

#include <algorithm>
#include <mutex>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

namespace ringbell {
namespace {

// All of this process. Locked over a fork, so that no thread is amid a change of it.
class Registry {
 public:
  // Never destroyed: descriptors may be owned by objects that live longer than any static one.
  static Registry& instance() {
    static Registry* const registry = new Registry;
    return *registry;
  }

  FileDescriptor open(const char* path, int flags) {
    const std::scoped_lock lock(mutex_);
    fds_.reserve(fds_.size() + 1);
    FileDescriptor file{::open(path, flags | O_CLOEXEC)};
    if (file) fds_.push_back(file.get());
    return file;
  }
  void remove(int fd) noexcept {
    const std::scoped_lock lock(mutex_);
    const auto found = std::find(fds_.begin(), fds_.end(), fd);
    if (found == fds_.end()) return;  // of the parent
    *found = fds_.back();
    fds_.pop_back();
  }

 private:
  Registry() {
    ::pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                     [] {
                       instance().leave_to_parent();
                       instance().mutex_.unlock();
                     });
  }

  void leave_to_parent() noexcept {
    for (const int fd : fds_) {
      // Closed first, so that there is a number to be had for what replaces it.
      ::close(fd);
      const int nothing = ::open("/", O_PATH | O_CLOEXEC);
      if (nothing < 0 || nothing == fd) continue;
      ::dup3(nothing, fd, O_CLOEXEC);
      ::close(nothing);
    }
    fds_.clear();
  }

  std::mutex mutex_;
  std::vector<int> fds_;
};

}  // namespace

OwnDescriptor OwnDescriptor::open(const char* path, int flags) {
  return OwnDescriptor(Registry::instance().open(path, flags));
}

OwnDescriptor::~OwnDescriptor() {
  if (file_) Registry::instance().remove(file_.get());
}

}  // namespace ringbell
