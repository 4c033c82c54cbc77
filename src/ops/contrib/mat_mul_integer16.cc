// MatMulInteger16: numpy's matmul of 16-bit integers in int32. Sums wrap.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Qdq make(context);
  const std::vector<graph::Attributes::Item> to = {{"to", static_cast<int64_t>(DType::kInt32)}};
  graph::Value* a = make.Node("Cast", {context.node.input(0)}, to);
  graph::Value* b = make.Node("Cast", {context.node.input(1)}, to);
  make.Last("MatMul", {a, b});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T1"}, {"B", "T2"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T3"}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kInt16, DType::kUInt16)},
                                     {"T2", SetOf(DType::kInt16, DType::kUInt16)},
                                     {"T3", SetOf(DType::kInt32, DType::kUInt32)}};

}  // namespace

extern const OpDef kMsMatMulInteger16;
constexpr OpDef kMsMatMulInteger16{.domain = "com.microsoft",
                                   .name = "MatMulInteger16",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .types = kTypes,
                                   .raise = Raise};

}  // namespace ortolan
