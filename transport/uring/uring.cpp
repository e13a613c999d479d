#include <ringbell/transport/uring/uring.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <deque>
#include <utility>

#include <fmt/format.h>
#include <liburing.h>
#include <sched.h>
#include <sys/uio.h>

#include <ringbell/transport/base/deadline.hpp>
#include <ringbell/transport/base/file_descriptor.hpp>

namespace ringbell {
namespace {

constexpr unsigned kMostEntries = 32768;
constexpr unsigned kPinPlaces = 1024;  // how many memories can be pinned at a time
constexpr std::size_t kLargestPin = std::size_t{1} << 30;

// IORING_OP_FUTEX_WAIT of Linux 6.7; headers of liburing before 2.5 do not name it.
constexpr int kOpFutexWait = 51;
constexpr int kFutex2SizeU32 = 2;  // and not FUTEX2_PRIVATE: the other side is another process
constexpr std::uint64_t kEveryWaker = 0xffffffff;

// liburing returns -errno.
tl::unexpected<Error> fail_uring(int result, const std::string& what,
                                 const std::string& remedy = {}) {
  errno = -result;
  return fail_errno(what, remedy);
}

// No io_uring for this process, whatever the errno: callers fall back on one code.
tl::unexpected<Error> fail_unsupported(int result, const std::string& what,
                                       const std::string& remedy) {
  tl::unexpected<Error> error = fail_uring(result, what, remedy);
  error.value().code = ErrorCode::unsupported;
  return error;
}

// liburing closes the ring's descriptor, so no FileDescriptor owns it.
Result<void> move_up(io_uring& ring) {
  ring.ring_fd = ring.enter_ring_fd = above_standard(ring.ring_fd);
  if (ring.ring_fd >= 0) return {};
  tl::unexpected<Error> error = fail_errno("moving io_uring's descriptor failed",
                                           "raise the limit of open files (ulimit -n)");
  ::io_uring_queue_exit(&ring);
  return error;
}

Result<void> set_up(io_uring& ring, unsigned entries) {
  io_uring_params params{};
  // COOP_TASKRUN: completions wait until the loop enters the kernel, instead of interrupting it.
  params.flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CLAMP;
  const int result = ::io_uring_queue_init_params(entries, &ring, &params);
  if (result == 0) return move_up(ring);
  switch (-result) {
    case EPERM:
    case EACCES:
      return fail_unsupported(
          result, "io_uring_setup failed",
          "io_uring is forbidden here: allow it (sysctl kernel.io_uring_disabled=0, or the "
          "container's seccomp profile), or sleep in epoll on waitable_fd()");
    case ENOSYS:
    case EINVAL:
      return fail_unsupported(
          result, "io_uring_setup failed",
          "UringLoop needs Linux 5.19; sleep in epoll on waitable_fd() instead");
    case ENOMEM:
      return fail_uring(result, "io_uring_setup failed",
                        "raise the limit of locked memory (ulimit -l) or ask for fewer entries");
    default:
      return fail_uring(result, "io_uring_setup failed",
                        "raise the limit of open files (ulimit -n)");
  }
}

// A write to a file may go to a worker thread of the kernel's, which otherwise runs anywhere.
Result<void> keep_workers_here(io_uring& ring) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (::sched_getaffinity(0, sizeof cpus, &cpus) != 0) {
    return fail_errno("sched_getaffinity failed");
  }
  const int result = ::io_uring_register_iowq_aff(&ring, sizeof cpus, &cpus);
  if (result == 0) return {};
  return fail_unsupported(result, "keeping io_uring's worker threads on this process's CPUs failed",
                          "allow io_uring_register(2)");
}

Result<void> make_pin_places(io_uring& ring) {
  const int result = ::io_uring_register_buffers_sparse(&ring, kPinPlaces);
  if (result == 0) return {};
  return fail_unsupported(result, "registering io_uring's table of buffers failed",
                          "UringLoop needs Linux 5.19 and io_uring_register(2)");
}

bool knows_futex_wait(io_uring& ring) {
  io_uring_probe* const probe = ::io_uring_get_probe_ring(&ring);
  const bool knows = probe != nullptr && ::io_uring_opcode_supported(probe, kOpFutexWait) != 0;
  ::io_uring_free_probe(probe);
  return knows;
}

}  // namespace

struct Uring::Kernel {
  io_uring ring{};
  std::deque<io_uring_sqe> waiting{};  // requests that found no place in the submission queue
  std::array<bool, kPinPlaces> pinned{};
  bool futex_wait = false;
};

void Uring::Close::operator()(Kernel* kernel) const noexcept {
  ::io_uring_queue_exit(&kernel->ring);
  delete kernel;
}

Uring::Uring(std::unique_ptr<Kernel, Close> kernel) noexcept : kernel_(std::move(kernel)) {}

Result<Uring> Uring::create(unsigned entries) {
  if (entries == 0 || entries > kMostEntries) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("entries is {}; it must be between 1 and {}", entries, kMostEntries));
  }
  auto made = std::make_unique<Kernel>();
  if (Result<void> done = set_up(made->ring, entries); !done) {
    return tl::unexpected(std::move(done.error()));
  }
  std::unique_ptr<Kernel, Close> kernel(made.release());
  if (Result<void> done = keep_workers_here(kernel->ring); !done) {
    return tl::unexpected(std::move(done.error()));
  }
  if (Result<void> done = make_pin_places(kernel->ring); !done) {
    return tl::unexpected(std::move(done.error()));
  }
  kernel->futex_wait = knows_futex_wait(kernel->ring);
  return Uring(std::move(kernel));
}

bool Uring::can_wait_on_futex() const noexcept { return kernel_->futex_wait; }

Result<int> Uring::pin(std::span<std::byte> memory) {
  if (memory.size() > kLargestPin) {
    return fail(ErrorCode::unsupported,
                fmt::format("io_uring registers at most 1 GiB at a time, not {} MiB; use rings of "
                            "up to 512 MiB, or streams with pinned = false",
                            memory.size() >> 20));
  }
  const auto free = std::find(kernel_->pinned.begin(), kernel_->pinned.end(), false);
  if (free == kernel_->pinned.end()) {
    return fail(ErrorCode::no_space,
                fmt::format("all {} places for registered memory are taken", kPinPlaces));
  }
  const auto place = static_cast<int>(free - kernel_->pinned.begin());
  const iovec range{memory.data(), memory.size()};
  const __u64 tag = 0;
  const int result = ::io_uring_register_buffers_update_tag(
      &kernel_->ring, static_cast<unsigned>(place), &range, &tag, 1);
  if (result == 1) {
    *free = true;
    return place;
  }
  const std::string what =
      fmt::format("registering {} KiB of ring memory with io_uring failed", memory.size() >> 10);
  if (result == -ENOMEM) {
    return fail_uring(
        result, what,
        "raise the limit of locked memory (ulimit -l), or use streams with pinned = false");
  }
  return fail_unsupported(result, what,
                          "such memory cannot be pinned; use streams with pinned = false");
}

void Uring::unpin(int pinned) noexcept {
  const iovec nothing{nullptr, 0};
  const __u64 tag = 0;
  ::io_uring_register_buffers_update_tag(&kernel_->ring, static_cast<unsigned>(pinned), &nothing,
                                         &tag, 1);
  kernel_->pinned[static_cast<std::size_t>(pinned)] = false;
}

void Uring::read(int fd, std::span<std::byte> into, std::uint64_t offset, int pinned,
                 std::uint64_t tag) {
  io_uring_sqe request;
  const auto length = static_cast<unsigned>(into.size());
  if (pinned == kNotPinned) {
    ::io_uring_prep_read(&request, fd, into.data(), length, offset);
  } else {
    ::io_uring_prep_read_fixed(&request, fd, into.data(), length, offset, pinned);
  }
  ask(request, tag);
}

void Uring::write(int fd, std::span<const std::byte> from, std::uint64_t offset, int pinned,
                  std::uint64_t tag) {
  io_uring_sqe request;
  const auto length = static_cast<unsigned>(from.size());
  if (pinned == kNotPinned) {
    ::io_uring_prep_write(&request, fd, from.data(), length, offset);
  } else {
    ::io_uring_prep_write_fixed(&request, fd, from.data(), length, offset, pinned);
  }
  ask(request, tag);
}

void Uring::poll_once(int fd, unsigned events, std::uint64_t tag) {
  io_uring_sqe request;
  ::io_uring_prep_poll_add(&request, fd, events);
  ask(request, tag);
}

void Uring::poll_always(int fd, unsigned events, std::uint64_t tag) {
  io_uring_sqe request;
  ::io_uring_prep_poll_multishot(&request, fd, events);
  ask(request, tag);
}

void Uring::futex_wait(const std::uint32_t& word, std::uint32_t value, std::uint64_t tag) {
  assert(can_wait_on_futex());
  io_uring_sqe request;
  ::io_uring_prep_rw(kOpFutexWait, &request, kFutex2SizeU32, &word, 0, value);
  request.addr3 = kEveryWaker;
  ask(request, tag);
}

void Uring::cancel(std::uint64_t tag) {
  io_uring_sqe request;
  ::io_uring_prep_cancel64(&request, tag, 0);
  request.flags |= IOSQE_CQE_SKIP_SUCCESS;
  // A request that is over already cannot be cancelled, and this one completes to say so: tag 0.
  ask(request, 0);
}

void Uring::ask(io_uring_sqe& request, std::uint64_t tag) {
  ::io_uring_sqe_set_data64(&request, tag);
  io_uring_sqe* const place =
      kernel_->waiting.empty() ? ::io_uring_get_sqe(&kernel_->ring) : nullptr;
  if (place != nullptr) {
    *place = request;
  } else {
    kernel_->waiting.push_back(request);
  }
}

Result<void> Uring::submit() {
  std::deque<io_uring_sqe>& waiting = kernel_->waiting;
  do {
    while (!waiting.empty()) {
      io_uring_sqe* const place = ::io_uring_get_sqe(&kernel_->ring);
      if (place == nullptr) break;
      *place = waiting.front();
      waiting.pop_front();
    }
    if (::io_uring_sq_ready(&kernel_->ring) == 0) return {};
    const int result = ::io_uring_submit(&kernel_->ring);
    // Not now: no memory for the moment, or completions that must be taken out first.
    if (result == -EAGAIN || result == -EBUSY || result == -EINTR) return {};
    if (result < 0) return fail_uring(result, "io_uring_enter failed");
  } while (!waiting.empty());
  return {};
}

Result<void> Uring::submit_and_wait(Timeout timeout) {
  if (timeout <= Timeout::zero() || !kernel_->waiting.empty()) {
    if (Result<void> done = submit(); !done || timeout <= Timeout::zero()) return done;
  }
  auto limit = to_timespec<__kernel_timespec>(timeout);
  io_uring_cqe* first = nullptr;
  const int result = ::io_uring_submit_and_wait_timeout(&kernel_->ring, &first, 1, &limit, nullptr);
  if (result >= 0 || result == -ETIME || result == -EINTR) return {};
  if (result == -EAGAIN || result == -EBUSY) return {};
  return fail_uring(result, "waiting for io_uring failed");
}

std::optional<Uring::Completion> Uring::next() noexcept {
  for (io_uring_cqe* done = nullptr; ::io_uring_peek_cqe(&kernel_->ring, &done) == 0;) {
    const Completion completion{::io_uring_cqe_get_data64(done), done->res,
                                (done->flags & IORING_CQE_F_MORE) != 0};
    ::io_uring_cqe_seen(&kernel_->ring, done);
    if (completion.tag != 0) return completion;
  }
  return std::nullopt;
}

}  // namespace ringbell
