// A child inherits the channel over fork, and adds up the numbers that its parent sends in batches.
// By the socket between them each learns that the other is gone before it has opened its end.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

constexpr std::uint64_t kNumbers = 100'000;

int child(ringbell::Channel channel, ringbell::FileDescriptor life) {
  auto receiver = ringbell::Receiver::open(std::move(channel), {}, std::move(life));
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

bool parent(ringbell::Channel channel, ringbell::FileDescriptor life) {
  auto sender = ringbell::Sender::open(std::move(channel), {}, std::move(life));
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
  int ends[2];
  if (!channel || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return 1;
  const pid_t pid = ::fork();
  ::close(ends[pid == 0 ? 0 : 1]);  // the other one's, which it alone may hold open
  ringbell::FileDescriptor life(ends[pid == 0 ? 1 : 0]);
  if (pid == 0) std::exit(child(std::move(*channel), std::move(life)));
  const bool sent = pid > 0 && parent(std::move(*channel), std::move(life));
  int status = 1;
  ::waitpid(pid, &status, 0);
  return sent && status == 0 ? 0 : 1;
}
