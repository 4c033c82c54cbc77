// RelativePositionBias: T5's biases of scores: a row of a table for each bucket of distances, which grow as
// logarithms beyond half of the buckets. Refuses a table of unknown size.
#include <cmath>

#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t farthest = attributes.Int("max_distance", 0);
  const bool both_ways = attributes.Int("is_bidirectional", 0) != 0;
  if (farthest < 1) return InvalidArgument("RelativePositionBias: max_distance {}", farthest);
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(int64_t buckets, KnownDim(make.input(0), 0, "RelativePositionBias: the table"));
  const auto range = [&](size_t i, std::initializer_list<int64_t> shape) {
    graph::Value* count = make.Node("Reshape", {make.input(i), make.Ints({})});
    return make.Reshaped(make.Node("Range", {make.Int(0), count, make.Int(1)}), shape);
  };
  // How far behind the query the key is.
  graph::Value* distance = make.Node("Sub", {range(1, {-1, 1}), range(2, {1, -1})});
  graph::Value* first = make.Int(0);
  if (both_ways) {
    buckets /= 2;
    graph::Value* ahead = make.Cast(make.Node("Less", {distance, make.Int(0)}), DType::kInt64);
    first = make.Node("Mul", {ahead, make.Int(buckets)});
    distance = make.Node("Abs", {distance});
  } else {
    distance = make.Node("Max", {distance, make.Int(0)});
  }
  const int64_t exact = buckets / 2;
  if (exact < 1) return InvalidArgument("RelativePositionBias: {} buckets", buckets);
  graph::Value* ratio = make.Node("Div", {make.Cast(make.Node("Max", {distance, make.Int(1)}), DType::kFloat),
                                          make.Constant(Tensor::Scalar<float>(static_cast<float>(exact)))});
  const double span = std::log(static_cast<double>(farthest) / static_cast<double>(exact));
  const double step = static_cast<double>(buckets - exact) / span;
  graph::Value* steps = make.Node("Mul", {make.Node("Log", {ratio}), make.Number(ratio, step)});
  graph::Value* far = make.Node("Add", {make.Cast(steps, DType::kInt64), make.Int(exact)});
  far = make.Node("Min", {far, make.Int(buckets - 1)});
  graph::Value* bucket = make.Node("Where", {make.Node("Less", {distance, make.Int(exact)}), distance, far});
  graph::Value* rows = make.Node("Gather", {make.input(0), make.Node("Add", {first, bucket})});
  graph::Value* heads = make.Node("Transpose", {rows}, {{"perm", std::vector<int64_t>{2, 0, 1}}});
  make.Last("Unsqueeze", {heads, make.Ints({0})});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"bias_table", "T"}, {"query_length", "U"}, {"key_length", "U"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"U", SetOf(DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"is_bidirectional", AttributeType::kInt},
                                         {"max_distance", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsRelativePositionBias;
constexpr OpDef kMsRelativePositionBias{.domain = "com.microsoft",
                                        .name = "RelativePositionBias",
                                        .versions = kVersions,
                                        .inputs = kInputs,
                                        .outputs = kOutputs,
                                        .types = kTypes,
                                        .attributes = kAttributes,
                                        .raise = Raise};

}  // namespace ortolan
