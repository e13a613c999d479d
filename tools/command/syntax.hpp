// A program's command line, as its commands say it: their options, and what is to run. CLI11 reads
// it; only syntax.cpp includes that, since it costs each source that does seconds to compile.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ringbell::tools {

// What a command does. Returns the exit status.
using Work = std::function<int()>;

// An option that was added: what its values must be. Anything else is refused, in one line.
class Option {
 public:
  explicit Option(CLI::Option* option) noexcept : option_(option) {}

  Option& required();
  Option& excludes(const Option& other);
  // What stands behind its name in --help: "SECONDS".
  Option& takes(const char* what);
  // `T`: int, double or std::uint64_t.
  template <class T>
  Option& within(T smallest, T largest);
  Option& positive();
  Option& not_negative();
  Option& one_of(std::initializer_list<const char*> words);
  Option& existing_folder();
  Option& not_empty();
  Option& shows_default();

 private:
  CLI::Option* option_;
};

// A command, or the program itself. Values are stored in what the caller names, which must live
// until the work has run.
class Command {
 public:
  Command(CLI::App* app, Work* chosen) noexcept : app_(app), chosen_(chosen) {}

  [[nodiscard]] Command add(const char* name, const char* about);
  // Without one of its commands the line will not do.
  void needs_command();
  void footer(const char* text);

  Option flag(const char* names, bool& value, const char* help);
  Option flag(const char* names, std::function<void()> found, const char* help);
  // `T`: std::string, int, double, std::uint64_t, an optional number, or a vector of values that
  // commas or spaces part. A name without dashes is that of an operand.
  template <class T>
  Option option(const char* names, T& value, const std::string& help);
  // `take` answers what is wrong with the text, or nothing.
  Option option(const char* names, std::function<std::string(const std::string&)> take,
                const char* help);

  // Runs if this command is chosen, and none of its own.
  void runs(Work work);
  // All behind the command is its own affair, --help too.
  void runs_with_rest(std::function<int(const std::vector<std::string>&)> work);

 private:
  CLI::App* app_;
  Work* chosen_;
};

class CommandLine {
 public:
  CommandLine(const char* about, const char* program);
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  ~CommandLine();

  [[nodiscard]] Command program() noexcept { return {app_.get(), &chosen_}; }
  void version(const char* text);

  struct Parsed {
    std::string wrong;    // one line: why it will not do
    bool told = false;    // --help or --version, which is printed now
    std::string command;  // the one that was chosen, if there are any
    Work work;            // and what it does
  };
  [[nodiscard]] Parsed parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
  Work chosen_;
};

}  // namespace ringbell::tools
