// Calls by name: `rpc_server serve` in one terminal, `rpc_server ask` in others. A client has four
// calls under way; one that dies, or gives up, costs the server nothing. Without an argument: both.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <ringbell/ringbell.hpp>

namespace {

using namespace std::chrono_literals;
using Numbers = std::array<std::int64_t, 2>;
constexpr int kUnderWay = 4;
constexpr int kCalls = 250 * kUnderWay;
using Server = ringbell::typed::Server<Numbers, std::int64_t>;
using Client = ringbell::typed::Client<Numbers, std::int64_t>;

int serve() {
  auto server = Server::create("sums", {.tickets = kUnderWay});
  if (!server) return std::puts(server.error().message.c_str()), 1;
  const auto add = [](const Numbers& numbers) { return numbers[0] + numbers[1]; };
  const auto served = server->serve(add, kCalls, 10s).value_or(0);
  return std::printf("%d calls served\n", int(served)), served == kCalls ? 0 : 1;
}

int ask() {
  auto client = Client::open("sums");
  if (!client) return std::puts(client.error().message.c_str()), 1;
  for (std::int64_t i = 0; i < kCalls; i += kUnderWay) {
    std::vector<ringbell::typed::Ticket<std::int64_t>> tickets;
    for (std::int64_t j = 0; j < kUnderWay; ++j) {
      auto ticket = client->start({i, j});
      if (!ticket) return 1;  // as many are under way as the service has tickets
      tickets.push_back(std::move(*ticket));
    }
    for (std::int64_t j = 0; j < kUnderWay; ++j) {
      auto sum = tickets[std::size_t(j)].wait(10s);
      if (!sum || !*sum || **sum != i + j) return 1;  // failed, or the time is up
    }
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) return std::string_view(arguments[1]) == "serve" ? serve() : ask();
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(ask());
  const int failed = serve();
  int status = 1;
  return ::waitpid(pid, &status, 0) == pid && status == 0 ? failed : 1;
}
