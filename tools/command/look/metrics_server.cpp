#include "tools/command/look/metrics_server.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"
#include "tools/command/look/exposition.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kOpenMetrics = "application/openmetrics-text";

void answer(const httplib::Request& request, httplib::Response& response) {
  const bool open = request.get_header_value("Accept").find(kOpenMetrics) != std::string::npos;
  const Tried<RingsSeen> seen = look_at_all();
  if (!seen) {
    response.status = 500;
    response.set_content(seen.error().message + "\n", "text/plain; charset=utf-8");
    return;
  }
  response.set_content(
      exposition_of(*seen, open ? Exposition::openmetrics : Exposition::prometheus),
      open ? fmt::format("{}; version=1.0.0; charset=utf-8", kOpenMetrics)
           : std::string("text/plain; version=0.0.4; charset=utf-8"));
}

// A client that sends nothing, or takes nothing, holds one of two threads up for so long.
constexpr std::chrono::seconds kPatience{5};
constexpr std::size_t kThreads = 2;

void set_up(httplib::Server& server) {
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_read_timeout(kPatience);
  server.set_write_timeout(kPatience);
  server.set_keep_alive_max_count(1);
  server.set_payload_max_length(0);
  // Without SO_REUSEPORT, which would let a second server take every other scrape.
  server.set_socket_options([](int socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.Get("/metrics", answer);
}

}  // namespace

Failure serve_metrics(const std::string& host, int port) {
  interruption::watch();
  httplib::Server server;
  set_up(server);
  errno = 0;
  const int bound = port == 0                         ? server.bind_to_any_port(host)
                    : server.bind_to_port(host, port) ? port
                                                      : -1;
  if (bound < 0) {
    const std::string where = fmt::format("listening on {}:{} failed", host, port);
    if (errno != 0) return give_up_errno(where, "--listen takes another PORT").value();
    return {kFailed, where + ": there is no such address here"};
  }
  fmt::print("http://{}:{}/metrics\n", host, bound);
  std::fflush(stdout);
  std::atomic<bool> over = false;
  std::thread serving([&] {
    (void)server.listen_after_bind();
    over = true;
  });
  const auto wait_while = [&](auto&& condition) {
    while (!over && condition()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  wait_while([] { return interruption::signal() == 0; });
  wait_while([&] { return !server.is_running(); });  // stop() does nothing before that
  server.stop();
  serving.join();
  const Tried<void> asked_to_stop = interruption::check();
  return asked_to_stop ? Failure{kFailed, "the HTTP server ended by itself"}
                       : asked_to_stop.error();
}

}  // namespace ringbell::tools
