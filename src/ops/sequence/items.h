// What the rooms of sequences share. Sequences are immutable once made and share their items, which are
// tensors with memory of their own: what goes in or comes out is copied, because a tensor of a run lives in
// memory that the run uses again.
#pragma once

#include "ops/op.h"

namespace ortolan::sequence {

// Sequences of tensors of any type.
inline constexpr DTypeSet kSequences = kAllTypes;
inline constexpr DTypeSet kPositions = SetOf(DType::kInt32, DType::kInt64);

// The sequence of input i; kInvalidArgument where it holds something else.
Result<const Sequence*> SequenceOf(const RunContext& context, size_t i);

// The only element of a tensor of positions, counted from the front and checked against [-size, size), or
// [-size, size] where `past_end` is allowed.
Result<int64_t> PositionOf(const TensorRef& position, int64_t size, bool past_end);

// Input i as a value that outlives the run: tensors are copied.
Result<Value> Kept(const RunContext& context, size_t i);

// The type of a sequence's items, where the type is known to be a sequence.
inline ValueType ItemType(const ValueType& type) {
  return type.kind == ValueType::Kind::kSequence ? *type.inner : ValueType();
}

}  // namespace ortolan::sequence
