// What NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss share: minus the log probability of each target
// class, weighted, and what becomes of the list of them.
#pragma once

#include <optional>

#include "ops/op.h"

namespace ortolan::nn {

enum class Reduction : uint8_t { kNone, kSum, kMean };

struct LikelihoodLoss {
  Reduction reduction = Reduction::kMean;
  std::optional<int64_t> ignored;  // a target class that counts for nothing
};

Result<LikelihoodLoss> ReadLikelihoodLoss(const graph::Attributes& attributes);

// Output 0 from inputs 0 (N x C x ...), 1 (targets, N x ...) and 2 (weights, C).
Status InferLikelihoodLoss(InferContext& context);

// `scores` are the log probabilities, in the layout and type of input 0. kInvalidArgument for targets that
// are no class.
Status RunLikelihoodLoss(const LikelihoodLoss& loss, const void* scores, RunContext& context);

}  // namespace ortolan::nn
