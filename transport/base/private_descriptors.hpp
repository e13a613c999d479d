// The descriptors of this process that its children of fork() do not share
// (FileDescriptor::make_private).
#pragma once

#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell {

// Locked over a fork, so that no thread is amid a change of it.
class PrivateDescriptors {
 public:
  // Never destroyed: descriptors may be owned by objects that live longer than any static one.
  [[nodiscard]] static PrivateDescriptors& instance();

  // Of those that `open` says it made, the ones that are open.
  void make(const std::function<std::span<const FileDescriptor>()>& open);
  // No child gets a copy of it that it does not know of.
  void close(int fd) noexcept;

 private:
  PrivateDescriptors();
  void leave_to_parent() noexcept;

  std::mutex mutex_;
  std::vector<int> fds_;
};

}  // namespace ringbell
