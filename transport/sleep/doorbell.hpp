// What wakes a sleeper. The bell word (core/parking.hpp) says whether a side sleeps; the doorbell
// is the system call that puts it to sleep and the one that wakes it.
#pragma once

#include <cstdint>

#include <ringbell/core/layout.hpp>
#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>
#include <ringbell/transport/base/sign_of_life.hpp>
#include <ringbell/transport/sleep/wait.hpp>

namespace ringbell {

// "none", "futex" or "eventfd", for people; "unknown" of a number that is none of them.
RINGBELL_API [[nodiscard]] const char* name_of(core::DoorbellKind kind) noexcept;

class RINGBELL_API Doorbell {
 public:
  // A doorbell that needs no descriptor. REQUIRES: kind is none or futex.
  explicit Doorbell(core::DoorbellKind kind) noexcept;
  // Errors: system, if there is no eventfd to be had.
  [[nodiscard]] static Result<Doorbell> create_eventfd();
  // Takes the descriptor over. Errors: invalid_argument, if it is no eventfd.
  [[nodiscard]] static Result<Doorbell> from_eventfd(FileDescriptor fd);
  // In place of an eventfd, between two sides that do not trust each other: one of two connected
  // stream sockets, of which the peer has the other. wake() sends there and never waits, whatever
  // the peer does; a sleeper receives there, and is woken by its own process through an eventfd
  // that the peer does not have. Errors: invalid_argument, if it is no such socket; system.
  [[nodiscard]] static Result<Doorbell> from_socket(FileDescriptor socket);
  // For the other bell of that channel: the descriptors stay those of `owner`, which must live as
  // long. REQUIRES: is_socket().
  [[nodiscard]] static Doorbell shared_with(const Doorbell& owner) noexcept;

  // Sleeps until rung, until `timeout`, a signal, or for no reason; at once if `word` is no longer
  // `parked`. An eventfd's sleeper also wakes up when `sign_of_life` is over. The caller looks at
  // its condition again. REQUIRES: not none.
  void sleep(const std::uint32_t& word, std::uint32_t parked, Timeout timeout,
             const SignOfLife& sign_of_life = SignOfLife()) const noexcept;

  // Wakes all that sleep on `word`; the peer, if it is a socket. REQUIRES: not none.
  void wake(std::uint32_t& word) const noexcept;
  // Wakes one of them, if any sleeps: false, if none does. REQUIRES: a futex.
  [[nodiscard]] bool wake_one(std::uint32_t& word) const noexcept;
  // The same where the sleeper, or the loop, is this very side.
  void wake_own(std::uint32_t& word) const noexcept;

  // Forgets that it was rung. A futex keeps no such memory.
  void silence() const noexcept;

  // -1 unless it is an eventfd or a socket.
  [[nodiscard]] int fd() const noexcept { return fd_ ? fd_.get() : shared_fd_; }
  [[nodiscard]] bool is_socket() const noexcept { return own_fd() >= 0; }
  // A descriptor that is readable when the socket or the process's own eventfd is. REQUIRES:
  // is_socket(). Errors: system.
  [[nodiscard]] Result<FileDescriptor> make_waitable() const;

 private:
  Doorbell(core::DoorbellKind kind, FileDescriptor fd, FileDescriptor own = {}) noexcept;
  [[nodiscard]] int own_fd() const noexcept { return own_ ? own_.get() : shared_own_fd_; }

  core::DoorbellKind kind_;
  FileDescriptor fd_;
  FileDescriptor own_;  // beside a socket: what this process rings for itself
  int shared_fd_ = -1;  // the owner's
  int shared_own_fd_ = -1;
};

}  // namespace ringbell
