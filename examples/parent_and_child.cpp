// Two processes: the child inherits the channel over fork, the parent sends it numbers in batches,
// and the child adds them up until the parent closes its side.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

constexpr std::uint64_t kNumbers = 100'000;

int child(ringbell::Channel channel) {
  auto receiver = ringbell::Receiver::open(std::move(channel));
  if (!receiver) return 1;
  std::uint64_t sum = 0;
  const auto add = [&sum](std::span<const std::byte> record) {
    std::uint64_t number = 0;
    std::memcpy(&number, record.data(), sizeof number);
    sum += number;
  };
  while (receiver->peek_for()) receiver->drain(add);  // sleeps; ends when the parent has closed
  std::printf("the child added up to %llu\n", static_cast<unsigned long long>(sum));
  return sum == kNumbers * (kNumbers - 1) / 2 ? 0 : 1;
}

// The pidfd tells of a child that ends before it has opened its end; valgrind 3.19 gives none.
bool parent(ringbell::Channel channel, pid_t pid) {
  auto life = ringbell::open_process(pid);
  auto sender = ringbell::Sender::open(std::move(channel), {},
                                       life ? std::move(*life) : ringbell::FileDescriptor());
  if (!sender) return false;
  for (std::uint64_t number = 0; number < kNumbers; ++number) {
    auto room = sender->claim_for(sizeof number);  // waits if the child is behind
    if (!room) return false;
    std::memcpy((*room)->data(), &number, sizeof number);
    sender->stage();
    if (number % 16 == 15) sender->flush();  // sixteen become visible with one store
  }
  return sender->flush(), true;
}

}  // namespace

int main() {
  auto channel = ringbell::Channel::create();
  if (!channel) return std::puts(channel.error().message.c_str()), 1;
  const pid_t pid = ::fork();
  if (pid < 0) return 1;
  if (pid == 0) std::exit(child(std::move(*channel)));
  const bool sent = parent(std::move(*channel), pid);
  int status = 1;
  ::waitpid(pid, &status, 0);
  return sent && status == 0 ? 0 : 1;
}
