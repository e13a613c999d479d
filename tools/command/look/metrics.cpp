// `ringbell metrics`: all rings of this user for a monitoring system.
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbell/transport/base/file_descriptor.hpp>

#include "tools/command/command.hpp"
#include "tools/command/look/exposition.hpp"
#include "tools/command/look/metrics_server.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  ringbell metrics                                     OpenMetrics text
  ringbell metrics --format prometheus | promtool check metrics
  ringbell metrics --textfile /var/lib/prometheus/node-exporter/ringbell.prom
  ringbell metrics --listen 127.0.0.1:9464             until SIGINT or SIGTERM; GET /metrics

It looks at the rings of this user without disturbing them, each time anew. What a ring does not
hold is not told: how often ends slept, rang or missed messages (their own stats() and missed() do).
A --textfile appears whole, by rename; it is in the older format of Prometheus unless --format says
otherwise. --listen gives the format that is asked for. docs/operations.md says what each figure
means, and which alerts are worth having.)";

struct MetricsOptions {
  std::string format;
  std::string textfile;
  std::string host;
  int port = -1;
};

Exposition format_of(const MetricsOptions& options) {
  const std::string usual = options.textfile.empty() ? "openmetrics" : "prometheus";
  const std::string& wanted = options.format.empty() ? usual : options.format;
  return wanted == "openmetrics" ? Exposition::openmetrics : Exposition::prometheus;
}

// What is wrong with HOST:PORT, or nothing.
std::string take_address(const std::string& text, MetricsOptions& options) {
  const std::size_t colon = text.rfind(':');
  const char* const end = text.data() + text.size();
  int port = -1;
  if (colon != std::string::npos && colon != 0) {
    const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc{} || rest != end) port = -1;
  }
  if (port < 0 || port > 65'535) return "--listen takes ADDRESS:PORT, as in 127.0.0.1:9464";
  options.host = text.substr(0, colon);
  options.port = port;
  return {};
}

Tried<void> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return give_up_errno("writing failed");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// A collector that reads `path` sees the old text or the new one, whole. The name beside it does
// not end as those that collectors read.
Tried<void> replace_file(const std::string& path, std::string_view text) {
  std::string beside = path + ".XXXXXX";
  const FileDescriptor file{::mkostemp(beside.data(), O_CLOEXEC)};
  if (!file) return give_up_errno("making a file beside " + path + " failed");
  Tried<void> done = write_all(file.get(), text);
  constexpr mode_t kMode = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;  // the collector is another user
  if (done && ::fchmod(file.get(), kMode) != 0) {
    done = give_up_errno("making " + path + " readable failed");
  }
  if (done && ::rename(beside.c_str(), path.c_str()) != 0) {
    done = give_up_errno("renaming " + beside + " to " + path + " failed");
  }
  if (!done) ::unlink(beside.c_str());
  return done;
}

int metrics(const MetricsOptions& options) {
  if (options.port >= 0) return complain(serve_metrics(options.host, options.port));
  const Tried<RingsSeen> seen = look_at_all();
  if (!seen) return complain(seen.error());
  for (const std::string& line : seen->complaints) complain(line);
  const std::string text = exposition_of(*seen, format_of(options));
  if (options.textfile.empty()) {
    fmt::print("{}", text);
    return kDone;
  }
  const Tried<void> written = replace_file(options.textfile, text);
  return written ? kDone : complain(written.error());
}

}  // namespace

void add_metrics(Command program) {
  const auto options = std::make_shared<MetricsOptions>();
  Command command = program.add("metrics", "all rings, for Prometheus and its kin");
  Option format = command.option("--format", options->format, "openmetrics or prometheus")
                      .one_of({"openmetrics", "prometheus"})
                      .takes("FORMAT");
  Option textfile = command.option("--textfile", options->textfile, "write them to this file")
                        .not_empty()
                        .takes("PATH");
  command
      .option(
          "--listen", [options](const std::string& text) { return take_address(text, *options); },
          "answer HTTP there")
      .takes("ADDRESS:PORT")
      .excludes(format)
      .excludes(textfile);
  command.footer(kExamples);
  command.runs([options] { return metrics(*options); });
}

}  // namespace ringbell::tools
