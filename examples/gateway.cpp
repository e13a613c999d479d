// A gateway in one thread: orders from a queue, questions by a service, lines from standard input.
// The other program sends orders, and asks until all are there; they find each other by name.
//
//   example_gateway order | example_gateway serve
//
// Without an argument it runs both, piped like that.
#include <csignal>
#include <cstdio>
#include <string_view>

#include <unistd.h>

#include <ringbell/ringbell.hpp>

using namespace ringbell;

namespace {

constexpr int kOrders = 1000;

int order() {
  auto orders = typed::QueueSender<int>::open("orders");
  auto counts = typed::Client<char, int>::open("counts");
  if (!orders || !counts) return 1;
  for (int number = 0; number < kOrders; ++number) {
    if (!orders->send(number)) return 1;
  }
  for (int count = 0; count < kOrders;) {  // until the gateway has taken the last one
    const auto answer = counts->call('?');
    if (!answer || !*answer) return 1;
    count = **answer;
  }
  return std::puts("the gateway has all") < 0 || std::fflush(stdout) != 0 ? 1 : 0;
}

int serve() {
  auto orders = typed::QueueReceiver<int>::create("orders");
  auto counts = typed::Server<char, int>::create("counts");
  auto loop = Loop::create();
  if (!orders || !counts || !loop) return 1;
  int count = 0;
  auto on_order = [&] { count += orders->try_receive() ? 1 : 0; };
  auto on_call = [&] { (void)counts->serve([&](char) { return count; }, 1, Timeout::zero()); };
  auto on_line = [&] {
    char text[80];
    const ssize_t size = ::read(STDIN_FILENO, text, sizeof text);
    if (size <= 0) return loop->stop();  // there is no more
    std::printf("%.*s", static_cast<int>(size), text);
  };
  const bool ready = loop->on(*orders, on_order) && loop->on(*counts, on_call) &&
                     loop->on(STDIN_FILENO, on_line) && loop->on_signal(SIGINT);
  return ready && loop->run() && count == kOrders ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) return std::string_view(arguments[1]) == "serve" ? serve() : order();
  return ::execl("/bin/sh", "sh", "-c", R"("$0" order | "$0" serve)", arguments[0], nullptr);
}
