// OptionalHasElement: whether an optional holds something; true for a tensor or a sequence, false without
// input.
#include "ops/sequence/items.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kBool);
  context.SetShape(0, graph::Shape(graph::Shape::DimList()));
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  const bool has = context.HasInput(0) && context.InputValue(0).kind() != Value::Kind::kNone;
  *context.output(0).As<uint8_t>() = has ? 1 : 0;
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "optional_has_element";
  return OkStatus();
}

constexpr int kVersions[] = {15, 18};
constexpr FormalParameter kInputs[] = {{"input", "O", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "B"}};
constexpr TypeConstraint kTypes[] = {{"O", kAllTypes, kAllTypes, kAllTypes}, {"B", SetOf(DType::kBool)}};

}  // namespace

extern const OpDef kOptionalHasElement;
constexpr OpDef kOptionalHasElement{.domain = "",
                                    .name = "OptionalHasElement",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .infer = Infer,
                                    .prepare = Prepare};

}  // namespace ortolan
