// MoE: a mixture of experts: each token goes through the k of them that its router likes most, and their
// results are added by the router's weights. The tokens of an expert are one product. Computed in float.
// Refuses activations that it does not know.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "kernels/gemm/gemm.h"
#include "ops/op.h"

namespace ortolan {
namespace {

enum Input : size_t { kX, kRouter, kFirst, kFirstBias, kSecond, kSecondBias, kThird, kThirdBias };
enum class Activation : uint8_t { kRelu, kGelu, kSilu, kSwiGlu, kIdentity };

struct State {
  int64_t k;
  bool normalize, mixer;
  Activation activation;
  int fusion;  // of SwiGLU: 0 a third product, 1 neighbours, 2 halves
  float alpha, beta, limit;
  const kernels::GemmVariant* gemm;
};

struct Sizes {
  int64_t tokens, hidden, experts, inner, first;  // first: columns of the first product
};

Result<Sizes> SizesOf(const State& state, std::span<const Dims> inputs) {
  const Dims &x = inputs[kX], &router = inputs[kRouter], &first = inputs[kFirst], &second = inputs[kSecond];
  if ((x.size() != 2 && x.size() != 3) || router.size() != 2 || first.size() != 3 || second.size() != 3) {
    return InvalidArgument("MoE: input {}, router_probs {}, fc1 {}, fc2 {}", DimsText(x), DimsText(router),
                           DimsText(first), DimsText(second));
  }
  Sizes sizes{router[0], x.back(), router[1], second[2], first[1]};
  const bool fused = state.activation == Activation::kSwiGlu && state.fusion != 0;
  const int64_t tokens = x.size() == 3 ? x[0] * x[1] : x[0];
  if (tokens != sizes.tokens || sizes.first != (fused ? 2 : 1) * sizes.inner ||
      !(first == Dims{sizes.experts, sizes.first, sizes.hidden}) ||
      !(second == Dims{sizes.experts, sizes.hidden, sizes.inner}) || state.k > sizes.experts) {
    return InvalidArgument("MoE: input {}, router_probs {}, fc1 {}, fc2 {} do not fit together", DimsText(x),
                           DimsText(router), DimsText(first), DimsText(second));
  }
  const auto expect = [&](size_t i, const Dims& dims) {
    return i >= inputs.size() || inputs[i].empty() || inputs[i] == dims;
  };
  if (!expect(kFirstBias, {sizes.experts, sizes.first}) ||
      !expect(kSecondBias, {sizes.experts, sizes.hidden}) || !expect(kThird, first) ||
      !expect(kThirdBias, {sizes.experts, sizes.first})) {
    return InvalidArgument("MoE: biases or fc3 do not fit fc1 {} and fc2 {}", DimsText(first),
                           DimsText(second));
  }
  return sizes;
}

kernels::GemmShape Product(int64_t rows, int64_t columns, int64_t k) {
  kernels::GemmShape shape;
  shape.m = rows, shape.n = columns, shape.k = k;
  shape.a = {nullptr, k, 1};
  shape.b = {nullptr, 1, k};
  return shape;
}

struct Bound {
  Sizes sizes;
  size_t gemm_bytes = 0;
};

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  auto bound = std::make_shared<Bound>();
  ORTOLAN_ASSIGN_OR_RETURN(bound->sizes, SizesOf(state, context.inputs));
  const Sizes& s = bound->sizes;
  for (const int64_t rows :
       {s.tokens, std::min<int64_t>(s.tokens, kernels::kMostGemmFewRows + 1), int64_t{1}}) {
    for (const auto& [columns, k] : {std::pair{s.first, s.hidden}, std::pair{s.hidden, s.inner}}) {
      const kernels::GemmPlan plan = kernels::PlanGemm(*state.gemm, Product(rows, columns, k));
      bound->gemm_bytes =
          std::max(bound->gemm_bytes, plan.slot_bytes() * static_cast<size_t>(context.threads));
    }
  }
  bound->gemm_bytes = (bound->gemm_bytes + 63) / 64 * 64;
  // Tokens of an expert, its two (or three) products; weights and choices of all tokens.
  ORTOLAN_ASSIGN_OR_RETURN(
      const size_t floats,
      CheckedBytes(DType::kFloat, Dims{s.tokens, 2 * s.hidden + 2 * s.first + s.experts + 64}));
  binding->scratch_bytes = bound->gemm_bytes + floats;
  binding->data = std::move(bound);
  return OkStatus();
}

// The weights of the experts that a token goes to; 0 for the others.
void Route(const State& state, const float* logits, int64_t experts, float* weights) {
  std::fill_n(weights, experts, 0.0f);
  const float most = *std::max_element(logits, logits + experts);
  float sum = 0, kept = 0;
  for (int64_t e = 0; e < experts; ++e) sum += std::exp(logits[e] - most);
  for (int64_t i = 0; i < state.k; ++i) {
    int64_t best = -1;
    for (int64_t e = 0; e < experts; ++e) {
      if (weights[e] == 0 && (best < 0 || logits[e] > logits[best])) best = e;
    }
    if (best < 0) break;
    // Never 0, which marks the others.
    weights[best] = std::max(std::exp(logits[best] - most) / sum, std::numeric_limits<float>::min());
    kept += weights[best];
  }
  for (int64_t e = 0; state.normalize && e < experts; ++e) weights[e] /= kept;
}

// The two that a sparse mixer takes: each by its weight among those that come near it.
void RouteMixed(const float* logits, int64_t experts, float* weights) {
  constexpr float kNear = 0.02f;
  std::fill_n(weights, experts, 0.0f);
  int64_t first = -1;
  for (int i = 0; i < 2; ++i) {
    int64_t best = -1;
    for (int64_t e = 0; e < experts; ++e) {
      if (e != first && (best < 0 || logits[e] > logits[best])) best = e;
    }
    if (best < 0) break;
    float sum = 0;
    for (int64_t e = 0; e < experts; ++e) {
      const float scale = std::max(std::abs(logits[e]), logits[best]);
      if (e != first && (logits[best] - logits[e]) / scale <= kNear)
        sum += std::exp(logits[e] - logits[best]);
    }
    weights[best] = 1 / sum;
    first = best;
  }
}

float Sigmoid(float x) {
  return 1 / (1 + std::exp(-x));
}

float Activated(Activation activation, float x) {
  switch (activation) {
    case Activation::kRelu:
      return std::max(x, 0.0f);
    case Activation::kGelu:
      return 0.5f * x * (1 + std::erf(x * 0.70710678f));
    case Activation::kSilu:
      return x * Sigmoid(x);
    default:
      return x;
  }
}

// One row of the first product (and of the third) to what the second takes, which may be in place.
void ActivateRow(const State& state, int64_t inner, const float* first, const float* third, float* to) {
  if (state.activation != Activation::kSwiGlu) {
    for (int64_t i = 0; i < inner; ++i) {
      to[i] = Activated(state.activation, first[i]) * (third != nullptr ? third[i] : 1.0f);
    }
    return;
  }
  for (int64_t i = 0; i < inner; ++i) {
    float gate = state.fusion == 1 ? first[2 * i] : first[i];
    float linear = state.fusion == 1 ? first[2 * i + 1] : state.fusion == 2 ? first[inner + i] : third[i];
    gate = std::min(gate, state.limit);
    linear = std::clamp(linear, -state.limit, state.limit);
    to[i] = gate * Sigmoid(state.alpha * gate) * (linear + state.beta);
  }
}

class Mixture {
 public:
  Mixture(const State& state, const Bound& bound, RunContext& context)
      : state_(state), sizes_(bound.sizes), gemm_bytes_(bound.gemm_bytes), context_(context) {
    auto* at = reinterpret_cast<float*>(context.scratch() + bound.gemm_bytes);
    const auto take = [&](int64_t width) { return std::exchange(at, at + sizes_.tokens * width); };
    rows_ = take(sizes_.hidden), first_ = take(sizes_.first), third_ = take(sizes_.first);
    results_ = take(sizes_.hidden), weights_ = take(sizes_.experts);
  }

  Status Run() {
    const float* logits = context_.input(kRouter).As<const float>();
    for (int64_t t = 0; t < sizes_.tokens; ++t) {
      float* weights = weights_ + t * sizes_.experts;
      if (state_.mixer) {
        RouteMixed(logits + t * sizes_.experts, sizes_.experts, weights);
      } else {
        Route(state_, logits + t * sizes_.experts, sizes_.experts, weights);
      }
    }
    std::fill_n(context_.output(0).As<float>(), sizes_.tokens * sizes_.hidden, 0.0f);
    std::vector<int64_t> chosen;
    for (int64_t e = 0; e < sizes_.experts && !context_.cancelled(); ++e) {
      chosen.clear();
      for (int64_t t = 0; t < sizes_.tokens; ++t) {
        if (weights_[t * sizes_.experts + e] != 0) chosen.push_back(t);
      }
      if (!chosen.empty()) Expert(e, chosen);
    }
    return OkStatus();
  }

 private:
  // to = rows * weights^T + bias of expert e.
  void Multiply(int64_t e, const float* rows, int64_t count, size_t weights, size_t bias, int64_t columns,
                int64_t k, float* to) {
    const kernels::GemmPlan plan = kernels::PlanGemm(*state_.gemm, Product(count, columns, k));
    kernels::GemmOperands operands;
    operands.a = rows, operands.b = context_.input(weights).As<const float>() + e * columns * k;
    operands.c = to, operands.c_stride = columns;
    const std::span<std::byte> scratch(context_.scratch(), gemm_bytes_);
    kernels::RunGemm(*state_.gemm, plan, operands, scratch, context_.threads());
    if (!context_.HasInput(bias)) return;
    const float* added = context_.input(bias).As<const float>() + e * columns;
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t i = 0; i < columns; ++i) to[r * columns + i] += added[i];
    }
  }

  void Expert(int64_t e, const std::vector<int64_t>& chosen) {
    const auto count = static_cast<int64_t>(chosen.size());
    const int64_t hidden = sizes_.hidden, inner = sizes_.inner;
    for (int64_t r = 0; r < count; ++r) {
      std::copy_n(context_.input(kX).As<const float>() + chosen[static_cast<size_t>(r)] * hidden, hidden,
                  rows_ + r * hidden);
    }
    Multiply(e, rows_, count, kFirst, kFirstBias, sizes_.first, hidden, first_);
    const bool third = context_.HasInput(kThird);
    if (third) Multiply(e, rows_, count, kThird, kThirdBias, sizes_.first, hidden, third_);
    // Rows grow narrower, so row r is read before anything is written over it.
    for (int64_t r = 0; r < count; ++r) {
      const float* gates = first_ + r * sizes_.first;
      if (inner == sizes_.first) {
        ActivateRow(state_, inner, gates, third ? third_ + r * sizes_.first : nullptr, first_ + r * inner);
      } else {
        ActivateRow(state_, inner, gates, nullptr, third_ + r * inner);
      }
    }
    Multiply(e, inner == sizes_.first ? first_ : third_, count, kSecond, kSecondBias, hidden, inner,
             results_);
    for (int64_t r = 0; r < count; ++r) {
      const int64_t token = chosen[static_cast<size_t>(r)];
      const float weight = weights_[token * sizes_.experts + e];
      float* to = context_.output(0).As<float>() + token * hidden;
      for (int64_t i = 0; i < hidden; ++i) to[i] += weight * results_[r * hidden + i];
    }
  }

  const State& state_;
  const Sizes& sizes_;
  size_t gemm_bytes_;
  RunContext& context_;
  float *rows_, *first_, *third_, *results_, *weights_;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  if (state.activation == Activation::kSwiGlu && state.fusion == 0 && !context.HasInput(kThird)) {
    return InvalidArgument("MoE: SwiGLU that is not fused needs fc3");
  }
  return Mixture(state, *static_cast<const Bound*>(context.binding()), context).Run();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  constexpr std::pair<std::string_view, Activation> kNames[] = {{"relu", Activation::kRelu},
                                                                {"gelu", Activation::kGelu},
                                                                {"silu", Activation::kSilu},
                                                                {"swiglu", Activation::kSwiGlu},
                                                                {"identity", Activation::kIdentity}};
  const std::string_view name = attributes.String("activation_type", "relu");
  const auto* const found = std::ranges::find(kNames, name, &std::pair<std::string_view, Activation>::first);
  if (found == std::end(kNames)) return InvalidArgument("MoE: activation_type '{}'", name);
  State state{};
  state.k = attributes.Int("k", 1);
  state.normalize = attributes.Int("normalize_routing_weights", 0) != 0;
  state.mixer = attributes.Int("use_sparse_mixer", 0) != 0;
  state.activation = found->second;
  state.fusion = static_cast<int>(attributes.Int("swiglu_fusion", 0));
  state.alpha = attributes.Float("activation_alpha", 1.0f);
  state.beta = attributes.Float("activation_beta", 0.0f);
  state.limit = attributes.Float("swiglu_limit", std::numeric_limits<float>::infinity());
  state.gemm = &kernels::SelectGemmF32(context.isa);
  if (state.k < 1 || state.fusion < 0 || state.fusion > 2 || !(state.limit >= 0)) {
    return InvalidArgument("MoE: k {}, swiglu_fusion {}, swiglu_limit {}", state.k, state.fusion,
                           state.limit);
  }
  if (context.input_dtype(kX) != DType::kFloat)
    return NotImplemented("MoE of {}", DTypeName(context.input_dtype(kX)));
  prepared->kernel = fmt::format("moe_{}", state.gemm->name);
  prepared->state = std::make_shared<const State>(state);
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
