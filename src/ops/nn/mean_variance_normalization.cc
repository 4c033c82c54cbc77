// MeanVarianceNormalization: (x - mean) / (deviation + 1e-9) over axes, by default batch and space. Refuses
// axes out of range.
#include <cmath>

#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

struct State {
  Dims axes;
  DType dtype;
};

// Below opset 9 the operator was experimental, with other attributes.
Status Raise(RaiseContext& context) {
  if (context.opset < 9) return NotImplemented("MeanVarianceNormalization of opset {}", context.opset);
  return OkStatus();
}

// Visits every element with the number of its group: two passes for the moments, one to write.
template <typename T>
void Normalize(const TensorRef& x, const TensorRef& y, const Dims& group_strides, int64_t groups,
               double* sums, double* squares) {
  const double count = static_cast<double>(x.count()) / static_cast<double>(groups);
  for (int64_t g = 0; g < groups; ++g) sums[g] = squares[g] = 0;
  for (int pass = 0; pass < 3; ++pass) {
    for (int64_t i = 0; i < x.count(); ++i) {
      int64_t rest = i, group = 0;
      for (size_t axis = x.rank(); axis-- > 0;) {
        group += rest % x.dims[axis] * group_strides[axis];
        rest /= x.dims[axis];
      }
      const double item = static_cast<double>(AsNumber(x.As<T>()[i])), moved = item - sums[group] / count;
      if (pass == 0) sums[group] += item;
      if (pass == 1) squares[group] += moved * moved;
      if (pass == 2)
        y.As<T>()[i] = T(static_cast<WideNumber<T>>(moved / (std::sqrt(squares[group] / count) + 1e-9)));
    }
  }
}

Result<Dims> GroupStrides(const State& state, std::span<const int64_t> dims, int64_t* groups) {
  Dims strides(dims.size(), 1);
  ORTOLAN_ASSIGN_OR_RETURN(const Dims axes, NormalizeAxes(state.axes, static_cast<int64_t>(dims.size())));
  for (int64_t axis : axes) strides[static_cast<size_t>(axis)] = 0;
  *groups = 1;
  for (size_t axis = dims.size(); axis-- > 0;) {
    if (strides[axis] == 0) continue;
    strides[axis] = *groups;
    *groups *= dims[axis];
  }
  return strides;
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  int64_t groups = 0;
  ORTOLAN_RETURN_IF_ERROR(
      GroupStrides(*static_cast<const State*>(opaque), context.inputs[0], &groups).status());
  binding->scratch_bytes = 2 * static_cast<size_t>(groups) * sizeof(double);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  int64_t groups = 0;
  ORTOLAN_ASSIGN_OR_RETURN(const Dims strides, GroupStrides(state, x.dims, &groups));
  if (x.count() == 0) return OkStatus();
  double* sums = reinterpret_cast<double*>(context.scratch());
  return WithNumberType(state.dtype, [&](auto tag) {
    Normalize<typename decltype(tag)::Type>(x, context.output(0), strides, groups, sums, sums + groups);
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const auto axes = attributes.Ints("axes");
  State state{attributes.Has("axes") ? Dims(axes.begin(), axes.end()) : Dims{0, 2, 3},
              context.input_dtype(0)};
  if (!Contains(kFloatTypes, state.dtype))
    return NotImplemented("MeanVarianceNormalization of {}", DTypeName(state.dtype));
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "mean_variance_normalization";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {9, 13};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"axes", AttributeType::kInts}};

}  // namespace

extern const OpDef kMeanVarianceNormalization;
constexpr OpDef kMeanVarianceNormalization{.domain = "",
                                           .name = "MeanVarianceNormalization",
                                           .versions = kVersions,
                                           .inputs = kInputs,
                                           .outputs = kOutputs,
                                           .types = kTypes,
                                           .attributes = kAttributes,
                                           .raise = Raise,
                                           .infer = InferSameShape,
                                           .prepare = Prepare};

}  // namespace ortolan
