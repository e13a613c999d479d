// io_uring as UringLoop (uring_loop.hpp) needs it: requests go in, completions come out. Rings and
// endpoints are unknown here.
//
// A request is kept until submit_and_wait() has room for it: asking never fails. Its memory must
// stay until its completion has come out, also after cancel().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <ringbell/transport/base/error.hpp>
#include <ringbell/transport/base/export.hpp>
#include <ringbell/transport/sleep/wait.hpp>

struct io_uring_sqe;

namespace ringbell {

class RINGBELL_PRIVATE_API Uring {
 public:
  struct Completion {
    std::uint64_t tag;    // the request's
    std::int32_t result;  // what its system call returns: >= 0, or -errno
    bool more;            // the request goes on and will complete again
  };

  // The position of a pipe, a socket, or a file that is to go on where it stands.
  static constexpr std::uint64_t kNoOffset = ~std::uint64_t{0};
  // In place of what pin() returned: memory that the kernel looks up at each request.
  static constexpr int kNotPinned = -1;

  // With `entries` places for requests that are on their way to the kernel. The kernel's worker
  // threads stay on the CPUs that the caller may use. Errors: unsupported, where the kernel has no
  // io_uring, or an old one, or forbids it; invalid_argument; system.
  [[nodiscard]] static Result<Uring> create(unsigned entries);

  // Whether futex_wait() is to be had: Linux 6.7.
  [[nodiscard]] bool can_wait_on_futex() const noexcept;

  // Registers memory, so that its pages are looked up and locked once and not at each read and
  // write; the result stands for it. Errors: no_space, if so much may not be locked; unsupported,
  // if such memory cannot be (a regular file's).
  [[nodiscard]] Result<int> pin(std::span<std::byte> memory);
  // REQUIRES: no request on that memory is under way.
  void unpin(int pinned) noexcept;

  // Each asks for one request and returns at once. `tag` is not 0.
  void read(int fd, std::span<std::byte> into, std::uint64_t offset, int pinned, std::uint64_t tag);
  void write(int fd, std::span<const std::byte> from, std::uint64_t offset, int pinned,
             std::uint64_t tag);
  // Completes when one of `events` (POLLIN and the like) is there, with the events as result;
  // always also for POLLERR and POLLHUP.
  void poll_once(int fd, unsigned events, std::uint64_t tag);
  // The same again and again, at each wake-up that the file gives its pollers: it is
  // edge-triggered.
  void poll_always(int fd, unsigned events, std::uint64_t tag);
  // Completes when `word` is woken, with 0; with -EAGAIN if it was not `value` any more.
  // REQUIRES: can_wait_on_futex(); the word is in shared memory.
  void futex_wait(const std::uint32_t& word, std::uint32_t value, std::uint64_t tag);
  // The request completes: as it would have, or with -ECANCELED. No completion of its own.
  void cancel(std::uint64_t tag);

  // Starts what was asked for; then waits up to `timeout` for a completion unless there is one. May
  // return earlier, after a signal. Errors: system.
  [[nodiscard]] Result<void> submit_and_wait(Timeout timeout);

  // The next completion that is there. Never waits.
  [[nodiscard]] std::optional<Completion> next() noexcept;

 private:
  struct Kernel;
  struct Close {
    void operator()(Kernel* kernel) const noexcept;
  };

  explicit Uring(std::unique_ptr<Kernel, Close> kernel) noexcept;
  void ask(io_uring_sqe& request, std::uint64_t tag);
  [[nodiscard]] Result<void> submit();

  std::unique_ptr<Kernel, Close> kernel_;
};

}  // namespace ringbell
