// QEmbedLayerNormalization: LayerNormalization of the sum of 8-bit embeddings of words, positions and
// segments, each with one scale and zero point; also how many elements of each row of the mask are 1.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  enum Input : size_t {
    kIds,
    kSegments,
    kWords,
    kPlaces,
    kKinds,
    kGamma,
    kBeta,
    kMask,
    kScales,
    kZeros = 13
  };
  const float epsilon = context.node.attributes.Float("epsilon", 1e-12f);
  Composer make(context);
  // Tables are gathered first: there are fewer rows to bring to floats.
  const auto floats = [&](graph::Value* bytes, size_t which) {
    std::vector<graph::Value*> inputs = {bytes, make.input(kScales + which)};
    if (make.input(kZeros + which) != nullptr) inputs.push_back(make.input(kZeros + which));
    return make.Node("DequantizeLinear", std::move(inputs));
  };
  graph::Value* ids = make.input(kIds);
  graph::Value* sum = floats(make.Node("Gather", {make.input(kWords), ids}), 0);
  graph::Value* places =
      make.Node("Slice", {make.input(kPlaces), make.Ints({0}), make.Sizes(ids, 1, 2), make.Ints({0})});
  sum = make.Node("Add", {sum, floats(places, 1)});
  if (make.input(kSegments) != nullptr && make.input(kKinds) != nullptr)
    sum =
        make.Node("Add", {sum, floats(make.Node("Gather", {make.input(kKinds), make.input(kSegments)}), 2)});
  graph::Value* y =
      make.Node("LayerNormalization", {sum, floats(make.input(kGamma), 3), floats(make.input(kBeta), 4)},
                {{"axis", int64_t{-1}}, {"epsilon", epsilon}});
  graph::Value* counts = nullptr;
  if (make.Wants(1)) {
    graph::Value* mask = make.input(kMask);
    if (mask != nullptr) {
      graph::Value* one = make.Constant(Tensor::Scalar<int32_t>(1));
      graph::Value* ones = make.Cast(make.Node("Equal", {mask, one}), DType::kInt32);
      counts = make.Node("ReduceSum", {ones, make.Ints({1})}, {{"keepdims", int64_t{0}}});
    } else {
      counts = make.Node("ConstantOfShape", {make.Sizes(ids, 0, 1)},
                         {{"value", Tensor::Of<int32_t>({1}, std::vector<int32_t>{0})}});
    }
  }
  return make.Finish({y, counts});
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input_ids", "T1"},
                                       {"segment_ids", "T1", Arity::kOptional},
                                       {"word_embedding_quant", "T2"},
                                       {"position_embedding_quant", "T2"},
                                       {"segment_embedding", "T2", Arity::kOptional},
                                       {"gamma_quant", "T2"},
                                       {"beta_quant", "T2"},
                                       {"mask", "T1", Arity::kOptional},
                                       {"word_embedding_scale", "T"},
                                       {"position_embedding_scale", "T"},
                                       {"segment_embedding_scale", "T", Arity::kOptional},
                                       {"gamma_scale", "T"},
                                       {"beta_scale", "T"},
                                       {"word_embedding_zero_point", "T2"},
                                       {"position_embedding_zero_point", "T2"},
                                       {"segment_embedding_zero_point", "T2", Arity::kOptional},
                                       {"gamma_zero_point", "T2"},
                                       {"beta_zero_point", "T2"}};
constexpr FormalParameter kOutputs[] = {{"layernorm_out", "T"}, {"mask_index_out", "T1"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", SetOf(DType::kInt32)}, {"T2", SetOf(DType::kInt8, DType::kUInt8)}, {"T", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"epsilon", graph::AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsQEmbedLayerNormalization;
constexpr OpDef kMsQEmbedLayerNormalization{.domain = "com.microsoft",
                                            .name = "QEmbedLayerNormalization",
                                            .versions = kVersions,
                                            .inputs = kInputs,
                                            .outputs = kOutputs,
                                            .types = kTypes,
                                            .attributes = kAttributes,
                                            .raise = Raise};

}  // namespace ortolan
