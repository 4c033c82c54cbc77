// Range: ONNX has it with a step that must be given.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  const auto scalar = [&](graph::Value* value) {
    const bool known = value->shape.has_rank() && value->shape.rank() == 0;
    return known ? value : make.Node("Reshape", {value, make.Ints({})});
  };
  graph::Value* step = make.input(2);
  if (step == nullptr) {
    step = make.Node("Cast", {make.Constant(Tensor::Scalar<float>(1.0f))},
                     {{"to", static_cast<int64_t>(make.input(0)->type.dtype)}});
  }
  make.Last("Range", {scalar(make.input(0)), scalar(make.input(1)), scalar(step)});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"start", "T"}, {"limit", "T"}, {"delta", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"T", SetOf(DType::kFloat, DType::kDouble, DType::kInt16, DType::kInt32, DType::kInt64)}};

}  // namespace

extern const OpDef kMsRange;
constexpr OpDef kMsRange{.domain = "com.microsoft",
                         .name = "Range",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .raise = Raise};

}  // namespace ortolan
