// Calls: clients ask a server to add numbers. A short question and its answer travel in one cache
// line; a client that dies, or gives up, costs the server nothing.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

using Numbers = std::array<std::int64_t, 2>;
constexpr int kClients = 3;
constexpr int kCalls = 1000;

int ask(int fd) {
  auto region = ringbell::Region::attach(ringbell::FileDescriptor(::dup(fd)));
  if (!region) return 1;
  auto client = ringbell::Client::open(std::move(*region));
  for (std::int64_t i = 0; client && i < kCalls; ++i) {
    const Numbers numbers{i, ::getpid()};
    std::int64_t sum = 0;
    auto size = client->call(std::as_bytes(std::span(numbers)),
                             std::as_writable_bytes(std::span(&sum, 1)), std::chrono::seconds(5));
    if (!size || !*size || sum != numbers[0] + numbers[1]) return 1;  // failed, or time is up
  }
  return client ? 0 : 1;
}

}  // namespace

int main() {
  auto region = ringbell::Region::create(ringbell::ServiceOptions{.clients = 8}.region());
  if (!region) return std::puts(region.error().message.c_str()), 1;
  for (int i = 0; i < kClients; ++i) {
    if (::fork() == 0) ::_exit(ask(region->fd()));
  }
  auto server = ringbell::Server::open(std::move(*region));
  if (!server) return std::puts(server.error().message.c_str()), 1;
  const auto add = [](std::span<const std::byte> request, auto&& claim) {
    Numbers numbers{};
    if (request.size() != sizeof numbers) return;  // nonsense is answered with a zero byte
    std::memcpy(numbers.data(), request.data(), sizeof numbers);
    const std::int64_t sum = numbers[0] + numbers[1];
    std::memcpy(claim(sizeof sum)->data(), &sum, sizeof sum);
  };
  const auto served = server->serve(add, kClients * kCalls, std::chrono::seconds(5));
  if (!served) return std::puts(served.error().message.c_str()), 1;
  std::printf("%llu calls served\n", static_cast<unsigned long long>(*served));
  int failed = *served != kClients * kCalls;
  for (int status = 1; ::wait(&status) > 0;) failed += status != 0;
  return failed;
}
