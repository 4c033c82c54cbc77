// Trilu: the upper or lower triangle of matrices, as ONNX has it.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const int64_t upper = context.node.attributes.Int("upper", 1);
  Composer make(context);
  make.Last("Trilu", {make.input(0), make.input(1)}, {{"upper", upper}});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"k", "tensor(int64)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kNumericTypes | SetOf(DType::kBool)}};
constexpr AttributeSpec kAttributes[] = {{"upper", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsTrilu;
constexpr OpDef kMsTrilu{.domain = "com.microsoft",
                         .name = "Trilu",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .raise = Raise};

}  // namespace ortolan
