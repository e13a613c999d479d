// Logs by name: `log_shipping collect` in one terminal, `log_shipping log` in others. Each program
// has a lane of its own, so that none waits for another, and one that dies in the middle of a line
// costs the others nothing. Without an argument: four programs, and one that writes to disk.
#include <cstddef>
#include <cstdio>
#include <span>
#include <string_view>

#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

constexpr int kPrograms = 4;
constexpr int kLines = 1000;

int log_lines(int program) {
  auto log = ringbell::Contributor::open("log");
  for (int line = 0; log && line < kLines; ++line) {
    auto room = log->claim_for(64);  // formatted into the ring itself
    if (!room) return 1;             // the writer is gone
    const int length = std::snprintf(reinterpret_cast<char*>((*room)->data()), 64,
                                     "program %d says %d\n", program, line);
    log->commit(static_cast<std::uint32_t>(length));
  }
  return log ? 0 : 1;
}

int collect(int programs) {
  auto collector = ringbell::Collector::create("log", {.contributors = 8});
  std::FILE* file = std::tmpfile();
  if (!collector || file == nullptr) return std::puts("the log is in use"), 1;
  int written = 0;
  while (written < programs * kLines) {
    const auto line = collector->peek_for(std::chrono::seconds(20));
    if (!line || !*line) break;  // nothing was logged for a while
    const std::span<const std::byte> text = **line;
    written += std::fwrite(text.data(), 1, text.size(), file) == text.size() ? 1 : 0;
    collector->release();
  }
  std::printf("%d lines of %d programs, %ld bytes\n", written, programs, std::ftell(file));
  return std::fclose(file) != 0 || written != programs * kLines;
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) {
    return std::string_view(arguments[1]) == "collect" ? collect(1) : log_lines(::getpid());
  }
  for (int program = 0; program < kPrograms; ++program) {
    if (::fork() == 0) ::_exit(log_lines(program));
  }
  int failed = collect(kPrograms);
  for (int status = 1; ::wait(&status) > 0;) failed += status != 0;
  return failed;
}
