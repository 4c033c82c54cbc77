#include "arguments.h"

#include <CLI/CLI.hpp>

#include "command.h"

namespace ortolan::cli {
namespace {

CLI::App& AppOf(void* app) {
  return *static_cast<CLI::App*>(app);
}

template <typename T>
void AddOption(void* app, const std::string& name, T& value, const std::string& help, Limit limit) {
  CLI::Option* const option = AppOf(app).add_option(name, value, help);
  switch (limit) {
    case Limit::kNone:
      break;
    case Limit::kNonNegative:
      option->check(CLI::NonNegativeNumber);
      break;
    case Limit::kPositive:
      option->check(CLI::PositiveNumber);
      break;
    case Limit::kShare:
      option->check(CLI::Range(0.0, 1.0));
      break;
    case Limit::kFile:
      option->check(CLI::ExistingFile);
      break;
  }
}

}  // namespace

Subcommand& Subcommand::Positional(const std::string& name, std::string& value, const std::string& help) {
  AppOf(app_).add_option(name, value, help)->required();
  return *this;
}

Subcommand& Subcommand::Positional(const std::string& name, std::vector<std::string>& values,
                                   const std::string& help) {
  AppOf(app_).add_option(name, values, help)->required();
  return *this;
}

Subcommand& Subcommand::Option(const std::string& name, std::string& value, const std::string& help,
                               Limit limit) {
  AddOption(app_, name, value, help, limit);
  return *this;
}

Subcommand& Subcommand::Option(const std::string& name, int& value, const std::string& help, Limit limit) {
  AddOption(app_, name, value, help, limit);
  return *this;
}

Subcommand& Subcommand::Option(const std::string& name, size_t& value, const std::string& help, Limit limit) {
  AddOption(app_, name, value, help, limit);
  return *this;
}

Subcommand& Subcommand::Option(const std::string& name, float& value, const std::string& help, Limit limit) {
  AddOption(app_, name, value, help, limit);
  return *this;
}

Subcommand& Subcommand::Option(const std::string& name, double& value, const std::string& help, Limit limit) {
  AddOption(app_, name, value, help, limit);
  return *this;
}

Subcommand& Subcommand::Option(const std::string& name, std::vector<std::string>& values,
                               const std::string& help) {
  AddOption(app_, name, values, help, Limit::kNone);
  return *this;
}

Subcommand& Subcommand::List(const std::string& name, std::vector<std::string>& values,
                             const std::string& help) {
  AppOf(app_).add_option(name, values, help)->delimiter(',');
  return *this;
}

Subcommand& Subcommand::Choice(const std::string& name, std::string& value,
                               const std::vector<std::string>& words, const std::string& help) {
  AppOf(app_).add_option(name, value, help)->check(CLI::IsMember(words));
  return *this;
}

Subcommand& Subcommand::Flag(const std::string& name, bool& value, const std::string& help) {
  AppOf(app_).add_flag(name, value, help);
  return *this;
}

void Subcommand::OnRun(std::function<void()> body) {
  AppOf(app_).callback(std::move(body));
}

struct CommandLine::State {
  CLI::App app;
};

CommandLine::CommandLine(const std::string& name, const std::string& version, const std::string& description,
                         const std::string& footer)
    : state_(new State{CLI::App(description, name)}) {
  state_->app.set_version_flag("--version", version);
  state_->app.require_subcommand(1);
  state_->app.footer(footer);
}

CommandLine::~CommandLine() = default;

Subcommand CommandLine::Add(const std::string& name, const std::string& description) {
  return Subcommand(state_->app.add_subcommand(name, description));
}

void CommandLine::Run(int argc, char** argv) {
  try {
    state_->app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0)
      throw CommandError(kUsage, std::string(error.what()) + " (see ortolan --help)");
    state_->app.exit(error);  // --help and --version
  }
}

}  // namespace ortolan::cli
