// Quotes by name: `market_data publish` in one terminal, `market_data subscribe` in others. The
// publisher never waits; a subscriber that was too slow learns how much it missed. Or both at once.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

using namespace std::chrono_literals;

struct Quote {
  std::uint64_t number;
  std::int64_t price;
};
constexpr std::uint64_t kQuotes = 50'000;

int publish(std::uint32_t subscribers) {
  auto publisher = ringbell::typed::Publisher<Quote>::create("market", {.messages = 4096});
  if (!publisher) return std::puts(publisher.error().message.c_str()), 1;
  if (!publisher->bytes().wait_for_subscribers(subscribers, 10s)) return 1;
  for (std::uint64_t number = 0; number < kQuotes; ++number) {
    if (!publisher->publish({number, -std::int64_t(number)})) return 1;
    if (number % 1000 == 0) ::usleep(1000);  // a quiet moment at the exchange
  }
  return 0;  // closed: the subscribers read to the end
}

int subscribe() {
  auto subscriber = ringbell::typed::Subscriber<Quote>::open("market");
  if (!subscriber) return std::puts(subscriber.error().message.c_str()), 1;
  Quote last{};
  for (const Quote& quote : *subscriber) {  // until the publisher has closed
    if (quote.price != -std::int64_t(quote.number)) return 1;
    last = quote;
  }
  std::printf("the last is %d, missed %d\n", int(last.number), int(subscriber->missed()));
  return last.number == kQuotes - 1 ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view role = count > 1 ? arguments[1] : "";
  if (role == "publish") return publish(1);
  if (role == "subscribe") return subscribe();
  constexpr std::uint32_t kSubscribers = 3;
  for (std::uint32_t i = 0; i < kSubscribers; ++i) {
    if (::fork() == 0) std::exit(subscribe());
  }
  int failed = publish(kSubscribers);
  for (int status = 1; ::wait(&status) > 0;) failed += status != 0;
  return failed;
}
