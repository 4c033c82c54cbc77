// OptionalGetElement: what an optional holds; a tensor or sequence stays as it is. Refuses an optional that
// holds nothing.
#include "ops/sequence/items.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  if (context.output_count() == 0 || !context.HasInput(0)) return OkStatus();
  const ValueType& type = context.input(0).type;
  if (type.kind == ValueType::Kind::kOptional) {
    context.output(0).type = *type.inner;
  } else {
    context.output(0).type = type;
    if (type.IsTensor()) context.SetShape(0, context.shape(0));
  }
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  if (context.HasOutput(0) && context.output(0).data != nullptr &&
      context.output(0).dims == context.input(0).dims) {
    CopyElements(context.input(0), context.output(0));
    return OkStatus();
  }
  ORTOLAN_ASSIGN_OR_RETURN(Value value, sequence::Kept(context, 0));
  if (value.kind() == Value::Kind::kNone) {
    return InvalidArgument(
        "Trying to use OptionalGetElement on an optional type OrtValue which contains no data");
  }
  context.SetOutputValue(0, std::move(value));
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "optional_get_element";
  return OkStatus();
}

constexpr int kVersions[] = {15, 18};
constexpr FormalParameter kInputs[] = {{"input", "O"}};
constexpr FormalParameter kOutputs[] = {{"output", "V"}};
constexpr TypeConstraint kTypes[] = {{"O", kAllTypes, kAllTypes, kAllTypes}, {"V", kAllTypes, kAllTypes}};

}  // namespace

extern const OpDef kOptionalGetElement;
constexpr OpDef kOptionalGetElement{.domain = "",
                                    .name = "OptionalGetElement",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .infer = Infer,
                                    .prepare = Prepare};

}  // namespace ortolan
