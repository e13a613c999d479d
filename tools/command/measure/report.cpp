// `ringbell report`: a comparison's JSON Lines as text and plots, or two of them side by side.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/command/command.hpp"
#include "tools/command/measure/script.hpp"

namespace ringbell::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExamples = R"(Examples:
  ringbell report run.jsonl                      BENCHMARKS.md and results/ here
  ringbell report run.jsonl --out report         the same in another folder
  ringbell report run.jsonl --html run.html      one file to play with, for a browser
  ringbell report a.jsonl b.jsonl --html ab.html two runs beside each other in it
  ringbell report before.jsonl after.jsonl       what changed, and what did not

Two files are compared row by row, smallest, median and largest repeat of each; where the repeats
explain what differs it says "no difference seen". It takes python3, python3-matplotlib for plots
and python3-plotly for --html.)";

struct ReportOptions {
  std::string first;
  std::string second;
  std::string out = ".";
  std::string html;
};

int report(const ReportOptions& options) {
  const std::optional<fs::path> found = report_script();
  if (!found) return complain(kNoScript);
  std::vector<std::string> texts{kPython, "-B", found->string(), options.first};
  if (!options.second.empty()) texts.push_back(options.second);
  if (!options.html.empty()) {
    texts.insert(texts.end(), {"--html", options.html});
  } else if (options.second.empty()) {
    texts.insert(texts.end(), {"--benchmarks", options.out + "/BENCHMARKS.md", "--results",
                               options.out + "/results"});
  }
  return become(std::move(texts));
}

}  // namespace

void add_report(Command program) {
  const auto options = std::make_shared<ReportOptions>();
  Command command = program.add("report", "a comparison's JSON Lines as a report");
  command.option("FILE", options->first, "what `ringbell compare --json` wrote").required();
  command.option("SECOND", options->second, "a later run, to be compared with the first");
  command.option("--out", options->out, "the folder that it is written to (default: here)");
  command.option("--html", options->html, "write one file to play with, for a browser, instead");
  command.footer(kExamples);
  command.runs([options] { return report(*options); });
}

}  // namespace ringbell::tools
