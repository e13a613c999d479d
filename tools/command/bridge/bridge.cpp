// `ringbell bridge`: pairs of a ring and a subject of NATS.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <ringbell/transport/base/timeout.hpp>

#include "bridge/nats/config.hpp"
#include "bridge/nats/pairs.hpp"
#include "tools/command/bridge/board.hpp"
#include "tools/command/bridge/metrics.hpp"
#include "tools/command/command.hpp"
#include "tools/command/interruption.hpp"

namespace ringbell::tools {
namespace {

using bridge::Counters;
using bridge::Direction;
using bridge::Pair;

constexpr const char* kExamples = R"(Examples:
  ringbell bridge out orders --to nats://10.0.0.7:4222 --subject orders --durable
  ringbell bridge in orders --from nats://10.0.0.7:4222 --subject orders --durable
  ringbell bridge out ticks --subject ticks --linger 200us     many records to a message
  ringbell bridge service calc --subject calc    requests of NATS to the server of a ring
  ringbell bridge check bridge.toml && ringbell bridge run bridge.toml --metrics bridge.prom

Core subjects: at most once, losses counted. --durable (JetStream), from channel to channel: each
record once and in order, whatever is killed meanwhile. While the server is gone the ring fills and
its writer waits. docs/beyond.md has the guarantees of every kind of ring.
Exit status: 0 the ring's writer closed and all is delivered, or --count records came; 1 failed; 3
no server answered within --wait; 4 the ring's writer died; 130 Ctrl-C.)";

struct BridgeOptions {
  Pair pair;
  bridge::RingWish wish;
  bridge::OverflowWish overflow;
  std::string metrics;
  std::string file;
  std::uint64_t clients = 16;
  std::optional<double> wait_s;
};

int status_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid_argument:
      return kUsage;
    case ErrorCode::not_found:
      return kTimedOut;
    case ErrorCode::peer_dead:
      return kTruncated;
    default:
      return kFailed;
  }
}

std::string line_of(const Pair& pair, const Counters& counters) {
  const bool out = pair.direction == Direction::out;
  return fmt::format("{} {} {}: records {}, messages {}, lost {}, repeats {}",
                     out ? pair.ring : pair.subject, out ? "->" : "=>",
                     out ? pair.subject : pair.ring, counters.records.load(),
                     counters.messages.load(), counters.lost.load(), counters.repeats.load());
}

std::string text_of(const std::vector<Pair>& pairs, const std::vector<Counters>& counters) {
  std::string text;
  for (std::size_t i = 0; i < pairs.size(); ++i) text += line_of(pairs[i], counters[i]) + "\n";
  return text;
}

std::uint64_t connects_of(const std::vector<Counters>& counters) {
  std::uint64_t sum = 0;
  for (const Counters& each : counters) sum += each.connects.load();
  return sum;
}

// Says once why a pair does not get on, when that is so for a second.
class Troubles {
 public:
  explicit Troubles(std::size_t pairs) : before_(pairs), said_(pairs) {}

  void look(const std::vector<Pair>& pairs, const std::vector<Counters>& counters) {
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const std::string now = counters[i].trouble();
      const bool lasts = !now.empty() && now == std::exchange(before_[i], now);
      if (lasts && now != std::exchange(said_[i], now)) {
        complain(fmt::format("{}, {}: {}; it is tried again and again", pairs[i].ring,
                             pairs[i].subject, now));
      }
    }
  }

 private:
  std::vector<std::string> before_;
  std::vector<std::string> said_;
};

// One thread for each pair; the first that fails ends all.
int run_pairs(const std::vector<Pair>& pairs, const std::string& metrics,
              std::chrono::nanoseconds wait) {
  interruption::watch();
  std::vector<Counters> counters(pairs.size());
  std::vector<std::optional<Result<void>>> results(pairs.size());
  std::atomic<std::size_t> running{pairs.size()};
  std::atomic<bool> failed{false};
  const std::function<bool()> stopped = [&] { return failed || interruption::signal() != 0; };
  const auto run_pair = [&](std::size_t i) {
    try {
      results[i] = bridge::run(pairs[i], counters[i], stopped, wait);
    } catch (const std::exception& exception) {  // no memory left
      results[i] = tl::unexpected(Error{ErrorCode::no_space, 0, exception.what()});
    }
    if (!*results[i]) failed = true;
    --running;
  };
  std::vector<std::thread> threads;
  threads.reserve(pairs.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    try {
      threads.emplace_back(run_pair, i);
    } catch (const std::system_error& error) {
      results[i] = tl::unexpected(
          Error{ErrorCode::system, 0, fmt::format("starting a thread failed: {}", error.what())});
      failed = true;
      --running;
    }
  }
  constexpr std::chrono::milliseconds kTick{20};
  constexpr int kWriteEach = 50;
  const Board board;
  Troubles troubles(pairs.size());
  std::uint64_t connects = 0;
  Tried<void> written;
  for (int tick = 0; running > 0; ++tick) {
    std::this_thread::sleep_for(kTick);
    const bool due = tick % kWriteEach == 0;
    const std::uint64_t connects_now = connects_of(counters);
    if (!due && connects_now == connects) continue;
    connects = connects_now;
    board.show(text_of(pairs, counters));
    if (due) troubles.look(pairs, counters);
    if (written) written = write_metrics(metrics, pairs, counters);
  }
  for (std::thread& thread : threads) thread.join();
  bridge::finish();
  if (written) written = write_metrics(metrics, pairs, counters);
  int status = written ? int{kDone} : complain(written.error());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs.size() > 1 || counters[i].lost.load() > 0) {
      fmt::print(stderr, "ringbell: {}\n", line_of(pairs[i], counters[i]));
    }
    const Result<void>& result = *results[i];
    if (result || result.error().code == ErrorCode::cancelled) continue;
    status = complain(result.error().message, status_of(result.error()));
  }
  if (status == kDone && interruption::signal() != 0) {
    return status_of_signal(interruption::signal());
  }
  return status;
}

std::chrono::nanoseconds wait_of(const BridgeOptions& options) {
  constexpr double kAges = 1e9;
  if (!options.wait_s || *options.wait_s > kAges) return kForever;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(*options.wait_s));
}

// An option whose text `parse` makes something of.
template <class T, class Parse>
void add_parsed(Command command, const char* name, T& into, Parse parse, const char* help,
                const char* takes) {
  command
      .option(
          name,
          [&into, parse](const std::string& text) -> std::string {
            const auto found = parse(text);
            if (!found) return "'" + text + "' will not do";
            into = static_cast<T>(*found);
            return {};
          },
          help)
      .takes(takes);
}

constexpr const char* kServerHelp =
    "the server, or several of a cluster with commas (nats://127.0.0.1:4222)";

void add_common(Command command, BridgeOptions& options) {
  Pair& pair = options.pair;
  command.option("RING", pair.ring, "its name: a-z, 0-9, '.', '_' and '-'").required();
  command.option("--subject", pair.subject, "of NATS").required().takes("SUBJECT");
  command.option("--credentials", pair.server.credentials, "a file with a JWT and its seed")
      .takes("FILE");
  command.option("--nkey", pair.server.nkey, "a user's public key, with --seed").takes("KEY");
  command.option("--seed", pair.server.seed, "a file with the nkey's seed").takes("FILE");
  command.option("--ca", pair.server.ca, "certificates of those to trust: TLS").takes("FILE");
  command.option("--certificate", pair.server.certificate, "of this client, with --private-key")
      .takes("FILE");
  command.option("--private-key", pair.server.private_key, "of the certificate").takes("FILE");
  command.option("--wait", options.wait_s, "how long a server may take to answer at the beginning")
      .not_negative()
      .takes("SECONDS");
  command.option("--metrics", options.metrics, "write counters there, as Prometheus reads them")
      .takes("FILE");
}

void add_records(Command command, BridgeOptions& options, const char* server_option) {
  Pair& pair = options.pair;
  add_common(command, options);
  command.option(server_option, pair.server.url, kServerHelp).takes("URL");
  command.flag("--durable", pair.durable, "through JetStream: each record once, in order");
  command.option("--stream", pair.stream, "of JetStream (the subject in capitals)").takes("NAME");
  add_parsed(command, "--store", pair.store_bytes, bridge::size_of,
             "what a stream that is made here takes at most, with K, M or G", "SIZE");
  command.option("--replicas", pair.replicas, "of such a stream, in a cluster (1)")
      .within(1, 5)
      .takes("N");
}

void add_out(Command bridge) {
  const auto options = std::make_shared<BridgeOptions>();
  Command command = bridge.add("out", "from a ring to a subject");
  add_records(command, *options, "--to");
  Pair& pair = options->pair;
  command
      .option(
          "--linger",
          [options](const std::string& text) -> std::string {
            const auto time = bridge::duration_of(text);
            if (!time) return "'" + text + "' is no time like 200us or 1ms";
            options->pair.linger = *time;
            options->pair.batches = true;
            return {};
          },
          "many records to a message, which waits for more so long at most")
      .takes("TIME");
  add_parsed(command, "--overflow", options->overflow, bridge::overflow_named,
             "while the server is gone: block (the ring fills), drop-oldest, which are counted, or "
             "spill:FOLDER, where a file takes them",
             "HOW");
  command.flag("--keep", pair.keep, "when the ring's writer is gone, wait for the next one");
  command.footer(kExamples);
  command.runs([options] {
    options->pair.overflow = options->overflow.how;
    options->pair.spill_folder = options->overflow.folder;
    return run_pairs({options->pair}, options->metrics, wait_of(*options));
  });
}

void add_in(Command bridge) {
  const auto options = std::make_shared<BridgeOptions>();
  Command command = bridge.add("in", "from a subject to a ring");
  add_records(command, *options, "--from");
  Pair& pair = options->pair;
  pair.direction = Direction::in;
  add_parsed(command, "--as", options->wish.kind, bridge::kind_named,
             "channel (the default), queue, topic, lossy-topic or collector", "KIND");
  add_parsed(command, "--capacity", options->wish.capacity_bytes, bridge::size_of,
             "of a channel or a collector's lane, with K, M or G (1M)", "SIZE");
  command.option("--messages", options->wish.messages, "that fit into a queue or a topic (1024)")
      .positive()
      .takes("N");
  add_parsed(command, "--message-bytes", options->wish.message_bytes, bridge::size_of,
             "the largest of these (4K)", "SIZE");
  command.option("--consumer", pair.consumer, "under which the stream keeps the place")
      .takes("NAME");
  command.flag("--purge", pair.purge, "what is in the ring leaves the stream");
  command.flag("--mark-losses", pair.mark_losses,
               "where records were lost, a record says how many");
  command.option("--count", pair.count, "stop after so many records").positive().takes("N");
  command.footer(kExamples);
  command.runs([options] {
    options->pair.shape = bridge::shape_of(options->wish);
    return run_pairs({options->pair}, options->metrics, wait_of(*options));
  });
}

void add_service(Command bridge) {
  const auto options = std::make_shared<BridgeOptions>();
  Command command = bridge.add("service", "calls of a subject to a ring's server, or back");
  add_common(command, *options);
  Pair& pair = options->pair;
  pair.service = true;
  const auto server = [&](const char* name, Direction direction, const char* help) {
    return command
        .option(
            name,
            [&pair, direction](const std::string& url) -> std::string {
              pair.server.url = url;
              pair.direction = direction;
              return {};
            },
            help)
        .takes("URL");
  };
  pair.direction = Direction::in;
  Option from = server("--from", Direction::in, "requests come from there to the ring's server");
  from.excludes(server("--to", Direction::out, "the calls of the ring's clients go there"));
  add_parsed(command, "--timeout", pair.timeout, bridge::duration_of,
             "how long a call may take, if the caller does not say it (5s)", "TIME");
  options->wish.kind = core::RingKind::call_group;
  command.option("--clients", options->clients, "of the ring, with --to (16)")
      .within(std::uint64_t{1}, std::uint64_t{1024})
      .takes("N");
  add_parsed(command, "--message-bytes", options->wish.message_bytes, bridge::size_of,
             "the largest request or response, with --to (4K)", "SIZE");
  command.footer(kExamples);
  command.runs([options] {
    options->wish.clients = static_cast<std::uint32_t>(options->clients);
    options->pair.shape = bridge::shape_of(options->wish);
    return run_pairs({options->pair}, options->metrics, wait_of(*options));
  });
}

void add_file(Command bridge, const char* name, const char* about, bool runs) {
  const auto options = std::make_shared<BridgeOptions>();
  Command command = bridge.add(name, about);
  command.option("FILE", options->file, "in TOML; docs/beyond.md has one").required().not_empty();
  if (runs) {
    command
        .option("--wait", options->wait_s, "how long a server may take to answer at the beginning")
        .not_negative()
        .takes("SECONDS");
    command.option("--metrics", options->metrics, "write counters there, as Prometheus reads them")
        .takes("FILE");
  }
  command.footer(kExamples);
  command.runs([options, runs] {
    const Result<bridge::Config> config = bridge::read_config(options->file);
    if (!config) return complain(config.error().message, status_of(config.error()));
    if (runs) {
      return run_pairs(config->pairs, options->metrics.empty() ? config->metrics : options->metrics,
                       wait_of(*options));
    }
    fmt::print("{} pair{}\n", config->pairs.size(), config->pairs.size() == 1 ? "" : "s");
    return int{kDone};
  });
}

}  // namespace

void add_bridge(Command program) {
  Command command = program.add("bridge", "pairs of a ring and a subject of NATS");
  command.needs_command();
  add_out(command);
  add_in(command);
  add_service(command);
  add_file(command, "run", "the pairs of a file", true);
  add_file(command, "check", "whether a file of pairs will do", false);
  command.footer(kExamples);
}

}  // namespace ringbell::tools
