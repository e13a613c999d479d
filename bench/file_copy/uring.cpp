#include "bench/file_copy/uring.hpp"

#include <cassert>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <sched.h>
#include <sys/uio.h>

namespace ringbell::bench {
namespace {

// liburing returns -errno.
tl::unexpected<Error> fail_uring(int result, const std::string& what, const std::string& remedy) {
  errno = -result;
  return fail_errno(what, remedy);
}

// A write to a file may go to a worker thread of the kernel's, which otherwise runs anywhere.
Result<void> keep_workers_here(io_uring& ring) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (::sched_getaffinity(0, sizeof cpus, &cpus) != 0)
    return fail_errno("sched_getaffinity failed");
  const int result = ::io_uring_register_iowq_aff(&ring, sizeof cpus, &cpus);
  if (result == 0) return {};
  return fail_uring(result, "pinning io_uring's worker threads failed", "it needs Linux 5.14");
}

}  // namespace

void Uring::Exit::operator()(io_uring* ring) const noexcept {
  ::io_uring_queue_exit(ring);
  delete ring;
}

Uring::Uring(Ring ring) noexcept : ring_(std::move(ring)) {}

Result<Uring> Uring::create(unsigned depth, std::span<std::byte> fixed) {
  auto made = std::make_unique<io_uring>();
  int result = ::io_uring_queue_init(depth, made.get(), 0);
  if (result != 0) {
    return fail_uring(
        result, "io_uring_setup failed",
        "where a seccomp filter or kernel.io_uring_disabled forbids io_uring, allow it "
        "(sysctl kernel.io_uring_disabled=0) or do without this row");
  }
  Ring ring(made.release());
  const iovec range{fixed.data(), fixed.size()};
  result = ::io_uring_register_buffers(ring.get(), &range, 1);
  if (result != 0) {
    return fail_uring(
        result,
        fmt::format("registering {} KiB of ring memory with io_uring failed", fixed.size() / 1024),
        "raise the limit of locked memory (ulimit -l)");
  }
  const Result<void> kept = keep_workers_here(*ring);
  if (!kept) return tl::unexpected(kept.error());
  return Uring(std::move(ring));
}

void Uring::read(int fd, std::span<std::byte> into, std::uint64_t offset,
                 std::uint64_t tag) noexcept {
  io_uring_sqe* const entry = ::io_uring_get_sqe(ring_.get());
  assert(entry != nullptr);
  ::io_uring_prep_read_fixed(entry, fd, into.data(), static_cast<unsigned>(into.size()), offset, 0);
  ::io_uring_sqe_set_data64(entry, tag);
}

void Uring::write(int fd, std::span<const std::byte> from, std::uint64_t offset,
                  std::uint64_t tag) noexcept {
  io_uring_sqe* const entry = ::io_uring_get_sqe(ring_.get());
  assert(entry != nullptr);
  ::io_uring_prep_write_fixed(entry, fd, from.data(), static_cast<unsigned>(from.size()), offset,
                              0);
  ::io_uring_sqe_set_data64(entry, tag);
}

Result<Uring::Completion> Uring::wait() {
  io_uring_cqe* done = nullptr;
  int result = ::io_uring_submit(ring_.get());
  if (result >= 0) result = ::io_uring_wait_cqe(ring_.get(), &done);
  if (result < 0) return fail_uring(result, "waiting for io_uring failed", {});
  const Completion completion{::io_uring_cqe_get_data64(done), done->res};
  ::io_uring_cqe_seen(ring_.get(), done);
  return completion;
}

}  // namespace ringbell::bench
