// VarlenNGramHashMapping: NGramHashMapping of sequences that stand one after the other; segments are handed
// on, too, and states behind the first tokens where asked.
#include "ops/contrib/ngram_hashes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const NGramForm form, ReadNGramForm(context.attributes()));
  const graph::Shape &x = context.shape(0), &sums = context.shape(3);
  if (!x.has_rank() || !sums.has_rank()) return OkStatus();
  if (x.rank() != 1 || sums.rank() != 1) {
    return Fail("[ShapeInferenceError] VarlenNGramHashMapping: input_ids of rank {}", x.rank());
  }
  const graph::Dim batch = sums[0] - graph::Dim(1);
  context.SetShape(0, {x[0], (form.most - 1) * form.heads});
  context.SetShape(1, {batch, form.most - 1});
  context.SetShape(2, {batch, form.most - 1});
  context.SetShape(3, {batch, form.capacity, form.most - 1});
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const NGramForm& form = *static_cast<const NGramForm*>(opaque);
  const TensorRef &ids = context.input(0), &sums = context.input(3);
  if (ids.rank() != 1 || sums.rank() != 1 || sums.dims[0] < 1) {
    return InvalidArgument("VarlenNGramHashMapping: input_ids {} and sums {}", DimsText(ids.dims),
                           DimsText(sums.dims));
  }
  const auto* ends = sums.As<const int32_t>();
  const int64_t batch = sums.dims[0] - 1;
  for (int64_t b = 0; b < batch; ++b) {
    if (ends[b] < 0 || ends[b + 1] < ends[b])
      return InvalidArgument("VarlenNGramHashMapping: sums that fall");
  }
  if (ends[0] != 0 || ends[batch] != ids.dims[0]) {
    return InvalidArgument("VarlenNGramHashMapping: sums of {} for {} tokens", ends[batch], ids.dims[0]);
  }
  NGramInputs at;
  at.past = 4, at.offsets = 5, at.end = 6, at.segments = 7, at.past_segments = 8, at.captured = 9;
  ORTOLAN_RETURN_IF_ERROR(CheckNGrams(form, at, batch, context));
  return HashNGrams(
      form, at, batch, [&](int64_t b) { return std::pair<int64_t, int64_t>(ends[b], ends[b + 1]); }, context);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const NGramForm form, ReadNGramForm(context.node.attributes));
  prepared->state = std::make_shared<const NGramForm>(form);
  prepared->run = Run;
  prepared->kernel = "ngram_hash_mapping";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input_ids", "M"},
                                       {"multipliers", "M"},
                                       {"vocab_sizes", "M"},
                                       {"cumulative_sequence_length", "S"},
                                       {"past_ids", "M", Arity::kOptional},
                                       {"head_offsets", "M", Arity::kOptional},
                                       {"eos_token_id", "M", Arity::kOptional},
                                       {"segment_ids", "tensor(int32)", Arity::kOptional},
                                       {"past_segment_ids", "S", Arity::kOptional},
                                       {"capture_count", "S", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"hash_ids", "M"},
                                        {"present_ids", "M", Arity::kOptional},
                                        {"present_segment_ids", "S", Arity::kOptional},
                                        {"state_update", "M", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"M", SetOf(DType::kInt32, DType::kInt64)}, {"S", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"max_ngram_size", AttributeType::kInt, true},
                                         {"n_head_per_ngram", AttributeType::kInt, true},
                                         {"pad_id", AttributeType::kInt, true},
                                         {"reset_on_eos", AttributeType::kInt},
                                         {"state_update_capacity", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsVarlenNGramHashMapping;
constexpr OpDef kMsVarlenNGramHashMapping{.domain = "com.microsoft",
                                          .name = "VarlenNGramHashMapping",
                                          .versions = kVersions,
                                          .inputs = kInputs,
                                          .outputs = kOutputs,
                                          .types = kTypes,
                                          .attributes = kAttributes,
                                          .infer = Infer,
                                          .prepare = Prepare};

}  // namespace ortolan
