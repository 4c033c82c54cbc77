// docs/operators.md: every operator with its domain, opsets, types and how it runs, from the rooms. The
// command `ortolan operators` prints it, and a test holds the file to it.
#pragma once

#include <string>

namespace ortolan {

std::string OperatorTable();

}  // namespace ortolan
