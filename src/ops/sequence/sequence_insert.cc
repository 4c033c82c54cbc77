// SequenceInsert: the sequence with a tensor before the item at a position, behind the last one by default.
// Refuses a tensor of another type than the items.
#include "ops/sequence/items.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  if (!context.HasInput(0) || !context.HasInput(1)) return OkStatus();
  const ValueType item = sequence::ItemType(context.input(0).type);
  if (item.known() && context.input(1).type.known() && !(item == context.input(1).type)) {
    return InvalidArgument("SequenceInsert: a {} cannot stand in a sequence of {}",
                           TypeText(context.input(1).type), TypeText(item));
  }
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const Sequence* from, sequence::SequenceOf(context, 0));
  auto made = std::make_shared<Sequence>(*from);
  ORTOLAN_ASSIGN_OR_RETURN(Value item, sequence::Kept(context, 1));
  if (item.kind() != Value::Kind::kTensor || item.tensor().dtype() != made->element) {
    return InvalidArgument("SequenceInsert: the item must be a tensor({})", DTypeName(made->element));
  }
  const auto size = static_cast<int64_t>(made->items.size());
  int64_t at = size;
  if (context.HasInput(2)) {
    ORTOLAN_ASSIGN_OR_RETURN(at, sequence::PositionOf(context.input(2), size, true));
  }
  made->items.insert(made->items.begin() + at, std::move(item));
  context.SetOutputValue(0, Value(std::shared_ptr<const Sequence>(std::move(made))));
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "sequence_insert";
  return OkStatus();
}

constexpr int kVersions[] = {11};
constexpr FormalParameter kInputs[] = {
    {"input_sequence", "S"}, {"tensor", "T"}, {"position", "I", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output_sequence", "S"}};
constexpr TypeConstraint kTypes[] = {
    {"S", 0, sequence::kSequences}, {"T", kAllTypes}, {"I", sequence::kPositions}};

}  // namespace

extern const OpDef kSequenceInsert;
constexpr OpDef kSequenceInsert{.domain = "",
                                .name = "SequenceInsert",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .infer = Infer,
                                .prepare = Prepare};

}  // namespace ortolan
