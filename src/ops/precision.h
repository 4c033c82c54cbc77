// What the model's types allow arithmetic beyond the types that values have inside.
#pragma once

#include <string_view>

namespace ortolan {

// An attribute of a float MatMul or Gemm: the model has both operands as bfloat16, so they may be rounded to
// it. Left out where a model is written: results then are as exact or more so.
inline constexpr std::string_view kBFloat16Operands = "ortolan_bfloat16";

}  // namespace ortolan
