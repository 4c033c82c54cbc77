// HyperConnectionPreMix: the sum of streams, each times its gate, times a number; computed in float.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t branches = attributes.Int("num_branches", 0);
  if (branches < 0) return InvalidArgument("HyperConnectionPreMix: num_branches {}", branches);
  Composer make(context);
  const DType type = make.input(0)->type.dtype;
  graph::Value* streams = make.Cast(make.input(0), DType::kFloat);
  if (branches > 0) {
    graph::Value* shape =
        make.Node("Concat", {make.Sizes(streams, 0, -1), make.Ints({branches, -1})}, {{"axis", int64_t{0}}});
    streams = make.Node("Reshape", {streams, shape});
  }
  if (!streams->shape.has_rank()) return NotImplemented("HyperConnectionPreMix of streams of unknown rank");
  graph::Value* gates = make.Cast(make.input(1), DType::kFloat);
  const int rank = streams->shape.rank();
  const graph::Shape& shape = make.input(1)->shape;
  if (!shape.has_rank()) return NotImplemented("HyperConnectionPreMix with gates of unknown rank");
  if (shape.rank() == rank - 1) {
    // One number a branch, or with flattened streams one for each of their elements.
    const graph::Dim last = shape.dims().back();
    const bool each = branches > 0 && !last.Is(branches);
    graph::Value* wanted = make.Ints({branches > 0 ? branches : 0, -1});
    if (each) {
      wanted = make.Node("Concat", {make.Sizes(gates, 0, -1), wanted}, {{"axis", int64_t{0}}});
      gates = make.Node("Reshape", {gates, wanted});
    } else {
      gates = make.Node("Unsqueeze", {gates, make.Ints({-1})});
    }
  }
  graph::Value* sum = make.Node("ReduceSum", {make.Node("Mul", {streams, gates}), make.Ints({-2})},
                                {{"keepdims", int64_t{0}}});
  const double scale = static_cast<double>(attributes.Float("reduction_scale", 1.0f));
  if (scale != 1.0) sum = make.Node("Mul", {sum, make.Number(sum, scale)});
  return make.Finish({make.Cast(sum, type)});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"streams", "T"}, {"pre_mix", "M"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"num_branches", AttributeType::kInt},
                                         {"reduction_scale", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsHyperConnectionPreMix;
constexpr OpDef kMsHyperConnectionPreMix{.domain = "com.microsoft",
                                         .name = "HyperConnectionPreMix",
                                         .versions = kVersions,
                                         .inputs = kInputs,
                                         .outputs = kOutputs,
                                         .types = kTypes,
                                         .attributes = kAttributes,
                                         .raise = Raise};

}  // namespace ortolan
