// A file from one process to another without a copy in between: the kernel reads it straight into
// the ring and writes it straight out of it. A loop can do that for many at a time.
#include <cstdio>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

// Runs one stream to its end; the bytes that it moved, or -1.
template <class Start>
long run(Start&& start) {
  auto loop = ringbell::UringLoop::create();
  if (!loop) return std::puts(loop.error().message.c_str()), -1;
  long moved = -1;
  const auto started = start(*loop, [&](const ringbell::StreamEnd& end) {
    if (end.result) moved = static_cast<long>(end.bytes);
  });
  if (!started) return std::puts(started.error().message.c_str()), -1;
  if (!loop->run()) return -1;  // until there is nothing left to do
  return moved;
}

}  // namespace

int main() {
  if (!ringbell::UringLoop::create()) return std::puts("no io_uring here"), 0;
  auto channel = ringbell::Channel::create({.doorbell = ringbell::core::DoorbellKind::eventfd});
  if (!channel) return std::puts(channel.error().message.c_str()), 1;
  const int source = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  const int copy = ::memfd_create("copy", MFD_CLOEXEC);
  if (::fork() == 0) {
    auto receiver = ringbell::Receiver::open(std::move(*channel));
    const long written = run([&](ringbell::UringLoop& loop, auto done) {
      return loop.write_from(*receiver, copy, {.offset = 0, .depth = 4}, done);
    });
    return written < 0 ? 1 : 0;
  }
  long read = -1;
  {
    auto sender = ringbell::Sender::open(std::move(*channel));
    read = run([&](ringbell::UringLoop& loop, auto done) {
      return loop.read_into(*sender, source, {.offset = 0, .depth = 4}, done);
    });
  }  // closes in order: the child's stream ends
  int status = 1;
  if (::wait(&status) < 0 || status != 0) return 1;
  std::printf("%ld bytes came over\n", ::lseek(copy, 0, SEEK_END));
  return read > 0 && ::lseek(copy, 0, SEEK_END) == read ? 0 : 1;
}
