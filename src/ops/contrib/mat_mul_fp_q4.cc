// MatMulFpQ4: A times 4-bit weights in blocks of one column, each with its scale (and zero point) before it:
// two forms of onnxruntime's first 4-bit kernels, both in blocks of 32. B_shape is a constant [K, N].
#include <cstring>
#include <vector>

#include "ops/contrib/column_product.h"
#include "ops/op.h"

namespace ortolan {
namespace {

// Numbers in a block, and whether a zero point stands behind the scale: as onnxruntime has it, for each
// blk_quant_type but 0.
struct Form {
  int64_t block;
  bool zero;
};
constexpr Form FormOf(int64_t type) {
  return {32, type != 0};
}

struct State {
  Form form{};
  int64_t k = 0, n = 0;
  const kernels::GemmVariant* gemm = nullptr;
};

std::optional<State> SizesOf(const TensorRef* shape, int64_t type) {
  if (shape == nullptr || shape->dtype != DType::kInt64 || shape->count() != 2) return std::nullopt;
  State state;
  state.form = FormOf(type);
  state.k = shape->As<const int64_t>()[0];
  state.n = shape->As<const int64_t>()[1];
  constexpr int64_t kMost = int64_t{1} << 31;
  if (state.k <= 0 || state.n <= 0 || state.k > kMost || state.n > kMost) return std::nullopt;
  return state;
}

Status Infer(InferContext& context) {
  context.SetType(0, context.dtype(0));
  if (!context.shape(0).has_rank() || context.shape(0).rank() == 0) return OkStatus();
  graph::Shape::DimList dims = context.shape(0).dims();
  const auto sizes = context.ConstantInts(2);
  dims.back() = sizes && sizes->size() == 2 ? graph::Dim((*sizes)[1]) : context.Unknown();
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const TensorRef& a = context.input(0);
  const TensorRef& b = context.input(1);
  const int64_t block = state.form.block, blocks = (state.k + block - 1) / block;
  const int64_t head = state.form.zero ? 5 : 4, bytes = head + block / 2;
  if (a.dims.empty() || a.dims.back() != state.k)
    return InvalidArgument("MatMulFpQ4: A has shape {}, its last axis is to be {}", DimsText(a.dims),
                           state.k);
  if (b.count() != state.n * blocks * bytes)
    return InvalidArgument("MatMulFpQ4: B has {} bytes, expected {}", b.count(), state.n * blocks * bytes);
  const auto* from = b.As<const uint8_t>();
  return ColumnProduct(
      *state.gemm, a.As<const float>(), a.count() / state.k, state.n, state.k, nullptr,
      [&](int64_t j, float* to) {
        for (int64_t t = 0; t < state.k; ++t) {
          const uint8_t* own = from + (j * blocks + t / block) * bytes;
          float scale;
          std::memcpy(&scale, own, sizeof(scale));
          const int zero = state.form.zero ? own[4] : 8;
          // Of each 32 numbers byte i holds the i-th in its low bits and the (i + 16)-th in its high bits.
          const int64_t place = t % block, byte = place / 32 * 16 + place % 16;
          const int number = own[head + byte] >> (place % 32 < 16 ? 0 : 4) & 15;
          to[t] = static_cast<float>(number - zero) * scale;
        }
      },
      context.output(0).As<float>(), context.threads());
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const int64_t type = context.node.attributes.Int("blk_quant_type", 1);
  const Tensor* shape = context.Constant(2);
  std::optional<State> state = SizesOf(shape != nullptr ? &shape->ref() : nullptr, type);
  if (!state) return InvalidArgument("MatMulFpQ4: B_shape is no constant of two sizes");
  state->gemm = &kernels::SelectGemmF32(context.isa);
  prepared->state = std::make_shared<const State>(*state);
  prepared->run = Run;
  prepared->kernel = "column_product";
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T1"}, {"B", "T2"}, {"B_shape", "T3"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", SetOf(DType::kFloat)}, {"T2", SetOf(DType::kUInt8)}, {"T3", SetOf(DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"blk_quant_type", graph::AttributeType::kInt}};

}  // namespace

extern const OpDef kMsMatMulFpQ4;
constexpr OpDef kMsMatMulFpQ4{.domain = "com.microsoft",
                              .name = "MatMulFpQ4",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .infer = Infer,
                              .prepare = Prepare};

}  // namespace ortolan
