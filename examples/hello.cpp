// Both ends of a channel in one process: what it takes to embed ringbell.
#include <cstdio>
#include <span>
#include <string_view>
#include <utility>

#include <ringbell/ringbell.hpp>

int main() {
  auto channel = ringbell::Channel::create({.capacity_bytes = 64 * 1024});
  if (!channel) return std::puts(channel.error().message.c_str()), 1;
  auto receiver = ringbell::Receiver::attach(channel->fds());
  auto sender = ringbell::Sender::open(std::move(*channel));
  if (!receiver || !sender) return std::puts("the channel is in use"), 1;

  constexpr std::string_view kGreeting = "hello, ring";
  if (!sender->send(std::as_bytes(std::span(kGreeting)))) return 1;

  auto record = receiver->peek_for(std::chrono::seconds(1));  // in place: nothing is copied
  if (!record || !*record) return 1;                          // failed, or the time is up
  const std::span<const std::byte> text = **record;
  std::printf("%.*s\n", int(text.size()), reinterpret_cast<const char*>(text.data()));
  receiver->release();
}
