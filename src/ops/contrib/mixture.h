// What the mixtures of experts share (MoE and QMoE): each token goes through the k experts that its router
// likes most, and their results are added by the router's weights. The tokens of an expert are one product;
// an operator says where the weights of an expert are. Computed in float.
#pragma once

#include <memory>

#include "base/function_ref.h"
#include "kernels/elementwise/program.h"
#include "kernels/gemm/gemm.h"
#include "ops/op.h"

namespace ortolan {

enum class ExpertActivation : uint8_t { kRelu, kGelu, kSilu, kSwiGlu, kIdentity };

struct MixtureOptions {
  int64_t k = 1;
  bool normalize = false, mixer = false;
  bool among_chosen = false;  // weights are a softmax over the k chosen experts, not over all
  ExpertActivation activation = ExpertActivation::kRelu;
  int fusion = 0;  // of SwiGLU: 0 a third product, 1 neighbours, 2 halves
  float alpha = 1, beta = 0, limit = 0;
  const kernels::GemmVariant* gemm = nullptr;
  // The activation of one product, and of two.
  std::shared_ptr<const kernels::Program> one, two;
};
// The attributes that both operators have.
Result<MixtureOptions> ReadMixture(const graph::Node& node, Isa isa);

struct MixtureSizes {
  int64_t tokens, hidden, experts, inner, first;  // first: columns of the first product

  int64_t rows(size_t product) const { return product == 1 ? hidden : first; }
  int64_t columns(size_t product) const { return product == 1 ? inner : hidden; }
};
// first, second: rows of the first product's weights and columns of the second's.
Result<MixtureSizes> SizesOfMixture(const MixtureOptions& options, std::string_view name, const Dims& x,
                                    const Dims& router, int64_t first, int64_t inner);

// Scratch for the products, then for the tokens on their way.
struct MixtureScratch {
  size_t gemm_bytes = 0;  // of one expert
  int lanes = 1;          // experts at work at once
  size_t bytes = 0;
};
// together: whether several experts' weights can be read at once.
Result<MixtureScratch> ScratchOfMixture(const MixtureOptions& options, const MixtureSizes& sizes, int threads,
                                        bool together);

struct MixtureRun {
  const MixtureOptions& options;
  const MixtureSizes& sizes;
  const MixtureScratch& room;
  std::byte* scratch;
  const float* x;
  const float* router;
  const float* router_weights;  // in place of the router's own, or null
  const float* bias[3];         // of all experts, or null
  bool third;                   // whether there is a third product
  // Weights of an expert's product 0, 1 or 2, row-major: rows(product) x columns(product).
  FunctionRef<const float*(size_t product, int64_t expert)> weights;
  float* y;
  bool packed[3] = {};  // whether a product's weights are what PackGemmB made of their transpose
  // Where set, tried before `weights`: to (count x rows(product)) = x * weights of the expert, without bias.
  // False where it has none for this product. Lanes call it at the same time.
  const FunctionRef<bool(size_t product, int64_t expert, int64_t lane, const float* x, int64_t count,
                         float* to)>* multiply = nullptr;
};
Status RunMixture(const MixtureRun& run, RunContext& context);

}  // namespace ortolan
