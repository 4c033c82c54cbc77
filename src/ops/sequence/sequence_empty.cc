// SequenceEmpty: a sequence without items, whose items would be tensors of type `dtype` (float by default).
#include "ops/sequence/items.h"

namespace ortolan {
namespace {

Result<DType> ElementOf(const graph::Attributes& attributes) {
  const int64_t dtype = attributes.Int("dtype", static_cast<int64_t>(DType::kFloat));
  if (dtype <= 0 || dtype >= kDTypeCount)
    return InvalidArgument("SequenceEmpty: attribute dtype is {}, which is no type", dtype);
  return static_cast<DType>(dtype);
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const DType element, ElementOf(context.attributes()));
  if (context.output_count() > 0)
    context.output(0).type = ValueType::SequenceOf(ValueType::TensorOf(element));
  return OkStatus();
}

Status Run(const void* state, RunContext& context) {
  auto made = std::make_shared<Sequence>();
  made->element = *static_cast<const DType*>(state);
  context.SetOutputValue(0, Value(std::shared_ptr<const Sequence>(std::move(made))));
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const DType element, ElementOf(context.node.attributes));
  prepared->state = std::make_shared<const DType>(element);
  prepared->run = Run;
  prepared->kernel = "sequence_empty";
  return OkStatus();
}

constexpr int kVersions[] = {11};
constexpr FormalParameter kOutputs[] = {{"output", "S"}};
constexpr TypeConstraint kTypes[] = {{"S", 0, sequence::kSequences}};
constexpr AttributeSpec kAttributes[] = {{"dtype", graph::AttributeType::kInt}};

}  // namespace

extern const OpDef kSequenceEmpty;
constexpr OpDef kSequenceEmpty{.domain = "",
                               .name = "SequenceEmpty",
                               .versions = kVersions,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .infer = Infer,
                               .prepare = Prepare};

}  // namespace ortolan
