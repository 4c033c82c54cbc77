// BeamFinish: what a beam search gives when it ends: the beams that are still open join the hypotheses of
// their items, and each item's best come first, padded to the greatest length.
#include <algorithm>
#include <vector>

#include "ops/internal/hypotheses.h"
#include "ops/op.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

enum Input : size_t { kSequences, kScores, kHypotheses, kRank, kLengths, kDone, kLengthPenalty };

Status Infer(InferContext& context) {
  context.SetType(0, DType::kInt32);
  context.SetType(1, DType::kFloat);
  context.SetShape(0, context.shape(kHypotheses));
  context.SetShape(1, context.shape(kRank));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto pad = static_cast<int32_t>(*static_cast<const int64_t*>(opaque));
  const TensorRef &sequences = context.input(kSequences), &room = context.input(kHypotheses);
  if (sequences.rank() != 2 || room.rank() != 3 || sequences.dims[1] > room.dims[2] ||
      sequences.dims[0] != room.dims[0] * room.dims[1]) {
    return InvalidArgument("sequences {}", DimsText(sequences.dims));
  }
  const int64_t batch = room.dims[0], beams = room.dims[1], most = room.dims[2], length = sequences.dims[1];
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, room.dims));
  ORTOLAN_RETURN_IF_ERROR(context.Output(1, {batch, beams}));
  auto* tokens = context.output(0).As<int32_t>();
  auto* scores = context.output(1).As<float>();
  std::copy_n(room.As<const int32_t>(), batch * beams * most, tokens);
  std::copy_n(context.input(kRank).As<const float>(), batch * beams, scores);
  std::vector<int32_t> lengths(static_cast<size_t>(batch * beams));
  std::copy_n(context.input(kLengths).As<const int32_t>(), batch * beams, lengths.data());
  float penalty = 1;
  if (context.HasInput(kLengthPenalty) && context.input(kLengthPenalty).count() == 1)
    ORTOLAN_RETURN_IF_ERROR(ReadFloats(context.input(kLengthPenalty), 0, 1, &penalty));
  for (int64_t b = 0; b < batch; ++b) {
    Hypotheses found(tokens + b * beams * most, scores + b * beams, lengths.data() + b * beams, beams, most);
    for (int64_t i = b * beams; i < (b + 1) * beams && !context.input(kDone).As<const bool>()[b]; ++i) {
      found.Add(sequences.As<const int32_t>() + i * length, length,
                context.input(kScores).As<const float>()[i], penalty);
    }
  }
  for (int64_t i = 0; i < batch * beams; ++i) {
    std::fill(tokens + i * most + lengths[static_cast<size_t>(i)], tokens + (i + 1) * most, pad);
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->kernel = "beam_finish";
  prepared->state = std::make_shared<const int64_t>(context.node.attributes.Int("pad_token_id", 0));
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr FormalParameter kInputs[] = {{"sequences", "I"},
                                       {"scores", "F"},
                                       {"hypotheses", "I"},
                                       {"rank", "F"},
                                       {"lengths", "I"},
                                       {"done", "tensor(bool)"},
                                       {"length_penalty", "P", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"sequences", "I"}, {"scores", "F"}};
constexpr TypeConstraint kTypes[] = {
    {"P", kFloatTypes}, {"F", SetOf(DType::kFloat)}, {"I", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"pad_token_id", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kBeamFinish;
constexpr OpDef kBeamFinish{.domain = "ortolan",
                            .name = "BeamFinish",
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .attributes = kAttributes,
                            .infer = Infer,
                            .prepare = Prepare};

}  // namespace ortolan
