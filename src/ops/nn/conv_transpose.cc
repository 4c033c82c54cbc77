// ConvTranspose: the transpose of a convolution. The output's size follows from the padding, or is given by
// output_shape or auto_pad, which then decide the padding.
#include <algorithm>

#include "kernels/conv/conv.h"
#include "ops/nn/conv_planar.h"
#include "ops/nn/conv_spec.h"
#include "ops/nn/window.h"
#include "ops/op.h"

namespace ortolan {
namespace {

using graph::Dim;
using graph::Shape;

constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", graph::AttributeType::kString},     {"dilations", graph::AttributeType::kInts},
    {"group", graph::AttributeType::kInt},           {"kernel_shape", graph::AttributeType::kInts},
    {"output_padding", graph::AttributeType::kInts}, {"output_shape", graph::AttributeType::kInts},
    {"pads", graph::AttributeType::kInts},           {"strides", graph::AttributeType::kInts},
};

struct Spec {
  nn::WindowSpec window;
  int64_t groups = 1;
  Dims output_padding, output_shape;  // empty where absent
};

struct State {
  Spec spec;
  DType dtype = DType::kFloat;
};

Result<Spec> ReadSpec(const graph::Attributes& attributes) {
  Spec spec;
  ORTOLAN_ASSIGN_OR_RETURN(spec.window, nn::ReadWindow(attributes, false));
  spec.groups = attributes.Int("group", 1);
  if (spec.groups < 1 || spec.groups > INT32_MAX) {
    return InvalidArgument("attribute group is {}, expected at least 1", spec.groups);
  }
  spec.output_padding = Dims(attributes.Ints("output_padding"));
  spec.output_shape = Dims(attributes.Ints("output_shape"));
  for (int64_t item : spec.output_padding) {
    if (item < 0 || item > INT32_MAX) return InvalidArgument("attribute output_padding has {}", item);
  }
  for (int64_t item : spec.output_shape) {
    if (item < 0 || item > INT32_MAX) return InvalidArgument("attribute output_shape has {}", item);
  }
  return spec;
}

// Rank and channel checks on what is known.
Status Check(const Spec& spec, const Shape& x, const Shape& w) {
  if (x.rank() < 3)
    return InvalidArgument("the input X has rank {}, expected at least 3: N x C x D1 ...", x.rank());
  if (w.rank() != x.rank())
    return InvalidArgument("the weight W has rank {}, expected {}, the rank of X", w.rank(), x.rank());
  const size_t axes = static_cast<size_t>(x.rank()) - 2;
  auto check = [&](const Dims& list, const char* name, size_t count, size_t other) -> Status {
    if (list.empty() || list.size() == count || list.size() == other) return OkStatus();
    return InvalidArgument("attribute {} has {} numbers, expected {}", name, list.size(), count);
  };
  ORTOLAN_RETURN_IF_ERROR(check(spec.window.kernel, "kernel_shape", axes, axes));
  ORTOLAN_RETURN_IF_ERROR(check(spec.window.strides, "strides", axes, axes));
  ORTOLAN_RETURN_IF_ERROR(check(spec.window.dilations, "dilations", axes, axes));
  ORTOLAN_RETURN_IF_ERROR(check(spec.window.pads, "pads", 2 * axes, 2 * axes));
  ORTOLAN_RETURN_IF_ERROR(check(spec.output_padding, "output_padding", axes, axes));
  ORTOLAN_RETURN_IF_ERROR(
      check(spec.output_shape, "output_shape", axes, axes + 2));  // opset 1 allowed N and C in front
  if (x[1].IsConstant() && w[0].IsConstant() && !(x[1] == w[0])) {
    return InvalidArgument(
        "filter number not equal to input channel number. filter_number: {} num_input_channels: {}",
        w[0].constant(), x[1].constant());
  }
  if (x[1].IsConstant() && x[1].constant() % spec.groups != 0) {
    return InvalidArgument("Input channels is not divisible by group. input channels: {} group: {}",
                           x[1].constant(), spec.groups);
  }
  return OkStatus();
}

int64_t At(const Dims& list, size_t i, int64_t otherwise) {
  return list.empty() ? otherwise : list[i];
}

// One axis: stride * (in - 1) + output_padding + reach, before padding is taken away.
template <typename Size>
Size FullSize(const Spec& spec, size_t axis, Size in, Size kernel) {
  const Size one(1), stride(At(spec.window.strides, axis, 1)), dilation(At(spec.window.dilations, axis, 1));
  return stride * (in - one) + Size(At(spec.output_padding, axis, 0)) + (kernel - one) * dilation + one;
}

// What the attributes say of the output's size, or nothing where it follows from the padding.
template <typename Size>
std::optional<Size> GivenSize(const Spec& spec, size_t axis, size_t axes, Size in) {
  if (!spec.output_shape.empty()) return Size(spec.output_shape[spec.output_shape.size() - axes + axis]);
  const nn::AutoPad mode = spec.window.auto_pad;
  if (mode != nn::AutoPad::kSameUpper && mode != nn::AutoPad::kSameLower) return std::nullopt;
  return in * Size(At(spec.window.strides, axis, 1));
}

int64_t PadSum(const Spec& spec, size_t axis, size_t axes) {
  if (spec.window.auto_pad == nn::AutoPad::kValid || spec.window.pads.empty()) return 0;
  return spec.window.pads[axis] + spec.window.pads[axes + axis];
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const Spec spec, ReadSpec(context.attributes()));
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  if (!x.has_rank() || !w.has_rank()) return OkStatus();
  ORTOLAN_RETURN_IF_ERROR(Check(spec, x, w));
  Shape::DimList dims = {x[0], w[1] * Dim(spec.groups)};
  const size_t axes = static_cast<size_t>(x.rank()) - 2;
  for (size_t i = 0; i < axes; ++i) {
    const auto given = GivenSize<Dim>(spec, i, axes, x[i + 2]);
    dims.push_back(given ? *given : FullSize<Dim>(spec, i, x[i + 2], w[i + 2]) - Dim(PadSum(spec, i, axes)));
    if (dims.back().IsConstant() && dims.back().constant() < 0) {
      return InvalidArgument("axis {}: the padding takes away more than the output", i + 2);
    }
  }
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

// The convolution of which this is the transpose: its input is our output.
Result<kernels::ConvShape> BindShape(const Spec& spec, const BindContext& context) {
  const Dims& x = context.inputs[0];
  const Dims& w = context.inputs[1];
  ORTOLAN_RETURN_IF_ERROR(Check(spec, Shape::OfConstants(x), Shape::OfConstants(w)));
  const size_t axes = x.size() - 2;
  if (axes > kernels::kSpatialAxes) return NotImplemented("{} spatial axes, at most 3 are supported", axes);
  kernels::ConvShape shape{x[0], spec.groups, w[1] * spec.groups, x[1], {}};
  for (size_t i = 0; i < axes; ++i) {
    const size_t a = kernels::kSpatialAxes - axes + i;
    const int64_t in = x[i + 2], kernel = w[i + 2];
    if (in > INT32_MAX || kernel > INT32_MAX || kernel < 1)
      return InvalidArgument("a size of {} or {} is out of range", in, kernel);
    const auto full = FullSize<int64_t>(spec, i, in, kernel);
    const auto given = GivenSize<int64_t>(spec, i, axes, in);
    kernels::Window& window = shape.window;
    window.out[a] = in;
    window.kernel[a] = kernel;
    window.stride[a] = At(spec.window.strides, i, 1);
    window.dilation[a] = At(spec.window.dilations, i, 1);
    if (given) {
      const int64_t total = std::max<int64_t>(0, full - *given);
      window.in[a] = *given;
      window.pad[a] = spec.window.auto_pad == nn::AutoPad::kSameUpper ? total / 2 : total - total / 2;
    } else {
      window.in[a] = full - PadSum(spec, i, axes);
      window.pad[a] = PadSum(spec, i, axes) == 0 && spec.window.pads.empty() ? 0 : At(spec.window.pads, i, 0);
      if (spec.window.auto_pad == nn::AutoPad::kValid) window.pad[a] = 0;
    }
    if (window.in[a] < 0 || window.in[a] > INT32_MAX)
      return InvalidArgument("axis {}: an output of {} is impossible", i + 2, window.in[a]);
  }
  if (context.inputs.size() > 2 && !context.inputs[2].empty() &&
      context.inputs[2] != Dims{shape.in_channels}) {
    return InvalidArgument("the bias B has shape {}, expected {{{}}}", DimsText(context.inputs[2]),
                           shape.in_channels);
  }
  ORTOLAN_RETURN_IF_ERROR(
      nn::CheckConvOutput(context, shape.batch * shape.in_channels * shape.window.in_size()));
  return shape;
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const kernels::ConvShape shape, BindShape(state.spec, context));
  binding->scratch_bytes = nn::PlanarScratch(state.dtype, context);
  binding->data = std::make_shared<kernels::ConvShape>(shape);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& shape = *static_cast<const kernels::ConvShape*>(context.binding());
  const DType dtype = static_cast<const State*>(opaque)->dtype;
  nn::RunPlanar(dtype, context, [&](const auto* x, const auto* w, const auto* bias, auto* y) {
    kernels::ConvTransposePlanar(shape, x, w, bias, y, context.threads());
  });
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  ORTOLAN_ASSIGN_OR_RETURN(state->spec, ReadSpec(context.node.attributes));
  state->dtype = context.input_dtype(0);
  *prepared = {.run = Run, .state = std::move(state), .bind = Bind, .kernel = "conv_transpose_planar"};
  return OkStatus();
}

Cost CostOf(const graph::Node& /*node*/, const BindContext& shapes) {
  const Dims& x = shapes.inputs[0];
  return nn::ConvCost(shapes, ElementCount(x) / std::max<int64_t>(x[1], 1));
}

constexpr int kVersions[] = {1, 11, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"W", "T"}, {"B", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kConvTranspose;
constexpr OpDef kConvTranspose{
    .domain = "",
    .name = "ConvTranspose",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .attributes = kAttributes,
    .infer = Infer,
    .cost = CostOf,
    .prepare = Prepare,
};

}  // namespace ortolan
