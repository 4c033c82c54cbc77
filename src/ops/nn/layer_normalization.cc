// LayerNormalization: (x - mean) / sqrt(variance + epsilon) * scale + bias over the axes from `axis` on; also
// the mean and 1 / deviation. Refuses scales that do not broadcast to a row.
#include "ops/nn/row_normalization.h"

namespace ortolan {
namespace {

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return PrepareRowNormalization(context, true, prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 17};  // onnxruntime had it before ONNX
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"Scale", "T"}, {"B", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {
    {"Y", "T"}, {"Mean", "U", Arity::kOptional}, {"InvStdDev", "U", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"U", SetOf(DType::kFloat, DType::kBFloat16)}};
constexpr AttributeSpec kAttributes[] = {
    {"stash_type", AttributeType::kInt}, {"epsilon", AttributeType::kFloat}, {"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kLayerNormalization;
constexpr OpDef kLayerNormalization{.domain = "",
                                    .name = "LayerNormalization",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .attributes = kAttributes,
                                    .traits = {.in_place = 1},
                                    .infer = InferRowNormalization,
                                    .prepare = Prepare};

}  // namespace ortolan
