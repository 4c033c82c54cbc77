// QLinearWhere: where a condition holds one 8-bit tensor, elsewhere another, each with a scale and zero
// point.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Qdq make(context);
  graph::Value* y = make.Node("Where", {context.node.input(0), make.Floats(1), make.Floats(4)});
  make.Finish(y, 7, 8, 1);
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"condition", "tensor(bool)"},
                                       {"X", "T"},
                                       {"x_scale", "tensor(float)"},
                                       {"x_zero_point", "T"},
                                       {"Y", "T"},
                                       {"y_scale", "tensor(float)"},
                                       {"y_zero_point", "T"},
                                       {"z_scale", "tensor(float)"},
                                       {"z_zero_point", "T"}};
constexpr FormalParameter kOutputs[] = {{"Z", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kBytes}};

}  // namespace

extern const OpDef kMsQLinearWhere;
constexpr OpDef kMsQLinearWhere{.domain = "com.microsoft",
                                .name = "QLinearWhere",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .raise = Raise};

}  // namespace ortolan
