// What the subcommands of `ortolan` share. Each subcommand is a file with one Add function, which declares
// its options and what runs when it is chosen.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "arguments.h"
#include "ortolan/session.h"

namespace ortolan::cli {

// Exit codes; `ortolan --help` lists them.
inline constexpr int kFailed = 1;    // the run itself failed
inline constexpr int kUsage = 2;     // the command line is wrong
inline constexpr int kBadInput = 3;  // a model or another input file is missing, broken or not supported

// Ends the command with `ortolan: error: MESSAGE` and this code.
struct CommandError : std::runtime_error {
  CommandError(int exit_code, const std::string& message) : std::runtime_error(message), code(exit_code) {}
  int code;
};

// Runs `body`; an Exception in it becomes a CommandError with `code` and, where its message does not name it,
// `context` before the message.
template <typename Body>
auto Guard(int code, const std::string& context, Body body) {
  try {
    return body();
  } catch (const Exception& error) {
    const std::string message = error.what();
    throw CommandError(code, message.find(context) != std::string::npos ? message : context + ": " + message);
  }
}

// A line that each call overwrites, on stderr and only where that is a terminal; Done() wipes it.
class Progress {
 public:
  Progress();
  ~Progress() { Done(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void Show(const std::string& text);
  void Done();

 private:
  bool terminal_;
  bool shown_ = false;
};

// `NAME=SIZE` pairs, as --dim takes them.
std::map<std::string, int64_t> ParseDimensions(const std::vector<std::string>& pairs);

// An array for an input as the model declares it: symbolic sizes from `dimensions`, else 1; floats normally
// distributed, integers and bools 0 or 1 (they are often positions in a table), the same in each run of the
// command.
Array RandomArray(const NodeArg& input, const std::map<std::string, int64_t>& dimensions);

// "float32[1,3,224,224]".
std::string ArrayText(const Array& array);
// "tensor(float) [N, 3, 96, 96]".
std::string DeclarationText(const NodeArg& arg);

void AddPredict(CommandLine& line);
void AddLabel(CommandLine& line);
void AddRun(CommandLine& line);
void AddInspect(CommandLine& line);
void AddBench(CommandLine& line);
void AddExplain(CommandLine& line);
void AddProfile(CommandLine& line);
void AddOperators(CommandLine& line);
void AddPasses(CommandLine& line);

}  // namespace ortolan::cli
