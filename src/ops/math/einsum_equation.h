// The equation of Einsum: subscripts as numbers, the ellipsis resolved against the operands' ranks.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/small_vector.h"
#include "base/status.h"

namespace ortolan::math {

// A subscript: 0 to 51 for letters in the order A-Za-z, from kFirstEllipsisLabel on for the axes of an
// ellipsis, counted from its last one.
using Label = int32_t;
using Labels = SmallVector<Label, 6>;
inline constexpr Label kFirstEllipsisLabel = 52;

struct EinsumEquation {
  std::vector<Labels> inputs;
  Labels output;
};

// kInvalidArgument where the equation is malformed or does not fit operands of these ranks. Implicit outputs
// are numpy's: the ellipsis, then the letters that stand once, sorted.
Result<EinsumEquation> ParseEinsum(std::string_view equation, std::span<const int64_t> ranks);

}  // namespace ortolan::math
