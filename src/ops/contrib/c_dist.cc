// CDist: distances of the rows of A from the rows of B, from the products of rows as onnxruntime has them.
// Refuses metrics other than euclidean and sqeuclidean.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const std::string metric(context.node.attributes.String("metric", "sqeuclidean"));
  if (metric != "euclidean" && metric != "sqeuclidean") {
    return NotImplemented("CDist: metric must be euclidean or sqeuclidean, not '{}'", metric);
  }
  Composer make(context);
  graph::Value *a = make.input(0), *b = make.input(1);
  const auto squares = [&](graph::Value* rows, int64_t axis) {
    graph::Value* sums = make.Node("ReduceSumSquare", {rows, make.Ints({1})}, {{"keepdims", int64_t{0}}});
    return make.Node("Unsqueeze", {sums, make.Ints({axis})});
  };
  graph::Value* products =
      make.Node("Gemm", {a, b, squares(b, 0)}, {{"alpha", -2.0f}, {"transB", int64_t{1}}});
  graph::Value* sums = make.Node("Add", {products, squares(a, 1)});
  if (metric == "sqeuclidean") {
    make.Last("Max", {sums, make.Number(a, 0)});
  } else {
    make.Last("Sqrt", {make.Node("Max", {sums, make.Number(a, 0)})});
  }
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T"}, {"B", "T"}};
constexpr FormalParameter kOutputs[] = {{"C", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kDouble)}};
constexpr AttributeSpec kAttributes[] = {{"metric", AttributeType::kString}};

}  // namespace

extern const OpDef kMsCDist;
constexpr OpDef kMsCDist{.domain = "com.microsoft",
                         .name = "CDist",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .raise = Raise};

}  // namespace ortolan
