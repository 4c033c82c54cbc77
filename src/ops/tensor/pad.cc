// Pad: its input with elements added (or, by negative pads, taken away) at both ends of axes: a constant, the
// reflection, the edge or the other end. Refuses lists of wrong length, and modes other than constant on an
// empty axis.
#include "kernels/move/pad.h"

#include <cstring>

#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

using graph::Dim;

// Below opset 11 pads and value were attributes; at opset 1 pads were called paddings.
Status Raise(RaiseContext& context) {
  if (context.opset >= 11) return OkStatus();
  graph::Attributes& attributes = context.node.attributes;
  context.IntsToInput(context.opset < 2 ? "paddings" : "pads", 1);
  if (attributes.Has("value") && context.node.HasInput(0)) {
    const float value = attributes.Float("value", 0);
    const DType dtype = context.node.input(0)->type.dtype;
    context.node.SetInput(2, context.Constant(dtype == DType::kDouble    ? Tensor::Scalar(double{value})
                                              : dtype == DType::kFloat16 ? Tensor::Scalar(Float16(value))
                                                                         : Tensor::Scalar(value)));
  }
  attributes.Remove("value");
  return OkStatus();
}

Status CheckLengths(size_t pads, size_t axes) {
  if (pads == 2 * axes) return OkStatus();
  return InvalidArgument(
      "Pads tensor size should be equal to twice the input dimension count: {} for {} axes", pads, axes);
}

Status Infer(InferContext& context) {
  const graph::Shape& shape = context.shape(0);
  if (!shape.has_rank()) return OkStatus();
  const auto pads = context.Ints(1);
  const auto axes = context.HasInput(3) ? context.ConstantInts(3) : std::vector<int64_t>();
  graph::Shape::DimList dims = shape.dims();
  if (!pads || !axes) {
    for (Dim& dim : dims) dim = context.Unknown();
    context.SetShape(0, std::move(dims));
    return OkStatus();
  }
  Dims padded;
  if (context.HasInput(3)) {
    ORTOLAN_ASSIGN_OR_RETURN(padded, NormalizeAxes(*axes, shape.rank()));
  } else {
    for (int64_t i = 0; i < shape.rank(); ++i) padded.push_back(i);
  }
  ORTOLAN_RETURN_IF_ERROR(CheckLengths(pads->size(), padded.size()));
  for (size_t i = 0; i < padded.size(); ++i) {
    Dim& dim = dims[static_cast<size_t>(padded[i])];
    dim = dim + (*pads)[i] + (*pads)[i + padded.size()];
    if (dim.IsConstant() && dim.constant() < 0)
      return InvalidArgument("Pad: axis {} would have {} elements", padded[i], dim.constant());
  }
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

struct State {
  kernels::PadMode mode;
  int width;
  DType dtype;
};

// One element of the output's type. Only a raised node's value may be of another type, float.
union Element {
  std::byte bytes[16];
  double number;
};
Status ReadConstant(const State& state, const TensorRef& value, Element* element) {
  if (value.count() != 1)
    return InvalidArgument("Pad: the constant value must be a scalar, got {}", DimsText(value.dims));
  if (value.dtype == state.dtype) {
    std::memcpy(element->bytes, value.data, static_cast<size_t>(state.width));
    return OkStatus();
  }
  if (value.dtype != DType::kFloat)
    return InvalidArgument("Pad: the constant value has another type than the input");
  const float number = *value.As<float>();
  if (state.dtype == DType::kDouble) element->number = static_cast<double>(number);
  const uint16_t half = state.dtype == DType::kFloat16 ? Float16(number).bits : BFloat16(number).bits;
  if (state.width == 2) std::memcpy(element->bytes, &half, sizeof(half));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& in = context.input(0);
  const TensorRef& out = context.output(0);
  const Dims pads = IntsOf(context.input(1));
  SmallVector<kernels::PadAxis, 6> axes;
  for (int64_t dim : in.dims) axes.push_back({dim, dim, 0});
  Dims padded;
  if (context.HasInput(3)) {
    ORTOLAN_ASSIGN_OR_RETURN(padded,
                             NormalizeAxes(IntsOf(context.input(3)), static_cast<int64_t>(in.rank())));
  } else {
    for (size_t i = 0; i < in.rank(); ++i) padded.push_back(static_cast<int64_t>(i));
  }
  ORTOLAN_RETURN_IF_ERROR(CheckLengths(pads.size(), padded.size()));
  for (size_t i = 0; i < padded.size(); ++i) {
    kernels::PadAxis& axis = axes[static_cast<size_t>(padded[i])];
    axis.before = pads[i];
    axis.out += pads[i] + pads[i + padded.size()];
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].out != out.dims[i])
      return Fail("Pad: axis {} would have {} elements, expected {}", i, axes[i].out, out.dims[i]);
    if (state.mode != kernels::PadMode::kConstant && axes[i].in == 0 && axes[i].out > 0) {
      return Fail("Cannot use this mode to pad dimension with a value of 0. Input shape:{}",
                  DimsText(in.dims));
    }
  }
  const std::span<const kernels::PadAxis> all(axes.data(), axes.size());
  if (state.width == kernels::kStringWidth) {
    const std::string none;
    const bool given = context.HasInput(2) && context.input(2).count() == 1;
    kernels::Pad(all, state.mode, state.width, in.data, given ? context.input(2).data : &none, out.data,
                 context.threads());
    return OkStatus();
  }
  Element constant{};
  if (context.HasInput(2)) ORTOLAN_RETURN_IF_ERROR(ReadConstant(state, context.input(2), &constant));
  kernels::Pad(all, state.mode, state.width, in.data, &constant, out.data, context.threads());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const int width, ElementWidth(context.input_dtype(0)));
  const std::string_view mode = context.node.attributes.String("mode", "constant");
  State state{kernels::PadMode::kConstant, width, context.input_dtype(0)};
  if (mode == "reflect") {
    state.mode = kernels::PadMode::kReflect;
  } else if (mode == "edge") {
    state.mode = kernels::PadMode::kEdge;
  } else if (mode == "wrap") {
    state.mode = kernels::PadMode::kWrap;
  } else if (mode != "constant") {
    return InvalidArgument("Invalid 'mode' attribute value: {}", mode);
  }
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  prepared->kernel = fmt::format("pad_{}", mode);
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 2, 11, 13, 18, 19, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {{"data", "T"},
                                       {"pads", "tensor(int64)"},
                                       {"constant_value", "T", Arity::kOptional},
                                       {"axes", "Tind", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}, {"Tind", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"mode", AttributeType::kString}};
constexpr AttributeSpec kOldAttributes[] = {
    {"value", AttributeType::kFloat}, {"paddings", AttributeType::kInts}, {"pads", AttributeType::kInts}};

}  // namespace

extern const OpDef kPad;
constexpr OpDef kPad{.domain = "",
                     .name = "Pad",
                     .versions = kVersions,
                     .inputs = kInputs,
                     .outputs = kOutputs,
                     .types = kTypes,
                     .attributes = kAttributes,
                     .raise = Raise,
                     .infer = Infer,
                     .prepare = Prepare,
                     .old_attributes = kOldAttributes};

}  // namespace ortolan
