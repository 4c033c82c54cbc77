#include "ops/quant/integer_matmul.h"

#include <algorithm>

namespace ortolan::quant {
namespace {

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);

size_t Padded(int64_t elements, size_t width) {
  return (static_cast<size_t>(elements) * width + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

int16_t ZeroAt(const TensorRef& zeros, int64_t i) {
  return zeros.dtype == DType::kInt8 ? zeros.As<const int8_t>()[i] : zeros.As<const uint8_t>()[i];
}

// A zero point for all, one for each of the `lines` of a matrix, or one for each line of each matrix.
Status CheckZeros(const TensorRef* zeros, int64_t lines, int64_t matrices, std::string_view what) {
  if (zeros == nullptr) return OkStatus();
  const int64_t count = zeros->count();
  if (count == 1 || count == lines || count == lines * matrices) return OkStatus();
  return InvalidArgument("the zero point of {} has shape {}, expected one element or {}", what,
                         DimsText(zeros->dims), lines);
}
int16_t ZeroOf(const TensorRef* zeros, int64_t matrix, int64_t line, int64_t lines) {
  if (zeros == nullptr) return 0;
  const int64_t count = zeros->count();
  return ZeroAt(*zeros, count == 1 ? 0 : count == lines ? line : matrix * lines + line);
}

// One matrix of b, k x n, as n lines of k.
template <typename T>
void TransposeB(const T* b, const TensorRef* zeros, int64_t matrix, int64_t k, int64_t n, int16_t* to) {
  for (int64_t j = 0; j < n; ++j) {
    const int16_t zero = ZeroOf(zeros, matrix, j, n);
    for (int64_t i = 0; i < k; ++i) to[j * k + i] = static_cast<int16_t>(b[i * n + j] - zero);
  }
}

void WidenB(const TensorRef& b, const TensorRef* zeros, int64_t matrices, int64_t k, int64_t n, int16_t* to,
            ThreadPool& threads) {
  threads.ParallelFor(matrices, [&](int64_t matrix) {
    if (b.dtype == DType::kInt8) {
      TransposeB(b.As<const int8_t>() + matrix * k * n, zeros, matrix, k, n, to + matrix * k * n);
    } else {
      TransposeB(b.As<const uint8_t>() + matrix * k * n, zeros, matrix, k, n, to + matrix * k * n);
    }
  });
}

// The matrix that each item of the batch reads.
std::vector<int64_t> BatchIndex(const Dims& own, const Dims& batch) {
  const int64_t items = ElementCount(batch);
  std::vector<int64_t> index(static_cast<size_t>(items));
  const Dims strides = RowMajorStrides(own);
  const size_t missing = batch.size() - own.size();
  for (int64_t item = 0; item < items; ++item) {
    int64_t rest = item, at = 0;
    for (size_t axis = batch.size(); axis-- > 0;) {
      const int64_t i = rest % batch[axis];
      rest /= batch[axis];
      if (axis >= missing && own[axis - missing] != 1) at += i * strides[axis - missing];
    }
    index[static_cast<size_t>(item)] = at;
  }
  return index;
}

}  // namespace

Status PrepareIntegerMatMul(PrepareContext& context, const MatMulInputs& inputs, IntegerMatMul* state,
                            Prepared* prepared) {
  const DType a = context.input_dtype(inputs.a), b = context.input_dtype(inputs.b);
  if (!Contains(kBytes, a) || !Contains(kBytes, b)) {
    return NotImplemented("{} of {} and {}", context.node.op_type, DTypeName(a), DTypeName(b));
  }
  state->inputs = inputs;
  state->variant = &kernels::SelectIntegerProduct(context.isa);
  state->a_signed = a == DType::kInt8;
  state->b_signed = b == DType::kInt8;
  prepared->kernel = state->variant->name;
  const Tensor* constant = context.Constant(inputs.b);
  const Tensor* zeros = context.Constant(inputs.b_zero);
  if (constant == nullptr || constant->dims().size() < 2) return OkStatus();
  if (zeros == nullptr && context.node.HasInput(inputs.b_zero)) return OkStatus();
  const Dims& dims = constant->dims();
  const int64_t n = dims.back(), k = dims[dims.size() - 2];
  const int64_t matrices = constant->count() == 0 ? 0 : constant->count() / (n * k);
  const TensorRef* zero_ref = zeros != nullptr ? &zeros->ref() : nullptr;
  ORTOLAN_RETURN_IF_ERROR(CheckZeros(zero_ref, n, std::max<int64_t>(matrices, 1), "B"));
  ORTOLAN_ASSIGN_OR_RETURN(state->packed_b,
                           AlignedBuffer::Allocate(Padded(constant->count(), sizeof(int16_t))));
  WidenB(constant->ref(), zero_ref, matrices, k, n, reinterpret_cast<int16_t*>(state->packed_b.data()),
         context.threads);
  prepared->consumed = 1u << inputs.b;
  return OkStatus();
}

Status BindIntegerMatMul(const IntegerMatMul& state, const BindContext& context,
                         IntegerMatMulBinding* binding) {
  ORTOLAN_ASSIGN_OR_RETURN(binding->sizes,
                           math::MatMulSizes(context.inputs[state.inputs.a], context.inputs[state.inputs.b]));
  const math::ProductSizes& sizes = binding->sizes;
  binding->a_count = ElementCount(sizes.a_batch);
  binding->b_count = ElementCount(sizes.b_batch);
  binding->items = ElementCount(sizes.batch);
  if (CheckedCount(context.outputs[0]) != binding->items * sizes.m * sizes.n) {
    return Fail("the output has shape {}, which {} by {} does not give", DimsText(context.outputs[0]),
                DimsText(context.inputs[state.inputs.a]), DimsText(context.inputs[state.inputs.b]));
  }
  binding->a_index = BatchIndex(sizes.a_batch, sizes.batch);
  binding->b_index = BatchIndex(sizes.b_batch, sizes.batch);
  binding->b_offset = Padded(binding->a_count * sizes.m * sizes.k, sizeof(int16_t));
  binding->sums_offset =
      binding->b_offset +
      (state.packed_b.size() > 0 ? 0 : Padded(binding->b_count * sizes.k * sizes.n, sizeof(int16_t)));
  binding->scratch_bytes = binding->sums_offset + Padded(sizes.m * sizes.n, sizeof(int32_t));
  return OkStatus();
}

Status RunIntegerMatMul(const IntegerMatMul& state, const IntegerMatMulBinding& binding, RunContext& context,
                        FunctionRef<int32_t*(int64_t item)> sums, FunctionRef<void(int64_t item)> done) {
  const auto& [m, n, k, a_batch, b_batch, batch] = binding.sizes;
  const TensorRef& a = context.input(state.inputs.a);
  const TensorRef* a_zeros =
      context.HasInput(state.inputs.a_zero) ? &context.input(state.inputs.a_zero) : nullptr;
  const TensorRef* b_zeros =
      context.HasInput(state.inputs.b_zero) ? &context.input(state.inputs.b_zero) : nullptr;
  ORTOLAN_RETURN_IF_ERROR(CheckZeros(a_zeros, m, binding.a_count, "A"));
  auto* wide_a = reinterpret_cast<int16_t*>(context.scratch());
  const int64_t rows = binding.a_count * m, row_length = k, lines = m;
  const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(k, 1));
  context.threads().ParallelRanges(rows, grain, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      kernels::WidenElements(a.As<const std::byte>() + row * row_length, state.a_signed, row_length,
                             ZeroOf(a_zeros, row / lines, row % lines, lines), wide_a + row * row_length);
    }
  });
  const auto* wide_b = reinterpret_cast<const int16_t*>(state.packed_b.data());
  if (state.packed_b.size() == 0) {
    ORTOLAN_RETURN_IF_ERROR(CheckZeros(b_zeros, n, binding.b_count, "B"));
    auto* made = reinterpret_cast<int16_t*>(context.scratch() + binding.b_offset);
    WidenB(context.input(state.inputs.b), b_zeros, binding.b_count, k, n, made, context.threads());
    wide_b = made;
  }
  for (int64_t item = 0; item < binding.items; ++item) {
    const auto at = static_cast<size_t>(item);
    kernels::IntegerProduct(*state.variant, wide_a + binding.a_index[at] * m * k,
                            wide_b + binding.b_index[at] * n * k, m, n, k, sums(item), n, context.threads());
    done(item);
  }
  return OkStatus();
}

}  // namespace ortolan::quant
