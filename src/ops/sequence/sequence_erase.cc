// SequenceErase: the sequence without the item at a position, the last one by default.
#include "ops/sequence/items.h"

namespace ortolan {
namespace {

Status Run(const void*, RunContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const Sequence* from, sequence::SequenceOf(context, 0));
  const auto size = static_cast<int64_t>(from->items.size());
  if (size == 0) return InvalidArgument("SequenceErase: the sequence is empty");
  int64_t at = size - 1;
  if (context.HasInput(1)) {
    ORTOLAN_ASSIGN_OR_RETURN(at, sequence::PositionOf(context.input(1), size, false));
  }
  auto made = std::make_shared<Sequence>(*from);
  made->items.erase(made->items.begin() + at);
  context.SetOutputValue(0, Value(std::shared_ptr<const Sequence>(std::move(made))));
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "sequence_erase";
  return OkStatus();
}

constexpr int kVersions[] = {11};
constexpr FormalParameter kInputs[] = {{"input_sequence", "S"}, {"position", "I", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output_sequence", "S"}};
constexpr TypeConstraint kTypes[] = {{"S", 0, sequence::kSequences}, {"I", sequence::kPositions}};

}  // namespace

extern const OpDef kSequenceErase;
constexpr OpDef kSequenceErase{.domain = "",
                               .name = "SequenceErase",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .prepare = Prepare};

}  // namespace ortolan
