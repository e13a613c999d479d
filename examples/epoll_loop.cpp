// A receiver among other descriptors in an epoll loop: the child sleeps on the channel's bell, on a
// timer's slice for the parent's death, and on whatever else it would like to.
#include <cstdio>
#include <utility>

#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

constexpr int kMessages = 1000;
constexpr int kAskAfterPeerMs = 100;  // a bell does not ring for a death

int child(ringbell::Channel channel) {
  auto receiver = ringbell::Receiver::open(std::move(channel));
  if (!receiver) return 1;
  const auto bell = receiver->waitable_fd();
  if (!bell) return std::puts(bell.error().message.c_str()), 1;
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event wanted{.events = EPOLLIN, .data = {.fd = *bell}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, *bell, &wanted) != 0) return 1;

  int messages = 0;
  for (;;) {
    messages += static_cast<int>(receiver->drain([](auto) { /* use it */ }));
    if (!receiver->arm()) {  // something came just now, or the parent has closed: do not sleep
      if (!receiver->peek_for(ringbell::Timeout::zero())) break;  // closed, and all is read
      continue;
    }
    epoll_event event{};
    if (::epoll_wait(epoll, &event, 1, kAskAfterPeerMs) > 0) continue;
    if (receiver->peer() == ringbell::PeerState::dead && !receiver->peek()) break;
  }
  ::close(epoll);
  std::printf("the child got %d messages\n", messages);
  return messages == kMessages ? 0 : 1;
}

}  // namespace

int main() {
  auto channel = ringbell::Channel::create({.doorbell = ringbell::core::DoorbellKind::eventfd});
  if (!channel) return std::puts(channel.error().message.c_str()), 1;
  if (::fork() == 0) return child(std::move(*channel));
  {
    auto sender = ringbell::Sender::open(std::move(*channel));
    const char text[] = "hello, epoll";
    for (int i = 0; sender && i < kMessages; ++i) {
      if (!sender->send(std::as_bytes(std::span(text)))) return 1;
    }
  }  // closes in order
  int status = 1;
  return ::wait(&status) > 0 && status == 0 ? 0 : 1;
}
