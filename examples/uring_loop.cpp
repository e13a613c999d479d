// A file from one process to another without a copy in between: the kernel reads it straight into
// the ring and writes it straight out of it. A loop can do that for many at a time. The program
// that gets the file listens under a name, and starts the other one, which connects.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
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

int send(const char* path, const char* name) {
  auto peer = ringbell::connect(name);
  if (!peer) return std::puts(peer.error().message.c_str()), 1;
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  const long read = run([&](ringbell::UringLoop& loop, auto done) {
    return loop.read_into(peer->sender, file, {.offset = 0, .depth = 4}, done);
  });
  return read > 0 ? 0 : 1;  // the sender closes in order: the other program's stream ends
}

}  // namespace

int main(int argc, char** argv) {
  if (!ringbell::UringLoop::create()) return std::puts("no io_uring here"), 0;
  if (argc > 1) return send(argv[0], argv[1]);  // this very program
  const std::string name = "files-" + std::to_string(::getpid());
  auto listener = ringbell::Listener::open(name);  // its channels ring by eventfd
  if (!listener) return std::puts(listener.error().message.c_str()), 1;
  if (::fork() == 0) return ::execl(argv[0], argv[0], name.c_str(), nullptr);
  auto peer = listener->accept(std::chrono::seconds(20));
  if (!peer || !*peer) return std::puts("the other program did not come"), 1;
  const int copy = ::memfd_create("copy", MFD_CLOEXEC);
  const long written = run([&](ringbell::UringLoop& loop, auto done) {
    return loop.write_from((*peer)->receiver, copy, {.offset = 0, .depth = 4}, done);
  });
  std::printf("%ld bytes came over\n", written);
  return written == static_cast<long>(std::filesystem::file_size(argv[0])) ? 0 : 1;
}
