// Many processes log, one writes to disk. Each has a lane of its own, so that none waits for
// another, and one that dies in the middle of a line costs the others nothing.
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

constexpr int kPrograms = 4;
constexpr int kLines = 1000;

int log_lines(int fd, int program) {
  auto region = ringbell::Region::attach(ringbell::FileDescriptor(::dup(fd)));
  if (!region) return 1;
  auto log = ringbell::Contributor::open(std::move(*region));
  for (int line = 0; log && line < kLines; ++line) {
    auto room = log->claim_for(64);  // formatted into the ring itself
    if (!room) return 1;             // the writer is gone
    const int length = std::snprintf(reinterpret_cast<char*>((*room)->data()), 64,
                                     "program %d says %d\n", program, line);
    log->commit(static_cast<std::uint32_t>(length));
  }
  return log ? 0 : 1;
}

}  // namespace

int main() {
  auto region = ringbell::Region::create(ringbell::CollectorOptions{.contributors = 8}.region());
  if (!region) return std::puts(region.error().message.c_str()), 1;
  for (int program = 0; program < kPrograms; ++program) {
    if (::fork() == 0) ::_exit(log_lines(region->fd(), program));
  }
  std::FILE* file = std::tmpfile();
  auto collector = ringbell::Collector::open(std::move(*region));
  if (!collector || file == nullptr) return 1;
  int written = 0;
  while (written < kPrograms * kLines) {
    const auto line = collector->peek_for(std::chrono::seconds(5));
    if (!line || !*line) break;  // nothing was logged for a while
    const std::span<const std::byte> text = **line;
    written += std::fwrite(text.data(), 1, text.size(), file) == text.size() ? 1 : 0;
    collector->release();
  }
  std::printf("%d lines of %d programs, %ld bytes\n", written, kPrograms, std::ftell(file));
  int failed = std::fclose(file) != 0 || written != kPrograms * kLines;
  for (int status = 1; ::wait(&status) > 0;) failed += status != 0;
  return failed;
}
