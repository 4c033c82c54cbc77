// MatMulBnb4: A times 4-bit weights as bitsandbytes writes them: codes of FP4 or NF4 numbers, the first in
// the high bits, times the largest absolute value of their block. Columns are decoded as they are needed.
#include <algorithm>

#include "ops/contrib/column_product.h"
#include "ops/op.h"

namespace ortolan {
namespace {

// bitsandbytes' tables: by quant_type, then by code.
constexpr float kNumbers[2][16] = {
    {0.0f, 5.208333333e-03f, 0.66666667f, 1.0f, 0.33333333f, 0.5f, 0.16666667f, 0.25f, -0.0f,
     -5.208333333e-03f, -0.66666667f, -1.0f, -0.33333333f, -0.5f, -0.16666667f, -0.25f},
    {-1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,
     -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f,
     0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f,
     0.7229568362236023f, 1.0f}};

struct State {
  int64_t n = 0, k = 0, block = 0;
  const float* numbers = nullptr;
  const kernels::GemmVariant* gemm = nullptr;
  bool transposed = true;
};

Status Infer(InferContext& context) {
  context.SetType(0, context.dtype(0));
  if (!context.shape(0).has_rank() || context.shape(0).rank() == 0) return OkStatus();
  graph::Shape::DimList dims = context.shape(0).dims();
  const bool transposed = context.attributes().Int("transB", 1) != 0;
  dims.back() = graph::Dim(context.attributes().Int(transposed ? "N" : "K", 0));
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const TensorRef& a = context.input(0);
  const TensorRef& b = context.input(1);
  const TensorRef& largest = context.input(2);
  const int64_t count = state.n * state.k, inner = state.transposed ? state.k : state.n;
  if (a.dims.empty() || a.dims.back() != inner)
    return InvalidArgument("MatMulBnb4: A has shape {}, its last axis is to be {}", DimsText(a.dims), inner);
  if (b.count() != (count + 1) / 2 || largest.count() != (count + state.block - 1) / state.block) {
    return InvalidArgument(
        "MatMulBnb4: B has shape {} and absmax {}, which do not fit {} by {} in blocks of {}",
        DimsText(b.dims), DimsText(largest.dims), state.n, state.k, state.block);
  }
  const auto* bytes = b.As<const uint8_t>();
  const auto* scales = largest.As<const float>();
  const int64_t columns = state.transposed ? state.n : state.k;
  return ColumnProduct(
      *state.gemm, a.As<const float>(), a.count() / inner, columns, inner, nullptr,
      [&](int64_t j, float* to) {
        int64_t t = 0;
        if (state.transposed && state.k % 2 == 0 && state.block % 2 == 0) {  // whole bytes of a block
          while (t < inner) {
            const int64_t at = j * state.k + t, end = std::min(inner, t + state.block - at % state.block);
            const float scale = scales[at / state.block];
            for (; t < end; t += 2) {
              const uint8_t pair = bytes[(j * state.k + t) / 2];
              to[t] = state.numbers[pair >> 4] * scale, to[t + 1] = state.numbers[pair & 15] * scale;
            }
          }
        }
        for (; t < inner; ++t) {
          const int64_t at = state.transposed ? j * state.k + t : t * state.k + j;
          const int code = at % 2 == 0 ? bytes[at / 2] >> 4 : bytes[at / 2] & 15;
          to[t] = state.numbers[code] * scales[at / state.block];
        }
      },
      context.output(0).As<float>(), context.threads());
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>();
  state->n = attributes.Int("N", 0);
  state->k = attributes.Int("K", 0);
  state->block = attributes.Int("block_size", 0);
  state->transposed = attributes.Int("transB", 1) != 0;
  const int64_t type = attributes.Int("quant_type", 0);
  constexpr int64_t kMost = int64_t{1} << 31;
  if (state->n <= 0 || state->k <= 0 || state->n > kMost || state->k > kMost || state->block < 1)
    return InvalidArgument("MatMulBnb4: attributes N, K and block_size are {}, {} and {}", state->n, state->k,
                           state->block);
  if (type != 0 && type != 1)
    return InvalidArgument("MatMulBnb4: attribute quant_type is {}, expected 0 (FP4) or 1 (NF4)", type);
  state->numbers = kNumbers[type];
  state->gemm = &kernels::SelectGemmF32(context.isa);
  prepared->state = std::move(state);
  prepared->run = Run;
  prepared->kernel = "column_product";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T1"}, {"B", "T2"}, {"absmax", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kFloat)}, {"T2", SetOf(DType::kUInt8)}};
constexpr AttributeSpec kAttributes[] = {
    {"K", AttributeType::kInt, true},          {"N", AttributeType::kInt, true},
    {"block_size", AttributeType::kInt, true}, {"quant_type", AttributeType::kInt, true},
    {"training_mode", AttributeType::kInt},    {"transB", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsMatMulBnb4;
constexpr OpDef kMsMatMulBnb4{.domain = "com.microsoft",
                              .name = "MatMulBnb4",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .infer = Infer,
                              .prepare = Prepare};

}  // namespace ortolan
