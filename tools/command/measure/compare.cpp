// `ringbell compare`: the comparison (bench/), from the installed command.
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/compare.hpp"
#include "tools/command/command.hpp"

namespace ringbell::tools {
namespace {

constexpr const char* kExamples = R"(
Examples:
  ringbell compare --quick                    a look at everything, at most 90 s
  ringbell compare --full --json run.jsonl    everything, three times; then ringbell report
  ringbell compare --cpus 2,3 --sizes 8,56 --transports ringbell,pipe
)";

int compare(const std::vector<std::string>& arguments) {
  // As a program is given them: modifiable, and a null pointer behind the last.
  std::vector<std::string> texts{"ringbell-compare"};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  bool help = false;
  for (std::string& text : texts) {
    help = help || text == "--help" || text == "-h";
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  const int status = bench::compare(static_cast<int>(texts.size()), pointers.data());
  if (help && status == kDone) fmt::print("{}", kExamples);
  return status;
}

}  // namespace

void add_compare(CLI::App& app, Action& action) {
  CLI::App* const command =
      app.add_subcommand("compare", "messages and files: ringbell against the kernel's own");
  // Its options are the comparison's; `compare --help` lists them.
  command->set_help_flag();
  command->prefix_command();
  command->callback([command, &action] {
    const std::vector<std::string> arguments = command->remaining();
    action = [arguments] { return compare(arguments); };
  });
}

}  // namespace ringbell::tools
