// SparseToDenseMatMul: a sparse matrix, which import has made dense, times dense ones, times alpha.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const double alpha = static_cast<double>(context.node.attributes.Float("alpha", 1.0f));
  Composer make(context);
  const auto operand = [&](size_t i, std::string_view transposed) -> Result<graph::Value*> {
    graph::Value* x = make.input(i);
    if (context.node.attributes.Int(transposed, 0) == 0) return x;
    if (!x->shape.has_rank() || x->shape.rank() < 2)
      return NotImplemented("SparseToDenseMatMul of unknown rank");
    std::vector<int64_t> order;
    for (int64_t axis = 0; axis < x->shape.rank(); ++axis) order.push_back(axis);
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    return make.Node("Transpose", {x}, {{"perm", order}});
  };
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * a, operand(0, "transA"));
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * b, operand(1, "transB"));
  graph::Value* y = make.Node("MatMul", {a, b});
  if (alpha != 1.0) y = make.Node("Mul", {y, make.Number(b, alpha)});
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T"}, {"B", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}};
constexpr TypeConstraint kTypes[] = {
    {"T", SetOf(DType::kFloat, DType::kDouble, DType::kUInt32, DType::kUInt64, DType::kInt32, DType::kInt64)},
    {"T1",
     SetOf(DType::kFloat, DType::kDouble, DType::kUInt32, DType::kUInt64, DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {
    {"alpha", AttributeType::kFloat}, {"transA", AttributeType::kInt}, {"transB", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsSparseToDenseMatMul;
constexpr OpDef kMsSparseToDenseMatMul{.domain = "com.microsoft",
                                       .name = "SparseToDenseMatMul",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = kTypes,
                                       .attributes = kAttributes,
                                       .raise = Raise};

}  // namespace ortolan
