// Small kernels over lines, that is runs of adjacent numbers, for operators whose loops are no product, no
// reduction and no chain of elementwise functions: elimination, recurrent states, boxes.
#pragma once

#include <span>

#include "kernels/line/line_kernel.h"

namespace ortolan::kernels {

// The best that runs on `isa`.
const LineKernels& SelectLine(Isa isa);
// All of them, best first; those above the machine's level must not be run.
std::span<const LineKernels* const> AllLines();

}  // namespace ortolan::kernels
