#include "tools/command/syntax.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <CLI/CLI.hpp>

namespace ringbell::tools {

Option& Option::required() {
  option_->required();
  return *this;
}
Option& Option::excludes(const Option& other) {
  option_->excludes(other.option_);
  return *this;
}
Option& Option::takes(const char* what) {
  option_->type_name(what);
  return *this;
}
template <class T>
Option& Option::within(T smallest, T largest) {
  option_->check(CLI::Range(smallest, largest));
  return *this;
}
template Option& Option::within(int smallest, int largest);
template Option& Option::within(double smallest, double largest);
template Option& Option::within(std::uint64_t smallest, std::uint64_t largest);
Option& Option::positive() {
  option_->check(CLI::PositiveNumber);
  return *this;
}
Option& Option::not_negative() {
  option_->check(CLI::NonNegativeNumber);
  return *this;
}
Option& Option::one_of(std::initializer_list<const char*> words) {
  option_->check(CLI::IsMember(std::vector<std::string>(words.begin(), words.end())));
  return *this;
}
Option& Option::existing_folder() {
  option_->check(CLI::ExistingDirectory);
  return *this;
}
Option& Option::not_empty() {
  option_->check(CLI::Validator(
      [](const std::string& text) { return std::string(text.empty() ? "an empty path" : ""); },
      ""));
  return *this;
}

Option& Option::shows_default() {
  option_->capture_default_str();
  return *this;
}

Command Command::add(const char* name, const char* about) {
  return {app_->add_subcommand(name, about), chosen_};
}
void Command::needs_command() { app_->require_subcommand(1); }
void Command::footer(const char* text) { app_->footer(text); }

Option Command::flag(const char* names, bool& value, const char* help) {
  return Option(app_->add_flag(names, value, help));
}
Option Command::flag(const char* names, std::function<void()> found, const char* help) {
  return Option(app_->add_flag_callback(names, std::move(found), help));
}

template <class T>
Option Command::option(const char* names, T& value, const std::string& help) {
  CLI::Option* const added = app_->add_option(names, value, help);
  if constexpr (std::is_same_v<T, std::vector<std::string>> ||
                std::is_same_v<T, std::vector<double>> ||
                std::is_same_v<T, std::vector<std::uint64_t>>) {
    added->delimiter(',');
  }
  return Option(added);
}
template Option Command::option(const char* names, std::string& value, const std::string& help);
template Option Command::option(const char* names, int& value, const std::string& help);
template Option Command::option(const char* names, double& value, const std::string& help);
template Option Command::option(const char* names, std::uint64_t& value, const std::string& help);
template Option Command::option(const char* names, std::optional<std::uint64_t>& value,
                                const std::string& help);
template Option Command::option(const char* names, std::optional<double>& value,
                                const std::string& help);
template Option Command::option(const char* names, std::vector<std::string>& value,
                                const std::string& help);
template Option Command::option(const char* names, std::vector<double>& value,
                                const std::string& help);
template Option Command::option(const char* names, std::vector<std::uint64_t>& value,
                                const std::string& help);
Option Command::option(const char* names, std::function<std::string(const std::string&)> take,
                       const char* help) {
  return Option(app_->add_option_function<std::string>(
      names,
      [name = std::string(names), take = std::move(take)](const std::string& text) {
        std::string wrong = take(text);
        if (!wrong.empty()) throw CLI::ValidationError(name, wrong);
      },
      help));
}

void Command::runs(Work work) {
  app_->callback([chosen = chosen_, app = app_, work = std::move(work)] {
    if (app->get_subcommands().empty()) *chosen = work;
  });
}
void Command::runs_with_rest(std::function<int(const std::vector<std::string>&)> work) {
  app_->set_help_flag();
  app_->prefix_command();
  app_->callback([chosen = chosen_, app = app_, work = std::move(work)] {
    *chosen = [rest = app->remaining(), work] { return work(rest); };
  });
}

CommandLine::CommandLine(const char* about, const char* program)
    : app_(std::make_unique<CLI::App>(about, program)) {}
CommandLine::~CommandLine() = default;

void CommandLine::version(const char* text) { app_->set_version_flag("--version", text); }

CommandLine::Parsed CommandLine::parse(int argc, char** argv) {
  Parsed parsed;
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    parsed.told = error.get_exit_code() == 0;
    if (parsed.told) {
      app_->exit(error);
      return parsed;
    }
    // CLI11 may break a message into lines; people get one.
    parsed.wrong = error.what();
    std::replace(parsed.wrong.begin(), parsed.wrong.end(), '\n', ' ');
    return parsed;
  }
  const std::vector<CLI::App*> commands = app_->get_subcommands();
  if (!commands.empty()) parsed.command = commands.front()->get_name();
  parsed.work = std::move(chosen_);
  return parsed;
}

}  // namespace ringbell::tools
