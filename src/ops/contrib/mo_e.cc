// MoE: a mixture of experts with float weights (ops/contrib/mixture.h). Refuses activations that it does not
// know.
#include "base/aligned_buffer.h"
#include "ops/contrib/mixture.h"

namespace ortolan {
namespace {

enum Input : size_t { kX, kRouter, kFirst, kFirstBias, kSecond, kSecondBias, kThird, kThirdBias };

Result<MixtureSizes> SizesOf(const MixtureOptions& options, std::span<const Dims> inputs) {
  const Dims &first = inputs[kFirst], &second = inputs[kSecond];
  if (first.size() != 3 || second.size() != 3) {
    return InvalidArgument("MoE: fc1 {}, fc2 {}", DimsText(first), DimsText(second));
  }
  ORTOLAN_ASSIGN_OR_RETURN(const MixtureSizes sizes,
                           SizesOfMixture(options, "MoE", inputs[kX], inputs[kRouter], first[1], second[2]));
  const auto expect = [&](size_t i, const Dims& dims) {
    return i >= inputs.size() || inputs[i].empty() || inputs[i] == dims;
  };
  if (!(first == Dims{sizes.experts, sizes.first, sizes.hidden}) ||
      !(second == Dims{sizes.experts, sizes.hidden, sizes.inner}) ||
      !expect(kFirstBias, {sizes.experts, sizes.first}) ||
      !expect(kSecondBias, {sizes.experts, sizes.hidden}) || !expect(kThird, first) ||
      !expect(kThirdBias, {sizes.experts, sizes.first})) {
    return InvalidArgument("MoE: fc1 {}, fc2 {}, biases or fc3 do not fit {} experts and an input {}",
                           DimsText(first), DimsText(second), sizes.experts, DimsText(inputs[kX]));
  }
  return sizes;
}

constexpr size_t kWeights[] = {kFirst, kSecond, kThird};

struct State {
  MixtureOptions options;
  AlignedBuffer packed[3];        // constant weights of a product, expert after expert
  int64_t packed_floats[3] = {};  // of an expert; 0 where weights are read as they lie
};

struct Bound {
  MixtureSizes sizes;
  MixtureScratch scratch;
};

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const MixtureOptions& options = static_cast<const State*>(opaque)->options;
  auto bound = std::make_shared<Bound>();
  ORTOLAN_ASSIGN_OR_RETURN(bound->sizes, SizesOf(options, context.inputs));
  ORTOLAN_ASSIGN_OR_RETURN(bound->scratch, ScratchOfMixture(options, bound->sizes, context.threads, true));
  binding->scratch_bytes = bound->scratch.bytes;
  binding->data = std::move(bound);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  const MixtureSizes& sizes = bound.sizes;
  const auto floats = [&](size_t i) -> const float* {
    return context.HasInput(i) ? context.input(i).As<const float>() : nullptr;
  };
  const auto weights = [&](size_t product, int64_t expert) {
    const int64_t packed = state.packed_floats[product];
    if (packed > 0) return reinterpret_cast<const float*>(state.packed[product].data()) + expert * packed;
    return floats(kWeights[product]) + expert * sizes.rows(product) * sizes.columns(product);
  };
  const Status status =
      RunMixture({state.options,
                  sizes,
                  bound.scratch,
                  context.scratch(),
                  floats(kX),
                  floats(kRouter),
                  nullptr,
                  {floats(kFirstBias), floats(kSecondBias), floats(kThirdBias)},
                  context.HasInput(kThird),
                  weights,
                  context.output(0).As<float>(),
                  {state.packed_floats[0] > 0, state.packed_floats[1] > 0, state.packed_floats[2] > 0}},
                 context);
  return status.ok() ? status : Error(status.code(), "MoE: {}", status.message());
}

Status Pack(const PrepareContext& context, size_t product, State* state, Prepared* prepared) {
  const Tensor* weights = context.Constant(kWeights[product]);
  if (weights == nullptr || weights->data() == nullptr || weights->dims().size() != 3) return OkStatus();
  const Dims& dims = weights->dims();
  const kernels::GemmVariant& gemm = *state->options.gemm;
  const int64_t floats = kernels::PackedGemmBFloats(gemm, dims[2], dims[1]);
  if (floats == 0 || dims[0] == 0) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(const size_t bytes, CheckedBytes(DType::kFloat, Dims{dims[0], floats}));
  ORTOLAN_ASSIGN_OR_RETURN(state->packed[product], AlignedBuffer::Allocate(bytes));
  for (int64_t e = 0; e < dims[0]; ++e) {
    const float* from = static_cast<const float*>(weights->data()) + e * dims[1] * dims[2];
    kernels::PackGemmB(gemm, {from, 1, dims[2]}, dims[2], dims[1], 1.0f,
                       reinterpret_cast<float*>(state->packed[product].data()) + e * floats, context.threads);
  }
  state->packed_floats[product] = floats;
  prepared->consumed |= uint32_t{1} << kWeights[product];
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  ORTOLAN_ASSIGN_OR_RETURN(state->options, ReadMixture(context.node, context.isa));
  if (context.input_dtype(kX) != DType::kFloat)
    return NotImplemented("MoE of {}", DTypeName(context.input_dtype(kX)));
  prepared->kernel = fmt::format("moe_{}", state->options.gemm->name);
  for (size_t product = 0; product < 3; ++product)
    ORTOLAN_RETURN_IF_ERROR(Pack(context, product, state.get(), prepared));
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

Status Infer(InferContext& context) {
  return InferSameShape(context);
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"},
                                       {"router_probs", "T"},
                                       {"fc1_experts_weights", "T"},
                                       {"fc1_experts_bias", "T", Arity::kOptional},
                                       {"fc2_experts_weights", "T"},
                                       {"fc2_experts_bias", "T", Arity::kOptional},
                                       {"fc3_experts_weights", "T", Arity::kOptional},
                                       {"fc3_experts_bias", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"activation_alpha", AttributeType::kFloat},
                                         {"activation_beta", AttributeType::kFloat},
                                         {"activation_type", AttributeType::kString},
                                         {"k", AttributeType::kInt},
                                         {"normalize_routing_weights", AttributeType::kInt},
                                         {"swiglu_fusion", AttributeType::kInt},
                                         {"swiglu_limit", AttributeType::kFloat},
                                         {"use_sparse_mixer", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsMoE;
constexpr OpDef kMsMoE{.domain = "com.microsoft",
                       .name = "MoE",
                       .versions = kVersions,
                       .inputs = kInputs,
                       .outputs = kOutputs,
                       .types = kTypes,
                       .attributes = kAttributes,
                       .infer = Infer,
                       .prepare = Prepare};

}  // namespace ortolan
