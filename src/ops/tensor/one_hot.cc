// OneHot: at each index a vector of `depth` elements that is "on" at the index and "off" elsewhere, along a
// new axis. An index out of [-depth, depth) gives a vector that is off. Refuses a depth below one and values
// that are not a pair.
#include <cmath>

#include "kernels/move/strided_copy.h"
#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

Result<int64_t> DepthOf(const TensorRef& depth) {
  if (depth.count() != 1) return InvalidArgument("Invalid argument for depth; it's not a scalar.");
  double number = 0;
  ORTOLAN_RETURN_IF_ERROR(WithNumberType(depth.dtype, [&](auto tag) {
    number = static_cast<double>(AsNumber(*depth.As<typename decltype(tag)::Type>()));
    return OkStatus();
  }));
  if (!(number >= 1) || number > 1e15) return InvalidArgument("Depth must be positive, got {}", number);
  return static_cast<int64_t>(number);
}

Status Infer(InferContext& context) {
  const graph::Shape& indices = context.shape(0);
  if (!indices.has_rank()) return OkStatus();
  graph::Dim depth;
  if (const auto known = context.Ints(1); known && known->size() == 1) {
    depth = (*known)[0];
    if (depth.IsConstant() && depth.constant() < 1)
      return InvalidArgument("Depth must be positive, got {}", depth.constant());
  } else if (context.input(1).data != nullptr) {
    ORTOLAN_ASSIGN_OR_RETURN(const int64_t number, DepthOf(*context.input(1).data));
    depth = number;
  } else {
    depth = context.Unknown();
  }
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                           NormalizeAxis(context.attributes().Int("axis", -1), indices.rank() + 1));
  graph::Shape::DimList dims = indices.dims();
  dims.insert(dims.begin() + axis, depth);
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

struct State {
  int64_t axis;
  int width;
  DType values;
};

template <typename T>
Status Set(const State& state, int64_t depth, RunContext& context) {
  const TensorRef& indices = context.input(0);
  const TensorRef& out = context.output(0);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                           NormalizeAxis(state.axis, static_cast<int64_t>(indices.rank()) + 1));
  const std::span<const int64_t> dims(indices.dims.data(), indices.rank());
  const int64_t inner = ElementCount(dims.subspan(static_cast<size_t>(axis)));
  const T* values = context.input(2).As<T>();
  const int64_t count = out.count(), none = 0, one = 1;
  kernels::RunCopy(kernels::PlanCopy({&count, 1}, {&none, 1}, {&one, 1}, state.width), values, out.data,
                   context.threads());
  return WithNumberType(indices.dtype, [&](auto tag) {
    const auto* index = indices.As<typename decltype(tag)::Type>();
    for (int64_t i = 0; i < indices.count(); ++i) {
      double at = std::trunc(static_cast<double>(AsNumber(index[i])));
      if (at < 0) at += static_cast<double>(depth);
      if (!(at >= 0 && at < static_cast<double>(depth))) continue;
      out.As<T>()[(i / inner * depth + static_cast<int64_t>(at)) * inner + i % inner] = values[1];
    }
    return OkStatus();
  });
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t depth, DepthOf(context.input(1)));
  if (context.input(2).count() != 2)
    return InvalidArgument(
        "Invalid argument for values; either it's rank is more than 1 or it has more than 2 elements");
  if (context.output(0).count() != depth * context.input(0).count())
    return Fail("OneHot: the output's shape {} does not fit depth {}", DimsText(context.output(0).dims),
                depth);
  return WithMovedType(state.values,
                       [&](auto tag) { return Set<typename decltype(tag)::Type>(state, depth, context); });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const int width, ElementWidth(context.input_dtype(2)));
  prepared->state = std::make_shared<const State>(
      State{context.node.attributes.Int("axis", -1), width, context.input_dtype(2)});
  prepared->run = Run;
  prepared->kernel = "one_hot";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {9, 11, 28};
constexpr FormalParameter kInputs[] = {{"indices", "T1"}, {"depth", "T2"}, {"values", "T3"}};
constexpr FormalParameter kOutputs[] = {{"output", "T3"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", kIntegerTypes | SetOf(DType::kFloat, DType::kFloat16, DType::kDouble)},
    {"T2", kIntegerTypes | SetOf(DType::kFloat, DType::kFloat16, DType::kDouble)},
    {"T3", kAllTypes & ~kLowBitTypes}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kOneHot;
constexpr OpDef kOneHot{.domain = "",
                        .name = "OneHot",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .infer = Infer,
                        .prepare = Prepare};

}  // namespace ortolan
