#include "ops/nn/softmax_axis.h"

namespace ortolan {
namespace {

constexpr std::string_view kRowsFromAxis = "ortolan_flatten";

struct State {
  SoftmaxAxis axis;
  bool log;
  const kernels::NormF32Variant* variant;
};

template <typename T>
Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& in = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const kernels::AxisView view, ViewAlong(state.axis, in.dims));
  kernels::Softmax(*state.variant, view, state.log, in.As<const T>(), context.output(0).As<T>(),
                   context.threads());
  return OkStatus();
}

}  // namespace

void RaiseSoftmax(RaiseContext& context) {
  if (context.opset >= 13) return;
  graph::Attributes& attributes = context.node.attributes;
  attributes.Set("axis", attributes.Int("axis", 1));
  attributes.Set(kRowsFromAxis, int64_t{1});
}

SoftmaxAxis SoftmaxAxisOf(const graph::Node& node) {
  return {node.attributes.Int("axis", -1), node.attributes.Int(kRowsFromAxis, 0) != 0};
}

Status InferSoftmax(InferContext& context) {
  const graph::Shape& shape = context.shape(0);
  const SoftmaxAxis axis = SoftmaxAxisOf(context.node());
  // A scalar is its own row, as numpy has it for axis 0 and -1.
  if (shape.has_rank() && shape.rank() > 0 && !(axis.flatten && axis.axis == shape.rank())) {
    ORTOLAN_RETURN_IF_ERROR(NormalizeAxis(axis.axis, shape.rank()).status());
  }
  return InferSameShape(context);
}

Result<kernels::AxisView> ViewAlong(const SoftmaxAxis& axis, std::span<const int64_t> dims) {
  const int64_t rank = static_cast<int64_t>(dims.size());
  if (rank == 0) return kernels::AxisView{};
  if (axis.flatten && axis.axis == rank) return kernels::AxisView{ElementCount(dims), 1, 1};
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t at, NormalizeAxis(axis.axis, rank));
  const size_t split = static_cast<size_t>(at);
  kernels::AxisView view;
  view.outer = ElementCount(dims.first(split));
  if (axis.flatten) {
    view.count = ElementCount(dims.subspan(split));
  } else {
    view.count = dims[split];
    view.inner = ElementCount(dims.subspan(split + 1));
  }
  return view;
}

Cost CostOfSoftmax(const graph::Node& node, const BindContext& shapes) {
  const double elements = static_cast<double>(ElementCount(shapes.inputs[0]));
  return {20 * elements, 2 * elements * DTypeBits(node.input(0)->type.dtype) / 8};
}

Status PrepareSoftmax(PrepareContext& context, bool log, Prepared* prepared) {
  const auto* variant = &kernels::SelectNormF32(context.isa);
  prepared->state = std::make_shared<const State>(State{SoftmaxAxisOf(context.node), log, variant});
  prepared->kernel = "softmax_plain";
  switch (context.input_dtype(0)) {
    case DType::kFloat:
      prepared->run = Run<float>;
      prepared->kernel = fmt::format("softmax_{}", variant->name);
      break;
    case DType::kDouble:
      prepared->run = Run<double>;
      break;
    case DType::kFloat16:
      prepared->run = Run<Float16>;
      break;
    case DType::kBFloat16:
      prepared->run = Run<BFloat16>;
      break;
    default:
      return NotImplemented("{} of {}", context.node.op_type, DTypeName(context.input_dtype(0)));
  }
  return OkStatus();
}

}  // namespace ortolan
