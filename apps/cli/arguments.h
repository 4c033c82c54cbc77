// The command line as the subcommands see it. CLI11 stands behind it, in arguments.cc alone: its templates
// take nine seconds of compiling in each file that includes them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ortolan::cli {

// What a value has to be; the command ends with kUsage where it is not.
enum class Limit { kNone, kNonNegative, kPositive, kShare /* 0 to 1 */, kFile /* that exists */ };

// One subcommand. A variable keeps its value where the command line does not name it; it has to live until
// the command runs.
class Subcommand {
 public:
  explicit Subcommand(void* app) : app_(app) {}

  // Arguments without a name; they have to be given.
  Subcommand& Positional(const std::string& name, std::string& value, const std::string& help);
  Subcommand& Positional(const std::string& name, std::vector<std::string>& values, const std::string& help);

  Subcommand& Option(const std::string& name, std::string& value, const std::string& help,
                     Limit limit = Limit::kNone);
  Subcommand& Option(const std::string& name, int& value, const std::string& help,
                     Limit limit = Limit::kNone);
  Subcommand& Option(const std::string& name, size_t& value, const std::string& help,
                     Limit limit = Limit::kNone);
  Subcommand& Option(const std::string& name, float& value, const std::string& help,
                     Limit limit = Limit::kNone);
  Subcommand& Option(const std::string& name, double& value, const std::string& help,
                     Limit limit = Limit::kNone);
  // Several values, once for each or many after one name.
  Subcommand& Option(const std::string& name, std::vector<std::string>& values, const std::string& help);
  // Several values with commas between them.
  Subcommand& List(const std::string& name, std::vector<std::string>& values, const std::string& help);
  // One of these words.
  Subcommand& Choice(const std::string& name, std::string& value, const std::vector<std::string>& words,
                     const std::string& help);
  Subcommand& Flag(const std::string& name, bool& value, const std::string& help);

  // What happens when the user chose this command.
  void OnRun(std::function<void()> body);

 private:
  void* app_;  // CLI::App
};

class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& version, const std::string& description,
              const std::string& footer);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Subcommand Add(const std::string& name, const std::string& description);

  // Runs the command that the arguments choose, or prints help or the version. Throws CommandError(kUsage)
  // where they choose none or name what a command does not have, and whatever the command throws.
  void Run(int argc, char** argv);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ortolan::cli
