// One publisher, many subscribers: quotes go to three processes. The publisher never waits; a
// subscriber that was too slow learns how many quotes it missed, and cannot write to them.
#include <array>
#include <cstdint>
#include <cstdio>
#include <span>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

struct Quote {
  std::uint64_t number;
  std::int64_t price;
};
constexpr std::uint64_t kQuotes = 50'000;

int subscribe(const ringbell::TopicFds& fds) {
  auto topic = ringbell::Topic::attach(fds);  // read-only
  if (!topic) return 1;
  auto subscriber = ringbell::Subscriber::open(std::move(*topic));
  if (!subscriber) return 1;
  Quote quote{};
  std::array<std::byte, sizeof quote> bytes{};
  for (;;) {
    auto size = subscriber->receive(bytes);
    if (!size) break;  // the publisher has closed, and all it said has been read
    std::memcpy(&quote, bytes.data(), sizeof quote);
    if (quote.price != -std::int64_t(quote.number)) return 1;
  }
  std::printf("the last is %d, missed %d\n", int(quote.number), int(subscriber->missed()));
  std::fflush(stdout);
  return quote.number == kQuotes - 1 ? 0 : 1;
}

}  // namespace

int main() {
  auto topic = ringbell::Topic::create({.messages = 4096, .message_bytes = sizeof(Quote)});
  if (!topic) return std::puts(topic.error().message.c_str()), 1;
  for (int i = 0; i < 3; ++i) {
    if (::fork() == 0) ::_exit(subscribe(topic->fds()));
  }
  {
    auto publisher = ringbell::Publisher::open(std::move(*topic));
    for (std::uint64_t number = 0; publisher && number < kQuotes; ++number) {
      const Quote quote{number, -std::int64_t(number)};
      if (!publisher->publish(std::as_bytes(std::span(&quote, 1)))) return 1;
      if (number % 1000 == 0) ::usleep(1000);  // a quiet moment at the exchange
    }
  }  // closed: the subscribers read to the end
  int failed = 0;
  for (int status = 1; ::wait(&status) > 0;) failed += status != 0;
  return failed;
}
