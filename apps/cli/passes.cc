// `ortolan passes`: the table of passes, as docs/passes.md has it.
#include <fmt/format.h>

#include "command.h"
#include "session/explain.h"

namespace ortolan::cli {

void AddPasses(CLI::App& app) {
  CLI::App* command = app.add_subcommand("passes", "Print the passes that rewrite models, as Markdown");
  command->callback([] { fmt::print("{}", session::PassTable()); });
}

}  // namespace ortolan::cli
