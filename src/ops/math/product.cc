#include "ops/math/product.h"

#include <algorithm>

#include "base/half.h"
#include "ops/precision.h"

namespace ortolan::math {
namespace {

using kernels::GemmElement;
using kernels::GemmMatrix;

// Conversion of half types runs at a few hundred million elements a second: 16384 take 50 us.
constexpr int64_t kConvertGrain = 16384;

GemmElement ElementOf(DType dtype) {
  return dtype == DType::kFloat16    ? GemmElement::kF16
         : dtype == DType::kBFloat16 ? GemmElement::kBF16
                                     : GemmElement::kF32;
}

// A dense matrix of `rows` x `columns` as it is multiplied; where it is transposed the memory holds columns x
// rows.
GemmMatrix Dense(int64_t rows, int64_t columns, bool transposed, DType dtype) {
  return {nullptr, transposed ? 1 : columns, transposed ? rows : 1, ElementOf(dtype)};
}

// For each item of the broadcast batch, the number of the operand's matrix.
std::vector<int64_t> BroadcastIndex(const Dims& operand, const Dims& batch) {
  const int64_t items = ElementCount(batch);
  std::vector<int64_t> index(static_cast<size_t>(items));
  const size_t lead = batch.size() - operand.size();
  Dims strides(batch.size(), 0);
  int64_t stride = 1;
  for (size_t i = operand.size(); i-- > 0;) {
    if (operand[i] != 1) strides[lead + i] = stride;
    stride *= operand[i];
  }
  Dims position(batch.size(), 0);
  int64_t matrix = 0;
  for (int64_t& entry : index) {
    entry = matrix;
    for (size_t axis = batch.size(); axis-- > 0;) {
      matrix += strides[axis];
      if (++position[axis] < batch[axis]) break;
      matrix -= strides[axis] * batch[axis];
      position[axis] = 0;
    }
  }
  return index;
}

// Empty and the stride where item i reads matrix i, empty and 0 where all read one, otherwise the index.
std::vector<int64_t> IndexBatch(const Dims& operand, const Dims& batch, int64_t matrix_elements,
                                int64_t* stride) {
  *stride = matrix_elements;
  if (ElementCount(operand) == 1) {
    *stride = 0;
    return {};
  }
  if (ElementCount(operand) == ElementCount(batch)) return {};
  return BroadcastIndex(operand, batch);
}

template <typename T>
void RunPlain(const ProductState& state, const ProductBinding& binding, RunContext& context) {
  const ProductSizes& sizes = binding.sizes;
  kernels::PlainGemm<T> product;
  product.batch = binding.items;
  product.m = sizes.m, product.n = sizes.n, product.k = sizes.k;
  product.a = context.input(0).As<const T>();
  product.a_row = state.transpose_a ? 1 : sizes.k;
  product.a_column = state.transpose_a ? sizes.m : 1;
  product.b = context.input(1).As<const T>();
  product.b_row = state.transpose_b ? 1 : sizes.n;
  product.b_column = state.transpose_b ? sizes.k : 1;
  product.c = context.output(0).As<T>();
  product.c_row = sizes.n;
  product.c_batch_stride = sizes.m * sizes.n;
  product.a_offsets = binding.a_index.empty() ? nullptr : binding.a_index.data();
  product.b_offsets = binding.b_index.empty() ? nullptr : binding.b_index.data();
  kernels::RunPlainGemm(*state.plain, product, context.threads());
}

// The kernel over pairs of bfloat16 where the model's types allow it and the weights are such numbers; null
// otherwise. Passes may have multiplied weights with other numbers: those stay floats.
const kernels::GemmVariant* PairVariant(const PrepareContext& context, const ProductState& state,
                                        const Tensor& b, int64_t n, float scale) {
  if (state.dtype != DType::kFloat || state.transpose_a || scale != 1.0f || n < 2 ||
      context.node.attributes.Int(kBFloat16Operands, 0) == 0) {
    return nullptr;
  }
  const kernels::GemmVariant* variant = kernels::SelectGemmBf16(context.isa);
  const auto* numbers = static_cast<const float*>(b.source());
  return variant != nullptr && kernels::HoldsBFloat16(numbers, b.count()) ? variant : nullptr;
}

}  // namespace

Status PrepareProduct(PrepareContext& context, bool transpose_a, bool transpose_b, float scale,
                      ProductState* state, Prepared* prepared) {
  state->dtype = context.input_dtype(0);
  state->transpose_a = transpose_a;
  state->transpose_b = transpose_b;
  if (const FusedEpilogue* fused = EpilogueOf(context.node); fused != nullptr) {
    if (state->dtype != DType::kFloat) return Fail("Only a float product has an epilogue");
    state->fused = *fused;
  }
  if (state->dtype != DType::kFloat && !state->half()) {
    state->plain = &kernels::SelectPlainGemm(context.isa);
    prepared->kernel = fmt::format("gemm_{}_{}", DTypeName(state->dtype), state->plain->name);
    return OkStatus();
  }
  state->gemm = &kernels::SelectGemmF32(context.isa);
  prepared->kernel = state->gemm->name;
  const Tensor* b = context.Constant(1);
  if (b == nullptr || !b->HasElements() || b->dims().empty()) return OkStatus();
  const Dims& dims = b->dims();
  const bool column = dims.size() == 1;
  int64_t k = column ? dims[0] : dims[dims.size() - 2];
  int64_t n = column ? 1 : dims[dims.size() - 1];
  GemmMatrix matrix = Dense(k, n, false, state->dtype);
  if (transpose_b) {
    std::swap(k, n);
    matrix = Dense(k, n, true, state->dtype);
  }
  if (const auto* pairs = PairVariant(context, *state, *b, n, scale); pairs != nullptr) {
    state->gemm = pairs;
    prepared->kernel = pairs->name;
  }
  const int64_t floats = kernels::PackedGemmBFloats(*state->gemm, k, n);
  const int64_t matrices = floats == 0 ? 0 : b->count() / (k * n);
  if (matrices == 0) return OkStatus();
  const auto pack = [&](float* to) {
    const size_t matrix_bytes = DTypeBytes(state->dtype, k * n);
    const void* source = state->half() ? b->data() : b->source();
    for (int64_t i = 0; i < matrices; ++i) {
      matrix.data = static_cast<const std::byte*>(source) + static_cast<size_t>(i) * matrix_bytes;
      kernels::PackGemmB(*state->gemm, matrix, k, n, scale, to + i * floats, context.threads);
    }
  };
  ORTOLAN_ASSIGN_OR_RETURN(state->packed_b, context.packing().TakeFloats(floats * matrices, pack));
  state->packed_floats = floats;
  state->scaled = true;
  prepared->consumed |= 2;
  return OkStatus();
}

Result<graph::Shape> MatMulShape(InferContext& context, size_t a_input, size_t b_input) {
  using graph::Shape;
  const Shape& a = context.shape(a_input);
  const Shape& b = context.shape(b_input);
  if (!a.has_rank() || !b.has_rank()) return Shape();
  if (a.rank() == 0 || b.rank() == 0) return Fail("[ShapeInferenceError] Input tensors of wrong rank (0).");
  const auto a_rank = static_cast<size_t>(a.rank()), b_rank = static_cast<size_t>(b.rank());
  const graph::Dim a_inner = a[a_rank - 1];
  const graph::Dim b_inner = b[b_rank == 1 ? 0 : b_rank - 2];
  if (a_inner.IsConstant() && b_inner.IsConstant() && a_inner != b_inner) {
    if (!context.at_run())
      return Fail("[ShapeInferenceError] Incompatible dimensions for matrix multiplication");
    return Fail("MatMul dimension mismatch: {} by {}", ShapeText(a), ShapeText(b));
  }
  Shape::DimList a_batch, b_batch;
  if (a_rank > 2) a_batch.assign(a.dims().begin(), a.dims().end() - 2);
  if (b_rank > 2) b_batch.assign(b.dims().begin(), b.dims().end() - 2);
  ORTOLAN_ASSIGN_OR_RETURN(Shape shape, BroadcastShapes(Shape(a_batch), Shape(b_batch), context));
  if (a_rank > 1) shape.dims().push_back(a[a_rank - 2]);
  if (b_rank > 1) shape.dims().push_back(b[b_rank - 1]);
  return shape;
}

Result<ProductSizes> MatMulSizes(const Dims& a, const Dims& b) {
  if (a.empty() || b.empty()) return Fail("MatMul dimension mismatch: an operand is a scalar");
  ProductSizes sizes;
  sizes.m = a.size() == 1 ? 1 : a[a.size() - 2];
  sizes.k = a.back();
  sizes.n = b.size() == 1 ? 1 : b.back();
  const int64_t b_rows = b.size() == 1 ? b[0] : b[b.size() - 2];
  if (a.size() > 2) sizes.a_batch = Dims(a.begin(), a.end() - 2);
  if (b.size() > 2) sizes.b_batch = Dims(b.begin(), b.end() - 2);
  const std::optional<Dims> batch = BroadcastDims(sizes.a_batch, sizes.b_batch);
  if (sizes.k != b_rows || !batch) {
    return Fail("MatMul dimension mismatch: {} by {}", DimsText(a), DimsText(b));
  }
  sizes.batch = *batch;
  return sizes;
}

Status BindProduct(const ProductState& state, const ProductSizes& given, const BindContext& context,
                   ProductBinding* binding) {
  binding->sizes = given;
  ProductSizes& sizes = binding->sizes;
  bool epilogue_folds = true;
  if (state.fused) {
    const int64_t bias = state.fused->bias;
    if (bias >= 0 && CheckedCount(context.inputs[static_cast<size_t>(bias)]) != sizes.n) {
      return Fail("The fused bias has shape {}, expected {} elements",
                  DimsText(context.inputs[static_cast<size_t>(bias)]), sizes.n);
    }
    ORTOLAN_ASSIGN_OR_RETURN(binding->epilogue, BindEpilogue(*state.fused, EpilogueForm::kMatrix, context));
    for (const kernels::EpilogueOperand& operand : binding->epilogue.operands) {
      epilogue_folds = epilogue_folds && operand.batch_stride == operand.m_stride * sizes.m;
    }
  }
  // One B for all: the batch is more rows of A.
  const int64_t all = ElementCount(sizes.batch);
  if (ElementCount(sizes.b_batch) == 1 && !state.transpose_a && ElementCount(sizes.a_batch) == all &&
      (all == 1 || epilogue_folds)) {
    sizes.m *= all;
    sizes.a_batch = sizes.b_batch = sizes.batch = {};
  }
  binding->items = ElementCount(sizes.batch);
  const int64_t b_matrix = state.packed_floats > 0 ? state.packed_floats : sizes.k * sizes.n;
  binding->a_index = IndexBatch(sizes.a_batch, sizes.batch, sizes.m * sizes.k, &binding->a_stride);
  binding->b_index = IndexBatch(sizes.b_batch, sizes.batch, b_matrix, &binding->b_stride);
  if (state.plain != nullptr) {  // its offsets are elements
    if (binding->items > 1) {
      if (binding->a_index.empty()) {
        for (int64_t i = 0; i < binding->items; ++i)
          binding->a_index.push_back(binding->a_stride == 0 ? 0 : i);
      }
      if (binding->b_index.empty()) {
        for (int64_t i = 0; i < binding->items; ++i)
          binding->b_index.push_back(binding->b_stride == 0 ? 0 : i);
      }
      for (int64_t& entry : binding->a_index) entry *= sizes.m * sizes.k;
      for (int64_t& entry : binding->b_index) entry *= sizes.k * sizes.n;
    }
    return OkStatus();
  }
  kernels::GemmShape shape;
  shape.batch = binding->items;
  shape.m = sizes.m, shape.n = sizes.n, shape.k = sizes.k;
  shape.a = Dense(sizes.m, sizes.k, state.transpose_a, state.dtype);
  shape.b = Dense(sizes.k, sizes.n, state.transpose_b, state.dtype);
  shape.b_packed = state.packed_floats > 0;
  binding->plan = kernels::PlanGemm(*state.gemm, shape);
  binding->gemm_scratch_bytes = binding->plan.ScratchBytes(context.threads);
  binding->scratch_bytes = binding->gemm_scratch_bytes;
  if (state.half())
    binding->scratch_bytes += static_cast<size_t>(binding->items * sizes.m * sizes.n) * sizeof(float);
  return OkStatus();
}

kernels::Epilogue ProductEpilogue(const ProductState& state, const ProductBinding& binding,
                                  const RunContext& context, EpilogueOperands* storage) {
  if (!state.fused) return {};
  return MakeEpilogue(*state.fused, EpilogueForm::kMatrix, binding.epilogue, context, false, storage);
}

float* ProductFloats(const ProductState& state, const ProductBinding& binding, RunContext& context) {
  if (!state.half()) return context.output(0).As<float>();
  return reinterpret_cast<float*>(context.scratch() + binding.gemm_scratch_bytes);
}

void RunProduct(const ProductState& state, const ProductBinding& binding, RunContext& context,
                const kernels::Epilogue* epilogue) {
  switch (state.dtype) {
    case DType::kDouble:
      return RunPlain<double>(state, binding, context);
    case DType::kInt32:
      return RunPlain<int32_t>(state, binding, context);
    case DType::kInt64:
      return RunPlain<int64_t>(state, binding, context);
    case DType::kUInt32:
      return RunPlain<uint32_t>(state, binding, context);
    case DType::kUInt64:
      return RunPlain<uint64_t>(state, binding, context);
    default:
      break;
  }
  kernels::GemmOperands operands;
  operands.a = context.input(0).data;
  operands.b =
      state.packed_floats > 0 ? static_cast<const void*>(state.packed_b.data()) : context.input(1).data;
  operands.c = ProductFloats(state, binding, context);
  operands.c_stride = binding.sizes.n;
  operands.c_batch_stride = binding.sizes.m * binding.sizes.n;
  operands.a_batch = {binding.a_stride, binding.a_index.empty() ? nullptr : binding.a_index.data()};
  operands.b_batch = {binding.b_stride, binding.b_index.empty() ? nullptr : binding.b_index.data()};
  operands.epilogue = epilogue;
  kernels::RunGemm(*state.gemm, binding.plan, operands, {context.scratch(), binding.gemm_scratch_bytes},
                   context.threads());
}

void StoreProduct(const ProductState& state, const ProductBinding& binding, RunContext& context) {
  if (!state.half()) return;
  const float* from = ProductFloats(state, binding, context);
  const TensorRef& to = context.output(0);
  context.threads().ParallelRanges(to.count(), kConvertGrain, [&](int64_t begin, int64_t end) {
    if (state.dtype == DType::kFloat16) {
      for (int64_t i = begin; i < end; ++i) to.As<Float16>()[i] = Float16(from[i]);
    } else {
      for (int64_t i = begin; i < end; ++i) to.As<BFloat16>()[i] = BFloat16(from[i]);
    }
  });
}

Cost ProductCost(const ProductSizes& sizes) {
  const double m = static_cast<double>(sizes.m), n = static_cast<double>(sizes.n),
               k = static_cast<double>(sizes.k);
  const auto items = static_cast<double>(ElementCount(sizes.batch));
  return {.flops = 2 * items * m * n * k,
          .bytes = 4 * (static_cast<double>(ElementCount(sizes.a_batch)) * m * k +
                        static_cast<double>(ElementCount(sizes.b_batch)) * k * n + items * m * n)};
}

}  // namespace ortolan::math
