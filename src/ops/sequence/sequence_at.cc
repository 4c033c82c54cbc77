// SequenceAt: a copy of the item at a position, negative ones counted from the end. Its shape is known when
// it runs.
#include "ops/sequence/items.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  if (context.output_count() > 0 && context.HasInput(0))
    context.output(0).type = sequence::ItemType(context.input(0).type);
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const Sequence* from, sequence::SequenceOf(context, 0));
  const auto size = static_cast<int64_t>(from->items.size());
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t at, sequence::PositionOf(context.input(1), size, false));
  const Value& item = from->items[static_cast<size_t>(at)];
  if (item.kind() != Value::Kind::kTensor) {
    context.SetOutputValue(0, item);
    return OkStatus();
  }
  ORTOLAN_ASSIGN_OR_RETURN(Tensor copy, item.tensor().Copied());
  context.SetOutputValue(0, std::move(copy));
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "sequence_at";
  return OkStatus();
}

constexpr int kVersions[] = {11};
constexpr FormalParameter kInputs[] = {{"input_sequence", "S"}, {"position", "I"}};
constexpr FormalParameter kOutputs[] = {{"tensor", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"S", 0, sequence::kSequences}, {"I", sequence::kPositions}, {"T", kAllTypes}};

}  // namespace

extern const OpDef kSequenceAt;
constexpr OpDef kSequenceAt{.domain = "",
                            .name = "SequenceAt",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .traits = {.data_dependent_shape = true},
                            .infer = Infer,
                            .prepare = Prepare};

}  // namespace ortolan
