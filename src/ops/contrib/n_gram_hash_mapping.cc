// NGramHashMapping: hashes of the last n tokens at each place, for n from 2 on and some heads each; the last
// tokens are handed on. Histories end at an end-of-sequence token or a change of segment where asked.
#include "ops/contrib/ngram_hashes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const NGramForm form, ReadNGramForm(context.attributes()));
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  if (x.rank() != 2) return Fail("[ShapeInferenceError] NGramHashMapping: input_ids of rank {}", x.rank());
  context.SetShape(0, {x[0], x[1], (form.most - 1) * form.heads});
  context.SetShape(1, {x[0], form.most - 1});
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const NGramForm& form = *static_cast<const NGramForm*>(opaque);
  const TensorRef& ids = context.input(0);
  if (ids.rank() != 2) return InvalidArgument("NGramHashMapping: input_ids {}", DimsText(ids.dims));
  const int64_t length = ids.dims[1];
  NGramInputs at;
  at.past = 3, at.offsets = 4, at.end = 5, at.segments = 6;
  ORTOLAN_RETURN_IF_ERROR(CheckNGrams(form, at, ids.dims[0], context));
  return HashNGrams(
      form, at, ids.dims[0], [&](int64_t b) { return std::pair(b * length, (b + 1) * length); }, context);
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
                                       {"past_ids", "M", Arity::kOptional},
                                       {"head_offsets", "M", Arity::kOptional},
                                       {"eos_token_id", "M", Arity::kOptional},
                                       {"segment_ids", "tensor(int32)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"hash_ids", "M"}, {"present_ids", "M", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"M", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"max_ngram_size", AttributeType::kInt, true},
                                         {"n_head_per_ngram", AttributeType::kInt, true},
                                         {"pad_id", AttributeType::kInt, true},
                                         {"reset_on_eos", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsNGramHashMapping;
constexpr OpDef kMsNGramHashMapping{.domain = "com.microsoft",
                                    .name = "NGramHashMapping",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .attributes = kAttributes,
                                    .infer = Infer,
                                    .prepare = Prepare};

}  // namespace ortolan
