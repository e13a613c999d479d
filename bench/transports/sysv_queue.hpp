// One System V message queue that cannot be left behind.
//
// A System V queue lives until a process removes it, and removing it makes it unusable at once, so
// the trick of the other transports, to unlink the name while both ends are open, does not work. A
// guardian process makes the queue and removes it as soon as the owner lets go or dies; the owner
// removes it itself should the guardian have died. The guardian has a session of its own and blocks
// all signals, so that what ends the owner (Ctrl-C, a signal to the process group) leaves it its
// work.
#pragma once

#include <cstddef>
#include <utility>

#include <sys/types.h>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell::bench {

class SysvQueue {
 public:
  // Errors: system, no_space (too many queues), unsupported.
  [[nodiscard]] static Result<SysvQueue> create();

  SysvQueue(SysvQueue&& other) noexcept
      : id_(std::exchange(other.id_, -1)),
        guardian_(std::exchange(other.guardian_, -1)),
        life_line_(std::move(other.life_line_)) {}
  SysvQueue& operator=(SysvQueue&&) = delete;
  ~SysvQueue();

  // For msgsnd and msgrcv; forked processes use the same.
  [[nodiscard]] int id() const noexcept { return id_; }

 private:
  SysvQueue(int id, pid_t guardian, FileDescriptor life_line) noexcept
      : id_(id), guardian_(guardian), life_line_(std::move(life_line)) {}

  int id_;
  pid_t guardian_;
  FileDescriptor life_line_;  // the guardian waits for its end of file
};

// The largest message that the machine allows (kernel.msgmax).
[[nodiscard]] std::size_t sysv_message_limit();

}  // namespace ringbell::bench
