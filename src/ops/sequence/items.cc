#include "ops/sequence/items.h"

#include "ops/axes.h"

namespace ortolan::sequence {

Result<const Sequence*> SequenceOf(const RunContext& context, size_t i) {
  const Value& value = context.InputValue(i);
  if (value.kind() != Value::Kind::kSequence) return InvalidArgument("input {} is no sequence", i);
  return &value.sequence();
}

Result<int64_t> PositionOf(const TensorRef& position, int64_t size, bool past_end) {
  const Dims ints = IntsOf(position);
  if (ints.size() != 1) return InvalidArgument("a position must be one int32 or int64 number");
  const int64_t last = past_end ? size : size - 1;
  if (ints[0] < -size || ints[0] > last) {
    return InvalidArgument("Invalid sequence index ({}) specified for sequence of size ({})", ints[0], size);
  }
  return ints[0] < 0 ? ints[0] + size : ints[0];
}

Result<Value> Kept(const RunContext& context, size_t i) {
  const Value& value = context.InputValue(i);
  if (value.kind() != Value::Kind::kTensor) return value;
  ORTOLAN_ASSIGN_OR_RETURN(Tensor copy, value.tensor().Copied());
  return Value(std::move(copy));
}

}  // namespace ortolan::sequence
