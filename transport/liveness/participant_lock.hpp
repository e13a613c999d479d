// Liveness: a participant of a ring holds a lock that the kernel drops however its process dies.
//
// Each participant has a number, and the byte of that number in the region's file. It holds an OFD
// lock on the byte, taken on an open file description of its own (the file reopened through
// /proc/self/fd), close-on-exec. A zombie does not keep it, a reused pid does not fake it, another
// pid namespace does not confuse it, and a child of fork() does not keep it (file_descriptor.hpp).
#pragma once

#include <cstdint>
#include <string_view>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell {

class RINGBELL_API ParticipantLock {
 public:
  // `role` is for the message. Errors: busy, if a live participant holds it; system.
  [[nodiscard]] static Result<ParticipantLock> take(int region_fd, std::uint32_t number,
                                                    std::string_view role);
  // The first free one of `first` to `end - 1`, looked for from somewhere among them, so that the
  // number of a dead one is seldom the next to be given away. Errors: busy, if there is none;
  // system. REQUIRES: first < end.
  [[nodiscard]] static Result<ParticipantLock> take_any(int region_fd, std::uint32_t first,
                                                        std::uint32_t end, std::string_view role);

  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }

  // Lets go before the end, also for a child of fork() that has a copy.
  void drop() noexcept;

  // Whether another participant holds that number now. One system call. An error counts as held: a
  // doubt never declares a participant dead.
  [[nodiscard]] bool is_held(std::uint32_t number) const noexcept {
    return is_held(file_.get(), number);
  }
  // The same for a process that holds no lock on the region; `region_fd` may be open for reading
  // only.
  [[nodiscard]] static bool is_held(int region_fd, std::uint32_t number) noexcept;
  // Whether it holds any number of the region.
  [[nodiscard]] static bool any_held(int region_fd) noexcept;

 private:
  ParticipantLock(FileDescriptor file, std::uint32_t number) noexcept;

  FileDescriptor file_;
  std::uint32_t number_;
};

}  // namespace ringbell
