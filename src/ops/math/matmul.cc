// MatMul: numpy's matmul. Operands of one dimension are a row on the left and a column on the right, whose
// axis the result does not have; leading dimensions are a batch and broadcast. Scalars are refused.
#include "ops/math/product.h"

namespace ortolan {
namespace {

using graph::Dim;
using graph::Shape;

Status Mismatch(const InferContext& context) {
  if (!context.at_run())
    return Fail("[ShapeInferenceError] Incompatible dimensions for matrix multiplication");
  return Fail("MatMul dimension mismatch: {} by {}", ShapeText(context.shape(0)),
              ShapeText(context.shape(1)));
}

Status Infer(InferContext& context) {
  const Shape& a = context.shape(0);
  const Shape& b = context.shape(1);
  if (!a.has_rank() || !b.has_rank()) return OkStatus();
  if (a.rank() == 0 || b.rank() == 0) return Fail("[ShapeInferenceError] Input tensors of wrong rank (0).");
  const auto a_rank = static_cast<size_t>(a.rank()), b_rank = static_cast<size_t>(b.rank());
  const Dim a_inner = a[a_rank - 1];
  const Dim b_inner = b[b_rank == 1 ? 0 : b_rank - 2];
  if (a_inner.IsConstant() && b_inner.IsConstant() && a_inner != b_inner) return Mismatch(context);
  Shape::DimList a_batch, b_batch;
  if (a_rank > 2) a_batch.assign(a.dims().begin(), a.dims().end() - 2);
  if (b_rank > 2) b_batch.assign(b.dims().begin(), b.dims().end() - 2);
  ORTOLAN_ASSIGN_OR_RETURN(Shape shape, BroadcastShapes(Shape(a_batch), Shape(b_batch), context));
  if (a_rank > 1) shape.dims().push_back(a[a_rank - 2]);
  if (b_rank > 1) shape.dims().push_back(b[b_rank - 1]);
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
