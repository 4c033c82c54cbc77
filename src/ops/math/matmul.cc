// MatMul: numpy's matmul. Operands of one dimension are a row on the left and a column on the right, whose
// axis the result does not have; leading dimensions are a batch and broadcast. Scalars are refused.
#include "ops/math/product.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(graph::Shape shape, math::MatMulShape(context, 0, 1));
  context.SetShape(0, std::move(shape));
  return OkStatus();
}

Cost CostOf(const graph::Node&, const BindContext& shapes) {
  const Result<math::ProductSizes> sizes = math::MatMulSizes(shapes.inputs[0], shapes.inputs[1]);
  return sizes.ok() ? math::ProductCost(*sizes) : Cost{};
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const math::ProductState*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const math::ProductSizes sizes,
                           math::MatMulSizes(context.inputs[0], context.inputs[1]));
  const int64_t elements = ElementCount(sizes.batch) * sizes.m * sizes.n;
  if (CheckedCount(context.outputs[0]) != elements) {
    return Fail("MatMul: the output has shape {}, which {} by {} does not give", DimsText(context.outputs[0]),
                DimsText(context.inputs[0]), DimsText(context.inputs[1]));
  }
  auto bound = std::make_shared<math::ProductBinding>();
  ORTOLAN_RETURN_IF_ERROR(math::BindProduct(state, sizes, context, bound.get()));
  binding->scratch_bytes = bound->scratch_bytes;
  binding->data = std::move(bound);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const math::ProductState*>(opaque);
  const auto& binding = *static_cast<const math::ProductBinding*>(context.binding());
  EpilogueOperands storage;
  const kernels::Epilogue epilogue = math::ProductEpilogue(state, binding, context, &storage);
  math::RunProduct(state, binding, context, &epilogue);
  math::StoreProduct(state, binding, context);
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<math::ProductState>();
  ORTOLAN_RETURN_IF_ERROR(math::PrepareProduct(context, false, false, 1.0f, state.get(), prepared));
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

constexpr int kVersions[] = {1, 9, 13};
constexpr FormalParameter kInputs[] = {{"A", "T"}, {"B", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", math::kProductTypes}};

}  // namespace

extern const OpDef kMatMul;
constexpr OpDef kMatMul{
    .domain = "",
    .name = "MatMul",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .traits = {.epilogue = EpilogueForm::kMatrix},
    .infer = Infer,
    .cost = CostOf,
    .prepare = Prepare,
};

}  // namespace ortolan
