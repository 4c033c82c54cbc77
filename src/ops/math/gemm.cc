// Gemm: Y = alpha * A' * B' + beta * C, where A' and B' are matrices or their transposes and C broadcasts to
// Y. Where beta is 0, C is not read.
//
// With a packed B, alpha is multiplied into it, and a C of one row or one column that needs no factor becomes
// the bias of the kernel. Any other alpha, beta or C costs a second pass over Y.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "base/half.h"
#include "ops/math/product.h"

namespace ortolan {
namespace {

using graph::Dim;
using graph::Shape;

constexpr AttributeSpec kAttributes[] = {
    {"alpha", graph::AttributeType::kFloat},
    {"beta", graph::AttributeType::kFloat},
    {"transA", graph::AttributeType::kInt},
    {"transB", graph::AttributeType::kInt},
};
// Before opset 7 C broadcast only if asked to.
constexpr AttributeSpec kOldAttributes[] = {{"broadcast", graph::AttributeType::kInt}};

struct State {
  math::ProductState product;
  float alpha = 1;  // what is left to multiply after the product
  float beta = 1;
  bool has_c = false;
  std::vector<float> constant_c;  // beta * C, where C is a float constant
};

struct Bound {
  math::ProductBinding product;
  bool reads_c = false;
  int64_t c_row = 0, c_column = 0;  // strides of C in Y, 0 broadcasts
  bool bias = false;                // C goes into the kernel's epilogue
  bool bias_per_m = false;
};

Status Raise(RaiseContext& context) {
  context.node.attributes.Remove("broadcast");
  return OkStatus();
}

Status Infer(InferContext& context) {
  const Shape& a = context.shape(0);
  const Shape& b = context.shape(1);
  if (!a.has_rank() || !b.has_rank()) return OkStatus();
  if (a.rank() != 2) return Fail("[ShapeInferenceError] First input does not have rank 2");
  if (b.rank() != 2) return Fail("[ShapeInferenceError] Second input does not have rank 2");
  const bool transpose_a = context.attributes().Int("transA", 0) != 0;
  const bool transpose_b = context.attributes().Int("transB", 0) != 0;
  const Dim a_inner = a[transpose_a ? 0 : 1], b_inner = b[transpose_b ? 1 : 0];
  if (a_inner.IsConstant() && b_inner.IsConstant() && a_inner != b_inner) {
    if (!context.at_run())
      return Fail("[ShapeInferenceError] Incompatible dimensions for matrix multiplication");
    return InvalidArgument("GEMM: Dimension mismatch, A {}{} by B {}{}", ShapeText(a),
                           transpose_a ? " transposed" : "", ShapeText(b), transpose_b ? " transposed" : "");
  }
  context.SetShape(0, {a[transpose_a ? 1 : 0], b[transpose_b ? 0 : 1]});
  return OkStatus();
}

Result<math::ProductSizes> SizesOf(const Dims& a, const Dims& b, bool transpose_a, bool transpose_b) {
  if (a.size() != 2 || b.size() != 2) {
    return InvalidArgument("GEMM: A has shape {} and B {}, expected matrices", DimsText(a), DimsText(b));
  }
  math::ProductSizes sizes;
  sizes.m = a[transpose_a ? 1 : 0];
  sizes.k = a[transpose_a ? 0 : 1];
  sizes.n = b[transpose_b ? 0 : 1];
  if (sizes.k != b[transpose_b ? 1 : 0]) {
    return InvalidArgument("GEMM: Dimension mismatch, W: {} K: {} N:{}", DimsText(b), sizes.k, sizes.n);
  }
  return sizes;
}

Cost CostOf(const graph::Node& node, const BindContext& shapes) {
  const Result<math::ProductSizes> sizes =
      SizesOf(shapes.inputs[0], shapes.inputs[1], node.attributes.Int("transA", 0) != 0,
              node.attributes.Int("transB", 0) != 0);
  return sizes.ok() ? math::ProductCost(*sizes) : Cost{};
}

// How C lies in Y.
Status BindC(const State& state, const Dims& c, Bound* bound) {
  const math::ProductSizes& sizes = bound->product.sizes;
  const int64_t rows = c.size() > 1 ? c[c.size() - 2] : 1;
  const int64_t columns = c.empty() ? 1 : c.back();
  if (c.size() > 2 || (rows != 1 && rows != sizes.m) || (columns != 1 && columns != sizes.n)) {
    return InvalidArgument("Gemm: Invalid bias shape for broadcast: {} to {{{},{}}}", DimsText(c), sizes.m,
                           sizes.n);
  }
  bound->reads_c = true;
  bound->c_row = rows == 1 ? 0 : columns;
  bound->c_column = columns == 1 ? 0 : 1;
  const bool ready = state.alpha == 1 && (state.beta == 1 || !state.constant_c.empty());
  if (ready && state.product.dtype == DType::kFloat) {
    bound->bias = (columns == sizes.n && rows == 1) || (rows == sizes.m && columns == 1);
    bound->bias_per_m = !(columns == sizes.n && rows == 1);
  }
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(
      const math::ProductSizes sizes,
      SizesOf(context.inputs[0], context.inputs[1], state.product.transpose_a, state.product.transpose_b));
  if (context.outputs[0] != Dims{sizes.m, sizes.n}) {
    return Fail("Gemm: the output has shape {}, expected {{{},{}}}", DimsText(context.outputs[0]), sizes.m,
                sizes.n);
  }
  auto bound = std::make_shared<Bound>();
  ORTOLAN_RETURN_IF_ERROR(math::BindProduct(state.product, sizes, context, &bound->product));
  if (state.has_c) ORTOLAN_RETURN_IF_ERROR(BindC(state, context.inputs[2], bound.get()));
  binding->scratch_bytes = bound->product.scratch_bytes;
  binding->data = std::move(bound);
  return OkStatus();
}

// Rows of a pass over Y that are worth a fork: 16384 elements take 5 us or more.
int64_t PassGrain(int64_t n) {
  return std::max<int64_t>(1, 16384 / std::max<int64_t>(n, 1));
}

// y = alpha * y + c's part, in the precision of the intermediate result.
template <typename T, typename C>
void AddC(const Bound& bound, T* y, T alpha, T beta, const C* c, ThreadPool& threads) {
  const int64_t n = bound.product.sizes.n;
  threads.ParallelRanges(bound.product.sizes.m, PassGrain(n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* row = y + i * n;
      const C* from = c == nullptr ? nullptr : c + i * bound.c_row;
      for (int64_t j = 0; j < n; ++j) {
        T sum = alpha * row[j];
        if (from != nullptr) sum += beta * static_cast<T>(from[j * bound.c_column]);
        row[j] = sum;
      }
    }
  });
}

// Integers: exact where alpha and beta are whole, which is nearly always; otherwise through double, towards
// zero.
template <typename T>
void AddIntegerC(const State& state, const Bound& bound, RunContext& context, const T* c) {
  using Unsigned = std::make_unsigned_t<T>;
  const auto whole = [](float x) { return x == std::trunc(x) && std::abs(x) < 1e9f; };
  if (whole(state.alpha) && whole(state.beta)) {
    AddC<Unsigned, T>(bound, reinterpret_cast<Unsigned*>(context.output(0).As<T>()),
                      static_cast<Unsigned>(static_cast<int64_t>(state.alpha)),
                      static_cast<Unsigned>(static_cast<int64_t>(state.beta)), c, context.threads());
    return;
  }
  const int64_t n = bound.product.sizes.n;
  T* y = context.output(0).As<T>();
  for (int64_t at = 0; at < context.output(0).count(); ++at) {
    double sum = static_cast<double>(state.alpha) * static_cast<double>(y[at]);
    if (c != nullptr) {
      sum += static_cast<double>(state.beta) *
             static_cast<double>(c[at / n * bound.c_row + at % n * bound.c_column]);
    }
    // What the type cannot hold has no right answer; the nearest bound is one without undefined behaviour.
    constexpr double kLimit =
        std::is_signed_v<T> ? (sizeof(T) == 4 ? 0x1p31 : 0x1p63) : (sizeof(T) == 4 ? 0x1p32 : 0x1p64);
    y[at] = sum >= kLimit                                  ? std::numeric_limits<T>::max()
            : sum <= (std::is_signed_v<T> ? -kLimit : 0.0) ? std::numeric_limits<T>::min()
            : sum == sum                                   ? static_cast<T>(sum)
                                                           : T{0};
  }
}

void AddFloatC(const State& state, const Bound& bound, RunContext& context) {
  float* y = math::ProductFloats(state.product, bound.product, context);
  ThreadPool& threads = context.threads();
  if (!bound.reads_c) return AddC<float, float>(bound, y, state.alpha, 0, nullptr, threads);
  if (!state.constant_c.empty())
    return AddC<float, float>(bound, y, state.alpha, 1, state.constant_c.data(), threads);
  const TensorRef& c = context.input(2);
  switch (state.product.dtype) {
    case DType::kFloat16:
      return AddC<float, Float16>(bound, y, state.alpha, state.beta, c.As<Float16>(), threads);
    case DType::kBFloat16:
      return AddC<float, BFloat16>(bound, y, state.alpha, state.beta, c.As<BFloat16>(), threads);
    default:
      return AddC<float, float>(bound, y, state.alpha, state.beta, c.As<float>(), threads);
  }
}

template <typename T>
const T* DataOfC(const Bound& bound, RunContext& context) {
  return bound.reads_c ? context.input(2).As<const T>() : nullptr;
}

// A fused epilogue after a C that took a pass of its own.
void ApplyFused(const Bound& bound, const kernels::Epilogue& epilogue, RunContext& context) {
  const math::ProductSizes& sizes = bound.product.sizes;
  float* y = context.output(0).As<float>();
  context.threads().ParallelRanges(sizes.m, PassGrain(sizes.n), [&](int64_t begin, int64_t end) {
    kernels::ApplyEpilogue(epilogue, y + begin * sizes.n, sizes.n, 0, begin, end - begin, 0, sizes.n);
  });
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  EpilogueOperands storage;
  kernels::Epilogue epilogue = math::ProductEpilogue(state.product, bound.product, context, &storage);
  if (bound.bias) {
    epilogue.bias = state.constant_c.empty() ? context.input(2).As<const float>() : state.constant_c.data();
    epilogue.bias_per_m = bound.bias_per_m;
  }
  const bool whole = bound.bias || (!bound.reads_c && state.alpha == 1);  // all of it in the kernel
  math::RunProduct(state.product, bound.product, context, whole ? &epilogue : nullptr);
  if (whole) {
    math::StoreProduct(state.product, bound.product, context);
    return OkStatus();
  }
  switch (state.product.dtype) {
    case DType::kDouble:
      AddC<double, double>(bound, context.output(0).As<double>(), static_cast<double>(state.alpha),
                           static_cast<double>(state.beta), DataOfC<double>(bound, context),
                           context.threads());
      break;
    case DType::kInt32:
      AddIntegerC<int32_t>(state, bound, context, DataOfC<int32_t>(bound, context));
      break;
    case DType::kInt64:
      AddIntegerC<int64_t>(state, bound, context, DataOfC<int64_t>(bound, context));
      break;
    case DType::kUInt32:
      AddIntegerC<uint32_t>(state, bound, context, DataOfC<uint32_t>(bound, context));
      break;
    case DType::kUInt64:
      AddIntegerC<uint64_t>(state, bound, context, DataOfC<uint64_t>(bound, context));
      break;
    default:
      AddFloatC(state, bound, context);
      if (state.product.fused) ApplyFused(bound, epilogue, context);
      math::StoreProduct(state.product, bound.product, context);
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>();
  state->alpha = attributes.Float("alpha", 1.0f);
  state->beta = attributes.Float("beta", 1.0f);
  ORTOLAN_RETURN_IF_ERROR(math::PrepareProduct(context, attributes.Int("transA", 0) != 0,
                                               attributes.Int("transB", 0) != 0, state->alpha,
                                               &state->product, prepared));
  if (state->product.scaled) state->alpha = 1;
  // Behind an absent C stand the inputs of a fused epilogue at most.
  const std::optional<FusedEpilogue>& fused = state->product.fused;
  const bool own = !fused || (fused->bias != 2 && (fused->operand_count == 0 || fused->first_operand > 2));
  state->has_c = own && context.node.HasInput(2) && state->beta != 0;
  const Tensor* c = own ? context.Constant(2) : nullptr;
  if (state->has_c && c != nullptr && c->dtype() == DType::kFloat && c->count() > 0) {
    const auto items = c->Items<const float>();
    state->constant_c.assign(items.begin(), items.end());
    for (float& x : state->constant_c) x *= state->beta;
    prepared->consumed |= 4;
  }
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

constexpr int kVersions[] = {1, 6, 7, 9, 11, 13};
constexpr FormalParameter kInputs[] = {{"A", "T"}, {"B", "T"}, {"C", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", math::kProductTypes}};

}  // namespace

extern const OpDef kGemm;
constexpr OpDef kGemm{
    .domain = "",
    .name = "Gemm",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .attributes = kAttributes,
    .traits = {.epilogue = EpilogueForm::kMatrix},
    .raise = Raise,
    .infer = Infer,
    .cost = CostOf,
    .prepare = Prepare,
    .old_attributes = kOldAttributes,
};

}  // namespace ortolan
