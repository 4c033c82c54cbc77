// Tile: its input repeated along each axis. Refuses negative repeats and a list of another length than the
// rank.
#include "kernels/move/strided_copy.h"
#include "ops/axes.h"
#include "ops/compose.h"
#include "ops/op.h"

namespace ortolan {
namespace {

// Opset 1 named how often and along which axis, as two scalars: repeats is the first there and 1 elsewhere.
Status Raise(RaiseContext& context) {
  if (context.opset >= 6) return OkStatus();
  graph::Node& node = context.node;
  if (!node.HasInput(0) || !node.HasInput(1) || !node.HasInput(2))
    return InvalidGraph("Tile needs three inputs");
  const auto constant = [&](int64_t item) {
    return context.Constant(Tensor::Of<int64_t>({}, std::vector<int64_t>{item}));
  };
  Composer make(context);
  const auto index = [&](size_t input) {
    graph::Value* const cast =
        make.Node("Cast", {node.input(input)}, {{"to", static_cast<int64_t>(DType::kInt64)}});
    return make.Node("Reshape", {cast, context.Constant(Tensor::Of<int64_t>({0}, std::vector<int64_t>{}))});
  };
  graph::Value* const rank = make.Node("Size", {make.Node("Shape", {node.input(0)})});
  graph::Value* const axes = make.Node("Range", {constant(0), rank, constant(1)});
  graph::Value* const tiles = index(1);
  graph::Value* const here = make.Node("Equal", {axes, index(2)});
  node.SetInput(1, make.Node("Where", {here, tiles, constant(1)}));
  node.TruncateInputs(2);
  return OkStatus();
}

Status Infer(InferContext& context) {
  const graph::Shape& shape = context.shape(0);
  if (!shape.has_rank()) return OkStatus();
  const auto repeats = context.Ints(1);
  graph::Shape::DimList dims;
  if (repeats && repeats->size() != static_cast<size_t>(shape.rank())) {
    return InvalidArgument("'repeat' input tensor must have the same length as the 'input' tensor: {} and {}",
                           repeats->size(), shape.rank());
  }
  for (size_t i = 0; i < static_cast<size_t>(shape.rank()); ++i) {
    if (repeats && (*repeats)[i].IsConstant() && (*repeats)[i].constant() < 0) {
      return InvalidArgument("Tile: repeats must not be negative, got {}", (*repeats)[i].constant());
    }
    dims.push_back(repeats ? shape[i] * (*repeats)[i] : context.Unknown());
  }
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

// Each axis is seen as (repeats, size), the first with a source stride of zero: one strided copy does it all.
Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const Dims& in = context.inputs[0];
  const Dims& out = context.outputs[0];
  if (in.size() != out.size())
    return Fail("Tile: the output's rank is {}, the input's {}", out.size(), in.size());
  const Dims in_strides = RowMajorStrides(in), out_strides = RowMajorStrides(out);
  Dims dims, from, to;
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i] == 0 || out[i] % in[i] != 0) {
      if (in[i] != 0 || out[i] != 0)
        return Fail("Tile: {} cannot be tiled to {}", DimsText(in), DimsText(out));
      dims.push_back(0);
      from.push_back(0);
      to.push_back(1);
      continue;
    }
    dims.push_back(out[i] / in[i]);
    from.push_back(0);
    to.push_back(in[i] * out_strides[i]);
    dims.push_back(in[i]);
    from.push_back(in_strides[i]);
    to.push_back(out_strides[i]);
  }
  binding->data = std::make_shared<const kernels::CopyPlan>(
      kernels::PlanCopy(dims, from, to, *static_cast<const int*>(opaque)));
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  const auto& plan = *static_cast<const kernels::CopyPlan*>(context.binding());
  kernels::RunCopy(plan, context.input(0).data, context.output(0).data, context.threads());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const int width, ElementWidth(context.input_dtype(0)));
  prepared->state = std::make_shared<const int>(width);
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "tile";
  return OkStatus();
}

constexpr int kVersions[] = {1, 6, 13};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"repeats", "T1"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}, {"T1", SetOf(DType::kInt64)}};

}  // namespace

extern const OpDef kTile;
constexpr OpDef kTile{.domain = "",
                      .name = "Tile",
                      .versions = kVersions,
                      .inputs = kInputs,
                      .outputs = kOutputs,
                      .types = kTypes,
                      .raise = Raise,
                      .infer = Infer,
                      .prepare = Prepare};

}  // namespace ortolan
