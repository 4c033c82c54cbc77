// `ortolan passes`: the table of passes, as docs/passes.md has it.
#include <fmt/format.h>

#include "command.h"
#include "session/explain.h"

namespace ortolan::cli {

void AddPasses(CommandLine& line) {
  line.Add("passes", "Print the passes that rewrite models, as Markdown").OnRun([] {
    fmt::print("{}", session::PassTable());
  });
}

}  // namespace ortolan::cli
