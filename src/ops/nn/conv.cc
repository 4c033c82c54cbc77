// Conv: cross-correlation over one to three spatial axes, with groups, strides, dilations and padding.
//
// Float runs on the kernels of the blocked layout where they apply; the rest, and double, on the planar
// kernel. The half types are widened to float.
#include <cstring>

#include "kernels/conv/conv.h"
#include "ops/nn/pooling.h"
#include "ops/nn/window.h"
#include "ops/op.h"

namespace ortolan {
namespace {

using graph::Dim;
using graph::Shape;

constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", graph::AttributeType::kString}, {"dilations", graph::AttributeType::kInts},
    {"group", graph::AttributeType::kInt},       {"kernel_shape", graph::AttributeType::kInts},
    {"pads", graph::AttributeType::kInts},       {"strides", graph::AttributeType::kInts},
};

struct State {
  nn::WindowSpec spec;
  int64_t groups = 1;
  DType dtype = DType::kFloat;
};

Result<State> ReadState(const graph::Attributes& attributes) {
  State state;
  ORTOLAN_ASSIGN_OR_RETURN(state.spec, nn::ReadWindow(attributes, false));
  state.groups = attributes.Int("group", 1);
  if (state.groups < 1) return InvalidArgument("attribute group is {}, expected at least 1", state.groups);
  return state;
}

Status CheckRanks(int64_t x, int64_t w) {
  if (x < 3) return InvalidArgument("the input X has rank {}, expected at least 3: N x C x D1 ...", x);
  if (w != x) return InvalidArgument("the weight W has rank {}, expected {}, the rank of X", w, x);
  return OkStatus();
}

Status CheckChannels(int64_t groups, const Dim& in, const Dim& out, const Dim& group_in) {
  if (in.IsConstant() && group_in.IsConstant() && in.constant() != groups * group_in.constant()) {
    return InvalidArgument(
        "Input channels C is not equal to kernel channels * group. C: {} kernel channels: {} group: {}",
        in.constant(), group_in.constant(), groups);
  }
  if (out.IsConstant() && out.constant() % groups != 0) {
    return InvalidArgument("Output channels M is not divisible by group. M: {} group: {}", out.constant(),
                           groups);
  }
  return OkStatus();
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const State state, ReadState(context.attributes()));
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  if (!x.has_rank()) return OkStatus();
  if (!w.has_rank() && state.spec.kernel.empty()) return OkStatus();
  Shape::DimList kernel(state.spec.kernel.begin(), state.spec.kernel.end());
  Dim out_channels = context.Unknown();
  if (w.has_rank()) {
    ORTOLAN_RETURN_IF_ERROR(CheckRanks(x.rank(), w.rank()));
    kernel.assign(w.dims().begin() + 2, w.dims().end());
    for (size_t i = 0; i < kernel.size() && i < state.spec.kernel.size(); ++i) {
      if (kernel[i].IsConstant() && !kernel[i].Is(state.spec.kernel[i])) {
        return InvalidArgument("kernel_shape is not compatible with W shape. kernel_shape: {} W: {}",
                               DimsText(state.spec.kernel), ShapeText(w));
      }
    }
    out_channels = w[0];
    ORTOLAN_RETURN_IF_ERROR(CheckChannels(state.groups, x[1], w[0], w[1]));
  } else {
    ORTOLAN_RETURN_IF_ERROR(CheckRanks(x.rank(), static_cast<int64_t>(kernel.size()) + 2));
  }
  Shape::DimList dims = {x[0], out_channels};
  ORTOLAN_ASSIGN_OR_RETURN(const Shape::DimList spatial,
                           WindowOutputs(state.spec, std::span(x.dims()).subspan(2), kernel));
  dims.insert(dims.end(), spatial.begin(), spatial.end());
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Result<kernels::ConvShape> BindShape(const State& state, const BindContext& context) {
  const Dims& x = context.inputs[0];
  const Dims& w = context.inputs[1];
  ORTOLAN_RETURN_IF_ERROR(CheckRanks(static_cast<int64_t>(x.size()), static_cast<int64_t>(w.size())));
  ORTOLAN_RETURN_IF_ERROR(CheckChannels(state.groups, x[1], w[0], w[1]));
  kernels::ConvShape shape;
  shape.batch = x[0];
  shape.groups = state.groups;
  shape.in_channels = x[1];
  shape.out_channels = w[0];
  const std::span<const int64_t> in(x.data() + 2, x.size() - 2), kernel(w.data() + 2, w.size() - 2);
  ORTOLAN_ASSIGN_OR_RETURN(shape.window, nn::BindWindow(state.spec, in, kernel));
  if (context.inputs.size() > 2 && !context.inputs[2].empty() && context.inputs[2] != Dims{w[0]}) {
    return InvalidArgument("the bias B has shape {}, expected {{{}}}", DimsText(context.inputs[2]), w[0]);
  }
  const std::optional<int64_t> outputs = CheckedCount(context.outputs[0]);
  if (!outputs || *outputs != shape.batch * shape.out_channels * shape.window.out_size()) {
    return InvalidArgument("the output has shape {}, which X {} and W {} do not give",
                           DimsText(context.outputs[0]), DimsText(x), DimsText(w));
  }
  return shape;
}

bool IsHalf(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const kernels::ConvShape shape, BindShape(state, context));
  if (IsHalf(state.dtype)) {
    int64_t count = ElementCount(context.outputs[0]);
    for (const Dims& input : context.inputs) count += ElementCount(input);
    binding->scratch_bytes = sizeof(float) * static_cast<size_t>(count);
  }
  binding->data = std::make_shared<kernels::ConvShape>(shape);
  return OkStatus();
}

template <typename T>
void RunPlanar(const kernels::ConvShape& shape, RunContext& context) {
  kernels::ConvPlanar(shape, context.input(0).As<const T>(), context.input(1).As<const T>(),
                      context.HasInput(2) ? context.input(2).As<const T>() : nullptr,
                      context.output(0).As<T>(), context.threads());
}

Status RunHalf(const kernels::ConvShape& shape, RunContext& context) {
  float* next = reinterpret_cast<float*>(context.scratch());
  const float* wide[3] = {};
  for (size_t i = 0; i < 3; ++i) {
    if (!context.HasInput(i)) continue;
    const TensorRef& input = context.input(i);
    nn::ToFloat(input.dtype, input.data, next, input.count());
    wide[i] = next;
    next += input.count();
  }
  const TensorRef& y = context.output(0);
  kernels::ConvPlanar(shape, wide[0], wide[1], wide[2], next, context.threads());
  nn::FromFloat(y.dtype, next, y.data, y.count());
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& shape = *static_cast<const kernels::ConvShape*>(context.binding());
  switch (static_cast<const State*>(opaque)->dtype) {
    case DType::kFloat:
      RunPlanar<float>(shape, context);
      return OkStatus();
    case DType::kDouble:
      RunPlanar<double>(shape, context);
      return OkStatus();
    default:
      return RunHalf(shape, context);
  }
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(State state, ReadState(context.node.attributes));
  state.dtype = context.input_dtype(0);
  prepared->state = std::make_shared<State>(std::move(state));
  prepared->run = Run;
  prepared->bind = Bind;
  prepared->kernel = "conv_planar";
  return OkStatus();
}

constexpr int kVersions[] = {1, 11, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"W", "T"}, {"B", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

constexpr OpDef kConv{
    .domain = "",
    .name = "Conv",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .attributes = kAttributes,
    .infer = Infer,
    .prepare = Prepare,
};

}  // namespace ortolan
