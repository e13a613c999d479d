// `ringbell bench`: one benchmark of the comparison (bench/), on what the user chose.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "bench/backings/backings.hpp"
#include "bench/compare/meta.hpp"
#include "bench/compare/run.hpp"
#include "bench/compare/series.hpp"
#include "bench/compare/summary.hpp"
#include "bench/file_copy/file_copy.hpp"
#include "bench/harness/cpu_group.hpp"
#include "bench/harness/interruption.hpp"
#include "bench/harness/open_loop.hpp"
#include "bench/harness/row_sink.hpp"
#include "bench/harness/subprocess.hpp"
#include "bench/scale/scale.hpp"
#include "tools/command/command.hpp"
#include "tools/command/measure/bench_language.hpp"
#include "tools/command/measure/bench_options.hpp"
#include "tools/command/measure/script.hpp"
#include "tools/command/quantity.hpp"
#include "tools/doctor/checks.hpp"

namespace ringbell::tools {
namespace {

using bench::Row;
using bench::RowSink;

// Ready to be measured: everything that the command line said is right.
struct Benchmark {
  std::string name;
  bench::CpuPair cpus;
  int repeats;
  double seconds;  // that it should take
  std::function<Result<void>(RowSink&)> measure;
};

using Make = Tried<Benchmark> (*)(const BenchOptions&);

Benchmark of_messages(const char* name, const bench::Chosen& chosen, bench::Bench kind) {
  return {name, chosen.cpus, chosen.repeats, chosen_seconds(chosen, kind),
          [chosen, kind](RowSink& sink) { return measure_chosen(chosen, kind, sink); }};
}

Tried<Benchmark> round_trip(const BenchOptions& options) {
  Tried<bench::Chosen> chosen = chosen_of(options);
  if (!chosen) return tl::unexpected(chosen.error());
  return of_messages("round-trip", *chosen, bench::Bench::round_trip);
}

Tried<Benchmark> throughput(const BenchOptions& options) {
  Tried<bench::Chosen> chosen = chosen_of(options);
  if (!chosen) return tl::unexpected(chosen.error());
  return of_messages("throughput", *chosen, bench::Bench::throughput);
}

// No side spins first: a message always finds its receiver asleep.
Tried<Benchmark> wake(const BenchOptions& options) {
  using bench::Placement;
  using bench::Wait;
  Tried<bench::Chosen> chosen = chosen_of(options);
  if (!chosen) return tl::unexpected(chosen.error());
  Tried<std::vector<Wait>> waits = waits_of(options.waits, {Wait::park, Wait::eventfd});
  if (!waits) return tl::unexpected(waits.error());
  for (const Wait wait : *waits) {
    if (!sleeps(wait)) {
      return give_up(kUsage, fmt::format("--wait: {} does not sleep; park, eventfd "
                                         "and blocking do",
                                         name_of(wait)));
    }
  }
  chosen->waits = std::move(*waits);
  chosen->spin_first = false;
  chosen->quick_wakes = {false, true};
  if (options.cpus.empty() && chosen->placements.front() == Placement::two_cpus) {
    chosen->placements = {Placement::two_cpus, Placement::one_cpu};
  }
  return of_messages("wake", *chosen, bench::Bench::round_trip);
}

Tried<Benchmark> open_loop(const BenchOptions& options) {
  if (!options.plots.empty() && options.json == "-") {
    return give_up(kUsage, "--plot: a plot is drawn from a file; name one with --json, or none");
  }
  Tried<bench::Chosen> chosen = chosen_of(options, bench::kSmallestOpenLoopBytes);
  if (!chosen) return tl::unexpected(chosen.error());
  Tried<std::vector<double>> rates = rates_of(options.rates);
  if (!rates) return tl::unexpected(rates.error());
  chosen->rates_per_s = std::move(*rates);
  for (const double percent : options.loads) chosen->loads.push_back(percent / 100);
  if (options.loads.empty() && options.rates.empty()) {
    chosen->loads = {bench::kLoads.begin(), bench::kLoads.end()};
  }
  if (!options.cpu_quota) return of_messages("open-loop", *chosen, bench::Bench::open_loop);
  const auto group =
      std::make_shared<const bench::CpuGroup>(fmt::format("ringbell-{}", ::getpid()));
  if (!group->limit_to(*options.cpu_quota)) {
    return give_up(kUsage,
                   "--cpu-quota: no control group with a quota of CPU time can be made here; that "
                   "takes root, and the controller cpu in /sys/fs/cgroup");
  }
  chosen->group = group.get();
  Benchmark benchmark = of_messages("open-loop", *chosen, bench::Bench::open_loop);
  benchmark.measure = [group, measure = std::move(benchmark.measure)](RowSink& sink) {
    return measure(sink);
  };
  return benchmark;
}

Tried<Benchmark> backings(const BenchOptions& options) {
  const Tried<Places> places = places_of(options.cpus);
  if (!places) return tl::unexpected(places.error());
  if (places->placement == bench::Placement::one_cpu) {
    return give_up(kUsage, "--cpu: backings are compared while both sides spin, so two are wanted");
  }
  bench::BackingOptions backing;
  Tried<std::vector<std::size_t>> sizes = sizes_of(options.sizes, 8, backing.sizes);
  if (!sizes) return tl::unexpected(sizes.error());
  backing.cpus = places->cpus;
  backing.sizes = std::move(*sizes);
  backing.folder = options.folder;
  backing.samples = options.samples.value_or(backing.samples);
  backing.window = std::chrono::milliseconds(static_cast<long>(options.duration_s * 1000));
  backing.repeats = options.repeats;
  return Benchmark{"backings", backing.cpus, backing.repeats, backings_seconds(backing),
                   [backing](RowSink& sink) { return measure_backings(backing, sink); }};
}

Tried<std::uint64_t> file_size_of(const std::vector<std::string>& texts, std::uint64_t usual) {
  if (texts.empty()) return usual;
  const std::optional<std::uint64_t> size = size_of_text(texts.front());
  if (texts.size() > 1 || !size || *size == 0) {
    return give_up(kUsage, fmt::format("--size: '{}' is not the size of a file, such as 256M",
                                       fmt::join(texts, ",")));
  }
  return *size;
}

Tried<Benchmark> file_copy(const BenchOptions& options) {
  const Tried<Places> places = places_of(options.cpus);
  if (!places) return tl::unexpected(places.error());
  const Tried<std::vector<bench::Wait>> waits =
      waits_of(options.waits, {bench::Wait::spin, bench::Wait::park});
  if (!waits) return tl::unexpected(waits.error());
  bench::FileCopyOptions files;
  const Tried<std::uint64_t> size = file_size_of(options.sizes, files.assembled_bytes);
  if (!size) return tl::unexpected(size.error());
  const std::vector<std::string>& known = bench::file_copy_transports();
  for (const std::string& name : options.transports) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return give_up(kUsage, fmt::format("--transport: no transport '{}' for files; there are {}",
                                         name, fmt::join(known, ", ")));
    }
  }
  files.file = options.file;
  files.assembled_bytes = *size;
  files.keep_assembled = false;
  files.folder = options.folder;
  files.transports = options.transports;
  files.placements = {places->placement};
  files.cpus = places->cpus;
  files.spinning_rows = std::any_of(waits->begin(), waits->end(),
                                    [](bench::Wait wait) { return !bench::sleeps(wait); });
  files.quick_wakes.clear();
  if (std::any_of(waits->begin(), waits->end(), bench::sleeps)) {
    files.quick_wakes = {options.quick_wake};
  }
  if (files.quick_wakes.empty() && places->placement == bench::Placement::one_cpu) {
    return give_up(kUsage, "--wait: files are copied by sides that spin only where each has a CPU");
  }
  files.runs = options.repeats;
  return Benchmark{"file-copy", files.cpus, files.runs, estimated_seconds(files),
                   [files](RowSink& sink) { return measure_file_copies(files, sink); }};
}

Tried<Benchmark> scale(const BenchOptions& options) {
  const Tried<Places> places = places_of(options.cpus);
  if (!places) return tl::unexpected(places.error());
  if (places->placement == bench::Placement::one_cpu) {
    return give_up(kUsage,
                   "--cpu: a message's cost is that of two sides that run, so two are wanted");
  }
  bench::ScaleOptions many;
  many.cpus = places->cpus;
  many.transports = options.transports;
  many.counts.assign(options.counts.begin(), options.counts.end());
  many.samples = options.samples.value_or(many.samples);
  many.duration = std::chrono::milliseconds(static_cast<long>(options.duration_s * 1000));
  many.repeats = options.repeats;
  for (const std::string& name : options.transports) {
    const auto ways = bench::many_ways();
    if (std::none_of(ways.begin(), ways.end(),
                     [&](const bench::ManyWay& way) { return way.transport == name; })) {
      return give_up(kUsage, fmt::format("--transport: no transport '{}' of which there are many; "
                                         "there are {}",
                                         name, bench::many_transport_names()));
    }
  }
  return Benchmark{"scale", many.cpus, many.repeats, scale_seconds(many),
                   [many](RowSink& sink) { return measure_scale(many, sink); }};
}

std::string title_of(const Benchmark& benchmark) {
  const bool two = benchmark.cpus[1] >= 0;
  std::string cpus = two ? fmt::format("CPUs {} and {}", benchmark.cpus[0], benchmark.cpus[1])
                         : fmt::format("both processes on CPU {}", benchmark.cpus[0]);
  if (benchmark.repeats > 1) {
    cpus += fmt::format("; {} repeats, of which the table has the median one", benchmark.repeats);
  }
  return cpus;
}

// As `ringbell report` would: latency by load.
Result<void> plot(const std::string& json, const std::string& folder) {
  const std::optional<std::filesystem::path> script = report_script();
  if (!script) return fail(ErrorCode::not_found, kNoScript);
  Result<void> drawn = bench::run({kPython, "-B", script->string(), json, "--plots", folder}, ".");
  if (drawn) fmt::print("plot: {}/open_loop.svg\n", folder);
  return drawn;
}

// What it ended with, said on stderr unless it is done.
int status_of(const Result<void>& ran, const RowSink& sink) {
  namespace interruption = bench::interruption;
  if (interruption::came()) {
    return complain(interruption::error().value().message,
                    status_of_signal(interruption::signal()));
  }
  if (!ran) return complain(ran.error().message);
  for (const Row& row : sink.rows()) {
    if (row["bench"] != "meta" && !row.contains("error")) return kDone;
  }
  return complain("nothing of it can be measured here");
}

int run(const Benchmark& benchmark, const BenchOptions& options) {
  // The plot is drawn from a file.
  const std::string json = options.json.empty() && !options.plots.empty()
                               ? options.plots + "/open_loop.jsonl"
                               : options.json;
  if (const Result<void> watching = bench::interruption::watch(); !watching) {
    return complain(watching.error().message);
  }
  const bool to_stdout = json == "-";
  const bench::Progress progress(benchmark.seconds);
  Result<RowSink> sink = json.empty() ? RowSink(progress)
                                      : RowSink::create(to_stdout ? "/dev/stdout" : json, progress);
  if (!sink) return complain(sink.error().message);
  sink->add(bench::meta_row("bench " + benchmark.name, benchmark.repeats, benchmark.cpus,
                            bench::findings(false)));
  const Result<void> ran = benchmark.measure(*sink);
  sink->finish();
  if (!sink->written()) return complain(sink->written().error().message);
  if (!to_stdout) {
    fmt::print("{}\n\n{}", title_of(benchmark), bench::table_of(sink->rows()));
    if (!json.empty()) fmt::print("rows: {}\n", json);
  }
  const int status = status_of(ran, *sink);
  if (status != kDone || options.plots.empty()) return status;
  const Result<void> drawn = plot(json, options.plots);
  return drawn ? kDone : complain("no plot: " + drawn.error().message);
}

// Which options a benchmark has besides --cpu, --repeats and --json.
enum Has : unsigned {
  kSizes = 1U,
  kTransports = 2U,
  kWaits = 4U,
  kSamples = 8U,
  kDuration = 16U,
  kQuickWake = 32U,
  kVerify = 64U,
  kFolder = 128U,
  kFile = 256U,
  kLoads = 512U,
  kCounts = 1024U,
};

struct Kind {
  const char* name;
  const char* about;
  unsigned has;
  Make make;
  const char* examples;
};

constexpr Kind kKinds[] = {
    {"round-trip", "a message to the other process and back",
     kSizes | kTransports | kWaits | kSamples | kQuickWake, round_trip,
     R"(Examples:
  ringbell bench round-trip                        all transports, 56 bytes, no side sleeps
  ringbell bench round-trip --size 8,56,4K --transport ringbell,pipe
  ringbell bench round-trip --wait park --quick-wake --cpu 2,3
  ringbell bench round-trip --cpu 0 --wait spin,park     both processes on CPU 0)"},
    {"throughput", "as many messages as go one way, each of them verified",
     kSizes | kTransports | kWaits | kDuration | kQuickWake | kVerify, throughput,
     R"(Examples:
  ringbell bench throughput --size 56,4K,64K --duration 0.5
  ringbell bench throughput --verify --transport ringbell,unix_stream)"},
    {"file-copy", "a file from one process to the other, copies counted, SHA-256 compared",
     kSizes | kTransports | kWaits | kQuickWake | kFolder | kFile, file_copy,
     R"(Examples:
  ringbell bench file-copy                         256 MiB put together from /usr/lib
  ringbell bench file-copy --file disk.img --transport ringbell,pipe --dir /mnt/disk)"},
    {"open-loop", "messages at a fixed rate, timed from when each was due",
     kSizes | kTransports | kWaits | kDuration | kQuickWake | kLoads, open_loop,
     R"(Examples:
  ringbell bench open-loop                         10, 25, 50, 75, 90 % of each one's capacity
  ringbell bench open-loop --rate 10k,100k --wait park --transport ringbell,pipe
  ringbell bench open-loop --load 50,90,99 --size 4K --plot .
  ringbell bench open-loop --load 50 --cpu-quota 1 --wait spin,park --transport ringbell

A message is due at a fixed time, whatever became of those before it, and its latency counts from
then: what a pause of either side costs shows in every message that was due meanwhile.)"},
    {"wake", "how long it takes to wake a process that sleeps: half of a round trip",
     kSizes | kTransports | kWaits | kSamples, wake,
     R"(Examples:
  ringbell bench wake                              two CPUs and one, with and without quick wake-ups
  ringbell bench wake --cpu 0,1 --transport ringbell,pipe,unix_stream)"},
    {"scale", "what it costs to have many: channels, subscribers, writers, ends that sleep",
     kTransports | kSamples | kDuration | kCounts, scale,
     R"(Examples:
  ringbell bench scale                             1 to 1000 channels, 1 to 64 of the others
  ringbell bench scale --count 1,100 --transport ringbell,pipe --duration 0.2)"},
    {"backings", "what it costs where a ring's pages come from",
     kSizes | kSamples | kDuration | kFolder, backings,
     R"(Examples:
  ringbell bench backings --size 56 --repeats 1
  ringbell bench backings --dir /mnt/disk          where the regular file is)"},
};

constexpr const char* kFooter =
    R"(Two processes, never threads, pinned, through one transport at a time.

Examples:
  ringbell bench round-trip --size 8,4K --transport ringbell,pipe
  ringbell bench throughput --cpu 2,3 --verify
  ringbell bench wake
  ringbell bench KIND --help                       its options, and more examples
  ringbell bench --lang python                     all that is measured of ringbell for Python,
                                                   beside multiprocessing, pipes and ZeroMQ

Exit status: 0; 1 if something failed or came otherwise than it was sent; 2 if the command line
will not do; 128 + N when signal N ended it.)";

void add_options(Command command, const Kind& kind, BenchOptions& options) {
  const auto has = [&](Has what) { return (kind.has & what) != 0; };
  command.option("--cpu", options.cpus, "A,B: the two CPUs; A: both processes on this one");
  if (has(kFile)) {
    command.option("--size", options.sizes, "of the file that is put together: 256M");
    command.option("--file", options.file, "the file to copy");
  } else if (has(kSizes)) {
    command.option("--size", options.sizes, "of messages: 8,56,4K,...");
  }
  if (has(kCounts)) {
    command.option("--count", options.counts, "so many: 1,10,64,... (default: some, to the most)")
        .within(std::uint64_t{1}, std::uint64_t{1000});
  }
  if (has(kTransports)) {
    command.option("--transport", options.transports, "only these (default: all)");
  }
  if (has(kWaits)) {
    command.option("--wait", options.waits,
                   "spin, park, eventfd, polled, blocking; a transport without these takes the "
                   "nearest");
  }
  if (has(kQuickWake)) {
    command.flag("--quick-wake", options.quick_wake, "CPUs may not halt while it is measured");
  }
  if (has(kVerify)) {
    command.flag("--verify", options.verify, "fill in and compare every byte of each message");
  }
  if (has(kSamples)) {
    command
        .option("--samples", options.samples,
                has(kCounts) ? "wake-ups of each" : "round trips of each")
        .within(std::uint64_t{100}, std::uint64_t{1'000'000'000});
  }
  if (has(kDuration)) {
    command.option("--duration", options.duration_s, "seconds of each (default: 1)")
        .within(0.01, 3600.0);
  }
  if (has(kLoads)) {
    command.option("--load", options.loads, "percent of the capacity: 10,50,90")
        .within(0.1, 1000.0);
    command.option("--rate", options.rates, "messages a second: 10k,1M");
    command
        .option("--cpu-quota", options.cpu_quota,
                "CPUs' time for both sides together: ringbell keeping within it, and not")
        .within(0.05, 1024.0);
    command.option("--plot", options.plots, "the folder for a plot of latency by load")
        .existing_folder();
  }
  if (has(kFolder)) {
    std::error_code none;
    options.folder = std::filesystem::temp_directory_path(none).string();
    if (options.folder.empty()) options.folder = ".";
    command.option("--dir", options.folder, "where files are made, and gone at the end")
        .existing_folder();
  }
  command.option("--repeats", options.repeats, "passes over everything (default: 3)")
      .within(1, 1000);
  command.option("--json", options.json, "where the rows go, as JSON Lines; - for here");
}

}  // namespace

void add_bench(Command program) {
  Command bench = program.add("bench", "one benchmark, on what you choose");
  bench.footer(kFooter);
  const auto language = std::make_shared<OtherLanguage>();
  bench
      .option("--lang", language->name, "of ringbell for this language, in place of a KIND: python")
      .one_of({"python"});
  bench.flag("--quick", language->quick, "with --lang: once, and a fifth of the time");
  bench.runs([language] { return measure_in(*language); });
  for (const Kind& kind : kKinds) {
    const auto options = std::make_shared<BenchOptions>();
    Command command = bench.add(kind.name, kind.about);
    add_options(command, kind, *options);
    command.footer(kind.examples);
    command.runs([options, language, make = kind.make] {
      if (language->is_asked_for()) return complain("--lang: name no KIND beside it", kUsage);
      const Tried<Benchmark> made = make(*options);
      return made ? run(*made, *options) : complain(made.error());
    });
  }
}

}  // namespace ringbell::tools
