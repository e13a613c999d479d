#include "tools/command/bridge/metrics.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include "tools/command/command.hpp"

namespace ringbell::tools {
namespace {

struct Metric {
  const char* name;
  const char* help;
  bridge::Counter bridge::Counters::*value;
};
constexpr std::array kMetrics{
    Metric{"records", "Records that went through", &bridge::Counters::records},
    Metric{"bytes", "Bytes of these records", &bridge::Counters::bytes},
    Metric{"messages", "Messages of NATS that carried them", &bridge::Counters::messages},
    Metric{"lost", "Records that are known not to arrive", &bridge::Counters::lost},
    Metric{"repeats", "Records that came again and went no further", &bridge::Counters::repeats},
    Metric{"connects", "Connections to a server", &bridge::Counters::connects},
    Metric{"stalls", "Times the server refused, or the ring was full", &bridge::Counters::stalls}};

// Names of rings and subjects have neither quotes nor line ends; a backslash a subject may have.
std::string escaped(const std::string& text) {
  std::string made;
  for (const char letter : text) {
    if (letter == '\\' || letter == '"') made += '\\';
    made += letter;
  }
  return made;
}

std::string text_of(const std::vector<bridge::Pair>& pairs,
                    const std::vector<bridge::Counters>& counters) {
  std::string text;
  for (const Metric& metric : kMetrics) {
    text += fmt::format(
        "# HELP ringbell_bridge_{0}_total {1}\n"
        "# TYPE ringbell_bridge_{0}_total counter\n",
        metric.name, metric.help);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const bool out = pairs[i].direction == bridge::Direction::out;
      text += fmt::format(
          "ringbell_bridge_{}_total{{ring=\"{}\",subject=\"{}\",direction=\"{}\"}} {}\n",
          metric.name, pairs[i].ring, escaped(pairs[i].subject), out ? "out" : "in",
          (counters[i].*metric.value).load());
    }
  }
  return text;
}

}  // namespace

Tried<void> write_metrics(const std::string& path, const std::vector<bridge::Pair>& pairs,
                          const std::vector<bridge::Counters>& counters) {
  if (path.empty()) return {};
  const std::string beside = fmt::format("{}.{}", path, ::getpid());
  std::ofstream file(beside);
  file << text_of(pairs, counters);
  file.close();
  if (!file || std::rename(beside.c_str(), path.c_str()) != 0) {
    const tl::unexpected<Failure> failed = give_up_errno("writing " + path + " failed");
    ::unlink(beside.c_str());
    return failed;
  }
  return {};
}

}  // namespace ringbell::tools
