// `ortolan operators`: the table of operators, as docs/operators.md has it.
#include <fmt/format.h>

#include "command.h"
#include "ops/operator_table.h"

namespace ortolan::cli {

void AddOperators(CommandLine& line) {
  line.Add("operators", "Print the operators that models may use, as Markdown.").OnRun([] {
    fmt::print("{}", OperatorTable());
  });
}

}  // namespace ortolan::cli
