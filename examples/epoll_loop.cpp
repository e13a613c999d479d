// A receiver among other descriptors in an epoll loop: `epoll_loop receive` sleeps on the channel's
// bell, and on whatever else it would like to; `epoll_loop send` connects to it. Or both at once.
#include <chrono>
#include <cstdio>
#include <string_view>

#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

constexpr int kMessages = 1000, kAskAfterPeerMs = 100;  // a bell does not ring for a death

int receive() {
  auto listener = ringbell::Listener::open("epoll");  // its channels ring by eventfd
  if (!listener) return std::puts(listener.error().message.c_str()), 1;
  auto connection = listener->accept(std::chrono::seconds(20));
  if (!connection || !*connection) return std::puts("no sender came"), 1;
  ringbell::Receiver& receiver = (*connection)->receiver;
  const auto bell = receiver.waitable_fd();
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event wanted{.events = EPOLLIN, .data = {}};
  if (!bell || ::epoll_ctl(epoll, EPOLL_CTL_ADD, *bell, &wanted) != 0) return 1;

  int messages = 0;
  for (;;) {
    messages += static_cast<int>(receiver.drain([](auto) { /* use it */ }));
    if (!receiver.arm()) {  // something came just now, or the sender has closed: do not sleep
      if (!receiver.peek_for(ringbell::Timeout::zero())) break;  // closed, and all is read
      continue;
    }
    if (::epoll_wait(epoll, &wanted, 1, kAskAfterPeerMs) > 0) continue;
    if (receiver.peer() == ringbell::PeerState::dead && !receiver.peek()) break;
  }
  std::printf("%d messages came\n", messages);
  return messages == kMessages ? 0 : 1;
}

int send() {
  auto connection = ringbell::connect("epoll");
  if (!connection) return std::puts(connection.error().message.c_str()), 1;
  const char text[] = "hello, epoll";
  for (int i = 0; i < kMessages; ++i) {
    if (!connection->sender.send(std::as_bytes(std::span(text)))) return 1;
  }
  return 0;  // closes in order
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) return std::string_view(arguments[1]) == "send" ? send() : receive();
  if (::fork() == 0) ::_exit(send());
  const int result = receive();
  int status = 1;
  return ::wait(&status) > 0 && status == 0 ? result : 1;
}
