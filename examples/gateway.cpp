// A gateway in one thread: orders from a queue, questions by a service, lines from a socket. The
// other program is the client of all three, which finds them by name; the gateway starts it.
#include <csignal>
#include <cstdio>
#include <string>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

using namespace ringbell;

namespace {
constexpr int kOrders = 1000;
int client(const std::string& name) {
  auto orders = typed::QueueSender<int>::open(name + ".orders");
  auto counts = typed::Client<char, int>::open(name + ".counts");
  if (!orders || !counts) return 1;
  for (int order = 0; order < kOrders; ++order) {
    if (!orders->send(order)) return 1;
  }
  for (int count = 0; count < kOrders;) {  // until the gateway has taken the last one
    const auto answer = counts->call('?');
    if (!answer || !*answer) return 1;
    count = **answer;
  }
  return std::puts("the gateway has all") < 0 ? 1 : 0;  // to the socket
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return client(argv[1]);
  const std::string name = "gateway-" + std::to_string(::getpid());
  auto orders = typed::QueueReceiver<int>::create(name + ".orders");
  auto counts = typed::Server<char, int>::create(name + ".counts");
  auto loop = Loop::create();
  int sockets[2];
  if (!orders || !counts || !loop || ::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) return 1;
  if (::fork() == 0) {
    ::dup2(sockets[1], STDOUT_FILENO);
    return ::execl(argv[0], argv[0], name.c_str(), nullptr);
  }
  ::close(sockets[1]);
  int count = 0;
  auto on_order = [&] { count += orders->try_receive() ? 1 : 0; };
  auto on_call = [&] { (void)counts->serve([&](char) { return count; }, 1, Timeout::zero()); };
  auto on_line = [&] {
    char text[80];
    const ssize_t size = ::read(sockets[0], text, sizeof text);
    if (size <= 0) return loop->stop();  // the client has ended
    std::printf("%.*s", static_cast<int>(size), text);
  };
  const bool ready = loop->on(*orders, on_order) && loop->on(*counts, on_call) &&
                     loop->on(sockets[0], on_line) && loop->on_signal(SIGINT);
  int status = 1;
  return ready && loop->run() && ::wait(&status) > 0 && status == 0 && count == kOrders ? 0 : 1;
}
