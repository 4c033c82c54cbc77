#include "ops/nn/row_normalization.h"

#include <algorithm>
#include <cmath>

#include "kernels/norm/norm.h"
#include "ops/axes.h"

namespace ortolan {
namespace {

// 32 KB of floats a chunk: 5 us.
constexpr int64_t kChunkElements = 8 << 10;

struct State {
  int64_t axis;
  float epsilon;
  bool center;
  DType dtype;
  bool all_float;  // results too, which have types of their own
  const kernels::NormF32Variant* variant;
};

struct Rows {
  int64_t rows, count;
};

Result<Rows> RowsOf(const State& state, std::span<const int64_t> dims) {
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(state.axis, static_cast<int64_t>(dims.size())));
  const size_t split = static_cast<size_t>(axis);
  return Rows{ElementCount(dims.first(split)), ElementCount(dims.subspan(split))};
}

double NumberAt(const TensorRef& tensor, int64_t i) {
  switch (tensor.dtype) {
    case DType::kFloat:
      return static_cast<double>(tensor.As<float>()[i]);
    case DType::kDouble:
      return tensor.As<double>()[i];
    case DType::kFloat16:
      return static_cast<double>(static_cast<float>(tensor.As<Float16>()[i]));
    default:
      return static_cast<double>(static_cast<float>(tensor.As<BFloat16>()[i]));
  }
}

// A scale or bias as numbers of a whole row: as it lies, or converted and broadcast into `row`. C: float or
// double.
template <typename C>
Result<const C*> RowOf(const TensorRef& tensor, std::span<const int64_t> row_dims, int64_t count, C* row) {
  if (tensor.dtype == kDTypeOf<C> && tensor.count() == count) return tensor.As<const C>();
  // Broadcast from the right against the row's shape.
  if (tensor.rank() > row_dims.size() && tensor.count() != 1 && tensor.count() != count) {
    return InvalidArgument("a scale of shape {} does not fit rows of shape {}", DimsText(tensor.dims),
                           DimsText(row_dims));
  }
  Dims strides(row_dims.size());
  const Dims own = RowMajorStrides(tensor.dims);
  for (size_t i = 0; i < std::min(row_dims.size(), tensor.rank()); ++i) {
    const size_t at = tensor.rank() - 1 - i, to = row_dims.size() - 1 - i;
    if (tensor.dims[at] != 1 && tensor.dims[at] != row_dims[to]) {
      return InvalidArgument("a scale of shape {} does not fit rows of shape {}", DimsText(tensor.dims),
                             DimsText(row_dims));
    }
    strides[to] = tensor.dims[at] == 1 ? 0 : own[at];
  }
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, offset = 0;
    for (size_t axis = row_dims.size(); axis-- > 0;) {
      offset += rest % row_dims[axis] * strides[axis];
      rest /= row_dims[axis];
    }
    row[i] = static_cast<C>(NumberAt(tensor, offset));
  }
  return static_cast<const C*>(row);
}

void RunFloat(const State& state, const Rows& rows, const float* scale, const float* bias,
              RunContext& context) {
  const float* x = context.input(0).As<float>();
  float* y = context.output(0).As<float>();
  float* mean = context.HasOutput(1) ? context.output(1).As<float>() : nullptr;
  float* inverse = context.HasOutput(2) ? context.output(2).As<float>() : nullptr;
  context.threads().ParallelRanges(rows.rows,
                                   std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, rows.count)),
                                   [&](int64_t begin, int64_t end) {
                                     for (int64_t i = begin; i < end; ++i) {
                                       kernels::LayerNormRow row{};
                                       row.x = x + i * rows.count;
                                       row.y = y + i * rows.count;
                                       row.scale = scale;
                                       row.bias = bias;
                                       row.count = rows.count;
                                       row.epsilon = state.epsilon;
                                       row.center = state.center;
                                       float row_mean, row_inverse;
                                       state.variant->layer_norm(row, &row_mean, &row_inverse);
                                       if (mean != nullptr) mean[i] = row_mean;
                                       if (inverse != nullptr) inverse[i] = row_inverse;
                                     }
                                   });
}

void SetNumber(const TensorRef& tensor, int64_t i, double value) {
  if (tensor.dtype == DType::kFloat) tensor.As<float>()[i] = static_cast<float>(value);
  if (tensor.dtype == DType::kDouble) tensor.As<double>()[i] = value;
  if (tensor.dtype == DType::kFloat16) tensor.As<Float16>()[i] = Float16(static_cast<float>(value));
  if (tensor.dtype == DType::kBFloat16) tensor.As<BFloat16>()[i] = BFloat16(static_cast<float>(value));
}

template <typename T>
void RunPlain(const State& state, const Rows& rows, const double* scale, const double* bias,
              RunContext& context) {
  auto number = [](T item) {
    if constexpr (std::is_same_v<T, double>)
      return item;
    else
      return static_cast<double>(static_cast<float>(item));
  };
  const double count = static_cast<double>(rows.count);
  for (int64_t i = 0; i < rows.rows; ++i) {
    const T* x = context.input(0).As<T>() + i * rows.count;
    double sum = 0, squares = 0;
    for (int64_t j = 0; j < rows.count; ++j) sum += number(x[j]);
    const double mean = state.center ? sum / count : 0;
    for (int64_t j = 0; j < rows.count; ++j) squares += (number(x[j]) - mean) * (number(x[j]) - mean);
    const double inverse = 1 / std::sqrt(squares / count + static_cast<double>(state.epsilon));
    for (int64_t j = 0; j < rows.count; ++j) {
      const double factor = scale != nullptr ? scale[j] : 1.0;
      const double term = bias != nullptr ? bias[j] : 0.0;
      SetNumber(context.output(0), i * rows.count + j, (number(x[j]) - mean) * inverse * factor + term);
    }
    if (context.HasOutput(1)) SetNumber(context.output(1), i, mean);
    if (context.HasOutput(2)) SetNumber(context.output(2), i, inverse);
  }
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const Rows rows, RowsOf(state, context.inputs[0]));
  binding->scratch_bytes = 2 * static_cast<size_t>(rows.count) * sizeof(double);  // scale and bias of a row
  return OkStatus();
}

// C: what scale and bias are computed with.
template <typename C>
Status RunRows(const State& state, const Rows& rows, std::span<const int64_t> row_dims, RunContext& context) {
  C* memory = reinterpret_cast<C*>(context.scratch());
  const C* scale = nullptr;
  const C* bias = nullptr;
  if (context.HasInput(1)) {
    ORTOLAN_ASSIGN_OR_RETURN(scale, RowOf<C>(context.input(1), row_dims, rows.count, memory));
  }
  if (context.HasInput(2)) {
    ORTOLAN_ASSIGN_OR_RETURN(bias, RowOf<C>(context.input(2), row_dims, rows.count, memory + rows.count));
  }
  if constexpr (std::is_same_v<C, float>) {
    RunFloat(state, rows, scale, bias, context);
  } else {
    if (state.dtype == DType::kFloat) RunPlain<float>(state, rows, scale, bias, context);
    if (state.dtype == DType::kDouble) RunPlain<double>(state, rows, scale, bias, context);
    if (state.dtype == DType::kFloat16) RunPlain<Float16>(state, rows, scale, bias, context);
    if (state.dtype == DType::kBFloat16) RunPlain<BFloat16>(state, rows, scale, bias, context);
  }
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& dims = context.input(0).dims;
  ORTOLAN_ASSIGN_OR_RETURN(const Rows rows, RowsOf(state, dims));
  if (rows.rows == 0 || rows.count == 0) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(state.axis, static_cast<int64_t>(dims.size())));
  const std::span<const int64_t> row_dims =
      std::span<const int64_t>(dims.data(), dims.size()).subspan(static_cast<size_t>(axis));
  return state.all_float ? RunRows<float>(state, rows, row_dims, context)
                         : RunRows<double>(state, rows, row_dims, context);
}

}  // namespace

Status InferRowNormalization(InferContext& context) {
  const graph::Shape& shape = context.shape(0);
  const DType stash = context.attributes().Int("stash_type", 1) == 16 ? DType::kBFloat16 : DType::kFloat;
  for (size_t i = 1; i < context.output_count(); ++i) context.SetType(i, stash);
  if (!shape.has_rank()) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                           NormalizeAxis(context.attributes().Int("axis", -1), shape.rank()));
  context.SetShape(0, shape);
  graph::Shape reduced = shape;
  for (int64_t i = axis; i < shape.rank(); ++i) reduced[static_cast<size_t>(i)] = 1;
  for (size_t i = 1; i < context.output_count(); ++i) context.SetShape(i, reduced);
  return OkStatus();
}

Status PrepareRowNormalization(PrepareContext& context, bool center, Prepared* prepared) {
  State state{};
  state.axis = context.node.attributes.Int("axis", -1);
  state.epsilon = context.node.attributes.Float("epsilon", 1e-5f);
  state.center = center;
  state.dtype = context.input_dtype(0);
  state.variant = &kernels::SelectNormF32(context.isa);
  if (!Contains(kFloatTypes, state.dtype)) {
    return NotImplemented("{} of {}", context.node.op_type, DTypeName(state.dtype));
  }
  state.all_float = state.dtype == DType::kFloat;
  for (const graph::Value* output : context.node.outputs())
    state.all_float = state.all_float && (output == nullptr || output->type.dtype == DType::kFloat);
  prepared->kernel = state.all_float ? fmt::format("rows_{}", state.variant->name) : "rows_plain";
  prepared->state = std::make_shared<const State>(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

}  // namespace ortolan
