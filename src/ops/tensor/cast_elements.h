// Casting between element types, for Cast and CastLike.
#pragma once

#include "ops/op.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {

// Types that a cast reads and writes.
inline constexpr DTypeSet kCastTypes = kNumericTypes | kLowBitTypes | SetOf(DType::kBool, DType::kString);

// A kernel that casts input 0 to the type of output 0, whatever the other inputs are. kNotImplemented for
// other types.
Status PrepareCast(PrepareContext& context, Prepared* prepared);

}  // namespace ortolan
