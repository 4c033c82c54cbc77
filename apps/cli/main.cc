// Entry of the `ortolan` command: the subcommands' options, and one border where every failure becomes one
// line on stderr and an exit code.
#include <fmt/format.h>

#include <exception>
#include <new>

#include "command.h"

namespace {

// Messages of several lines (a parser's, say) are folded, so that an error is one line.
int Report(int code, std::string message) {
  for (char& c : message)
    if (c == '\n' || c == '\r') c = ' ';
  fmt::print(stderr, "ortolan: error: {}\n", message);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace ortolan::cli;
  try {
    CommandLine line(
        "ortolan", "ortolan " ORTOLAN_VERSION, "Runs ONNX models.",
        "Exit codes: 0 done; 1 the run failed; 2 the command line is wrong; 3 a model or another "
        "input file is missing, broken or not supported.");
    AddPredict(line);
    AddLabel(line);
    AddRun(line);
    AddInspect(line);
    AddExplain(line);
    AddBench(line);
    AddProfile(line);
    AddOperators(line);
    AddPasses(line);
    line.Run(argc, argv);
    return 0;
  } catch (const CommandError& error) {
    return Report(error.code, error.what());
  } catch (const std::bad_alloc&) {
    return Report(kFailed, "out of memory");
  } catch (const std::exception& error) {
    return Report(kFailed, error.what());
  }
}
