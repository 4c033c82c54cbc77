// HyperConnectionPostMix: streams mixed by a matrix (or as they are), plus one output times gates; computed
// in float.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t branches = attributes.Int("num_branches", 0);
  if (branches < 0) return InvalidArgument("HyperConnectionPostMix: num_branches {}", branches);
  Composer make(context);
  const DType type = make.input(0)->type.dtype;
  graph::Value* streams = make.Cast(make.input(0), DType::kFloat);
  if (branches > 0) {
    graph::Value* shape =
        make.Node("Concat", {make.Sizes(streams, 0, -1), make.Ints({branches, -1})}, {{"axis", int64_t{0}}});
    streams = make.Node("Reshape", {streams, shape});
  }
  if (!streams->shape.has_rank()) return NotImplemented("HyperConnectionPostMix of streams of unknown rank");
  graph::Value* gates = make.Cast(make.input(2), DType::kFloat);
  const graph::Shape& shape = make.input(2)->shape;
  if (!shape.has_rank()) return NotImplemented("HyperConnectionPostMix with gates of unknown rank");
  if (shape.rank() == streams->shape.rank() - 1) gates = make.Node("Unsqueeze", {gates, make.Ints({-1})});
  graph::Value* block = make.Node("Unsqueeze", {make.Cast(make.input(1), DType::kFloat), make.Ints({-2})});
  graph::Value* y = streams;
  if (make.input(3) != nullptr) {
    // The sum over c of matrix[c, k] * streams[c, h].
    std::vector<int64_t> order;
    for (int64_t i = 0; i < streams->shape.rank(); ++i) order.push_back(i);
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    graph::Value* matrix =
        make.Node("Transpose", {make.Cast(make.input(3), DType::kFloat)}, {{"perm", order}});
    y = make.Node("MatMul", {matrix, streams});
  }
  y = make.Node("Add", {y, make.Node("Mul", {gates, block})});
  if (branches > 0) y = make.Node("Reshape", {y, make.Node("Shape", {make.input(0)})});
  return make.Finish({make.Cast(y, type)});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"streams", "T"}, {"block_output", "T"}, {"post_mix", "M"}, {"stream_mix", "M", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"num_branches", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsHyperConnectionPostMix;
constexpr OpDef kMsHyperConnectionPostMix{.domain = "com.microsoft",
                                          .name = "HyperConnectionPostMix",
                                          .versions = kVersions,
                                          .inputs = kInputs,
                                          .outputs = kOutputs,
                                          .types = kTypes,
                                          .attributes = kAttributes,
                                          .raise = Raise};

}  // namespace ortolan
