#include "ops/contrib/mixture.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "threads/alone.h"

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
  for (int64_t e = 0; normalize && e < experts; ++e) {
    if (weights[e] != 0) weights[e] /= kept;  // 0 / NaN would choose the others, too
  }
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

// What stands between the products: act(x), with a third product act(x) * y, SwiGLU of x and y.
Result<std::shared_ptr<const kernels::Program>> ActivationOf(const MixtureOptions& options, bool two,
                                                             Isa isa) {
  using kernels::Element;
  using kernels::Reg;
  using kernels::TileOp;
  kernels::ProgramBuilder builder;
  const auto number = [&](float x) { return builder.Constant(Element::kF32, static_cast<double>(x)); };
  Reg x = builder.Input(Element::kF32);
  Reg y = two ? builder.Input(Element::kF32) : kernels::kNoReg;
  switch (options.activation) {
    case ExpertActivation::kRelu:
      x = builder.Emit(TileOp::kRelu, x);
      break;
    case ExpertActivation::kGelu:
      x = builder.Emit(TileOp::kGelu, x);
      break;
    case ExpertActivation::kSilu:
      x = builder.Emit(TileOp::kSilu, x);
      break;
    case ExpertActivation::kSwiGlu:
      if (std::isfinite(options.limit)) {
        x = builder.Emit(TileOp::kMin, x, number(options.limit));
        if (two) y = builder.Emit(TileOp::kMin, y, number(options.limit));
        if (two) y = builder.Emit(TileOp::kMax, y, number(-options.limit));
      }
      x = builder.Emit(TileOp::kMul, x,
                       builder.Emit(TileOp::kSigmoid, builder.Emit(TileOp::kMul, x, number(options.alpha))));
      if (two) y = builder.Emit(TileOp::kAdd, y, number(options.beta));
      break;
    case ExpertActivation::kIdentity:
      break;
  }
  if (two) x = builder.Emit(TileOp::kMul, x, y);
  builder.Output(x, Element::kF32);
  return builder.Build(isa);
}

void RunActivation(const kernels::Program& program, const float* x, const float* y, int64_t count, float* to,
                   ThreadPool& threads) {
  const std::span<const int64_t> dims(&count, 1);
  const std::span<const int64_t> each[] = {dims, dims};
  const Result<kernels::TileLoop> loop =
      kernels::MakeBroadcastLoop(program, dims, std::span(each, y != nullptr ? 2 : 1));
  if (!loop.ok()) return;  // it cannot fail over one dimension
  const void* const inputs[] = {x, y};
  void* const outputs[] = {to};
  kernels::RunProgram(program, *loop, std::span(inputs, y != nullptr ? 2 : 1), outputs, threads);
}

// Tokens that go to an expert stand one behind the other, expert after expert.
int64_t MostRows(const MixtureOptions& options, const MixtureSizes& sizes) {
  return sizes.tokens * std::min(options.mixer ? int64_t{2} : options.k, sizes.experts);
}

class Mixture {
 public:
  Mixture(const MixtureRun& run, RunContext& context)
      : run_(run), options_(run.options), sizes_(run.sizes), context_(context) {
    const MixtureScratch& room = run.room;
    auto* at = reinterpret_cast<float*>(run.scratch + room.gemm_bytes * static_cast<size_t>(room.lanes));
    const int64_t rows = MostRows(options_, sizes_);
    const auto take = [&](int64_t floats) { return std::exchange(at, at + floats); };
    rows_ = take(rows * sizes_.hidden), first_ = take(rows * sizes_.first),
    third_ = take(rows * sizes_.first);
    results_ = take(rows * sizes_.hidden), weights_ = take(sizes_.tokens * sizes_.experts);
  }

  void Run() {
    constexpr int64_t kTokens = 64;  // a few microseconds of exponentials
    context_.threads().ParallelRanges(sizes_.tokens, kTokens, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) RouteToken(t);
    });
    ListTokens();
    const auto busy = static_cast<int64_t>(busy_.size());
    const int64_t lanes = std::min<int64_t>(run_.room.lanes, busy);
    std::atomic<int64_t> next{0};
    // With experts for most threads their products do not wait for each other.
    const bool separate = lanes > 1 && 2 * lanes > context_.threads().thread_count();
    context_.threads().ParallelFor(lanes, [&](int64_t lane) {
      const WorkAlone alone(separate);
      for (int64_t i = next++; i < busy && !context_.cancelled(); i = next++)
        Expert(busy_[static_cast<size_t>(i)], lane);
    });
    const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, sizes_.hidden * options_.k));
    context_.threads().ParallelRanges(sizes_.tokens, grain, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) Add(t);
    });
  }

 private:
  void RouteToken(int64_t t) const {
    const float* logits = run_.router + t * sizes_.experts;
    float* weights = weights_ + t * sizes_.experts;
    if (options_.mixer) {
      RouteMixed(logits, sizes_.experts, weights);
    } else {
      Route(options_, logits, sizes_.experts, weights);
    }
    if (run_.router_weights != nullptr)
      UseGiven(options_, run_.router_weights + t * sizes_.experts, sizes_.experts, weights);
  }

  void ListTokens() {
    starts_.push_back(0);
    places_.resize(static_cast<size_t>(sizes_.tokens * sizes_.experts));
    for (int64_t e = 0; e < sizes_.experts; ++e) {
      for (int64_t t = 0; t < sizes_.tokens; ++t) {
        if (weights_[t * sizes_.experts + e] == 0) continue;
        places_[static_cast<size_t>(t * sizes_.experts + e)] = static_cast<int64_t>(tokens_.size());
        tokens_.push_back(t);
      }
      if (static_cast<int64_t>(tokens_.size()) > starts_.back()) busy_.push_back(e);
      starts_.push_back(static_cast<int64_t>(tokens_.size()));
    }
  }

  // to = rows * weights^T + bias of expert e.
  void Multiply(int64_t e, int64_t lane, const float* rows, int64_t count, size_t product, float* to) const {
    const int64_t columns = sizes_.rows(product), k = sizes_.columns(product);
    if (run_.multiply == nullptr || !(*run_.multiply)(product, e, lane, rows, count, to)) {
      const kernels::GemmPlan plan =
          kernels::PlanGemm(*options_.gemm, Product(count, columns, k, run_.packed[product]));
      kernels::GemmOperands operands;
      operands.a = rows, operands.b = run_.weights(product, e);
      operands.c = to, operands.c_stride = columns;
      const size_t bytes = run_.room.gemm_bytes;
      const std::span<std::byte> scratch(run_.scratch + static_cast<size_t>(lane) * bytes, bytes);
      kernels::RunGemm(*options_.gemm, plan, operands, scratch, context_.threads());
    }
    if (run_.bias[product] == nullptr) return;
    const float* added = run_.bias[product] + e * columns;
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t i = 0; i < columns; ++i) to[r * columns + i] += added[i];
    }
  }

  // The first product's rows (and the third's) to what the second takes: to `first`, or, where they come out
  // narrower, to `third`.
  void Activate(int64_t count, float* first, float* third) const {
    const int64_t inner = sizes_.inner;
    ThreadPool& threads = context_.threads();
    if (inner == sizes_.first) {
      const kernels::Program& program = *(run_.third ? options_.two : options_.one);
      RunActivation(program, first, run_.third ? third : nullptr, count * inner, first, threads);
      return;
    }
    std::vector<float> halves(options_.fusion == 1 ? static_cast<size_t>(2 * inner) : 0);
    for (int64_t r = 0; r < count; ++r) {
      const float* row = first + r * sizes_.first;
      if (options_.fusion == 1) {
        for (int64_t i = 0; i < inner; ++i) {
          halves[static_cast<size_t>(i)] = row[2 * i];
          halves[static_cast<size_t>(inner + i)] = row[2 * i + 1];
        }
        row = halves.data();
      }
      RunActivation(*options_.two, row, row + inner, inner, third + r * inner, threads);
    }
  }

  void Expert(int64_t e, int64_t lane) const {
    const int64_t begin = starts_[static_cast<size_t>(e)],
                  count = starts_[static_cast<size_t>(e + 1)] - begin;
    const int64_t hidden = sizes_.hidden, inner = sizes_.inner;
    float *rows = rows_ + begin * hidden, *first = first_ + begin * sizes_.first,
          *third = third_ + begin * sizes_.first;
    for (int64_t r = 0; r < count; ++r)
      std::copy_n(run_.x + tokens_[static_cast<size_t>(begin + r)] * hidden, hidden, rows + r * hidden);
    Multiply(e, lane, rows, count, 0, first);
    if (run_.third) Multiply(e, lane, rows, count, 2, third);
    Activate(count, first, third);
    Multiply(e, lane, inner == sizes_.first ? first : third, count, 1, results_ + begin * hidden);
  }

  // The results of a token's experts, in their order.
  void Add(int64_t token) const {
    const int64_t hidden = sizes_.hidden;
    float* to = run_.y + token * hidden;
    std::fill_n(to, hidden, 0.0f);
    for (int64_t e = 0; e < sizes_.experts; ++e) {
      const float weight = weights_[token * sizes_.experts + e];
      if (weight == 0) continue;
      const float* from = results_ + places_[static_cast<size_t>(token * sizes_.experts + e)] * hidden;
      for (int64_t i = 0; i < hidden; ++i) to[i] += weight * from[i];
    }
  }

  const MixtureRun& run_;
  const MixtureOptions& options_;
  const MixtureSizes& sizes_;
  RunContext& context_;
  float *rows_, *first_, *third_, *results_, *weights_;
  std::vector<int64_t> tokens_, starts_, places_;  // tokens by expert, where each expert's begin, and back
  std::vector<int64_t> busy_;                      // experts with tokens
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
  ORTOLAN_ASSIGN_OR_RETURN(options.one, ActivationOf(options, false, isa));
  ORTOLAN_ASSIGN_OR_RETURN(options.two, ActivationOf(options, true, isa));
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

Result<MixtureScratch> ScratchOfMixture(const MixtureOptions& options, const MixtureSizes& s, int threads,
                                        bool together) {
  MixtureScratch scratch;
  for (const int64_t rows :
       {s.tokens, std::min<int64_t>(s.tokens, kernels::kMostGemmFewRows + 1), int64_t{1}}) {
    for (const size_t product : {size_t{0}, size_t{1}}) {
      for (const bool packed : {false, true}) {
        const kernels::GemmPlan plan =
            kernels::PlanGemm(*options.gemm, Product(rows, s.rows(product), s.columns(product), packed));
        scratch.gemm_bytes =
            std::max(scratch.gemm_bytes, plan.ScratchBytes(1) * static_cast<size_t>(threads));
      }
    }
  }
  scratch.gemm_bytes = (scratch.gemm_bytes + 63) / 64 * 64;
  if (together) scratch.lanes = static_cast<int>(std::min<int64_t>(threads, s.experts));
  scratch.lanes = std::max(scratch.lanes, 1);
  // Tokens of the experts, their two (or three) products; weights of all tokens.
  ORTOLAN_ASSIGN_OR_RETURN(
      const size_t rows,
      CheckedBytes(DType::kFloat, Dims{MostRows(options, s), 2 * s.hidden + 2 * s.first + 64}));
  ORTOLAN_ASSIGN_OR_RETURN(const size_t weights, CheckedBytes(DType::kFloat, Dims{s.tokens, s.experts}));
  scratch.bytes = scratch.gemm_bytes * static_cast<size_t>(scratch.lanes) + rows + weights;
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
