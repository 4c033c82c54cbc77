#include "ops/contrib/product.h"

namespace ortolan {
namespace {

// matrix: the last two axes change places. batch: the first axis goes in front of the last, behind what were
// the batch axes.
Result<graph::Value*> Transposed(Composer& make, graph::Value* x, bool matrix, bool batch) {
  if (!matrix && !batch) return x;
  if (!x->shape.has_rank()) return NotImplemented("a transposed operand of unknown rank");
  const int64_t rank = x->shape.rank();
  if (rank < 2) return x;
  std::vector<int64_t> order;
  for (int64_t i = 0; i < rank; ++i) order.push_back(i);
  if (batch && rank > 2) {
    for (int64_t i = 0; i + 2 < rank; ++i) order[static_cast<size_t>(i)] = i + 1;
    order[static_cast<size_t>(rank - 2)] = 0;
  }
  if (matrix) std::swap(order[static_cast<size_t>(rank - 1)], order[static_cast<size_t>(rank - 2)]);
  return make.Node("Transpose", {x}, {{"perm", order}});
}

bool IsMatrix(const graph::Value* x) {
  return x->shape.has_rank() && x->shape.rank() == 2;
}

}  // namespace

Result<graph::Value*> FusedProduct(Composer& make) {
  const graph::Attributes& attributes = make.composed().attributes;
  const auto flag = [&](std::string_view name) { return attributes.Int(name, 0) != 0; };
  const float alpha = attributes.Float("alpha", 1.0f);
  graph::Value *a = make.input(0), *b = make.input(1);
  if (IsMatrix(a) && IsMatrix(b)) {
    return make.Node(
        "Gemm", {a, b},
        {{"alpha", alpha}, {"transA", int64_t{flag("transA")}}, {"transB", int64_t{flag("transB")}}});
  }
  ORTOLAN_ASSIGN_OR_RETURN(a, Transposed(make, a, flag("transA"), flag("transBatchA")));
  ORTOLAN_ASSIGN_OR_RETURN(b, Transposed(make, b, flag("transB"), flag("transBatchB")));
  graph::Value* y = make.Node("MatMul", {a, b});
  return alpha == 1.0f ? y : make.Node("Mul", {y, make.Number(a, static_cast<double>(alpha))});
}

}  // namespace ortolan
