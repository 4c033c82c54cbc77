// SkipGroupNorm: GroupNorm of the sum of X, skip and a bias; also that sum.
#include "ops/compose.h"
#include "ops/contrib/skip_normalization.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  graph::Value* skip = make.input(3);
  const bool last = context.node.attributes.Int("channels_last", 1) != 0;
  const auto as_image = [&](graph::Value* x, bool with_batch) {
    graph::Value* batch = with_batch ? make.Sizes(x, 0, 1) : make.Ints({1});
    graph::Value* ones = make.Ints({1, 1});
    graph::Value* channels = make.Ints({-1});
    graph::Value* shape = last ? make.Node("Concat", {batch, ones, channels}, {{"axis", int64_t{0}}})
                               : make.Node("Concat", {batch, channels, ones}, {{"axis", int64_t{0}}});
    return make.Node("Reshape", {x, shape});
  };
  if (skip->shape.has_rank() && skip->shape.rank() == 2) skip = as_image(skip, true);
  graph::Value* sum = make.Node("Add", {make.input(0), skip});
  if (make.input(4) != nullptr) sum = make.Node("Add", {sum, as_image(make.input(4), false)});
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * y, NormalizedGroups(make, sum));
  return make.Finish({y, sum});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"X", "T"}, {"gamma", "M"}, {"beta", "M"}, {"skip", "T"}, {"bias", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}, {"S", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"activation", AttributeType::kInt, true},
                                         {"channels_last", AttributeType::kInt},
                                         {"epsilon", AttributeType::kFloat},
                                         {"groups", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsSkipGroupNorm;
constexpr OpDef kMsSkipGroupNorm{.domain = "com.microsoft",
                                 .name = "SkipGroupNorm",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .raise = Raise};

}  // namespace ortolan
