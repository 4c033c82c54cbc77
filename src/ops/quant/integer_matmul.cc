#include "ops/quant/integer_matmul.h"

#include <algorithm>
#include <cstring>

#include "ops/quant/byte_facts.h"

namespace ortolan::quant {
namespace {

size_t Aligned(size_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

int32_t ZeroAt(const TensorRef& zeros, int64_t i) {
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
int32_t ZeroOf(const TensorRef* zeros, int64_t matrix, int64_t line, int64_t lines) {
  if (zeros == nullptr) return 0;
  const int64_t count = zeros->count();
  return ZeroAt(*zeros, count == 1 ? 0 : count == lines ? line : matrix * lines + line);
}

kernels::ByteMatrix MatrixOf(const IntegerMatMul& state, const void* b, int64_t matrix, int64_t k,
                             int64_t n) {
  kernels::ByteMatrix made;
  made.data = static_cast<const uint8_t*>(b) + matrix * k * n;
  made.is_signed = state.b_signed;
  made.k = made.k_bytes = k;
  made.n = n;
  made.k_stride = state.inputs.transposed_b ? 1 : n;
  made.n_stride = state.inputs.transposed_b ? k : 1;
  return made;
}

void SizePacked(const IntegerMatMul& state, int64_t k, int64_t n, PackedMatrices* packed) {
  packed->panel_bytes = Aligned(kernels::PackedByteBytes(*state.variant, MatrixOf(state, nullptr, 0, k, n)));
  packed->columns = kernels::PaddedByteColumns(*state.variant, n);
}

void Pack(const IntegerMatMul& state, const void* b, const TensorRef* zeros, int64_t matrices, int64_t k,
          int64_t n, bool try_fit, PackedMatrices* packed, ThreadPool& threads) {
  packed->has_zero = false;
  bool fits = true;
  for (int64_t matrix = 0; matrix < matrices; ++matrix) {
    int32_t* own = packed->zeros + matrix * packed->columns;
    std::fill_n(own, packed->columns, 0);
    for (int64_t j = 0; j < n; ++j) own[j] = ZeroOf(zeros, matrix, j, n);
    const bool none = std::all_of(own, own + n, [](int32_t zero) { return zero == 0; });
    if (none && state.b_signed) continue;
    packed->has_zero = true;
    fits = fits && try_fit && kernels::FitsSigned(MatrixOf(state, b, matrix, k, n), own, 1);
  }
  const bool subtract = packed->has_zero && fits;
  for (int64_t matrix = 0; matrix < matrices; ++matrix) {
    int32_t* own = packed->zeros + matrix * packed->columns;
    kernels::PackBytes(*state.variant, MatrixOf(state, b, matrix, k, n), subtract ? own : nullptr, 1,
                       packed->panels + static_cast<size_t>(matrix) * packed->panel_bytes,
                       packed->sums + matrix * packed->columns, threads);
    for (int64_t j = 0; j < n && !state.b_signed; ++j) own[j] -= 128;
  }
  if (subtract) packed->has_zero = false;
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

// The right side of this run: packed ahead, or now.
Result<PackedMatrices> RightSide(const IntegerMatMul& state, const IntegerMatMulBinding& binding,
                                 RunContext& context) {
  if (state.memory.size() > 0) return state.packed;
  const int64_t n = binding.sizes.n, k = binding.sizes.k;
  const TensorRef* zeros =
      context.HasInput(state.inputs.b_zero) ? &context.input(state.inputs.b_zero) : nullptr;
  ORTOLAN_RETURN_IF_ERROR(CheckZeros(zeros, n, binding.b_count, "B"));
  PackedMatrices packed = binding.packed;
  packed.Place(context.scratch(), binding.b_count);
  Pack(state, context.input(state.inputs.b).data, zeros, binding.b_count, k, n, false, &packed,
       context.threads());
  return packed;
}

struct Rows {
  const uint8_t* first;
  int64_t k;
  const uint8_t* last;  // the last row, copied where reading it by whole quads would pass its end
  int64_t count;

  void Locate(int64_t begin, int64_t number, const uint8_t** a) const {
    for (int64_t i = 0; i < number; ++i) a[i] = begin + i + 1 == count ? last : first + (begin + i) * k;
  }
};

kernels::ByteProduct ProductOf(const IntegerMatMul& state, const IntegerMatMulBinding& binding,
                               const PackedMatrices& packed, int64_t matrix) {
  kernels::ByteProduct product;
  product.variant = state.variant;
  product.a_signed = state.a_signed;
  product.k_bytes = binding.sizes.k;
  product.n = binding.sizes.n;
  product.panels = packed.panels + static_cast<size_t>(matrix) * packed.panel_bytes;
  product.b_zero = packed.has_zero ? packed.zeros + matrix * packed.columns : nullptr;
  product.c_stride = binding.sizes.n;
  return product;
}

}  // namespace

Status PrepareIntegerMatMul(PrepareContext& context, const MatMulInputs& inputs, IntegerMatMul* state,
                            Prepared* prepared) {
  const DType a = context.input_dtype(inputs.a), b = context.input_dtype(inputs.b);
  if ((!IsBytes(a) && a != DType::kFloat) || !IsBytes(b)) {
    return NotImplemented("{} of {} and {}", context.node.op_type, DTypeName(a), DTypeName(b));
  }
  state->inputs = inputs;
  state->variant = &kernels::SelectBytes(context.isa);
  state->a_signed = a == DType::kInt8;
  state->b_signed = b == DType::kInt8;
  prepared->kernel = fmt::format("byte_product_{}", state->variant->name);
  const Tensor* constant = context.Constant(inputs.b);
  const Tensor* zeros = context.Constant(inputs.b_zero);
  if (constant == nullptr || constant->dims().size() < 2 || constant->count() == 0) return OkStatus();
  if (zeros == nullptr && context.node.HasInput(inputs.b_zero)) return OkStatus();
  const Dims& dims = constant->dims();
  int64_t n = dims.back(), k = dims[dims.size() - 2];
  if (inputs.transposed_b) std::swap(n, k);
  const int64_t matrices = constant->count() / (n * k);
  const TensorRef* zero_ref = zeros != nullptr ? &zeros->ref() : nullptr;
  ORTOLAN_RETURN_IF_ERROR(CheckZeros(zero_ref, n, matrices, "B"));
  SizePacked(*state, k, n, &state->packed);
  const size_t bytes = state->packed.Bytes(matrices);
  const auto pack = [&](std::byte* to) {
    state->packed.Place(to, matrices);
    Pack(*state, constant->data(), zero_ref, matrices, k, n, true, &state->packed, context.threads);
    to[bytes] = std::byte{state->packed.has_zero};  // what packing found out, for who gets the block packed
  };
  ORTOLAN_ASSIGN_OR_RETURN(state->memory, context.packing().Take(bytes + 1, pack));
  state->packed.Place(state->memory.data(), matrices);
  state->packed.has_zero = state->memory.data()[bytes] != std::byte{0};
  prepared->consumed = 1u << inputs.b;
  return OkStatus();
}

Status BindIntegerMatMul(const IntegerMatMul& state, const BindContext& context, size_t own_bytes, bool merge,
                         IntegerMatMulBinding* binding) {
  ORTOLAN_ASSIGN_OR_RETURN(const math::ProductSizes sizes,
                           math::MatMulSizes(context.inputs[state.inputs.a], context.inputs[state.inputs.b]));
  if (CheckedCount(context.outputs[0]) != ElementCount(sizes.batch) * sizes.m * sizes.n) {
    return Fail("the output has shape {}, which {} by {} does not give", DimsText(context.outputs[0]),
                DimsText(context.inputs[state.inputs.a]), DimsText(context.inputs[state.inputs.b]));
  }
  const bool one_zero =
      context.inputs.size() <= state.inputs.a_zero || ElementCount(context.inputs[state.inputs.a_zero]) == 1;
  return BindIntegerMatMul(state, sizes, own_bytes, merge && one_zero, binding);
}

Status BindIntegerMatMul(const IntegerMatMul& state, const math::ProductSizes& sizes, size_t own_bytes,
                         bool merge, IntegerMatMulBinding* binding) {
  binding->sizes = sizes;
  // Rows of A are one matrix where all items share B.
  binding->b_count = ElementCount(sizes.b_batch);
  if (merge && binding->b_count == 1 && sizes.a_batch == sizes.batch) {
    binding->sizes.m = ElementCount(sizes.a_batch) * sizes.m;
    binding->sizes.a_batch = binding->sizes.b_batch = binding->sizes.batch = Dims();
  }
  binding->a_count = ElementCount(binding->sizes.a_batch);
  binding->items = ElementCount(binding->sizes.batch);
  binding->a_index = BatchIndex(binding->sizes.a_batch, binding->sizes.batch);
  binding->b_index = BatchIndex(binding->sizes.b_batch, binding->sizes.batch);
  SizePacked(state, sizes.k, sizes.n, &binding->packed);
  binding->start_offset = state.memory.size() > 0 ? 0 : Aligned(binding->packed.Bytes(binding->b_count));
  binding->row_offset = binding->start_offset + Aligned(static_cast<size_t>(binding->packed.columns) * 4);
  binding->sums_offset = binding->row_offset + Aligned(static_cast<size_t>(sizes.k) + 64);
  binding->own_offset =
      binding->sums_offset + Aligned(static_cast<size_t>(binding->sizes.m * binding->sizes.n) * 4);
  binding->scratch_bytes = binding->own_offset + own_bytes;
  return OkStatus();
}

int64_t PaddedColumns(const IntegerMatMul& state, int64_t n) {
  return kernels::PaddedByteColumns(*state.variant, n);
}

bool HasRowZeros(const IntegerMatMul& state, const RunContext& context) {
  return context.HasInput(state.inputs.a_zero) && context.input(state.inputs.a_zero).count() != 1;
}

Status RunIntegerMatMul(const IntegerMatMul& state, const IntegerMatMulBinding& binding, RunContext& context,
                        const MatMulFinish& finish, const LeftSide* left) {
  const int64_t m = binding.sizes.m, n = binding.sizes.n, k = binding.sizes.k;
  if (m == 0 || n == 0 || binding.items == 0) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(const PackedMatrices packed, RightSide(state, binding, context));
  LeftSide own{};
  if (left == nullptr) {
    if (context.HasInput(state.inputs.a_zero) && context.input(state.inputs.a_zero).count() != 1)
      return InvalidArgument("the zero point of A must have one element");
    own.bytes = context.input(state.inputs.a).As<const uint8_t>();
    own.zero = context.HasInput(state.inputs.a_zero) ? ZeroAt(context.input(state.inputs.a_zero), 0) : 0;
    left = &own;
  }
  auto* start = reinterpret_cast<int32_t*>(context.scratch() + binding.start_offset);
  auto* last = reinterpret_cast<uint8_t*>(context.scratch() + binding.row_offset);
  const size_t element = finish.finish.output == kernels::ByteOutput::kBytes ? 1 : 4;
  for (int64_t item = 0; item < binding.items; ++item) {
    const auto at = static_cast<size_t>(item);
    const int64_t matrix = binding.b_index[at];
    kernels::ByteProduct product = ProductOf(state, binding, packed, matrix);
    kernels::ByteStart(packed.sums + matrix * packed.columns, finish.start_bias, product.b_zero,
                       left->zero + (state.a_signed ? 128 : 0), k, n, packed.columns, start);
    product.start = start;
    product.scale = finish.scale;
    product.bias = finish.bias;
    product.finish = finish.finish;
    product.c = static_cast<std::byte*>(finish.c) + static_cast<size_t>(item * m * n) * element;
    Rows rows{left->bytes + binding.a_index[at] * m * k, k, last, m};
    if (m > 0 && k > 0) std::memcpy(last, rows.first + (m - 1) * k, static_cast<size_t>(k));
    std::memset(last + k, 0, 4);
    kernels::RunByteProduct(
        product, m, [&](int64_t first, int64_t count, const uint8_t** a) { rows.Locate(first, count, a); },
        context.threads());
  }
  return OkStatus();
}

Status RunIntegerSums(const IntegerMatMul& state, const IntegerMatMulBinding& binding, RunContext& context,
                      FunctionRef<int32_t*(int64_t item)> sums, FunctionRef<void(int64_t item)> done) {
  const int64_t m = binding.sizes.m, n = binding.sizes.n, k = binding.sizes.k;
  if (m == 0 || n == 0 || binding.items == 0) return OkStatus();
  const TensorRef* a_zeros =
      context.HasInput(state.inputs.a_zero) ? &context.input(state.inputs.a_zero) : nullptr;
  ORTOLAN_RETURN_IF_ERROR(CheckZeros(a_zeros, m, binding.a_count, "A"));
  ORTOLAN_ASSIGN_OR_RETURN(const PackedMatrices packed, RightSide(state, binding, context));
  auto* start = reinterpret_cast<int32_t*>(context.scratch() + binding.start_offset);
  auto* last = reinterpret_cast<uint8_t*>(context.scratch() + binding.row_offset);
  for (int64_t item = 0; item < binding.items; ++item) {
    const auto at = static_cast<size_t>(item);
    const int64_t matrix = binding.b_index[at];
    kernels::ByteProduct product = ProductOf(state, binding, packed, matrix);
    std::fill_n(start, packed.columns, 0);
    product.start = start;
    product.finish.output = kernels::ByteOutput::kSums;
    int32_t* to = sums(item);
    product.c = to;
    Rows rows{context.input(state.inputs.a).As<const uint8_t>() + binding.a_index[at] * m * k, k, last, m};
    if (m > 0 && k > 0) std::memcpy(last, rows.first + (m - 1) * k, static_cast<size_t>(k));
    std::memset(last + k, 0, 4);
    kernels::RunByteProduct(
        product, m, [&](int64_t first, int64_t count, const uint8_t** a) { rows.Locate(first, count, a); },
        context.threads());
    // What each row's zero point takes away.
    const int32_t* column_sums = packed.sums + matrix * packed.columns;
    for (int64_t i = 0; i < m; ++i) {
      const int32_t zero = ZeroOf(a_zeros, binding.a_index[at], i, m) + (state.a_signed ? 128 : 0);
      kernels::ByteStart(column_sums, nullptr, product.b_zero, zero, k, n, packed.columns, start);
      for (int64_t j = 0; j < n; ++j) {
        to[i * n + j] =
            static_cast<int32_t>(static_cast<uint32_t>(to[i * n + j]) + static_cast<uint32_t>(start[j]));
      }
    }
    done(item);
  }
  return OkStatus();
}

}  // namespace ortolan::quant
