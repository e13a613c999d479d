#include "tools/compare/compare.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "bench/compare/meta.hpp"
#include "bench/compare/run.hpp"
#include "bench/compare/summary.hpp"
#include "bench/file_copy/files.hpp"
#include "bench/floors/hiccups.hpp"
#include "bench/harness/interruption.hpp"
#include "bench/harness/row_sink.hpp"
#include "bench/harness/subprocess.hpp"
#include "bench/transports/registry.hpp"
#include "tools/compare/options.hpp"

namespace ringbell::bench {
namespace {

// `name`: of the program, as it was started.
int failed(const char* name, const std::string& message) {
  fmt::print(stderr, "{}: {}\n", name, message);
  return 1;
}

// What would end the run is better found before minutes are spent on it.
Result<void> prepare(const Options& options) {
  if (!options.file.empty()) {
    const Result<SourceFile> source = open_source(options.file);
    if (!source) return tl::unexpected(source.error());
  }
  for (const std::filesystem::path& folder :
       {std::filesystem::path(options.out), std::filesystem::path(options.json).parent_path()}) {
    std::error_code error;
    if (!folder.empty()) std::filesystem::create_directories(folder, error);
    if (error) {
      return fail(ErrorCode::system, fmt::format("making the folder {} failed: {}; choose another "
                                                 "place (--out, --json)",
                                                 folder.string(), error.message()));
    }
  }
  // A limit on the size of files (ulimit -f) then is an error like any other, not the end.
  std::signal(SIGXFSZ, SIG_IGN);
  if (Result<void> room = check_room(options); !room) return room;
  return interruption::watch();
}

// The last line, which the first one announces: whether the rows are all that was planned.
Row end_row(const Result<void>& ran, double stolen) {
  const bool complete = ran || ran.error().code == ErrorCode::corrupt;
  Row end{{"bench", "end"}, {"complete", complete}, {"steal_share", stolen}};
  if (!complete) end["why"] = ran.error().message;
  return end;
}

// Plots are a convenience: that they cannot be drawn is said, and no failure.
void draw(const char* name, const Options& options) {
  namespace fs = std::filesystem;
  const fs::path script = fs::path(source_folder()) / "tools" / "report.py";
  std::error_code none;
  if (!fs::exists(script, none)) return;
  const std::string plots = (fs::path(options.out) / "plots").string();
  const std::string histograms = (fs::path(options.out) / "hgrm").string();
  const Result<void> drawn = run({"/usr/bin/python3", "-B", script.string(), options.json, "--hgrm",
                                  histograms, "--plots", plots},
                                 ".");
  if (drawn) {
    fmt::print("plots: {}; histograms: {}\n", plots, histograms);
  } else {
    fmt::print(stderr, "{}: no plots: {}\n", name, drawn.error().message);
  }
  const std::string page = (fs::path(options.out) / "report.html").string();
  const Result<void> written =
      run({"/usr/bin/python3", "-B", script.string(), options.json, "--html", page}, ".");
  if (written) {
    fmt::print("to play with: {}\n", page);
  } else {
    fmt::print(stderr, "{}: no page: {}\n", name, written.error().message);
  }
}

// Peers that this program lacks are said, and do not keep the others from running.
Result<void> check_peers(const char* name, const Options& options) {
  const std::vector<KnownPeer> missing =
      options.plan.peers ? missing_peers() : std::vector<KnownPeer>();
  if (missing.size() == kKnownPeers.size())
    return fail(ErrorCode::unsupported, how_to_get(missing));
  if (!missing.empty()) fmt::print(stderr, "{}: {}\n", name, how_to_get(missing));
  return {};
}

int run(const char* name, const Options& options, FindingsOf findings) {
  if (Result<void> some = check_peers(name, options); !some)
    return failed(name, some.error().message);
  if (Result<void> ready = prepare(options); !ready) return failed(name, ready.error().message);
  Result<RowSink> sink = RowSink::create(options.json, Progress(planned_seconds(options)));
  if (!sink) return failed(name, sink.error().message);
  sink->add(meta_row(options, findings(true)));
  const CpuTimes before = cpu_times(options.cpus);
  const Result<void> ran = run_all(options, *sink);
  const double stolen = cpu_times(options.cpus).stolen_since(before);
  sink->finish();
  const std::string told = options.backings ? table_of(sink->rows()) : summary_of(sink->rows());
  sink->add(end_row(ran, stolen));
  if (!sink->written()) return failed(name, sink->written().error().message);
  if (!ran && ran.error().code != ErrorCode::corrupt) {
    return failed(name,
                  fmt::format("{}; the rows so far are in {}", ran.error().message, options.json));
  }
  fmt::print("{}\nrows: {}\n", told, options.json);
  std::fflush(stdout);
  if (!options.backings) draw(name, options);
  if (interruption::came()) return failed(name, interruption::error().value().message);
  return ran ? 0 : failed(name, ran.error().message);
}

}  // namespace

int compare(int argc, char** argv, FindingsOf findings) {
  const char* const name = name_of(argc, argv);
  try {
    const Parsed parsed = parse_options(argc, argv);
    return parsed.options ? run(name, *parsed.options, findings) : parsed.exit_status;
  } catch (const std::exception& exception) {  // no memory left
    return failed(name, exception.what());
  }
}

}  // namespace ringbell::bench
