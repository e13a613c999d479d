// Two processes: the child inherits the channel over fork, the parent sends it numbers in batches,
// and the child adds them up until the parent closes its side.
#include <cstdint>
#include <cstdio>
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

bool parent(ringbell::Channel channel) {
  auto sender = ringbell::Sender::open(std::move(channel));
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
  if (pid == 0) {
    const int result = child(std::move(*channel));
    std::fflush(stdout);
    ::_exit(result);
  }
  const bool sent = parent(std::move(*channel));
  int status = 1;
  ::waitpid(pid, &status, 0);
  return sent && status == 0 ? 0 : 1;
}
