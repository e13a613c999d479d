#include <ringbell/transport/base/private_descriptors.hpp>

#include <algorithm>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <ringbell/transport/base/no_cancellation.hpp>

namespace ringbell {

PrivateDescriptors& PrivateDescriptors::instance() {
  static PrivateDescriptors* const all = new PrivateDescriptors;
  return *all;
}

PrivateDescriptors::PrivateDescriptors() {
  ::pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                   [] {
                     instance().leave_to_parent();
                     instance().mutex_.unlock();
                   });
}

// Without memory for its list it throws, and those that were made are their owner's alone.
void PrivateDescriptors::make(const std::function<std::span<const FileDescriptor>()>& open) {
  const NoCancellation whole;
  const std::scoped_lock lock(mutex_);
  const std::span<const FileDescriptor> made = open();
  fds_.reserve(fds_.size() + made.size());
  for (const FileDescriptor& each : made) {
    if (each) fds_.push_back(each.get());
  }
}

void PrivateDescriptors::close(int fd) noexcept {
  const NoCancellation whole;
  const std::scoped_lock lock(mutex_);
  const auto found = std::find(fds_.begin(), fds_.end(), fd);
  if (found != fds_.end()) {  // else of the parent
    *found = fds_.back();
    fds_.pop_back();
  }
  ::close(fd);
}

void PrivateDescriptors::leave_to_parent() noexcept {
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

}  // namespace ringbell
