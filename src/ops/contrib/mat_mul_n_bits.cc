// MatMulNBits: A times weights of 2, 4 or 8 bits with a scale and a zero point for each block of a column,
// and a bias. Constant weights are packed once; with g_idx, which orders blocks anew, columns are decoded as
// they are needed. At accuracy level 4 activations have 8 bits, as in onnxruntime; otherwise 16.
#include <algorithm>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/quant/block_product.h"
#include "ops/contrib/column_product.h"
#include "ops/op.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

constexpr size_t kB = 1, kScales = 2, kZeros = 3, kGroups = 4, kBias = 5;

struct State {
  const kernels::BlockVariant* variant = nullptr;
  const kernels::GemmVariant* gemm = nullptr;  // for g_idx
  int bits = 4;
  int64_t block = 32, n = 0, k = 0;
  bool wide = true;
  bool packed_ahead = false;
  bool has_zeros = false;
  WeightBlock packed;
  std::vector<float> bias;  // padded; of a constant one

  int64_t blocks() const { return (k + block - 1) / block; }
};

struct Bound {
  int64_t m = 0;
  size_t a_offset = 0, c_offset = 0, bias_offset = 0, packed_offset = 0;
};

// Scales and zero points as floats, one for each block.
struct Numbers {
  std::vector<float> scales, zeros;
};

Status ReadNumbers(const State& state, const TensorRef& b, const TensorRef& scales, const TensorRef* zeros,
                   Numbers* numbers) {
  const int64_t blocks = state.blocks(), count = state.n * blocks, bits = state.bits;
  if (b.count() != count * state.block * bits / 8) {
    return InvalidArgument("MatMulNBits: B has shape {}, expected {{{},{},{}}}", DimsText(b.dims), state.n,
                           blocks, state.block * bits / 8);
  }
  if (scales.count() != count) {
    return InvalidArgument("MatMulNBits: scales have shape {}, expected {{{},{}}}", DimsText(scales.dims),
                           state.n, blocks);
  }
  numbers->scales.resize(static_cast<size_t>(count));
  ORTOLAN_RETURN_IF_ERROR(ReadFloats(scales, 0, count, numbers->scales.data()));
  if (zeros == nullptr) return OkStatus();
  numbers->zeros.resize(static_cast<size_t>(count));
  if (zeros->dtype != DType::kUInt8) {
    if (zeros->count() != count)
      return InvalidArgument("MatMulNBits: zero_points have shape {}, expected {{{},{}}}",
                             DimsText(zeros->dims), state.n, blocks);
    return ReadFloats(*zeros, 0, count, numbers->zeros.data());
  }
  const int64_t row_bytes = (blocks * bits + 7) / 8;
  if (zeros->count() != state.n * row_bytes) {
    return InvalidArgument("MatMulNBits: zero_points have shape {}, expected {{{},{}}}",
                           DimsText(zeros->dims), state.n, row_bytes);
  }
  const auto* bytes = zeros->As<const uint8_t>();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t bit = i % blocks * bits;
    const int byte = bytes[i / blocks * row_bytes + bit / 8];
    numbers->zeros[static_cast<size_t>(i)] = static_cast<float>(byte >> bit % 8 & ((1 << bits) - 1));
  }
  return OkStatus();
}

kernels::BlockWeights WeightsOf(const State& state, const void* b, const Numbers& numbers) {
  kernels::BlockWeights weights;
  weights.bits = state.bits;
  weights.block = state.block;
  weights.n = state.n;
  weights.k = state.k;
  weights.b = static_cast<const uint8_t*>(b);
  weights.scales = numbers.scales.data();
  weights.zeros = numbers.zeros.empty() ? nullptr : numbers.zeros.data();
  return weights;
}

Status Infer(InferContext& context) {
  const int64_t n = context.attributes().Int("N", 0), k = context.attributes().Int("K", 0);
  context.SetType(0, context.dtype(0));
  if (!context.shape(0).has_rank()) return OkStatus();
  graph::Shape::DimList dims = context.shape(0).dims();
  if (dims.empty()) return InvalidArgument("MatMulNBits: A is a scalar");
  if (dims.back().IsConstant() && !dims.back().Is(k))
    return InvalidArgument("MatMulNBits: A has shape {}, its last axis is to be K = {}",
                           ShapeText(context.shape(0)), k);
  dims.back() = graph::Dim(n);
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

size_t Aligned(size_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

kernels::BlockProduct ProductOf(const State& state, int64_t m) {
  kernels::BlockProduct product;
  product.variant = state.variant;
  product.bits = state.bits;
  product.block = state.block;
  product.m = m;
  product.n = state.n;
  product.k = product.a_stride = state.k;
  product.has_zeros = state.has_zeros;
  product.wide = state.wide;
  return product;
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  auto bound = std::make_shared<Bound>();
  const Dims& a = context.inputs[0];
  if (a.empty() || a.back() != state.k)
    return InvalidArgument("MatMulNBits: A has shape {}, its last axis is to be K = {}", DimsText(a),
                           state.k);
  bound->m = ElementCount(std::span<const int64_t>(a.data(), a.size() - 1));
  size_t at = Aligned(kernels::BlockScratchBytes(ProductOf(state, bound->m)));
  bound->a_offset = at;
  at += Aligned(static_cast<size_t>(bound->m * state.k) * 4);
  bound->c_offset = at;
  at += Aligned(static_cast<size_t>(bound->m * state.n) * 4);
  bound->bias_offset = at;
  at += Aligned(static_cast<size_t>(kernels::PaddedBlockColumns(*state.variant, state.n)) * 4);
  bound->packed_offset = at;
  if (!state.packed_ahead) {
    Numbers numbers;
    if (state.has_zeros) numbers.zeros.resize(1);
    at += kernels::PackedBlockBytes(*state.variant, WeightsOf(state, nullptr, numbers)) + 8192;
  }
  binding->scratch_bytes = at;
  binding->data = std::move(bound);
  return OkStatus();
}

// With g_idx a number's block is what it says.
Status RunGroups(const State& state, RunContext& context, const float* a, int64_t m, const float* bias,
                 float* c) {
  Numbers numbers;
  const TensorRef& b = context.input(kB);
  const TensorRef& groups = context.input(kGroups);
  ORTOLAN_RETURN_IF_ERROR(ReadNumbers(state, b, context.input(kScales),
                                      context.HasInput(kZeros) ? &context.input(kZeros) : nullptr, &numbers));
  const int64_t blocks = state.blocks(), bits = state.bits;
  if (groups.count() < state.k)
    return InvalidArgument("MatMulNBits: g_idx has shape {}, expected {} elements", DimsText(groups.dims),
                           state.k);
  const auto* index = groups.As<const int32_t>();
  for (int64_t t = 0; t < state.k; ++t) {
    if (index[t] < 0 || index[t] >= blocks)
      return InvalidArgument("MatMulNBits: g_idx holds {}, expected 0 to {}", index[t], blocks - 1);
  }
  const auto* bytes = b.As<const uint8_t>();
  return ColumnProduct(
      *state.gemm, a, m, state.n, state.k, bias,
      [&](int64_t j, float* to) {
        for (int64_t t = 0; t < state.k; ++t) {
          const int64_t bit = (j * blocks * state.block + t) * bits;
          const int number = bytes[bit / 8] >> bit % 8 & ((1 << bits) - 1);
          const auto at = static_cast<size_t>(j * blocks + index[t]);
          const float zero = numbers.zeros.empty() ? static_cast<float>(1 << (bits - 1)) : numbers.zeros[at];
          to[t] = (static_cast<float>(number) - zero) * numbers.scales[at];
        }
      },
      c, context.threads());
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  const bool half = context.input(0).dtype != DType::kFloat;
  std::byte* scratch = context.scratch();
  const float* a = context.input(0).As<const float>();
  float* c = context.output(0).As<float>();
  if (half) {
    auto* floats = reinterpret_cast<float*>(scratch + bound.a_offset);
    ORTOLAN_RETURN_IF_ERROR(ReadFloats(context.input(0), 0, bound.m * state.k, floats));
    a = floats;
    c = reinterpret_cast<float*>(scratch + bound.c_offset);
  }
  const float* bias = nullptr;
  if (context.HasInput(kBias)) {
    const TensorRef& given = context.input(kBias);
    if (given.count() != state.n)
      return InvalidArgument("MatMulNBits: bias has shape {}, expected {{{}}}", DimsText(given.dims),
                             state.n);
    auto* floats = reinterpret_cast<float*>(scratch + bound.bias_offset);
    ORTOLAN_RETURN_IF_ERROR(ReadFloats(given, 0, state.n, floats));
    const int64_t padded = kernels::PaddedBlockColumns(*state.variant, state.n);
    std::fill(floats + state.n, floats + padded, 0.0f);
    bias = floats;
  }
  if (context.HasInput(kGroups)) {
    ORTOLAN_RETURN_IF_ERROR(RunGroups(state, context, a, bound.m, bias, c));
  } else {
    kernels::BlockProduct product = ProductOf(state, bound.m);
    product.packed = reinterpret_cast<const uint8_t*>(state.packed.data());
    if (!state.packed_ahead) {
      Numbers numbers;
      ORTOLAN_RETURN_IF_ERROR(ReadNumbers(state, context.input(kB), context.input(kScales),
                                          context.HasInput(kZeros) ? &context.input(kZeros) : nullptr,
                                          &numbers));
      auto* packed = reinterpret_cast<uint8_t*>(scratch + bound.packed_offset);
      kernels::PackBlocks(*state.variant, WeightsOf(state, context.input(kB).data, numbers), packed,
                          context.threads());
      product.packed = packed;
    }
    product.a = a;
    product.bias = bias;
    product.c = c;
    kernels::RunBlockProduct(product, scratch, context.threads());
  }
  return half ? WriteFloats(c, context.output(0), 0, bound.m * state.n, {}) : OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>();
  state->variant = &kernels::SelectBlocks(context.isa);
  state->gemm = &kernels::SelectGemmF32(context.isa);
  state->bits = static_cast<int>(std::clamp<int64_t>(attributes.Int("bits", 4), 0, 64));
  state->block = attributes.Int("block_size", 0);
  state->n = attributes.Int("N", 0);
  state->k = attributes.Int("K", 0);
  state->wide = attributes.Int("accuracy_level", 0) != 4;
  state->has_zeros = context.node.HasInput(kZeros);
  if (state->bits != 2 && state->bits != 4 && state->bits != 8)
    return InvalidArgument("MatMulNBits: attribute bits is {}, expected 2, 4 or 8", state->bits);
  if (state->block < 16 || state->block > (1 << 20) || (state->block & (state->block - 1)) != 0)
    return InvalidArgument("MatMulNBits: attribute block_size is {}, expected a power of two from 16 on",
                           state->block);
  constexpr int64_t kMost = int64_t{1} << 31;
  if (state->n <= 0 || state->k <= 0 || state->n > kMost || state->k > kMost)
    return InvalidArgument("MatMulNBits: attributes N and K are {} and {}", state->n, state->k);
  if (attributes.Int("weight_prepacked", 0) != 0)
    return NotImplemented("MatMulNBits with weights packed for GPUs");
  prepared->kernel = fmt::format("block_product_{}_{}_bits", state->variant->name, state->bits);
  const Tensor* b = context.Constant(kB);
  const Tensor* scales = context.Constant(kScales);
  const Tensor* zeros = context.Constant(kZeros);
  if (b != nullptr && scales != nullptr && (zeros != nullptr || !state->has_zeros) &&
      !context.node.HasInput(kGroups)) {
    Numbers numbers;
    ORTOLAN_RETURN_IF_ERROR(
        ReadNumbers(*state, b->ref(), scales->ref(), zeros != nullptr ? &zeros->ref() : nullptr, &numbers));
    const kernels::BlockWeights weights = WeightsOf(*state, b->data(), numbers);
    // Prefetching runs ahead of the last group.
    const size_t bytes = kernels::PackedBlockBytes(*state->variant, weights) + 8192;
    ORTOLAN_ASSIGN_OR_RETURN(state->packed, context.packing().Take(bytes, [&](std::byte* to) {
      kernels::PackBlocks(*state->variant, weights, reinterpret_cast<uint8_t*>(to), context.threads);
    }));
    state->packed_ahead = true;
    prepared->consumed = 1u << kB | 1u << kScales | (state->has_zeros ? 1u << kZeros : 0u);
  }
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr DTypeSet kFloats = SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T1"},
                                       {"B", "tensor(uint8)"},
                                       {"scales", "T4"},
                                       {"zero_points", "T3", Arity::kOptional},
                                       {"g_idx", "tensor(int32)", Arity::kOptional},
                                       {"bias", "T1", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", kFloats}, {"T3", kFloats | SetOf(DType::kUInt8)}, {"T4", kFloats}};
constexpr AttributeSpec kAttributes[] = {
    {"K", AttributeType::kInt, true},          {"N", AttributeType::kInt, true},
    {"accuracy_level", AttributeType::kInt},   {"bits", AttributeType::kInt},
    {"block_size", AttributeType::kInt, true}, {"weight_prepacked", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsMatMulNBits;
constexpr OpDef kMsMatMulNBits{.domain = "com.microsoft",
                               .name = "MatMulNBits",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .infer = Infer,
                               .prepare = Prepare};

}  // namespace ortolan
