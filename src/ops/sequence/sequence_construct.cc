// SequenceConstruct: a sequence of its inputs, tensors of one type and any shapes.
#include "ops/sequence/items.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  if (context.output_count() == 0 || !context.HasInput(0)) return OkStatus();
  if (context.input(0).type.known()) context.output(0).type = ValueType::SequenceOf(context.input(0).type);
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  auto made = std::make_shared<Sequence>();
  for (size_t i = 0; i < context.input_count(); ++i) {
    ORTOLAN_ASSIGN_OR_RETURN(Value item, sequence::Kept(context, i));
    if (item.kind() != Value::Kind::kTensor)
      return InvalidArgument("SequenceConstruct: input {} is no tensor", i);
    if (i == 0) made->element = item.tensor().dtype();
    if (item.tensor().dtype() != made->element) {
      return InvalidArgument("SequenceConstruct: input {} is of type {}, the first one of {}", i,
                             DTypeName(item.tensor().dtype()), DTypeName(made->element));
    }
    made->items.push_back(std::move(item));
  }
  context.SetOutputValue(0, Value(std::shared_ptr<const Sequence>(std::move(made))));
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "sequence_construct";
  return OkStatus();
}

constexpr int kVersions[] = {11};
constexpr FormalParameter kInputs[] = {{"inputs", "T", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"output_sequence", "S"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}, {"S", 0, sequence::kSequences}};

}  // namespace

extern const OpDef kSequenceConstruct;
constexpr OpDef kSequenceConstruct{.domain = "",
                                   .name = "SequenceConstruct",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .types = kTypes,
                                   .infer = Infer,
                                   .prepare = Prepare};

}  // namespace ortolan
