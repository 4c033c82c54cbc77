#include "ops/contrib/mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace ortolan {
namespace {

kernels::GemmShape Product(int64_t rows, int64_t columns, int64_t k, bool packed) {
  kernels::GemmShape shape;
  shape.m = rows, shape.n = columns, shape.k = k;
  shape.a = {nullptr, k, 1};
  shape.b = {nullptr, 1, k};
  shape.b_packed = packed;
  return shape;
}

// The weights of the experts that a token goes to; 0 for the others.
void Route(const MixtureOptions& state, const float* logits, int64_t experts, float* weights) {
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
  const bool normalize = state.normalize || state.among_chosen;
  for (int64_t e = 0; normalize && e < experts; ++e) weights[e] /= kept;
}

// The chosen experts with weights that another input gives, where these are above nothing.
void UseGiven(const MixtureOptions& options, const float* given, int64_t experts, float* weights) {
  constexpr float kLeast = 1e-8f;
  float sum = 0;
  for (int64_t e = 0; e < experts; ++e) {
    weights[e] = weights[e] != 0 ? given[e] : 0;
    sum += weights[e];
  }
  for (int64_t e = 0; e < experts; ++e) {
    if (options.normalize) weights[e] = sum != 0 ? weights[e] / sum : 0;
    if (!(weights[e] > kLeast)) weights[e] = 0;
  }
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

float Activated(ExpertActivation activation, float x) {
  switch (activation) {
    case ExpertActivation::kRelu:
      return std::max(x, 0.0f);
    case ExpertActivation::kGelu:
      return 0.5f * x * (1 + std::erf(x * 0.70710678f));
    case ExpertActivation::kSilu:
      return x * Sigmoid(x);
    default:
      return x;
  }
}

// One row of the first product (and of the third) to what the second takes, which may be in place.
void ActivateRow(const MixtureOptions& state, int64_t inner, const float* first, const float* third,
                 float* to) {
  if (state.activation != ExpertActivation::kSwiGlu) {
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
  Mixture(const MixtureRun& run, RunContext& context)
      : run_(run), options_(run.options), sizes_(run.sizes), context_(context) {
    auto* at = reinterpret_cast<float*>(run.scratch + run.gemm_bytes);
    const auto take = [&](int64_t width) { return std::exchange(at, at + sizes_.tokens * width); };
    rows_ = take(sizes_.hidden), first_ = take(sizes_.first), third_ = take(sizes_.first);
    results_ = take(sizes_.hidden), weights_ = take(sizes_.experts);
  }

  void Run() {
    for (int64_t t = 0; t < sizes_.tokens; ++t) {
      const float* logits = run_.router + t * sizes_.experts;
      float* weights = weights_ + t * sizes_.experts;
      if (options_.mixer) {
        RouteMixed(logits, sizes_.experts, weights);
      } else {
        Route(options_, logits, sizes_.experts, weights);
      }
      if (run_.router_weights != nullptr) {
        UseGiven(options_, run_.router_weights + t * sizes_.experts, sizes_.experts, weights);
      }
    }
    std::fill_n(run_.y, sizes_.tokens * sizes_.hidden, 0.0f);
    std::vector<int64_t> chosen;
    for (int64_t e = 0; e < sizes_.experts && !context_.cancelled(); ++e) {
      chosen.clear();
      for (int64_t t = 0; t < sizes_.tokens; ++t) {
        if (weights_[t * sizes_.experts + e] != 0) chosen.push_back(t);
      }
      if (!chosen.empty()) Expert(e, chosen);
    }
  }

 private:
  // to = rows * weights^T + bias of expert e.
  void Multiply(int64_t e, const float* rows, int64_t count, size_t product, float* to) {
    const int64_t columns = sizes_.rows(product), k = sizes_.columns(product);
    const kernels::GemmPlan plan =
        kernels::PlanGemm(*options_.gemm, Product(count, columns, k, run_.packed[product]));
    kernels::GemmOperands operands;
    operands.a = rows, operands.b = run_.weights(product, e);
    operands.c = to, operands.c_stride = columns;
    const std::span<std::byte> scratch(run_.scratch, run_.gemm_bytes);
    kernels::RunGemm(*options_.gemm, plan, operands, scratch, context_.threads());
    if (run_.bias[product] == nullptr) return;
    const float* added = run_.bias[product] + e * columns;
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t i = 0; i < columns; ++i) to[r * columns + i] += added[i];
    }
  }

  void Expert(int64_t e, const std::vector<int64_t>& chosen) {
    const auto count = static_cast<int64_t>(chosen.size());
    const int64_t hidden = sizes_.hidden, inner = sizes_.inner;
    for (int64_t r = 0; r < count; ++r) {
      std::copy_n(run_.x + chosen[static_cast<size_t>(r)] * hidden, hidden, rows_ + r * hidden);
    }
    Multiply(e, rows_, count, 0, first_);
    if (run_.third) Multiply(e, rows_, count, 2, third_);
    // Rows grow narrower, so row r is read before anything is written over it.
    for (int64_t r = 0; r < count; ++r) {
      const float* gates = first_ + r * sizes_.first;
      if (inner == sizes_.first) {
        ActivateRow(options_, inner, gates, run_.third ? third_ + r * sizes_.first : nullptr,
                    first_ + r * inner);
      } else {
        ActivateRow(options_, inner, gates, nullptr, third_ + r * inner);
      }
    }
    Multiply(e, inner == sizes_.first ? first_ : third_, count, 1, results_);
    for (int64_t r = 0; r < count; ++r) {
      const int64_t token = chosen[static_cast<size_t>(r)];
      const float weight = weights_[token * sizes_.experts + e];
      float* to = run_.y + token * hidden;
      for (int64_t i = 0; i < hidden; ++i) to[i] += weight * results_[r * hidden + i];
    }
  }

  const MixtureRun& run_;
  const MixtureOptions& options_;
  const MixtureSizes& sizes_;
  RunContext& context_;
  float *rows_, *first_, *third_, *results_, *weights_;
};

}  // namespace

Result<MixtureOptions> ReadMixture(const graph::Node& node, Isa isa) {
  const graph::Attributes& attributes = node.attributes;
  constexpr std::pair<std::string_view, ExpertActivation> kNames[] = {
      {"relu", ExpertActivation::kRelu},
      {"gelu", ExpertActivation::kGelu},
      {"silu", ExpertActivation::kSilu},
      {"swiglu", ExpertActivation::kSwiGlu},
      {"identity", ExpertActivation::kIdentity}};
  const std::string_view name = attributes.String("activation_type", "relu");
  const auto* const found =
      std::ranges::find(kNames, name, &std::pair<std::string_view, ExpertActivation>::first);
  if (found == std::end(kNames)) return InvalidArgument("{}: activation_type '{}'", node.op_type, name);
  MixtureOptions options;
  options.k = attributes.Int("k", 1);
  options.normalize = attributes.Int("normalize_routing_weights", 0) != 0;
  options.mixer = attributes.Int("use_sparse_mixer", 0) != 0;
  options.activation = found->second;
  const int64_t fusion = attributes.Int("swiglu_fusion", 0);
  options.alpha = attributes.Float("activation_alpha", 1.0f);
  options.beta = attributes.Float("activation_beta", 0.0f);
  options.limit = attributes.Float("swiglu_limit", std::numeric_limits<float>::infinity());
  options.gemm = &kernels::SelectGemmF32(isa);
  if (options.k < 1 || fusion < 0 || fusion > 2 || !(options.limit >= 0)) {
    return InvalidArgument("{}: k {}, swiglu_fusion {}, swiglu_limit {}", node.op_type, options.k, fusion,
                           options.limit);
  }
  options.fusion = static_cast<int>(fusion);
  return options;
}

Result<MixtureSizes> SizesOfMixture(const MixtureOptions& options, std::string_view name, const Dims& x,
                                    const Dims& router, int64_t first, int64_t inner) {
  if ((x.size() != 2 && x.size() != 3) || router.size() != 2) {
    return InvalidArgument("{}: input {}, router_probs {}", name, DimsText(x), DimsText(router));
  }
  const bool fused = options.activation == ExpertActivation::kSwiGlu && options.fusion != 0;
  const int64_t tokens = x.size() == 3 ? x[0] * x[1] : x[0];
  if (tokens != router[0] || first != (fused ? 2 : 1) * inner || options.k > router[1]) {
    return InvalidArgument(
        "{}: input {}, router_probs {}, fc1 of {} rows, fc2 of {} columns, k {} do not "
        "fit together",
        name, DimsText(x), DimsText(router), first, inner, options.k);
  }
  return MixtureSizes{router[0], x.back(), router[1], inner, first};
}

Result<MixtureScratch> ScratchOfMixture(const MixtureOptions& options, const MixtureSizes& s, int threads) {
  MixtureScratch scratch;
  for (const int64_t rows :
       {s.tokens, std::min<int64_t>(s.tokens, kernels::kMostGemmFewRows + 1), int64_t{1}}) {
    for (const size_t product : {size_t{0}, size_t{1}}) {
      for (const bool packed : {false, true}) {
        const kernels::GemmPlan plan =
            kernels::PlanGemm(*options.gemm, Product(rows, s.rows(product), s.columns(product), packed));
        scratch.gemm_bytes = std::max(scratch.gemm_bytes, plan.slot_bytes() * static_cast<size_t>(threads));
      }
    }
  }
  scratch.gemm_bytes = (scratch.gemm_bytes + 63) / 64 * 64;
  // Tokens of an expert, its two (or three) products; weights and choices of all tokens.
  ORTOLAN_ASSIGN_OR_RETURN(
      const size_t floats,
      CheckedBytes(DType::kFloat, Dims{s.tokens, 2 * s.hidden + 2 * s.first + s.experts + 64}));
  scratch.bytes = scratch.gemm_bytes + floats;
  return scratch;
}

Status RunMixture(const MixtureRun& run, RunContext& context) {
  if (run.options.activation == ExpertActivation::kSwiGlu && run.options.fusion == 0 && !run.third) {
    return InvalidArgument("SwiGLU that is not fused needs fc3");
  }
  Mixture(run, context).Run();
  return OkStatus();
}

}  // namespace ortolan
