// What wakes a sleeper. The bell word (core/parking.hpp) says whether a side sleeps; the doorbell
// is the system call that puts it to sleep and the one that wakes it.
#pragma once

#include <cstdint>

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

class RINGBELL_API Doorbell {
 public:
  // A doorbell that needs no descriptor. REQUIRES: kind is none or futex.
  explicit Doorbell(core::DoorbellKind kind) noexcept;
  // Errors: system, if there is no eventfd to be had.
  [[nodiscard]] static Result<Doorbell> create_eventfd();
  // Takes the descriptor over. Errors: invalid_argument, if it is no eventfd.
  [[nodiscard]] static Result<Doorbell> from_eventfd(FileDescriptor fd);

  // Sleeps until rung, until `timeout`, a signal, or for no reason; at once if `word` is no longer
  // `parked`. An eventfd's sleeper also wakes up when the other end of the socket `sign_of_life` is
  // closed. The caller looks at its condition again. REQUIRES: not none.
  void sleep(const std::uint32_t& word, std::uint32_t parked, Timeout timeout,
             int sign_of_life = -1) const noexcept;

  // Wakes all that sleep on `word`. REQUIRES: not none.
  void wake(std::uint32_t& word) const noexcept;

  // Forgets that it was rung. A futex keeps no such memory.
  void silence() const noexcept;

  // -1 unless it is an eventfd.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  Doorbell(core::DoorbellKind kind, FileDescriptor fd) noexcept;

  core::DoorbellKind kind_;
  FileDescriptor fd_;
};

}  // namespace ringbell
