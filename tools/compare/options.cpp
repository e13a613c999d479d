#include "tools/compare/options.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include "bench/file_copy/file_copy.hpp"
#include "bench/transports/registry.hpp"
#include "tools/command/syntax.hpp"

namespace ringbell::bench {
namespace {

constexpr const char* kExamples = R"(Examples:
  ringbell compare --quick                    a look at everything, at most 90 s
  ringbell compare --full --json run.jsonl    everything, three times; then ringbell report
  ringbell compare --peers --transports ringbell,zeromq,nng,boost_queue,iceoryx
  ringbell compare --guest aeron=./aeron      a program that measures another library, in turn
  ringbell compare --cpus 2,3 --sizes 8,56 --transports ringbell,pipe)";

// As it was typed.
struct Raw {
  bool quick = false;
  bool full = false;
  std::vector<std::string> sizes;
  std::vector<std::string> transports;
  std::vector<std::string> cpus;
  std::vector<std::string> guests;
};

std::optional<std::size_t> number_of(std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<std::vector<std::size_t>> sizes_of(const std::vector<std::string>& texts) {
  std::vector<std::size_t> sizes;
  for (const std::string& text : texts) {
    const std::optional<std::size_t> size = number_of(text);
    if (!size ||
        std::find(kMessageSizes.begin(), kMessageSizes.end(), *size) == kMessageSizes.end()) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("--sizes: no size '{}'; the sizes, in bytes, are {}", text,
                              fmt::join(kMessageSizes, ", ")));
    }
    sizes.push_back(*size);
  }
  return sizes;
}

Result<void> check_transports(const std::vector<std::string>& names) {
  const std::vector<std::string>& for_files = file_copy_transports();
  for (const std::string& name : names) {
    if (find_transport(name) != nullptr ||
        std::find(for_files.begin(), for_files.end(), name) != for_files.end()) {
      continue;
    }
    for (const KnownPeer& peer : missing_peers()) {
      if (peer.name == name) return fail(ErrorCode::unsupported, how_to_get({peer}));
    }
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("--transports: no transport '{}'; there are {}", name, transport_names()));
  }
  return {};
}

std::string peer_names() {
  std::vector<std::string_view> names;
  for (const KnownPeer& peer : kKnownPeers) names.push_back(peer.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<CpuPair> cpus_of(const std::vector<std::string>& texts) {
  if (texts.empty()) return choose_cpus();
  const std::vector<int> allowed = allowed_cpus();
  CpuPair cpus{-1, -1};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::optional<std::size_t> number = number_of(texts[i]);
    const int cpu = number && *number < CPU_SETSIZE ? static_cast<int>(*number) : -1;
    if (i >= cpus.size() || std::find(allowed.begin(), allowed.end(), cpu) == allowed.end() ||
        (i == 1 && cpu == cpus[0])) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("--cpus: '{}' will not do; two different ones of {} are wanted",
                              fmt::join(texts, ","), fmt::join(allowed, ", ")));
    }
    cpus[i] = cpu;
  }
  return cpus;
}

Result<Options> checked(const Raw& raw, Options options) {
  options.plan.seed = std::random_device()();
  options.plan.mode = raw.quick ? Mode::quick : raw.full ? Mode::full : Mode::plain;
  Result<std::vector<std::size_t>> sizes = sizes_of(raw.sizes);
  if (!sizes) return tl::unexpected(sizes.error());
  options.plan.sizes = std::move(*sizes);
  const Result<void> known = check_transports(raw.transports);
  if (!known) return tl::unexpected(known.error());
  options.plan.transports = raw.transports;
  const Result<CpuPair> cpus = cpus_of(raw.cpus);
  if (!cpus) return tl::unexpected(cpus.error());
  options.cpus = *cpus;
  Result<std::vector<Guest>> guests = parse_guests(raw.guests);
  if (!guests) return tl::unexpected(guests.error());
  options.guests = std::move(*guests);
  const std::vector<std::string>& chosen = raw.transports;
  const bool has_ringbell =
      chosen.empty() || std::find(chosen.begin(), chosen.end(), "ringbell") != chosen.end();
  if (!options.guests.empty() && (options.backings || !has_ringbell)) {
    return fail(ErrorCode::invalid_argument,
                "--guest: they are measured beside ringbell's rows, and there are none of those");
  }
  if (options.json.empty()) {
    options.json = options.out + (options.backings ? "/backings.jsonl" : "/compare.jsonl");
  }
  return options;
}

Parsed wrong_usage(const char* name, const std::string& message) {
  fmt::print(stderr, "{}: {}\n", name, message);
  return {std::nullopt, 2};
}

}  // namespace

const char* name_of(int argc, char** argv) noexcept {
  if (argc == 0) return "ringbell-compare";
  const char* const slash = std::strrchr(argv[0], '/');
  return slash != nullptr ? slash + 1 : argv[0];
}

Parsed parse_options(int argc, char** argv) {
  const char* const name = name_of(argc, argv);
  tools::CommandLine line(
      "Messages and files between two processes: ringbell against the kernel's own.", name);
  tools::Command program = line.program();
  program.footer(kExamples);
  Raw raw;
  Options options;
  const tools::Option quick =
      program.flag("--quick", raw.quick, "at most 90 s; a tenth of the time");
  program
      .flag("--full", raw.full,
            "every size, wait and placement, three times; at most 45 minutes; peers, if there are "
            "any")
      .excludes(quick);
  const std::string peers = "other libraries too: " + peer_names();
  program.flag("--peers", options.plan.peers, peers.c_str());
  program.flag("--backings", options.backings,
               "instead of transports: what it costs where a ring's pages come from");
  program.option("--file", options.file, "the file to copy (default: one made of /usr/lib)")
      .not_empty();
  program.option("--json", options.json, "where the JSON Lines go (default: OUT/compare.jsonl)")
      .not_empty();
  program.option("--out", options.out, "where everything else goes").not_empty().shows_default();
  program.option("--sizes", raw.sizes, "only these message sizes, in bytes: 8,56,...");
  program.option("--transports", raw.transports, "only these: " + transport_names());
  program.option("--guest", raw.guests,
                 "NAME=PROGRAM that measures another library, awake on two CPUs, beside ringbell");
  program.option("--cpus", raw.cpus, "the two CPUs to run on: A,B");
  const tools::CommandLine::Parsed parsed = line.parse(argc, argv);
  if (parsed.told) return {std::nullopt, 0};
  if (!parsed.wrong.empty()) return wrong_usage(name, parsed.wrong + "; --help lists the options");
  Result<Options> result = checked(raw, std::move(options));
  if (!result) return wrong_usage(name, result.error().message);
  return {std::move(*result), 0};
}

}  // namespace ringbell::bench
