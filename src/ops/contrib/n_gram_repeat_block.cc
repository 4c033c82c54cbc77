// NGramRepeatBlock: minus infinity for each token that would make an n-gram a second time. Refuses n below 1
// and tokens outside of the scores.
#include <algorithm>
#include <limits>

#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetShape(0, context.shape(1));
  return OkStatus();
}

Status Run(const void* state, RunContext& context) {
  const int64_t n = *static_cast<const int64_t*>(state);
  const TensorRef &ids = context.input(0), &scores = context.input(1);
  if (ids.rank() != 2 || scores.rank() != 2 || ids.dims[0] != scores.dims[0]) {
    return InvalidArgument("NGramRepeatBlock: input_ids {} and scores {}", DimsText(ids.dims),
                           DimsText(scores.dims));
  }
  const int64_t length = ids.dims[1], words = scores.dims[1];
  float* y = context.output(0).As<float>();
  if (y != scores.data) std::copy_n(scores.As<const float>(), scores.count(), y);
  for (int64_t row = 0; row < ids.dims[0]; ++row) {
    const int64_t* own = ids.As<const int64_t>() + row * length;
    const int64_t* last = own + length - (n - 1);
    for (int64_t i = 0; i + n <= length; ++i) {
      if (!std::equal(last, last + n - 1, own + i)) continue;
      const int64_t token = own[i + n - 1];
      if (token < 0 || token >= words)
        return InvalidArgument("NGramRepeatBlock: token {} of {}", token, words);
      y[row * words + token] = -std::numeric_limits<float>::infinity();
    }
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const int64_t n = context.node.attributes.Int("ngram_size", 0);
  if (n < 1) return InvalidArgument("NGramRepeatBlock: ngram_size {}", n);
  prepared->state = std::make_shared<const int64_t>(n);
  prepared->run = Run;
  prepared->kernel = "ngram_repeat_block";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input_ids", "Tid"}, {"scores", "T"}};
constexpr FormalParameter kOutputs[] = {{"scores_out", "T"}};
constexpr TypeConstraint kTypes[] = {{"Tid", SetOf(DType::kInt64)}, {"T", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"ngram_size", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsNGramRepeatBlock;
constexpr OpDef kMsNGramRepeatBlock{.domain = "com.microsoft",
                                    .name = "NGramRepeatBlock",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .attributes = kAttributes,
                                    .infer = Infer,
                                    .prepare = Prepare};

}  // namespace ortolan
