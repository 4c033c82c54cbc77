// DynamicSlice: Slice with a step of 1, as it was before ONNX had its operands as inputs.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  make.Last("Slice", {make.input(0), make.input(1), make.input(2), make.input(3)});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"data", "T"}, {"starts", "Tind"}, {"ends", "Tind"}, {"axes", "Tind", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}, {"Tind", SetOf(DType::kInt32, DType::kInt64)}};

}  // namespace

extern const OpDef kDynamicSlice;
constexpr OpDef kDynamicSlice{.domain = "",
                              .name = "DynamicSlice",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .raise = Raise};

}  // namespace ortolan
