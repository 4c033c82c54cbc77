// `ortolan operators`: the table of operators, as docs/operators.md has it.
#include <fmt/format.h>

#include "command.h"
#include "ops/operator_table.h"

namespace ortolan::cli {

void AddOperators(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("operators", "Print the operators that models may use, as Markdown.");
  command->callback([] { fmt::print("{}", OperatorTable()); });
}

}  // namespace ortolan::cli
