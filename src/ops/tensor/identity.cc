// Identity: its input. A view: nothing is copied.
#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  if (context.output_count() == 0 || !context.HasInput(0)) return OkStatus();
  context.SetShape(0, context.shape(0));
  if (context.input(0).contents != nullptr) context.output(0).contents = *context.input(0).contents;
  return OkStatus();
}

constexpr int kVersions[] = {1, 13, 14, 16, 19, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {{"input", "V"}};
constexpr FormalParameter kOutputs[] = {{"output", "V"}};
constexpr TypeConstraint kTypes[] = {{"V", kAllTypes, kAllTypes, kAllTypes}};

}  // namespace

extern const OpDef kIdentity;
constexpr OpDef kIdentity{.domain = "",
                          .name = "Identity",
                          .versions = kVersions,
                          .inputs = kInputs,
                          .outputs = kOutputs,
                          .types = kTypes,
                          .traits = {.view_of = 0},
                          .infer = Infer};

}  // namespace ortolan
