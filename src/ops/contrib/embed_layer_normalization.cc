// EmbedLayerNormalization: LayerNormalization of the sum of the embeddings of words, positions and segments;
// also that sum, and how many elements of each row of the mask are 1.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  enum Input : size_t { kIds, kSegments, kWords, kPlaces, kKinds, kGamma, kBeta, kMask, kPlaceIds };
  const float epsilon = context.node.attributes.Float("epsilon", 1e-12f);
  Composer make(context);
  graph::Value* ids = make.input(kIds);
  graph::Value* sum = make.Node("Gather", {make.input(kWords), ids});
  graph::Value* places = nullptr;
  if (make.input(kPlaceIds) != nullptr) {
    places = make.Node("Gather", {make.input(kPlaces), make.input(kPlaceIds)});
  } else {
    places = make.Node("Slice", {make.input(kPlaces), make.Ints({0}), make.Sizes(ids, 1, 2), make.Ints({0})});
  }
  sum = make.Node("Add", {sum, places});
  if (make.input(kSegments) != nullptr && make.input(kKinds) != nullptr) {
    sum = make.Node("Add", {sum, make.Node("Gather", {make.input(kKinds), make.input(kSegments)})});
  }
  graph::Value* y = make.Node("LayerNormalization", {sum, make.input(kGamma), make.input(kBeta)},
                              {{"axis", int64_t{-1}}, {"epsilon", epsilon}});
  graph::Value* counts = nullptr;
  if (make.Wants(1)) {
    const Tensor one = Tensor::Scalar<int32_t>(1);
    graph::Value* mask = make.input(kMask);
    if (mask != nullptr) {
      graph::Value* ones = make.Cast(make.Node("Equal", {mask, make.Constant(one)}), DType::kInt32);
      counts = make.Node("ReduceSum", {ones, make.Ints({1})}, {{"keepdims", int64_t{0}}});
    } else {
      counts = make.Node("ConstantOfShape", {make.Sizes(ids, 0, 1)},
                         {{"value", Tensor::Of<int32_t>({1}, std::vector<int32_t>{0})}});
    }
  }
  return make.Finish({y, counts, sum});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input_ids", "T1"},
                                       {"segment_ids", "T1", Arity::kOptional},
                                       {"word_embedding", "T"},
                                       {"position_embedding", "T"},
                                       {"segment_embedding", "T", Arity::kOptional},
                                       {"gamma", "T"},
                                       {"beta", "T"},
                                       {"mask", "T1", Arity::kOptional},
                                       {"position_ids", "T1", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {
    {"output", "T"}, {"mask_index", "T1", Arity::kOptional}, {"embedding_sum", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kInt32)}, {"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"epsilon", AttributeType::kFloat},
                                         {"mask_index_type", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsEmbedLayerNormalization;
constexpr OpDef kMsEmbedLayerNormalization{.domain = "com.microsoft",
                                           .name = "EmbedLayerNormalization",
                                           .versions = kVersions,
                                           .inputs = kInputs,
                                           .outputs = kOutputs,
                                           .types = kTypes,
                                           .attributes = kAttributes,
                                           .raise = Raise};

}  // namespace ortolan
