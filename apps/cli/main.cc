// Entry of the `ortolan` command: the subcommands' options, and one border where every failure becomes one
// line on stderr and an exit code.
#include <fmt/format.h>

#include <exception>

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
  CLI::App app("Runs ONNX models.", "ortolan");
  app.set_version_flag("--version", "ortolan " ORTOLAN_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done; 1 the run failed; 2 the command line is wrong; 3 a model or another input file is "
      "missing, "
      "broken or not supported.");
  ortolan::cli::AddPredict(app);
  ortolan::cli::AddLabel(app);
  ortolan::cli::AddRun(app);
  ortolan::cli::AddInspect(app);
  ortolan::cli::AddExplain(app);
  ortolan::cli::AddBench(app);
  ortolan::cli::AddProfile(app);
  ortolan::cli::AddOperators(app);
  ortolan::cli::AddPasses(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
    return Report(ortolan::cli::kUsage, std::string(error.what()) + " (see ortolan --help)");
  } catch (const ortolan::cli::CommandError& error) {
    return Report(error.code, error.what());
  } catch (const std::bad_alloc&) {
    return Report(ortolan::cli::kFailed, "out of memory");
  } catch (const std::exception& error) {
    return Report(ortolan::cli::kFailed, error.what());
  }
}
